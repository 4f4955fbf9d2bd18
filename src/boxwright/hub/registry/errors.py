"""What a client is told went wrong (distribution-spec "Error Codes")."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence

from boxwright.errors import BoxwrightError

STATUSES = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 404,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DENIED": 403,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "PAGINATION_NUMBER_INVALID": 400,
    "RANGE_INVALID": 416,
    "SIZE_INVALID": 400,
    "TAG_INVALID": 400,
    "TOOMANYREQUESTS": 429,
    "UNAUTHORIZED": 401,
    "UNAVAILABLE": 503,
    "UNKNOWN": 500,
    "UNSUPPORTED": 405,
}
"""Every code and the status it is sent with."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the numbers of an OSError are on a full disk."""


class RegistryError(BoxwrightError):
    """An answer that is an error: raised by handlers, turned into a reply by the application alone.

    `code` is a key of STATUSES; `data` goes into the body's ``detail`` and must be JSON; `status` replaces the code's
    own where the specification wants another; `headers` are sent along.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        data: object = None,
        status: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.data = data
        self.status = status or STATUSES[code]
        self.headers = tuple(headers)

    def body(self) -> bytes:
        """Return the JSON document of this error."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["detail"] = self.data
        return json.dumps({"errors": [error]}).encode()
