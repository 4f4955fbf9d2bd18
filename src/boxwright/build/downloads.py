"""ADD of a URL: fetched once, asked again whether it changed, and known by its content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from boxwright.build.writing import Placement
from boxwright.errors import CorruptError, InvalidError, UnavailableError
from boxwright.host.paths import Path
from boxwright.store.contexts import ContextCache
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_CHUNK = 1 << 20
_TIMEOUT = 60.0
"""Seconds for a connection, and between two pieces of an answer."""
_UNNAMED = "__unnamed__"


class DownloadFailed(UnavailableError):
    """A URL could not be fetched."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"cannot fetch {url}: {why}")
        self.url = url


class DownloadMismatch(CorruptError):
    """A URL has another content than it should."""

    def __init__(self, url: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{url} has sha256:{actual}, not sha256:{expected}", hint="is it what you want? Then correct --checksum"
        )
        self.expected = expected
        self.actual = actual


class UrlInvalid(InvalidError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"invalid URL {url}: {why}")
        self.url = url


class _Known(NamedTuple):
    """What a server said about a URL the last time, and what its content was."""

    etag: str
    last_modified: str
    sha256: str


class Download:
    """One URL. Nothing is fetched before `digest` or `fetch`, and the content at most once."""

    __slots__ = ("_cache", "_directory", "_expected", "_file", "_key", "_mtime_ns", "_sha256", "_url", "name")

    def __init__(self, url: str, cache: ContextCache, directory: Path, expected: str = "") -> None:
        """`directory` takes the content until it is needed; whoever gave it removes it. `expected` is its sha256 (hex):
        with it, nothing is asked just to know the content. Raises UrlInvalid."""
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise UrlInvalid(url, str(error)) from None
        if not parts.hostname:
            raise UrlInvalid(url, "it names no host")
        self._url = url
        self._cache = cache
        self._key = "url " + url
        self._directory = directory
        self._file: Path | None = None
        self._expected = expected
        self._sha256 = expected
        self._mtime_ns = 0
        self.name = unquote(parts.path).rstrip("/").rpartition("/")[2] or _UNNAMED
        """What the file is called in a directory."""

    def digest(self) -> str:
        """Return the sha256 (hex) of the content. A server that knows that nothing has changed sends no content.

        Raises DownloadFailed.
        """
        if not self._sha256:
            self._request(self._known())
        return self._sha256

    def fetch(self, directory: Path) -> Placement:
        """Return the content as a file to be placed. Raises DownloadFailed, DownloadMismatch."""
        if self._file is None:
            self._request(None)
        assert self._file is not None
        size = self._file.stat().st_size
        return Placement("", stat.S_IFREG | 0o600, 0, 0, self._mtime_ns, size, os.fspath(self._file))

    def _known(self) -> _Known | None:
        data = self._cache.get_index(self._key)
        return _Known(*json.loads(data)) if data is not None else None

    def _request(self, known: _Known | None) -> None:
        import urllib3

        headers = {"User-Agent": "boxwright", "Accept-Encoding": "identity"}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        elif known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        try:
            with urllib3.PoolManager(timeout=_TIMEOUT) as pool:
                self._receive(pool, headers, known)
        except urllib3.exceptions.HTTPError as error:
            raise DownloadFailed(self._url, _why(error)) from None

    def _receive(self, pool: PoolManager, headers: dict[str, str], known: _Known | None) -> None:
        response = pool.request("GET", self._url, headers=headers, preload_content=False)
        try:
            if response.status == 304 and known is not None:
                self._sha256 = known.sha256
                return
            if response.status != 200:
                raise DownloadFailed(self._url, f"the server answers {response.status} {response.reason or ''}".strip())
            self._save(response)
        finally:
            response.close()

    def _save(self, response: BaseHTTPResponse) -> None:
        file = self._directory / hashlib.sha256(self._url.encode()).hexdigest()
        digest = hashlib.sha256()
        with open(file, "wb") as stream:
            for piece in response.stream(_CHUNK):
                digest.update(piece)
                stream.write(piece)
        if self._expected and digest.hexdigest() != self._expected:
            raise DownloadMismatch(self._url, self._expected, digest.hexdigest())
        self._file = file
        self._sha256 = digest.hexdigest()
        last_modified = response.headers.get("Last-Modified", "")
        self._mtime_ns = _time_ns(last_modified)
        known = _Known(response.headers.get("ETag", ""), last_modified, self._sha256)
        if known.etag or known.last_modified:
            self._cache.put_index(self._key, json.dumps(known).encode())


def _why(error: BaseException) -> str:
    """Return what is at the bottom of an error of urllib3: what the system said, or else its own words."""
    while (reason := getattr(error, "reason", None)) is not None and isinstance(reason, BaseException):
        error = reason
    cause = error.__cause__ or error.__context__
    return cause.strerror.lower() if isinstance(cause, OSError) and cause.strerror else str(error)


def _time_ns(last_modified: str) -> int:
    """Return a Last-Modified header in nanoseconds since the epoch; 0 when it says nothing sensible."""
    from email.utils import parsedate_to_datetime

    try:
        return max(0, int(parsedate_to_datetime(last_modified).timestamp())) * 1_000_000_000
    except (TypeError, ValueError):
        return 0
