"""One blob on its way into a registry: mounted, sent in one piece, or streamed; resumed when the connection breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from boxwright.errors import BoxwrightError
from boxwright.oci.digest import Digest
from boxwright.remote.challenge import Scope
from boxwright.remote.failure import RegistryFailure, nonsense
from boxwright.remote.headers import resolve, upload_offset, with_query
from boxwright.remote.retry import RETRIED_STATUSES
from boxwright.remote.session import Session
from boxwright.remote.transport import ConnectionFailed, Response
from boxwright.values import NamedTuple

# An attempt after which the registry has less than this more counts as a failure in a row.
_PROGRESS_BYTES = 256 << 10


class BlobSource(Protocol):
    """Content to upload, the same bytes whenever it is opened.

    `size` and `digest` may be None at first; both must be known once a stream from `open` came to its end.
    """

    @property
    def digest(self) -> Digest | None: ...

    @property
    def size(self) -> int | None: ...

    def open(self, offset: int) -> Iterator[bytes | memoryview]:
        """Return the content from `offset` on, in pieces of any length."""


class BytesSource(NamedTuple):
    """Small content that is in memory."""

    data: bytes
    digest: Digest

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self, offset: int) -> Iterator[bytes | memoryview]:
        yield memoryview(self.data)[offset:]


class Uploaded(NamedTuple):
    digest: Digest
    size: int
    taken_up: int = 0
    """How many of its bytes an earlier run had sent."""


class Bookmark(Protocol):
    """Where an upload is noted while it is open, so that a later run can go on: see `store.uploads.OpenUpload`."""

    def claim(self) -> str | None: ...

    def keep(self, url: str) -> None: ...

    def leave(self) -> None: ...

    def forget(self) -> None: ...


class NoBookmark:
    """For a blob that is sent again when it could not be sent at once."""

    def claim(self) -> str | None:
        return None

    def keep(self, url: str) -> None: ...

    def leave(self) -> None: ...

    def forget(self) -> None: ...


NO_BOOKMARK = NoBookmark()


class _Spot(NamedTuple):
    """An upload that is open in the registry, and how many bytes of it are there."""

    url: str
    offset: int


class Upload:
    """Uploads blobs to one repository. For one blob at a time; make one for each thread."""

    __slots__ = ("_failures", "_path", "_progress", "_scopes", "_session", "_what")

    def __init__(self, session: Session, path: str, progress: Callable[[int], object] | None = None) -> None:
        """`progress` hears how many bytes of the blob have been sent; the number falls when an upload starts over."""
        self._session = session
        self._path = path
        self._scopes = (Scope.repository(path, "pull", "push"),)
        self._what = f"push to {session.domain}/{path}"
        self._progress = progress or (lambda sent: None)
        self._failures = 0

    def find(self, digest: Digest) -> int | None:
        """Return the size of a blob that the repository has already, None when it has to be sent."""
        return stat_blob(self._session, self._path, digest, what=self._what)

    def mount(self, digest: Digest, source: str) -> str | None:
        """Ask the registry to take a blob from its repository `source`.

        Returns None when it did, else the URL of the upload that it opened instead. Raises RegistryFailure when the
        registry forbids even to push.
        """
        scopes = (*self._scopes, Scope.repository(source, "pull"))
        target = with_query(f"/v2/{self._path}/blobs/uploads/", mount=digest, **{"from": source})
        try:
            response = self._post(target, scopes)
        except RegistryFailure as error:
            if error.status not in (400, 401, 403, 404, 405):
                raise
            # Some registries refuse what others answer with 202: then it is sent as if there were no mounts.
            return self._begin().url
        if response.status == 201:
            response.close()
            return None
        return self._opened(response).url

    def send(self, source: BlobSource, url: str | None = None, bookmark: Bookmark = NO_BOOKMARK) -> Uploaded:
        """Bring a blob into the repository and return what it is, once the registry has taken it in.

        `url` is an upload that `mount` opened. A broken connection is followed by a question for how much arrived,
        and by the rest; so is the upload that `bookmark` knows of, from an earlier run. Raises RegistryFailure,
        ConnectionFailed; what the source raises passes.
        """
        left = bookmark.claim()
        found = self._take_up(left, source) if left is not None else None
        if found is None:
            found = _Spot(url, 0) if url else self._begin()
            bookmark.keep(found.url)
        try:
            sent = self._send(source, found, bookmark)
        except BaseException:
            bookmark.leave()
            raise
        bookmark.forget()
        return sent

    def _send(self, source: BlobSource, spot: _Spot, bookmark: Bookmark) -> Uploaded:
        taken_up = spot.offset
        broken = restarted = asked_again = False
        while True:
            try:
                if broken:
                    found = self._look(spot, source)
                    if isinstance(found, Uploaded):
                        return found._replace(taken_up=taken_up)
                    if found is None:
                        found = self._begin()
                        bookmark.keep(found.url)
                    # What was sent says little: it may have gone no farther than a buffer on the way.
                    if found.offset - spot.offset >= _PROGRESS_BYTES:
                        self._failures = 0
                    spot, taken_up = found, min(taken_up, found.offset)
                return self._attempt(source, spot)._replace(taken_up=taken_up)
            except ConnectionFailed as error:
                self._pause(error, passing=error.transient)
            except RegistryFailure as error:
                resumed = broken or taken_up > 0
                if error.status in RETRIED_STATUSES:
                    self._pause(error, passing=True, wish=error.retry_after)
                elif error.status == 416 and resumed and not asked_again:
                    asked_again = True  # it has another part than it said, or has lost some since: what is it now?
                elif error.status in (400, 404, 416) and resumed and not restarted:
                    # The registry and we disagree about what had arrived. From the start, once.
                    restarted = True
                    spot, taken_up = self._begin(), 0
                    bookmark.keep(spot.url)
                    broken = False
                    continue
                else:
                    raise
            broken = True

    def _attempt(self, source: BlobSource, spot: _Spot) -> Uploaded:
        size, digest = source.size, source.digest
        if size is not None and digest is not None:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size - spot.offset)}
            if 0 < spot.offset < size:
                headers["Content-Range"] = f"{spot.offset}-{size - 1}"
            target = with_query(spot.url, digest=digest)
            self._request("PUT", target, (201,), headers, lambda: self._body(source, spot.offset)).close()
            return Uploaded(digest, size)
        headers = {"Content-Type": "application/octet-stream"}
        response = self._request("PATCH", spot.url, (202,), headers, lambda: self._body(source, spot.offset))
        url = self._opened(response).url
        size, digest = source.size, source.digest
        assert size is not None, "a source knows its size at its end"
        assert digest is not None, "a source knows its digest at its end"
        return self._finish(url, Uploaded(digest, size))

    def _finish(self, url: str, blob: Uploaded) -> Uploaded:
        headers = {"Content-Length": "0"}
        try:
            self._request("PUT", with_query(url, digest=blob.digest), (201,), headers, None, repeat=True).close()
        except RegistryFailure as error:
            # Repeated after a lost answer, the upload is unknown: because it is done, or because it is gone.
            if error.status != 404 or self.find(blob.digest) != blob.size:
                raise
        return blob

    def _body(self, source: BlobSource, offset: int) -> Iterator[bytes | memoryview]:
        position = offset
        for chunk in source.open(offset):
            yield chunk
            position += len(chunk)
            self._session.exchange.check()
            self._progress(position)

    def _pause(self, failure: BoxwrightError, *, passing: bool, wish: float | None = None) -> None:
        self._failures += 1
        delay = self._session.exchange.policy.delay(self._failures, wish) if passing else None
        if delay is None:
            raise failure
        self._session.exchange.wait(failure.message, delay, self._failures)

    def _look(self, spot: _Spot, source: BlobSource) -> _Spot | Uploaded | None:
        """Find out what the registry has of an upload that broke; None when it knows nothing of it."""
        try:
            found = self._ask(spot, source, repeat=True)
        except RegistryFailure as error:
            if error.status not in (400, 404, 405):
                raise
            found = None
        if found is not None:
            return found
        # Unknown there: it was finished, only the answer was lost, or it is gone.
        if source.digest is not None and (size := self.find(source.digest)) is not None:
            return Uploaded(source.digest, source.size if source.size is not None else size)
        return None

    def _take_up(self, url: str, source: BlobSource) -> _Spot | None:
        """Return where an upload of an earlier run goes on, None when the registry has nothing of it.

        The URL was true once: any refusal, and silence of another host that it names, mean that it is over.
        """
        if self._session.endpoint().verify and url.startswith("http://"):
            return None
        try:
            return self._ask(_Spot(url, 0), source, repeat=False)
        except (RegistryFailure, ConnectionFailed):
            return None

    def _ask(self, spot: _Spot, source: BlobSource, *, repeat: bool) -> _Spot | None:
        """Ask the registry how much of an upload it has; None when it has nothing, or more than there is."""
        response = self._request("GET", spot.url, (204, 200, 202), {}, None, repeat=repeat)
        offset = upload_offset(response.header("Range"))
        location = response.header("Location")
        response.close()
        if offset is None or (source.size is not None and offset > source.size):
            return None
        url = resolve(location, spot.url) if location else spot.url
        return _Spot(url or spot.url, offset)

    def _begin(self) -> _Spot:
        return self._opened(self._post(f"/v2/{self._path}/blobs/uploads/", self._scopes))

    def _post(self, target: str, scopes: tuple[Scope, ...]) -> Response:
        return self._session.request(
            "POST", target, what=self._what, scopes=scopes, ok=(201, 202), headers={"Content-Length": "0"}
        )

    def _opened(self, response: Response) -> _Spot:
        url = resolve(response.header("Location") or "", response.url)
        response.close()
        if url is None:
            raise nonsense(self._session.domain, self._what, response.status, "it gave no place to upload to")
        endpoint = self._session.endpoint()
        if endpoint.verify and url.startswith("http://"):
            raise nonsense(self._session.domain, self._what, response.status, "it wants the upload over plain HTTP")
        return _Spot(url, 0)

    def _request(
        self,
        method: str,
        url: str,
        ok: tuple[int, ...],
        headers: dict[str, str],
        body: Callable[[], Iterator[bytes | memoryview]] | None,
        *,
        repeat: bool = False,
    ) -> Response:
        return self._session.request(
            method, url, what=self._what, scopes=self._scopes, ok=ok, headers=headers, body=body, repeat=repeat
        )


def stat_blob(session: Session, path: str, digest: Digest, *, what: str = "") -> int | None:
    """Return the size of a blob in a repository, None when it isn't there. Raises RegistryFailure, ConnectionFailed.

    `what` completes "cannot …" in messages, where the blob is looked for on the way to something else.
    """
    response = session.request(
        "HEAD",
        f"/v2/{path}/blobs/{digest}",
        what=what or f"look for {digest} in {session.domain}/{path}",
        scopes=(Scope.repository(path, "pull"),),
        ok=(200, 404),
    )
    response.close()
    return response.content_length if response.status == 200 else None
