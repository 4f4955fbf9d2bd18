"""How much there is."""

from __future__ import annotations

from sqlalchemy import Table, func, select

from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables import registry as t
from boxwright.values import NamedTuple


class RepositorySize(NamedTuple):
    """A repository and the sizes of its blobs together, those that others have as well included."""

    name: str
    size: int


class Stats(NamedTuple):
    """Counts, and sizes in bytes."""

    repositories: int
    tags: int
    manifests: int
    blobs: int
    stored: int
    """Of all blobs, each counted once: what the storage holds."""
    shared: int
    """What would be needed besides, if each repository had its own copies."""
    unneeded: int
    """Of blobs that no repository has: garbage that waits for its time."""
    uploads: int
    """Open ones."""
    largest: tuple[RepositorySize, ...]


@retried
def collect(db: Database, *, largest: int = 10) -> Stats:
    """Count everything; `largest` is how many repositories are named."""
    held = select(t.repository_blob.c.digest).where(t.repository_blob.c.digest == t.blob.c.digest).exists()
    size = func.coalesce(func.sum(t.blob.c.size), 0)
    used, name = t.repository.c.bytes, t.repository.c.name
    with db.read() as c:

        def count(table: Table) -> int:
            return int(c.execute(select(func.count()).select_from(table)).scalar_one())

        stored = int(c.execute(select(size)).scalar_one())
        unneeded = int(c.execute(select(size).where(~held)).scalar_one())
        each = int(c.execute(select(func.coalesce(func.sum(used), 0))).scalar_one())
        top = c.execute(select(name, used).order_by(used.desc(), name).limit(largest)).all()
        return Stats(
            repositories=count(t.repository),
            tags=count(t.tag),
            manifests=count(t.manifest),
            blobs=count(t.blob),
            stored=stored,
            shared=each - (stored - unneeded),
            unneeded=unneeded,
            uploads=count(t.upload),
            largest=tuple(RepositorySize(*row) for row in top),
        )
