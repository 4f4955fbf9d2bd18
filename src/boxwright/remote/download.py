"""One blob's bytes, from a connection that may break: the next one goes on where the last one ended."""

from __future__ import annotations

import hashlib
from types import TracebackType

from boxwright.errors import CorruptError
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.challenge import Scope
from boxwright.remote.failure import nonsense
from boxwright.remote.headers import content_range
from boxwright.remote.session import Session
from boxwright.remote.transport import ConnectionFailed, Response

# A connection that gave less than this before it broke counts as a failure in a row.
_PROGRESS_BYTES = 256 << 10
_SKIP_BYTES = 1 << 20


class WrongBlob(CorruptError):
    """A registry sent other bytes than the digest or size that was asked for."""

    def __init__(self, domain: str, digest: Digest, why: str) -> None:
        super().__init__(
            f"{domain} sent a wrong blob for {digest}: {why}",
            hint="try again; if it stays, the image is damaged there: push it anew",
        )
        self.digest = digest


class Download:
    """The bytes of one blob from `position` up to `end` (its size), exactly as many as its descriptor says.

    They are not verified here: a BlobWriter does that, or VerifiedBlob. For one thread.
    """

    __slots__ = ("_descriptor", "_end", "_failures", "_path", "_progress", "_response", "_session", "position")

    def __init__(
        self, session: Session, path: str, descriptor: Descriptor, *, position: int = 0, end: int | None = None
    ) -> None:
        self._end = descriptor.size if end is None else end
        self._session = session
        self._path = path
        self._descriptor = descriptor
        self._response: Response | None = None
        self._failures = 0
        self._progress = 0
        self.position = position
        """Where the next read begins, in bytes from the blob's start."""

    @property
    def size(self) -> int:
        return self._descriptor.size

    def begin(self) -> bool:
        """Send the request, and return whether the registry gives parts of a blob; else all of it will be read here.

        Raises as `read`.
        """
        while self._response is None:
            try:
                self._response = self._connect()
            except ConnectionFailed as error:
                self._broken(error)
        if self._response.status == 200:
            self._end = self.size
        return self._response.status == 206

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, nothing at the end.

        Raises WrongBlob when there are more bytes than there should be; RegistryFailure, and ConnectionFailed after
        the retry policy's attempts without progress.
        """
        while self.position < self._end:
            self._session.exchange.check()
            try:
                if self._response is None:
                    self._response = self._connect()
                chunk = self._response.read(min(limit, self._end - self.position))
                if not chunk:
                    raise ConnectionFailed(self._response.url, "broken", "the answer ended early", sent=True)
            except ConnectionFailed as error:
                self._broken(error)
                continue
            self.position += len(chunk)
            self._progress += len(chunk)
            if self.position == self._end:
                self._finish(self._response)
            return chunk
        return b""

    def close(self) -> None:
        """Stop; the connection is closed unless everything was read."""
        self._abandon()

    def __enter__(self) -> Download:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _finish(self, response: Response) -> None:
        """Make sure that nothing follows, and give the connection back."""
        self._response = None
        if self._end < self.size and response.status == 200:
            response.abandon()  # a part was wanted, and all of it is on its way
            return
        try:
            surplus = response.read(1)
        except ConnectionFailed:
            surplus = b""  # all that was wanted is here
        if surplus:
            response.abandon()
            what = (
                f"it is longer than {self.size} bytes" if self._end == self.size else "it sent more than was asked for"
            )
            raise WrongBlob(self._session.domain, self._descriptor.digest, what)
        response.close()

    def _connect(self) -> Response:
        session, digest = self._session, self._descriptor.digest
        what = f"pull {digest} from {session.domain}/{self._path}"
        headers = {}
        if self._end < self.size:
            headers["Range"] = f"bytes={self.position}-{self._end - 1}"
        elif self.position:
            headers["Range"] = f"bytes={self.position}-"
        response = session.request(
            "GET",
            f"/v2/{self._path}/blobs/{digest}",
            what=what,
            scopes=(Scope.repository(self._path, "pull"),),
            ok=(200, 206),
            headers=headers,
        )
        try:
            if response.status == 206:
                got = content_range(response.header("Content-Range"))
                if got is None or got.start != self.position or got.total not in (None, self.size):
                    raise nonsense(session.domain, what, 206, "it sent another range than it was asked for")
            else:
                if response.content_length not in (None, self.size):
                    why = f"it has {response.content_length} bytes, not {self.size}"
                    raise WrongBlob(session.domain, digest, why)
                self._skip(response)
        except BaseException:
            response.abandon()
            raise
        return response

    def _skip(self, response: Response) -> None:
        """Pass over what is known already: this registry begins at the start whatever it was asked."""
        left = self.position
        while left:
            chunk = response.read(min(left, _SKIP_BYTES))
            if not chunk:
                raise ConnectionFailed(response.url, "broken", "the answer ended early", sent=True)
            left -= len(chunk)

    def _broken(self, error: ConnectionFailed) -> None:
        self._abandon()
        self._failures = 1 if self._progress >= _PROGRESS_BYTES else self._failures + 1
        self._progress = 0
        delay = self._session.exchange.policy.delay(self._failures) if error.transient else None
        if delay is None:
            raise error
        self._session.exchange.wait(error.message, delay, self._failures)

    def _abandon(self) -> None:
        if self._response is not None:
            self._response.abandon()
            self._response = None


class VerifiedBlob:
    """A whole blob as a stream to read; a wrong one raises at its end."""

    __slots__ = ("_download", "_hasher", "descriptor")

    def __init__(self, session: Session, path: str, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self._download = Download(session, path, descriptor)
        self._hasher = hashlib.new(descriptor.digest.algorithm)

    def read(self, limit: int = 1 << 20) -> bytes:
        """Return up to `limit` bytes, nothing at the end. Raises WrongBlob, and as Download.read."""
        chunk = self._download.read(limit)
        self._hasher.update(chunk)
        if self._download.position >= self.descriptor.size:
            self._verify()
        return chunk

    def read_all(self) -> bytes:
        """Return everything that is left; for blobs whose size the caller has found small enough."""
        return b"".join(iter(self.read, b""))

    def close(self) -> None:
        self._download.close()

    def __enter__(self) -> VerifiedBlob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _verify(self) -> None:
        digest = self.descriptor.digest
        if self._hasher.hexdigest() != digest.hex:
            raise WrongBlob(
                self._download._session.domain, digest, f"its digest is {digest.algorithm}:{self._hasher.hexdigest()}"
            )
