"""The use-cases of looking at a build without building: check it, list what it takes, list its targets."""

from __future__ import annotations

import os

from boxwright.build.checking import Checked, KnownBases, check
from boxwright.build.namedcontexts import named_contexts
from boxwright.build.outline import Outline, Target, list_targets, outline
from boxwright.build.plan import PlanOptions, plan
from boxwright.build.planned import BaseImage
from boxwright.dockerfile.stages import Dockerfile
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.inputs import opened_context
from boxwright.engine.wanted import Build
from boxwright.errors import NotFoundError
from boxwright.oci.platform import Platform
from boxwright.store.store import Store


def check_build(wiring: Wiring, wanted: Build) -> Checked:
    """Check a Dockerfile; nothing is built or fetched. Raises DockerfileError for one that cannot be read at all."""
    with opened_context(wiring, wanted) as (context, dockerfile):
        ignore = context.rules if context.root is not None else None
        return check(dockerfile, ignore, _options(wiring, wanted), _Stored(wiring.store))


def outline_build(wiring: Wiring, wanted: Build) -> Outline:
    """Return what a build takes. Raises what planning it raises; a base image that is not here counts as empty."""
    options = _options(wiring, wanted)
    with opened_context(wiring, wanted) as (_, dockerfile):
        return outline(dockerfile, plan(dockerfile, options, KnownBases(_Stored(wiring.store))), options)


def build_targets(wiring: Wiring, wanted: Build) -> tuple[Dockerfile, tuple[Target, ...]]:
    """Return what can be built. Raises DockerfileError."""
    with opened_context(wiring, wanted) as (_, dockerfile):
        return dockerfile, list_targets(dockerfile)


def _options(wiring: Wiring, wanted: Build) -> PlanOptions:
    environ = wiring.settings.environ
    host = Platform.of_machine(os.uname().machine)
    return PlanOptions(
        Platform.parse(wanted.platform.partition(",")[0]) if wanted.platform else host,
        host,
        {name: environ.get(name) if value is None else value for name, value in wanted.build_args.items()},
        wanted.target,
        # Whether it is allowed is a question of a build.
        frozenset({"network.host", "security.insecure"}),
        named_contexts(wanted.contexts),
    )


class _Stored:
    """The base images that are in the store, for whatever platform (see build.plan.Bases)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def resolve(self, name: str, platform: Platform) -> BaseImage:
        if "://" in name:  # what an OCI layout has, or another target makes, would have to be fetched or built
            raise NotFoundError(f"{name} is not in the store")
        record = self._store.images.find(name)
        return BaseImage(name, record.id, record.chain, self._store.images.config(record))
