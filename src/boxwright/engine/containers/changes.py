"""What a container changed: show it, write its files out, make an image of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import BinaryIO

from boxwright.engine.containers import interrupted, lifecycle
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.inside import lower_view, view_of
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.trees import write_tar
from boxwright.engine.containers.wiring import Wiring
from boxwright.host import faults, locks
from boxwright.host.paths import Path
from boxwright.oci.digest import Digest
from boxwright.runtime import container, scaffolding
from boxwright.store.containers import ContainerRecord


def _scaffolding(wiring: Wiring, record: ContainerRecord) -> frozenset[str]:
    """Return the paths in a container's layer that are only there for mounts, and so are not its changes."""
    upper = wiring.store.containers.directory(record.id) / "upper"
    built = container.scaffolding_of(bundle_of(wiring.store, record.id))
    return frozenset(scaffolding.leftovers(str(upper), built))


def diff(wiring: Wiring, text: str) -> list[tuple[str, str]]:
    """Return the changed paths with A (added), C (changed) or D (deleted), in canonical order."""
    from boxwright.layer.changes import changes

    record = lifecycle.find(wiring, text)
    upper = wiring.store.containers.directory(record.id) / "upper"
    hidden = {f"/{path}" for path in _scaffolding(wiring, record)}
    found = changes(upper, lower_view(wiring.store, record), living=record.is_running)
    return [(change.kind, change.path) for change in found if change.path not in hidden]


def export(wiring: Wiring, text: str, out: BinaryIO) -> None:
    """Write all files of a container as a tar, without what is there only to be mounted on."""
    record = lifecycle.find(wiring, text)
    view = view_of(wiring.store, record)
    top = view.lookup("/")
    assert top is not None
    below = lower_view(wiring.store, record)
    added = {path for path in _scaffolding(wiring, record) if below.lookup(path, follow=False) is None}
    write_tar(view, top, out, exclude=added)


def commit(
    wiring: Wiring,
    text: str,
    name: str | None = None,
    *,
    message: str = "",
    author: str = "",
    changes: Sequence[str] = (),
    pause: bool = True,
) -> Digest:
    """Make an image of a container's files and configuration, and return its ID.

    A running container is frozen meanwhile unless `pause` is false. `changes` are Dockerfile instructions that set
    the configuration. Raises ContainerNotFound, InvalidReference.
    """
    from boxwright.build.commit import commit_container
    from boxwright.oci.reference import Reference

    ref = Reference.parse(name).with_default_tag() if name else None
    record = lifecycle.find(wiring, text)
    with _frozen(wiring, record) if pause else nullcontext():
        return commit_container(
            wiring.store,
            wiring.store.containers.directory(record.id) / "upper",
            record.chain,
            base=record.image,
            run=ContainerConfig.from_json(record.config).run_config(),
            message=message,
            author=author,
            changes=changes,
            exclude=_scaffolding(wiring, record),
            created_by=" ".join(ContainerConfig.from_json(record.config).options.argv),
            ref=ref,
        )


@contextmanager
def _frozen(wiring: Wiring, record: ContainerRecord) -> Iterator[None]:
    """Pause a container for the block if it runs; when this process is killed, the next command lets it go on.

    Two of these on one container happen one after the other.
    """
    if not record.is_running:
        yield
        return
    mark = Path(bundle_of(wiring.store, record.id).path(interrupted.FROZEN))
    with locks.locked(mark):
        try:
            if lifecycle.find(wiring, record.id).state != "running":
                yield  # somebody has paused it, and will let it go on
                return
            lifecycle.pause(wiring, record.id)
            try:
                faults.point("a container is frozen")
                yield
            finally:
                lifecycle.unpause(wiring, record.id)
        finally:
            mark.unlink(missing_ok=True)
