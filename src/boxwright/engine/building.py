"""The use-case of building: a builder with the store, the runtime and the registries behind it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boxwright.build.actions import RunOptions
from boxwright.build.build import build as run_build
from boxwright.build.failure import EndedStep, KeptContainer
from boxwright.build.product import Product, Taker, leave
from boxwright.build.progress import Sink, Warned
from boxwright.build.provenance import Attester
from boxwright.build.request import BuildRequest, BuildResult
from boxwright.build.runner import StepProcess
from boxwright.build.together import Together
from boxwright.engine import proxies
from boxwright.engine.baseimages import BaseImages
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.inputs import KEEP_GIT_DIR, described, open_files, open_given, open_named_contexts
from boxwright.engine.outputs.terms import Terms
from boxwright.engine.privileges import require_root
from boxwright.engine.wanted import (
    EPOCH,
    HOSTNAME,
    Build,
    check_hostname,
    check_limits,
    check_network,
    is_set,
    read_epoch,
    read_hosts,
    read_platforms,
    read_tag,
)
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.exports import CacheTarget
    from boxwright.build.imports import CacheSource
    from boxwright.engine.fetched import Fetched
    from boxwright.engine.outputs.spec import Output
    from boxwright.engine.steps import StepRunner
    from boxwright.store.publications import Publication

_INLINE = "BUILDKIT_INLINE_CACHE"
_INDEX = "BUILDKIT_MULTI_PLATFORM"


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
    tags = tuple(read_tag(text) for text in wanted.tags)
    environ = wiring.settings.environ
    arguments: dict[str, str | None] = {**proxies.configured(environ)}
    arguments |= {name: environ.get(name) if value is None else value for name, value in wanted.build_args.items()}
    host = Platform.of_machine(os.uname().machine)
    check_network(wanted.network)
    hosts = read_hosts(wanted)
    check_hostname(arguments.get(HOSTNAME))
    platforms = read_platforms(wanted.platform, host)
    index = len(platforms) > 1 or is_set(arguments.get(_INDEX))
    epoch = read_epoch(arguments.get(EPOCH) or environ.get(EPOCH))
    outputs = _outputs(wanted, tags, index=index, epoch=epoch)
    image = next((output for output in outputs if output.in_store), None)
    check_limits(wanted.limits)
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
    dockerfile = described(wanted)
    keep_git_dir = is_set(arguments.get(KEEP_GIT_DIR))
    with (
        open_given(wanted, environ) as given,
        open_named_contexts(wiring.store, wanted, given, keep_git_dir, fetched) as named,
        open_files(wiring.store, wanted, dockerfile, given, keep_git_dir, fetched) as context,
    ):
        for id, variable in given.absent.items():
            sink(Warned(f"the secret {id} is not given: the variable {variable} is not set"))
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
                hostname=arguments.get(HOSTNAME) or "",
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


def trim(store: Store, limit: int) -> None:
    """Give up what was used longest ago, until the build cache, its mounts among it, takes `limit` bytes."""
    from boxwright.store import gc

    if gc.cache_usage(store) > limit:
        gc.shrink_build_cache(store, limit)


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


def _attester(wiring: Wiring, wanted: Build, *, kept: bool) -> Attester | None:
    """Return what says what is wanted of an image; `kept` tells whether there will be one. Raises NotKept."""
    if wanted.sbom is None and wanted.provenance is None:
        return None
    from boxwright.engine.attesting import NotKept, attester

    if not kept:
        raise NotKept()
    return attester(wiring.store, sbom=wanted.sbom, provenance_mode=wanted.provenance)


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
