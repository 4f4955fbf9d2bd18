"""The use-case of building: a builder with the store, the runtime and the registries behind it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

from boxwright.build.actions import RunOptions
from boxwright.build.build import build as run_build
from boxwright.build.context import Context, local_context, no_context
from boxwright.build.failure import EndedStep, KeptContainer
from boxwright.build.product import Product, Taker, leave
from boxwright.build.progress import Sink
from boxwright.build.provenance import Attester
from boxwright.build.request import BuildRequest, BuildResult, Given
from boxwright.build.runner import StepLimits, StepProcess
from boxwright.build.together import Together
from boxwright.dockerfile.stages import Dockerfile, load
from boxwright.engine import proxies
from boxwright.engine.baseimages import BaseImages
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.contexts import Access, open_context
from boxwright.engine.outputs.terms import Terms
from boxwright.engine.privileges import require_root
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.store import Store
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.exports import CacheTarget
    from boxwright.build.imports import CacheSource
    from boxwright.build.namedcontexts import NamedContexts
    from boxwright.engine.described.image import Image
    from boxwright.engine.fetched import Fetched
    from boxwright.engine.outputs.spec import Output
    from boxwright.engine.steps import StepRunner
    from boxwright.store.publications import Publication

_EPOCH = "SOURCE_DATE_EPOCH"
_INLINE = "BUILDKIT_INLINE_CACHE"
_INDEX = "BUILDKIT_MULTI_PLATFORM"
_KEEP_GIT_DIR = "BUILDKIT_CONTEXT_KEEP_GIT_DIR"
_HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
_LONGEST_HOSTNAME = 64


class Build(NamedTuple):
    """What is to be built, as a person says it."""

    context: str = "."
    """A folder; ``-``: a tar, or a Dockerfile alone, from `stdin`; the URL of one of these, or of a git repository;
    empty: no files, for an `image`."""
    dockerfile: str | None = None
    """Its path, in the context where that is no folder; its URL; ``-``: from `stdin`. None: the one of the context."""
    image: Image | None = None
    """What to build, described in Python, in place of a Dockerfile."""
    contexts: Mapping[str, str] = {}
    """Further contexts: a name that FROM, COPY ``--from`` and mounts use → a folder, a URL (of an archive, a file or a
    git repository), ``docker-image://NAME`` or ``oci-layout://FOLDER[:TAG|@DIGEST]``."""
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = {}
    """A value of None takes the variable of the caller's environment, if it is there."""
    target: str | None = None
    labels: Mapping[str, str] = {}
    platform: str | None = None
    """What to build for; several, with commas between, make one image of all."""
    network: str = "default"
    add_hosts: tuple[str, ...] = ()
    shm_size: int | None = None
    """Bytes."""
    ulimits: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """``id=NAME,src=FILE`` or ``id=NAME,env=VARIABLE``."""
    ssh: tuple[str, ...] = ()
    """``default``, ``ID=SOCKET`` or ``ID=KEY``: agents that RUN steps may use."""
    allow: tuple[str, ...] = ()
    """What RUN steps may ask for: ``network.host``, ``security.insecure``."""
    limits: StepLimits = StepLimits()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    """Names of stages that are built anew, when all others may come from the cache."""
    pull: bool = False
    """Ask the registry for a newer base image, although there is one here."""
    force_rm: bool = False
    """Keep no container of a failed step."""
    keep_steps: bool = False
    """Keep the container of every RUN that is done."""
    intermediate: bool = False
    """Make an image of every step."""
    explain: bool = False
    sbom: str | None = None
    """Attach a list of the image's packages: ``spdx`` or ``cyclonedx``."""
    provenance: str | None = None
    """Attach how the image came about: ``min`` or ``max``."""
    cache_from: tuple[str, ...] = ()
    """Caches to take results from: ``type=registry,ref=NAME``, ``type=local,src=DIR``, or the name of an image."""
    cache_to: tuple[str, ...] = ()
    """Where the cache goes: ``type=registry,ref=NAME``, ``type=local,dest=DIR`` or ``type=inline``, with options."""
    insecure: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """What becomes of it, as ``--output`` says; nothing: an image in the store."""
    push: bool = False
    """Push it under all its tags."""
    load: bool = False
    """Have the image in the store, whatever the outputs are."""
    annotations: tuple[str, ...] = ()
    """``[type:]key=value``."""
    squash: bool = False
    """Put all that is built into one layer."""
    results: Mapping[str, Mapping[Platform, Digest]] = {}
    """What was built together with this: the images of a name, each for its platform; ``result://NAME`` is one as a
    context."""
    needed: bool = False
    """Something else is built on the image, which is in the store for that, whatever the outputs are."""
    stdin: BinaryIO | None = None
    stdout: BinaryIO | None = None
    """For outputs that say so."""


def build(
    wiring: Wiring,
    wanted: Build,
    sink: Sink,
    *,
    together: Together | None = None,
    hold: Taker = leave,
    fetched: Fetched | None = None,
) -> BuildResult:
    """Build an image: see `boxwright.build.build.build`. For the main thread: Ctrl-C ends the build cleanly.

    `together` and `fetched` are shared with builds that run at the same time; `hold` is given each image before
    anything of it can be collected.

    Several platforms are built side by side; outputs follow when all of it is built. Raises what that raises,
    InvalidReference for a tag, and what an output raises (see `boxwright.engine.outputs`).
    """
    require_root("a build")
    tags = tuple(_tag(text) for text in wanted.tags)
    environ = wiring.settings.environ
    arguments: dict[str, str | None] = {**proxies.configured(environ)}
    arguments |= {name: environ.get(name) if value is None else value for name, value in wanted.build_args.items()}
    host = Platform.of_machine(os.uname().machine)
    if wanted.network not in ("default", "bridge", "none", "host"):
        raise InvalidError(f"unknown network {wanted.network!r}", hint="RUN steps have default, none or host")
    hosts = _hosts(wanted)
    _check_hostname(arguments.get(_HOSTNAME))
    platforms = _platforms(wanted.platform, host)
    index = len(platforms) > 1 or _is_set(arguments.get(_INDEX))
    epoch = _epoch(arguments.get(_EPOCH) or environ.get(_EPOCH))
    outputs = _outputs(wanted, tags, index=index, epoch=epoch)
    image = next((output for output in outputs if output.in_store), None)
    _check_limits(wanted.limits)
    attest = _attester(wiring, wanted, kept=not outputs or image is not None)
    sources: tuple[CacheSource, ...] = ()
    targets: tuple[CacheTarget, ...] = ()
    inline = (arguments.get(_INLINE) or "").lower() in ("1", "true")
    if wanted.cache_from or wanted.cache_to:
        from boxwright.engine import caches

        sources = caches.sources(wiring.store, wiring.settings, wanted.cache_from, wanted.insecure)
        targets, said = caches.targets(
            wiring.store, wiring.settings, wanted.cache_to, wanted.insecure, builds=len(platforms)
        )
        inline = inline or said
    runner = _LazyRunner(wiring)
    alone = together is None
    together = together or Together(wiring.settings.max_parallelism, share_steps=False)
    bases = BaseImages(wiring, together, pull=wanted.pull, insecure=wanted.insecure, results=wanted.results)
    dockerfile = _described(wanted)
    keep_git_dir = _is_set(arguments.get(_KEEP_GIT_DIR))
    with (
        _given(wanted, environ) as given,
        _named(wiring.store, wanted, given, keep_git_dir, fetched) as named,
        _context(wiring.store, wanted, dockerfile, given, keep_git_dir, fetched) as context,
    ):
        request = BuildRequest(
            context=context,
            dockerfile=dockerfile,
            platform=platforms[0],
            build_platform=host,
            tags=_first_tags(tags, outputs, image) if not index else (),
            build_args=arguments,
            target=wanted.target,
            labels=wanted.labels,
            named=named,
            no_cache=wanted.no_cache,
            no_cache_stages=frozenset(name.lower() for name in wanted.no_cache_filter),
            force_rm=wanted.force_rm,
            keep_steps=wanted.keep_steps,
            intermediate=wanted.intermediate,
            explain=wanted.explain,
            run=RunOptions(
                network="default" if wanted.network == "bridge" else wanted.network,
                hostname=arguments.get(_HOSTNAME) or "",
                extra_hosts=hosts,
                shm_size=wanted.shm_size,
                ulimits=wanted.ulimits,
                limits=wanted.limits,
                secrets=given.secrets,
                agents=given.agents,
            ),
            allowed=given.allowed,
            epoch=epoch,
            squash=wanted.squash,
            clamp=any(output.rewrite for output in outputs),
            keep_image=not outputs or image is not None or wanted.needed,
            variant=(index and bool(tags)) or (wanted.needed and bool(outputs) and image is None),
            publication=_publication(image),
            cache_from=sources,
            cache_to=targets,
            inline_cache=inline,
        )

        def run(platform: Platform, sink: Sink, take: Taker) -> BuildResult:
            def taken(product: Product) -> None:
                hold(product)
                take(product)

            return run_build(
                request._replace(platform=platform, context=context if len(platforms) == 1 else context.private()),
                store=wiring.store,
                runner=runner,
                bases=bases,
                sink=sink,
                keep=_Keeper(wiring),
                together=together,
                take=taken,
                attest=attest,
            )

        try:
            if not outputs:
                result = run(platforms[0], sink, leave)
            else:
                terms = Terms(tags, index, epoch, wanted.stdout, wanted.insecure)
                result = _deliver(wiring, outputs, terms, sink, platforms, run, together.cancelled)
        finally:
            if alone:
                together.cancelled.set()
            runner.close()
    if alone and wiring.settings.build_cache_limit is not None:
        trim(wiring.store, wiring.settings.build_cache_limit)
    return result


def _check_hostname(name: str | None) -> None:
    if name and (
        len(name) > _LONGEST_HOSTNAME or not name.replace("-", "").replace(".", "").isalnum() or not name.isascii()
    ):
        raise InvalidError(
            f"invalid {_HOSTNAME} {name!r}", hint=f"it has at most {_LONGEST_HOSTNAME} letters, digits, '-' and '.'"
        )


def trim(store: Store, limit: int) -> None:
    """Give up what was used longest ago, until the build cache, its mounts among it, takes `limit` bytes."""
    from boxwright.store import gc

    if gc.cache_usage(store) > limit:
        gc.shrink_build_cache(store, limit)


def _check_limits(limits: StepLimits) -> None:
    """Raises InvalidError: a build from the cache would not find out that they make no sense."""
    if limits == StepLimits():
        return
    from boxwright.runtime.options import Limits
    from boxwright.runtime.spec import limits_to_resources

    limits_to_resources(Limits(**limits._asdict()))


def _given(wanted: Build, environ: Mapping[str, str]) -> AbstractContextManager[Given]:
    if not (wanted.secrets or wanted.ssh or wanted.allow or wanted.network == "host"):
        return nullcontext(Given())
    from boxwright.engine import given

    return given.given(wanted.secrets, wanted.ssh, wanted.allow, wanted.network, environ)


def _outputs(wanted: Build, tags: Sequence[Reference], *, index: bool, epoch: int | None) -> tuple[Output, ...]:
    """Return what is to become of a build; nothing for an image for one platform, as it always is."""
    if not (wanted.outputs or wanted.annotations or wanted.push or index):
        return ()
    from boxwright.engine.outputs import spec
    from boxwright.engine.outputs.delivery import check

    outputs = spec.wanted(wanted.outputs, wanted.annotations, push=wanted.push, load=wanted.load)
    outputs = outputs or (spec.Output("image"),)
    check(outputs, Terms(tuple(tags), index, epoch, wanted.stdout))
    return outputs


def _first_tags(tags: tuple[Reference, ...], outputs: Sequence[Output], image: Output | None) -> tuple[Reference, ...]:
    """Return the tags that the build itself sets, together with the image."""
    if image is None:
        return () if outputs else tags
    return () if image.by_digest else tags or image.names


def _deliver(
    wiring: Wiring,
    outputs: Sequence[Output],
    terms: Terms,
    sink: Sink,
    platforms: Sequence[Platform],
    run: Callable[[Platform, Sink, Taker], BuildResult],
    cancelled: threading.Event,
) -> BuildResult:
    """Build for each platform, and do what is wanted with all of it."""
    from boxwright.engine.outputs.delivery import Delivery

    with Delivery(wiring.store, wiring.settings, outputs, terms, sink) as delivery:

        def build_for(position: int, told: Sink) -> BuildResult:
            return run(platforms[position], told, delivery.taker(position))

        if terms.indexed:
            from boxwright.engine.outputs.platforms import side_by_side

            results = side_by_side(platforms, build_for, sink, cancelled)
        else:
            results = [build_for(0, sink)]
        metadata = delivery.deliver()
        chosen = next(result for result in results if result.image == delivery.chosen.id)
    return chosen._replace(images=tuple(result.image for result in results) if terms.indexed else (), metadata=metadata)


def _publication(output: Output | None) -> Publication | None:
    if output is None:
        return None
    from boxwright.store.publications import Publication

    return Publication((), output.form.to_json())


def _hosts(wanted: Build) -> tuple[str, ...]:
    """Return the lines for /etc/hosts; limits are looked at as well, before anything is done. Raises InvalidError."""
    if not wanted.add_hosts and not wanted.ulimits:
        return ()
    from boxwright.engine.containers.creation import host_line
    from boxwright.engine.containers.ulimits import ulimit

    for text in wanted.ulimits:
        ulimit(text)
    return tuple(map(host_line, wanted.add_hosts))


def _is_set(text: str | None) -> bool:
    return text in ("1", "true")


def _platforms(text: str | None, host: Platform) -> list[Platform]:
    if not text:
        return [host]
    return list(dict.fromkeys(Platform.parse(part.strip()) for part in text.split(",")))


def _attester(wiring: Wiring, wanted: Build, *, kept: bool) -> Attester | None:
    """Return what says what is wanted of an image; `kept` tells whether there will be one. Raises NotKept."""
    if wanted.sbom is None and wanted.provenance is None:
        return None
    from boxwright.engine.attesting import NotKept, attester

    if not kept:
        raise NotKept()
    return attester(wiring.store, sbom=wanted.sbom, provenance_mode=wanted.provenance)


@contextmanager
def opened_context(wiring: Wiring, wanted: Build) -> Iterator[tuple[Context, Dockerfile]]:
    """Yield the context that a build would have, and its Dockerfile, for as long as the block lasts.

    Raises what reading them raises, DockerfileError among it.
    """
    described, keep_git_dir = _described(wanted), _is_set(wanted.build_args.get(_KEEP_GIT_DIR))
    with (
        _given(wanted, wiring.settings.environ) as given,
        _context(wiring.store, wanted, described, given, keep_git_dir) as context,
    ):
        yield context, described or load(context.dockerfile)


def _tag(text: str) -> Reference:
    ref = Reference.parse(text)
    if ref.digest is not None:
        raise InvalidError(f"{text} has a digest, and a name for an image has none", hint="use -t name:tag")
    return ref


def _epoch(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise InvalidError(f"invalid {_EPOCH} {text!r}", hint="it is a number of seconds since 1970")
    return int(text)


def _described(wanted: Build) -> Dockerfile | None:
    if wanted.image is None:
        return None
    if wanted.dockerfile is not None or wanted.context == "-":
        raise InvalidError("an image that is described in Python takes neither a Dockerfile nor the standard input")
    from boxwright.engine.described.assembly import assemble

    return assemble(wanted.image).value()


def _context(
    store: Store,
    wanted: Build,
    described: Dockerfile | None,
    given: Given,
    keep_git_dir: bool,
    fetched: Fetched | None = None,
) -> AbstractContextManager[Context]:
    if described is not None:
        title = described.source.name
        context = local_context(wanted.context, text="") if wanted.context else no_context("")
        return nullcontext(context._replace(dockerfile=described.source, title=title))

    def stdin() -> BinaryIO:
        if wanted.stdin is None:
            raise InvalidError("nothing is given as the standard input")
        return wanted.stdin

    access = Access(store, given.secrets, given.agents, keep_git_dir, fetched)
    return open_context(wanted.context, wanted.dockerfile, access, stdin)


def _named(
    store: Store, wanted: Build, given: Given, keep_git_dir: bool, fetched: Fetched | None = None
) -> AbstractContextManager[NamedContexts | None]:
    """Return the further contexts of a build, none of them opened yet. Raises InvalidContextName, ContextNotFound."""
    if not wanted.contexts:
        return nullcontext()
    from functools import partial

    from boxwright.build.namedcontexts import NamedContexts, named_contexts
    from boxwright.engine.contexts import check_named, open_named

    contexts = named_contexts(wanted.contexts)
    check_named(contexts.values())
    access = Access(store, given.secrets, given.agents, keep_git_dir, fetched)
    return NamedContexts(contexts, partial(open_named, access=access))


class _LazyRunner:
    """The runner of steps, made when the first one has to run: a build from the cache needs no runtime."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._lock = threading.Lock()
        self._runner: StepRunner | None = None

    def run(self, process: StepProcess) -> int:
        with self._lock:
            if self._runner is None:
                from boxwright.engine.steps import StepRunner

                self._runner = StepRunner(self._wiring)
        return self._runner.run(process)

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


class _Keeper:
    """Makes a stopped container of a step (see build.failure.Keeper)."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def __call__(self, ended: EndedStep) -> KeptContainer | None:
        from boxwright.engine.containers import kept

        return kept.keep(self._wiring.store, ended)
