"""The way in: from a Dockerfile and a context to an image in the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from boxwright.build.ahead import Ahead
from boxwright.build.execute import Execution
from boxwright.build.failure import Keeper, LayersLost
from boxwright.build.plan import Bases, PlanOptions, plan
from boxwright.build.planned import Plan
from boxwright.build.product import Product, Taker, leave
from boxwright.build.progress import BuildStarted, ImageBuilt, Sink, Warned
from boxwright.build.provenance import Attester, Made
from boxwright.build.request import BuildRequest, BuildResult
from boxwright.build.runner import Runner
from boxwright.build.state import ImageState
from boxwright.build.together import Together
from boxwright.dockerfile.directives import CHECK_ARGUMENT
from boxwright.dockerfile.stages import Dockerfile, load
from boxwright.oci.digest import Digest
from boxwright.store.publications import Publication
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.caching import Cache
    from boxwright.build.imports import Imports
    from boxwright.dockerfile.lint.rule import LintWarning

_SYNTAX = "BUILDKIT_SYNTAX"


def build(
    request: BuildRequest,
    *,
    store: Store,
    runner: Runner,
    bases: Bases,
    sink: Sink,
    keep: Keeper,
    together: Together | None = None,
    take: Taker = leave,
    attest: Attester | None = None,
) -> BuildResult:
    """Build an image and tag it.

    `take` is given what was built before anything of it can be collected. Whatever is finished when a build fails or
    is killed is in the cache, and the next build goes on from there; an image and its tags appear at the end, whole.
    Cancelling `together`, which the build may share with others, ends it soon (it does so itself once a stage has
    failed, to end the others). The sink is called from several threads, one call at a time. `attest` is called with the
    image before its tags name it.

    Raises DockerfileError, UnsupportedSyntax, TargetNotFound, WarningsAreErrors, BuildFailed when a command failed,
    CancelledError, and whatever else a step raises; `detail` of those shows the place in the Dockerfile.
    """
    started, begun = time.monotonic(), time.time()
    dockerfile = request.dockerfile or load(request.context.dockerfile)
    planned = _planned(dockerfile, request, bases, sink)
    together = together or Together(share_steps=False)
    ahead = Ahead(lambda: _lint(dockerfile, planned, request))
    with ExitStack() as stack:
        imports: Imports | None = None
        if request.cache_from and not request.no_cache:
            from boxwright.build.sharing import imported, one_at_a_time

            sink = one_at_a_time(sink)
            imports = stack.enter_context(imported(request, store, sink))
        while True:
            execution = Execution(
                request,
                planned,
                store,
                runner,
                sink=sink,
                keep=keep,
                together=together,
                imports=imports,
                meanwhile=ahead.begin,
            )
            try:
                end = execution.run()
                execution.cache.need(end.chain)
                state = _derived(request, end, planned, store, execution.cache)
                product = _product(request, state, store, _inline(request, execution, end))
                if execution.cache.wrote:
                    store.snapshots.make_durable()
                take(product)
                if attest is not None:
                    attest(Made(request, planned, product.id, begun, time.time(), execution.downloads()))
                names = _tag(request, product.id, store)
                if request.cache_to:
                    from boxwright.build.sharing import export

                    export(request, execution.exported(end), store, imports, sink)
                break
            except LayersLost as lost:
                # What was done is in the cache by now; what cannot be had gives no answer any more.
                sink(Warned(f"{lost.message}: the build goes on without it"))
            finally:
                execution.finish()
    result = BuildResult(product.id, product.size, planned.total, execution.cached_steps)
    if result.cached < result.steps:  # nothing new can be in a Dockerfile all of whose steps came from the cache
        for warning in ahead.warnings():
            sink(Warned(f"{warning.rule}: {warning.message}", str(warning.span)))
    layers, seconds = len(state.diff_ids), time.monotonic() - started
    sink(ImageBuilt(product.id, names, product.size, layers, seconds, result.steps, result.cached))
    return result


def _planned(dockerfile: Dockerfile, request: BuildRequest, bases: Bases, sink: Sink) -> Plan:
    """Return the plan, having told of the build's beginning, and of what was asked for and isn't there."""
    syntax, given = dockerfile.directives.syntax, request.build_args.get(_SYNTAX)
    if syntax or given:
        from boxwright.dockerfile.frontend import check_frontend

        check_frontend(dockerfile.source, syntax, given)
    options = PlanOptions(
        request.platform,
        request.build_platform,
        request.build_args,
        request.target,
        request.allowed,
        request.named.all if request.named is not None else {},
    )
    planned = plan(dockerfile, options, bases)
    if _warnings_are_errors(dockerfile, request):
        _lint(dockerfile, planned, request)
    sink(BuildStarted(request.context.title, request.context.census(), planned.total))
    unknown = request.no_cache_stages.difference(*((stage.name, str(stage.number)) for stage in dockerfile.stages))
    if unknown:
        sink(Warned(f"no stage is called {' or '.join(sorted(unknown))}: --no-cache-filter has nothing to do with it"))
    if planned.unused_args:
        sink(Warned(f"one or more build-args [{' '.join(planned.unused_args)}] were not consumed"))
    return planned


def _lint(dockerfile: Dockerfile, planned: Plan, request: BuildRequest) -> tuple[LintWarning, ...]:
    from boxwright.build.checking import lint_plan

    ignore = request.context.rules if request.context.root is not None else None
    return lint_plan(dockerfile, planned, ignore, request.build_args)


def _warnings_are_errors(dockerfile: Dockerfile, request: BuildRequest) -> bool:
    return dockerfile.directives.check.error or CHECK_ARGUMENT in request.build_args


def _derived(request: BuildRequest, state: ImageState, planned: Plan, store: Store, cache: Cache) -> ImageState:
    """Return what was built in the form that is wanted."""
    if not request.squash and not request.clamp:
        return state
    from boxwright.build import derived

    base = planned.base
    if request.squash:
        state = derived.squashed(state, base, store, cache)
    if request.clamp and request.epoch is not None:
        state = derived.clamped(state, base, request.epoch, store, cache)
    return state


def _inline(request: BuildRequest, execution: Execution, end: ImageState) -> Mapping[str, Any]:
    """Return the fields that an image has beside the usual ones."""
    if not request.inline_cache:
        return {}
    from boxwright.build.sharing import inline_field

    return inline_field(execution.exported(end))


def _product(request: BuildRequest, state: ImageState, store: Store, extra: Mapping[str, Any]) -> Product:
    """Return what was built, with the image in the store if it is to be there; one that is there is only read."""
    config = state.image_config()._replace(extra=extra)
    if request.labels:
        labels = {**config.config.labels, **request.labels}
        config = config._replace(config=config.config._replace(labels=labels))
    raw = config.to_bytes()
    if not request.keep_image:
        size = sum(snapshot.usage for snapshot in store.snapshots.stack(state.chain))
        return Product(state.platform, raw, state.chain, size)
    record = store.images.get(Digest.of(raw))
    if record is None or (record.intermediate and not request.variant):
        parent = state.image if request.intermediate else None
        record = store.images.add(raw, parent=parent, intermediate=request.variant, created=request.listed_time())
    return Product(state.platform, raw, state.chain, record.size)


def _tag(request: BuildRequest, image: Digest, store: Store) -> tuple[str, ...]:
    names = []
    publication = request.publication or Publication()
    for tag in request.tags:
        ref = tag.with_default_tag()
        current = store.images.resolve(ref)
        if current is None or current.id != image or store.images.publication(ref) != publication:
            store.images.tag(ref, image, publication)
        names.append(ref.familiar())
    return tuple(names)
