"""Open uploads and who works on them: parts of transactions."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.sql.expression import ColumnElement

from boxwright.hub.db.database import current_time
from boxwright.hub.db.holders import is_gone
from boxwright.hub.db.metadata import Hold, Upload, UploadBusy
from boxwright.hub.db.tables import registry as t

_COLUMNS = t.upload.c.id, t.upload.c.repository, t.upload.c.owner, t.upload.c.started, t.upload.c.client
_ONE = select(*_COLUMNS).where(t.upload.c.id == bindparam("id"))
_COUNT = select(func.count()).select_from(t.upload).where(t.upload.c.client == bindparam("client"))
_ALL = select(*_COLUMNS).order_by(t.upload.c.id)


def add_upload(c: Connection, upload: Upload, holder: str | None) -> None:
    """Remember an upload, which `holder` had last."""
    c.execute(t.upload.insert().values(**upload._asdict(), holder=holder))


def find_upload(c: Connection, upload_id: str) -> Upload | None:
    """Return an open upload."""
    row = c.execute(_ONE, {"id": upload_id}).first()
    return Upload(*row) if row else None


def list_uploads(c: Connection) -> list[Upload]:
    """Return all open uploads."""
    return [Upload(*row) for row in c.execute(_ALL)]


def count_uploads(c: Connection, client: str) -> int:
    """Return how many uploads of a client are open."""
    return c.execute(_COUNT, {"client": client}).scalar_one()


def hold_upload(c: Connection, upload_id: str, holder: str, seconds: float) -> Hold | None:
    """See `MetadataStore.hold_upload`."""
    columns = *_COLUMNS, t.upload.c.holder, t.upload.c.held_until
    mine = t.upload.c.id == upload_id
    row = c.execute(select(*columns).where(mine).with_for_update()).first()
    if row is None:
        return None
    *fields, previous, until = row
    now = current_time(c)
    broken = until is not None and previous != holder
    if broken and until > now and not is_gone(previous):
        raise UploadBusy(upload_id)
    c.execute(update(t.upload).where(mine).values(holder=holder, held_until=now + seconds))
    return Hold(Upload(*fields), previous, broken)


def extend_hold(c: Connection, upload_id: str, holder: str, seconds: float) -> bool:
    """Hold it for `seconds` from now; False when it is held no more."""
    held = *_held_by(upload_id, holder), t.upload.c.held_until.is_not(None)
    return c.execute(update(t.upload).where(*held).values(held_until=current_time(c) + seconds)).rowcount > 0


def release_upload(c: Connection, upload_id: str, holder: str) -> None:
    """Give it back."""
    c.execute(update(t.upload).where(*_held_by(upload_id, holder)).values(held_until=None))


def remove_upload(c: Connection, upload_id: str) -> bool:
    """Forget an upload; False when there was none."""
    return c.execute(delete(t.upload).where(t.upload.c.id == upload_id)).rowcount > 0


def _held_by(upload_id: str, holder: str) -> tuple[ColumnElement[bool], ...]:
    return t.upload.c.id == upload_id, t.upload.c.holder == holder
