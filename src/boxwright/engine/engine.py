"""The Engine: the Python API, one method a use-case.

What a method does lies in a module of its own, imported when it is called: the command line pays only for what it
uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from boxwright.engine.privileges import require_root
from boxwright.engine.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from boxwright.bake.selection import Selection
    from boxwright.build.checking import Checked
    from boxwright.build.outline import Outline, Target
    from boxwright.build.progress import Sink as BuildSink
    from boxwright.build.request import BuildResult
    from boxwright.dockerfile.stages import Dockerfile
    from boxwright.engine.attesting import Said
    from boxwright.engine.baking.jobs import Fetching, Means
    from boxwright.engine.baking.reading import Remote
    from boxwright.engine.buildcache import CacheItem, CacheLimits
    from boxwright.engine.containers.creation import Created
    from boxwright.engine.containers.listing import ContainerRow, PortRow
    from boxwright.engine.containers.statistics import StatsRow
    from boxwright.engine.containers.streams import LogLine
    from boxwright.engine.containers.wiring import Wiring
    from boxwright.engine.contents import Sbom
    from boxwright.engine.described.image import Image
    from boxwright.engine.images import HistoryRow, ImageRow
    from boxwright.engine.pruning import AllPruned, DiskUsage, Pruned
    from boxwright.engine.registries import Registries
    from boxwright.engine.requests import CreateContainer, UpdateContainer
    from boxwright.engine.sharing import LoggedInAs, Pulled, Pushed
    from boxwright.engine.wanted import Build
    from boxwright.oci.digest import Digest
    from boxwright.remote.device import Invitation
    from boxwright.remote.progress import Sink
    from boxwright.store.fsck import Finding
    from boxwright.store.networks import NetworkRecord
    from boxwright.store.store import Store
    from boxwright.store.usage import Usage

Filters = Mapping[str, Sequence[str]]
_STREAMS = frozenset({"stdin", "stdout", "stderr"})


class Engine:
    """Everything that can be done with images and containers on one store.

    An engine may be used by several threads, and several engines (or commands) may work on one store at a time.
    Errors are BoxwrightErrors. Without `settings`, those of the user's environment and configuration file are used.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings if settings is not None else Settings.load(os.environ)
        self._store: Store | None = None
        self._wiring: Wiring | None = None

    @property
    def store(self) -> Store:
        """The store, opened (and made) when it is first needed."""
        if self._store is None:
            from boxwright.store.store import Store

            self._store = Store.open(self.settings.root)
        return self._store

    @property
    def wiring(self) -> Wiring:
        """The runtime and the network that containers on this store get."""
        if self._wiring is None:
            from boxwright.engine.containers.wiring import Wiring

            self._wiring = Wiring(self.settings, self.store)
        return self._wiring

    def close(self) -> None:
        """Close the store; the engine may not be used any more. Idempotent."""
        if self._wiring is not None:
            self._wiring.close()
            self._wiring = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def registries(self) -> Registries:
        """What can be done in registries, past the store."""
        from boxwright.engine.registries import Registries

        return Registries(self.settings)

    # ---- images

    def images(
        self, pattern: str | None = None, *, filters: Filters | None = None, all: bool = False
    ) -> list[ImageRow]:
        """See `boxwright.engine.images.list_images`."""
        from boxwright.engine import images

        return images.list_images(self.store, pattern, filters=filters, all=all)

    def history(self, image: str) -> list[HistoryRow]:
        """Return the steps that made an image, the newest first. Raises ImageNotFound."""
        from boxwright.engine import images

        return images.history(self.store, image)

    def sbom(self, image: str, form: str = "spdx") -> Sbom:
        """Return what packages are in an image, as a document: ``spdx`` or ``cyclonedx``. Raises ImageNotFound."""
        from boxwright.engine import contents

        return contents.sbom(self.store, image, form)

    def attestations(self, image: str) -> list[Said]:
        """Return what is attached to an image: SBOMs, provenance. Raises ImageNotFound."""
        from boxwright.engine import attesting

        return attesting.said_of(self.store, image)

    def attestation(self, image: str, kind: str) -> bytes:
        """Return the content of what is attached to an image: ``spdx``, ``cyclonedx``, ``provenance``.

        Raises ImageNotFound, NothingSaid.
        """
        from boxwright.engine import attesting

        return attesting.content_of(self.store, image, kind)

    def tag(self, source: str, target: str) -> None:
        """Give an image another name. Raises ImageNotFound, InvalidReference."""
        from boxwright.engine import images

        images.tag(self.store, source, target)

    def remove_image(self, image: str, *, force: bool = False, prune: bool = True) -> list[str]:
        """Remove a name, and the image with its last one; return docker's lines about it.

        Raises ImageNotFound, AmbiguousImage, ImageInUse.
        """
        from boxwright.engine import pruning
        from boxwright.store.removal import ImageInUse, remove_image

        try:
            removal = remove_image(self.store, image, force=force, prune_parents=prune)
        except ImageInUse:
            from boxwright.engine.containers import lifecycle

            # A container that needs it may have ended, or never become whole, without anyone having noticed.
            lifecycle.list_all(self.wiring)
            removal = remove_image(self.store, image, force=force, prune_parents=prune)
        return pruning.described(removal)

    def save(
        self, images: Sequence[str], out: BinaryIO, *, form: str = "docker-archive", platform: str | None = None
    ) -> None:
        """Write images to an archive: see `boxwright.engine.archives.save`."""
        from boxwright.engine import archives

        archives.save(self.store, images, out, form=form, platform=platform)

    def save_file(
        self, images: Sequence[str], path: str, *, form: str = "docker-archive", platform: str | None = None
    ) -> None:
        """Write images to the file `path`, which is there whole or not at all."""
        from boxwright.engine import archives

        archives.save_file(self.store, images, path, form=form, platform=platform)

    def load(self, source: BinaryIO) -> list[str]:
        """Bring the images of an archive into the store; return their names, or IDs where they have none."""
        from boxwright.engine import archives

        return archives.load(self.store, source)

    def import_image(
        self, stream: BinaryIO, *, name: str | None = None, changes: Sequence[str] = (), message: str = ""
    ) -> Digest:
        """Make an image of a root file system's tar, and return its ID: see `boxwright.engine.archives.import_tar`."""
        from boxwright.engine import archives

        return archives.import_tar(self.store, stream, name=name, changes=changes, message=message)

    def bootstrap(self, what: str) -> list[str]:
        """Make a base image of what the host has, and return its names: see `boxwright.engine.bases.bootstrap`."""
        from boxwright.engine import bases

        return bases.bootstrap(self.store, what)

    def build(self, wanted: Build | Image, sink: BuildSink | None = None) -> BuildResult:
        """Build an image from a Dockerfile, or a description without a context: see `boxwright.engine.building.build`.

        A description that has a context, or a tag, is a `Build` with an `image`, or built by its own `build`.
        """
        from boxwright.build.progress import discard
        from boxwright.engine import building
        from boxwright.engine.wanted import Build

        if not isinstance(wanted, Build):
            wanted = Build(image=wanted, context="")

        return building.build(self.wiring, wanted, sink or discard)

    def bake(self, selection: Selection, means: Means, sink: BuildSink | None = None) -> dict[str, BuildResult]:
        """Build all targets of bake files at once: see `boxwright.engine.baking.running.run`."""
        from boxwright.build.progress import discard
        from boxwright.engine.baking import running

        return running.run(self.wiring, selection, means, sink or discard)

    def remote_files(self, fetching: Fetching) -> AbstractContextManager[Remote]:
        """Fetch a repository with bake files, for the time of a block: see `boxwright.engine.baking.remote`."""
        from boxwright.engine.baking import remote

        return remote.remote_files(self.store, fetching, self.settings.environ)

    def check_build(self, wanted: Build) -> Checked:
        """Check a Dockerfile without building it: see `boxwright.engine.calls.check_build`."""
        from boxwright.engine import calls

        return calls.check_build(self.wiring, wanted)

    def outline_build(self, wanted: Build) -> Outline:
        """Return the arguments, secrets, agents and caches that a build takes."""
        from boxwright.engine import calls

        return calls.outline_build(self.wiring, wanted)

    def build_targets(self, wanted: Build) -> tuple[Dockerfile, tuple[Target, ...]]:
        """Return a Dockerfile, and the stages in it that can be built."""
        from boxwright.engine import calls

        return calls.build_targets(self.wiring, wanted)

    # ---- sharing

    def pull(
        self,
        name: str,
        *,
        platform: str | None = None,
        all_platforms: bool = False,
        referrers: bool = False,
        insecure: Sequence[str] = (),
        sink: Sink | None = None,
    ) -> Pulled:
        """Bring an image from its registry into the store: see `boxwright.engine.sharing.pull`."""
        from boxwright.engine import sharing
        from boxwright.remote.progress import ignore

        return sharing.pull(
            self.store,
            self.settings,
            name,
            platform=platform,
            all_platforms=all_platforms,
            referrers=referrers,
            insecure=tuple(insecure),
            sink=sink or ignore,
        )

    def push(
        self,
        name: str,
        *,
        compression: str | None = None,
        force_compression: bool = False,
        referrers: bool = True,
        insecure: Sequence[str] = (),
        sink: Sink | None = None,
    ) -> Pushed:
        """Send an image to the registry that its name says: see `boxwright.engine.sharing.push`."""
        from boxwright.engine import sharing
        from boxwright.remote.progress import ignore

        return sharing.push(
            self.store,
            self.settings,
            name,
            compression=compression,
            force_compression=force_compression,
            referrers=referrers,
            insecure=tuple(insecure),
            sink=sink or ignore,
        )

    def remote_tags_of(self, repository: str, *, insecure: Sequence[str] = ()) -> list[str]:
        """Return every tag of a repository in its registry, in full."""
        from boxwright.engine import sharing

        return sharing.remote_tags(self.settings, repository, insecure=tuple(insecure))

    def tags_of(self, repository: str) -> list[str]:
        """Return every local tag of a repository, in full. Raises NoTags."""
        from boxwright.engine import sharing

        return sharing.tags_of(self.store, repository)

    def login(self, server: str, username: str, password: str, *, insecure: Sequence[str] = ()) -> str:
        """Check a registry's credentials and keep them; return a warning about how, or nothing. Raises AccessDenied."""
        from boxwright.engine import sharing

        return sharing.login(self.settings, server, username, password, insecure=tuple(insecure))

    def login_through_provider(
        self,
        server: str,
        show: Callable[[Invitation], object],
        *,
        can: str = "",
        on: Sequence[str] = (),
        insecure: Sequence[str] = (),
    ) -> LoggedInAs:
        """See `boxwright.engine.sharing.login_through_provider`."""
        from boxwright.engine import sharing

        return sharing.login_through_provider(self.settings, server, show, can=can, on=on, insecure=tuple(insecure))

    def stored_username(self, server: str) -> str | None:
        """Return the user whose credentials of a registry are kept, None when none are."""
        from boxwright.engine import sharing

        return sharing.stored_username(self.settings, server)

    def verify_login(self, server: str, *, insecure: Sequence[str] = ()) -> None:
        """Make sure that a registry takes the credentials that are kept for it. Raises AccessDenied."""
        from boxwright.engine import sharing

        sharing.verify_login(self.settings, server, insecure=tuple(insecure))

    def logout(self, server: str) -> bool:
        """Forget a registry's credentials; return whether there were any."""
        from boxwright.engine import sharing

        return sharing.logout(self.settings, server)

    # ---- containers

    def create_container(self, request: CreateContainer) -> Created:
        """Make a container: see `boxwright.engine.containers.creation.create`. Raises NeedsRoot, RefusedByPolicy."""
        from boxwright.engine import proxies
        from boxwright.engine.containers import creation

        require_root("a container")
        if self.settings.policy is not None:
            from boxwright.engine import admission

            admission.admit(self.store, self.settings, request.image)
        unasked = (f"{name}={value}" for name, value in proxies.configured(self.settings.environ).items())
        return creation.create(self.store, request._replace(env=(*unasked, *request.env)))

    def start_container(self, container: str) -> None:
        """Start a container in the background; one that runs stays as it is."""
        from boxwright.engine.containers import lifecycle, starting

        starting.start(self.wiring, lifecycle.find(self.wiring, container).id)

    def start_attached(
        self,
        container: str,
        *,
        streams: frozenset[str] = _STREAMS,
        signals: bool = True,
        detach_keys: str | None = None,
    ) -> int:
        """Start a container with our own streams connected, and return its exit code: see `streams.start_attached`."""
        from boxwright.engine.containers import streams as connecting

        return connecting.start_attached(
            self.wiring, container, streams=streams, signals=signals, detach_keys=detach_keys
        )

    def look_inside(self, container: str) -> int:
        """Run a shell in a stopped container, on our own terminal, and return its exit code."""
        from boxwright.engine.containers import debugging

        return debugging.look_inside(self.wiring, container)

    def attach(
        self,
        container: str,
        *,
        streams: frozenset[str] = _STREAMS,
        signals: bool = True,
        detach_keys: str | None = None,
    ) -> int:
        """Connect our own streams to a running container, and return its exit code."""
        from boxwright.engine.containers import streams as connecting

        return connecting.attach(self.wiring, container, streams=streams, signals=signals, detach_keys=detach_keys)

    def stop_container(self, container: str, *, timeout: float | None = None, signal: str | None = None) -> None:
        """Ask a container to end, and kill it after `timeout` seconds (its own, else 10)."""
        from boxwright.engine.containers import lifecycle

        lifecycle.stop(self.wiring, container, timeout=timeout, signal=signal)

    def restart_container(self, container: str, *, timeout: float | None = None, signal: str | None = None) -> None:
        """Stop a container, if it runs, and start it."""
        self.stop_container(container, timeout=timeout, signal=signal)
        self.start_container(container)

    def kill_container(self, container: str, signal: str = "KILL") -> None:
        """Send a signal to a container's first process. Raises ContainerNotRunning, UnknownSignal."""
        from boxwright.engine.containers import lifecycle

        lifecycle.kill(self.wiring, container, signal)

    def update_container(self, container: str, changes: UpdateContainer) -> None:
        """Change a container's limits and restart policy: see `boxwright.engine.containers.limits.update`."""
        from boxwright.engine.containers import limits

        limits.update(self.wiring, container, changes)

    def statistics(self, containers: Sequence[str] = (), *, all: bool = False) -> Iterator[list[StatsRow]]:
        """Yield every second what containers use: see `boxwright.engine.containers.statistics.statistics`."""
        from boxwright.engine.containers import statistics

        return statistics.statistics(self.wiring, containers, all=all)

    def pause_container(self, container: str) -> None:
        """Freeze all processes of a container. Raises ContainerNotRunning."""
        from boxwright.engine.containers import lifecycle

        lifecycle.pause(self.wiring, container)

    def unpause_container(self, container: str) -> None:
        """Let a paused container go on. Raises ConflictError when it isn't paused."""
        from boxwright.engine.containers import lifecycle

        lifecycle.unpause(self.wiring, container)

    def wait_container(self, container: str) -> int:
        """Wait until a container doesn't run, and return its exit code."""
        from boxwright.engine.containers import lifecycle

        return lifecycle.wait(self.wiring, container)

    def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; `force` kills it first, `volumes` removes its volumes without a name, too."""
        from boxwright.engine.containers import lifecycle

        lifecycle.remove(self.wiring, container, force=force, volumes=volumes)

    def rename_container(self, container: str, name: str) -> None:
        """Rename a container. Raises ContainerNotFound, SameName, ContainerNameInUse, InvalidContainerName."""
        from boxwright.engine.containers import lifecycle

        lifecycle.rename(self.store, container, name)

    def watch_container(self, container: str) -> None:
        """Run a container's health checks until it ends: what a start leaves behind."""
        from boxwright.engine.containers import watching

        watching.watch(self.wiring, container)

    def container_exited(self, container: str) -> None:
        """Note the end of a container, and start it again if it is to be: what its monitor has us do."""
        from boxwright.engine.containers import restarting

        restarting.ended_unattended(self.wiring, container)

    def containers(
        self, *, all: bool = False, filters: Filters | None = None, last: int | None = None, size: bool = False
    ) -> list[ContainerRow]:
        """Return the containers that run, or `all`, newest first: see `boxwright.engine.containers.listing.rows`."""
        from boxwright.engine.containers import lifecycle, listing

        records = lifecycle.list_all(self.wiring)
        return listing.rows(self.store, records, all=all, filters=filters, last=last, size=size)

    def ports(self, container: str, port: str | None = None) -> list[PortRow]:
        """Return a container's published ports, or where one of its ports (``80``, ``53/udp``) is published."""
        from boxwright.engine.containers import lifecycle, listing

        return listing.ports(lifecycle.find(self.wiring, container), port)

    def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[LogLine]:
        """Yield what a container printed: see `boxwright.engine.containers.streams.logs`."""
        from boxwright.engine.containers import streams

        return streams.logs(self.wiring, container, follow=follow, tail=tail, since=since, until=until)

    def execute(
        self,
        container: str,
        command: Sequence[str],
        *,
        env: Sequence[str] = (),
        user: str | None = None,
        working_dir: str | None = None,
        tty: bool = False,
        stdin: bool = False,
        detach: bool = False,
        privileged: bool = False,
    ) -> int:
        """Run a command in a running container with our own streams, and return its exit code."""
        from boxwright.engine.containers import execution

        return execution.execute(
            self.wiring,
            container,
            tuple(command),
            env=tuple(env),
            user=user,
            working_dir=working_dir,
            tty=tty,
            stdin=stdin,
            detach=detach,
            privileged=privileged,
        )

    def top(self, container: str, options: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
        """Return the headings and rows of ps(1) for a container's processes."""
        from boxwright.engine.containers import execution

        return execution.top(self.wiring, container, tuple(options))

    def diff(self, container: str) -> list[tuple[str, str]]:
        """Return what changed in a container's files: A, C or D, and the path."""
        from boxwright.engine.containers import changes

        return changes.diff(self.wiring, container)

    def export(self, container: str, out: BinaryIO) -> None:
        """Write a container's files as a tar; what is mounted in it isn't part of them."""
        from boxwright.engine.containers import changes

        changes.export(self.wiring, container, out)

    def export_file(self, container: str, path: str) -> None:
        """Write a container's files to the file `path`, which is there whole or not at all."""
        from boxwright.engine import archives
        from boxwright.engine.containers import changes

        archives.write_file(path, lambda out: changes.export(self.wiring, container, out))

    def commit(
        self,
        container: str,
        name: str | None = None,
        *,
        message: str = "",
        author: str = "",
        changes: Sequence[str] = (),
        pause: bool = True,
    ) -> Digest:
        """Make an image of a container: see `boxwright.engine.containers.changes.commit`."""
        from boxwright.engine.containers import changes as changing

        return changing.commit(
            self.wiring, container, name, message=message, author=author, changes=changes, pause=pause
        )

    def copy_out(self, container: str, path: str, target: str, *, follow: bool = False, archive: bool = False) -> None:
        """Copy files of a container to the host: see `boxwright.engine.containers.copying.copy_out`."""
        from boxwright.engine.containers import copying

        copying.copy_out(self.wiring, container, path, target, follow=follow, archive=archive)

    def copy_out_tar(self, container: str, path: str, out: BinaryIO, *, follow: bool = False) -> None:
        """Write files of a container as a tar."""
        from boxwright.engine.containers import copying

        copying.copy_out_tar(self.wiring, container, path, out, follow=follow)

    def copy_in(self, container: str, source: str, path: str, *, follow: bool = False) -> None:
        """Copy files of the host into a container: see `boxwright.engine.containers.copying.copy_in`."""
        from boxwright.engine.containers import copying

        copying.copy_in(self.wiring, container, source, path, follow=follow)

    def copy_in_tar(self, container: str, path: str, stream: BinaryIO) -> None:
        """Unpack a tar in a folder of a container."""
        from boxwright.engine.containers import copying

        copying.copy_in_tar(self.wiring, container, path, stream)

    # ---- volumes

    def create_volume(self, name: str | None = None, *, labels: Mapping[str, str] | None = None) -> str:
        """Return the name of a volume, made when there is none of that name."""
        return self.store.volumes.create(name, labels=labels).name

    def volumes(self, *, filters: Filters | None = None) -> list[dict[str, Any]]:
        """Return the volumes, as docker's API shows them. Raises InvalidFilter."""
        from boxwright.engine import volumes

        return volumes.rows(self.store, filters=filters)

    def remove_volume(self, name: str, *, force: bool = False) -> None:
        """Remove a volume; with `force` one that isn't there is fine. Raises VolumeNotFound, VolumeInUse."""
        from boxwright.errors import NotFoundError

        try:
            self.store.volumes.remove(name)
        except NotFoundError:
            if not force:
                raise

    # ---- networks

    def networks(self, *, filters: Filters | None = None) -> list[NetworkRecord]:
        """Return the networks that a container can be on, by name. Raises InvalidFilter."""
        from boxwright.engine import networks

        return networks.rows(self.store, filters=filters)

    def prune_network(self) -> bool:
        """Take the bridge and its rules away; return False when a container is on it. The next one makes it again."""
        from boxwright.engine.containers import lifecycle

        if any(record.is_running for record in lifecycle.list_all(self.wiring)):
            return False
        self.wiring.remove_network()
        return True

    # ---- looking, and cleaning up

    def inspect(self, name: str, *, kind: str | None = None, size: bool = False) -> dict[str, Any]:
        """Return everything about a container, an image, a volume or the network, in the shape of docker's API.

        Without `kind` they are tried in this order. Raises NotFoundError.
        """
        from boxwright.engine import inspecting

        return inspecting.inspect(self.wiring, name, kind=kind, size=size)

    def usage(self) -> Usage:
        """Return what every image, container, volume and cached step takes: see `boxwright.store.usage.measure`."""
        from boxwright.store import usage

        return usage.measure(self.store)

    def disk_usage(self) -> list[DiskUsage]:
        """Return what images, containers, volumes and the build cache take."""
        from boxwright.engine import pruning

        return pruning.disk_usage(self.store)

    def prune_images(self, *, all: bool = False, filters: Filters | None = None) -> Pruned:
        """Remove images without a name, or with `all` every one that no container uses."""
        from boxwright.engine import pruning

        return pruning.images(self.store, all=all, filters=filters)

    def prune_containers(self, *, filters: Filters | None = None) -> Pruned:
        """Remove all containers that do not run."""
        from boxwright.engine import pruning

        return pruning.containers(self.wiring, filters=filters)

    def prune_volumes(self, *, all: bool = False, filters: Filters | None = None) -> Pruned:
        """Remove volumes that no container uses: those without a name, or with `all` the named ones, too."""
        from boxwright.engine import pruning

        return pruning.volumes(self.store, all=all, filters=filters)

    def build_cache(self, filters: Filters | None = None) -> list[CacheItem]:
        """Return what is in the build cache, least recently used first. Raises InvalidFilter."""
        from boxwright.engine import buildcache

        return buildcache.items(self.store, filters)

    def prune_build_cache(self, *, filters: Filters | None = None, limits: CacheLimits | None = None) -> Pruned:
        """Forget cached steps, with the layers that nothing else holds: all, or down to `limits`."""
        from boxwright.engine import pruning

        return pruning.build_cache(self.store, filters=filters, limits=limits)

    def prune_all(self, *, all: bool = False, volumes: bool = False, filters: Filters | None = None) -> AllPruned:
        """Remove what isn't used: see `boxwright.engine.pruning.everything`."""
        from boxwright.engine import pruning

        return pruning.everything(self.wiring, all=all, with_volumes=volumes, filters=filters)

    def fsck(self, *, deep: bool = False, repair: bool = False) -> list[Finding]:
        """Check the store; `deep` reads every byte, `repair` removes garbage and drops what is broken."""
        from boxwright.store import fsck

        if repair:
            from boxwright.engine import steps
            from boxwright.engine.containers import lifecycle

            steps.sweep(self.wiring)
            lifecycle.list_all(self.wiring)
        return fsck.check(self.store, deep=deep, repair=repair)

    def info(self) -> dict[str, Any]:
        """Return what boxwright found on this machine and has in its store."""
        from boxwright.engine import info

        return info.facts(self.wiring)
