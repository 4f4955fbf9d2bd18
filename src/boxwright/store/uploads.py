"""Uploads that pushes have open in registries: what one that was killed leaves for the next.

Only hints: the registry is asked what it has before anything is sent after it. A row that nobody came back to for a
week is dropped when others are added; registries forget uploads in about that time.
"""

from __future__ import annotations

import time

from boxwright.store.database import Database
from boxwright.store.owner import Owner

LEAST_BYTES = 1 << 20
"""What is smaller is sent again."""

_KEPT_SECONDS = 7 * 24 * 3600


class OpenUpload:
    """The row of one blob's upload into one repository. Every method is atomic; for one thread.

    `repository` is ``domain/path``; `content` names the bytes that are sent: the same name, the same bytes, whoever
    makes them.
    """

    __slots__ = ("_content", "_database", "_repository", "_url")

    def __init__(self, database: Database, repository: str, content: str) -> None:
        self._database = database
        self._repository = repository
        self._content = content
        self._url = ""

    def claim(self) -> str | None:
        """Return the URL of an upload that was left unfinished; it is this process's then.

        None when there is none, and when somebody is still sending to it.
        """
        with self._database.transaction():
            row = self._database.row(
                "SELECT url, pid, started, boot FROM open_uploads WHERE repository = ? AND content = ?",
                *(self._repository, self._content),
            )
            if row is None or Owner(*row[1:]).is_alive():
                return None
            self.keep(row[0])
        return self._url

    def keep(self, url: str) -> None:
        """Note that this process sends the blob to `url`, in place of what was noted."""
        now = int(time.time())
        with self._database.transaction():
            self._database.run("DELETE FROM open_uploads WHERE begun < ?", now - _KEPT_SECONDS)
            self._database.run(
                "INSERT OR REPLACE INTO open_uploads (repository, content, url, begun, pid, started, boot)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(self._repository, self._content, url, now, *Owner.current()),
            )
        self._url = url

    def leave(self) -> None:
        """Let whoever comes next claim the upload, although this process goes on."""
        self._database.run(
            "UPDATE open_uploads SET pid = 0 WHERE repository = ? AND content = ? AND url = ?", *self._key
        )

    def forget(self) -> None:
        """Drop the row: the blob is there, or the upload is gone."""
        self._database.run("DELETE FROM open_uploads WHERE repository = ? AND content = ? AND url = ?", *self._key)

    @property
    def _key(self) -> tuple[str, str, str]:
        # With its URL, since another process may have begun another upload of the same blob meanwhile.
        return self._repository, self._content, self._url
