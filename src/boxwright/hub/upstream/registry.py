"""One upstream: what it is asked, and when it is better left alone."""

from __future__ import annotations

import hashlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from boxwright.errors import BoxwrightError, CancelledError, CorruptError, DeniedError, NotFoundError, UnavailableError
from boxwright.hub.registry.document import Document, InvalidDocument, read_document
from boxwright.hub.upstream.guard import GuardedTransport, NotAdmitted
from boxwright.hub.upstream.settings import PasswordMissing, UpstreamSettings
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor
from boxwright.remote import referrers
from boxwright.remote.challenge import Scope
from boxwright.remote.client import RegistryClient
from boxwright.remote.credentials import Credential
from boxwright.remote.download import VerifiedBlob
from boxwright.remote.failure import AccessDenied, NotInRegistry, RegistryFailure, RegistryUnsupported, TooManyRequests
from boxwright.remote.headers import content_range
from boxwright.remote.retry import RetryPolicy
from boxwright.remote.transport import ConnectionFailed, Response
from boxwright.values import NamedTuple

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 30.0
_POLICY = RetryPolicy(attempts=3, base=0.2, longest=1.0, patience=0.0)
"""Clients wait meanwhile, and repeat by themselves; what the upstream wants to wait for, we don't wait for in line."""

_REST_SECONDS = 5.0
"""For so long nobody tries an upstream that could not be reached: each try may take long to fail."""

_LIMITED_SECONDS = 30.0
_LONGEST_REST = 3600.0
_OUT_OF_REACH = frozenset({"name", "refused", "timeout", "proxy", "tls", "certificate", "plain"})

_ACCEPT = ", ".join((media.OCI_MANIFEST, media.OCI_INDEX, media.DOCKER_MANIFEST, media.DOCKER_LIST, "*/*;q=0.5"))


class UpstreamLacks(NotFoundError):
    """The upstream does not have it."""


class UpstreamDenies(DeniedError):
    """The upstream does not let us, or doesn't have it and doesn't say so."""


class UpstreamWrong(CorruptError):
    """The upstream sent something else than it was asked for."""


class UpstreamDown(UnavailableError):
    """The upstream cannot be asked now. `limited`: we ask too often; `seconds`: when to try again, if that is known."""

    def __init__(self, message: str, *, limited: bool = False, seconds: float | None = None) -> None:
        super().__init__(message)
        self.limited = limited
        self.seconds = seconds


class Counting(Protocol):
    """Who wants to know how upstreams are used."""

    def asked_upstream(self, upstream: str, result: str) -> None:
        """An upstream was asked, or would have been if it were not left alone."""

    def received_from_upstream(self, upstream: str, size: int) -> None:
        """Bytes of a blob came from there."""


class _NoCounting:
    def asked_upstream(self, upstream: str, result: str) -> None:
        """Nobody wants to know."""

    def received_from_upstream(self, upstream: str, size: int) -> None:
        """Nobody wants to know."""


class Fetched(NamedTuple):
    """A manifest as it came, verified, and what is in it."""

    digest: Digest
    content: bytes
    document: Document


class _Login:
    """The keychain of an upstream."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._given: str | None = None

    def get(self, domain: str) -> Credential | None:
        if not self._settings.username:
            return None
        self._given = self._settings.password()
        return Credential(self._settings.username, self._given)

    def has_changed(self) -> bool:
        """Whether the password is another one than the one last given."""
        return self._given is not None and self._given != self._settings.password()


class Upstream:
    """A registry that we keep content of. Threads may share it.

    Every method that asks raises UpstreamLacks, UpstreamDenies, UpstreamWrong, UpstreamDown.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        counting: Counting | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.counting = counting or _NoCounting()
        self._clock = clock
        self._lock = threading.Lock()
        self._resting: tuple[float, UpstreamDown] | None = None
        self._login = _Login(settings)
        self._client = self._connect()

    def _connect(self) -> RegistryClient:
        return RegistryClient(
            self.settings.domain,
            credentials=self._login,
            insecure=self.settings.plain,
            transport=GuardedTransport(self.settings, idle_seconds=_IDLE_SECONDS),
            policy=_POLICY,
        )

    def close(self) -> None:
        """End what is under way."""
        self._client.cancel()
        self._client.close()

    # -- manifests

    def resolve(self, path: str, tag: str) -> Digest | None:
        """Return the digest that a tag names now, None when the upstream doesn't say it without sending all."""
        with self._asking():
            try:
                response = self._manifest("HEAD", path, tag)
            except RegistryUnsupported:
                return None
            response.close()
            return _digest(response)

    def manifest(self, path: str, reference: str) -> Fetched:
        """Return the manifest of a tag or digest."""
        with self._asking():
            response = self._manifest("GET", path, reference)
            raw = response.body(MAX_MANIFEST_BYTES)
        claimed = Digest.parse(reference) if ":" in reference else _digest(response)
        algorithm = claimed.algorithm if claimed else "sha256"
        digest = Digest(f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}")
        if claimed is not None and claimed != digest:
            raise UpstreamWrong(f"{self.settings.url} sent a manifest {digest} as {claimed}")
        try:
            document = read_document(raw, None)
        except InvalidDocument:
            # Only what says of itself what it is needs no header; some registries have none that is right.
            try:
                document = read_document(raw, (response.header("Content-Type") or "").partition(";")[0])
            except InvalidDocument as error:
                raise UpstreamWrong(f"{self.settings.url}: {error.message}") from None
        return Fetched(digest, raw, document)

    def _manifest(self, method: str, path: str, reference: str) -> Response:
        return self._client.session.request(
            method,
            f"/v2/{path}/manifests/{reference}",
            what=f"fetch {path}:{reference} from {self.settings.domain}",
            scopes=(Scope.repository(path, "pull"),),
            headers={"Accept": _ACCEPT},
        )

    # -- blobs

    def blob_size(self, path: str, digest: Digest) -> int:
        """Return the size of a blob in bytes."""
        with self._asking():
            try:
                size = self._client.stat_blob(path, digest)
            except AccessDenied:
                size = self._size_of_a_byte(path, digest)  # it redirects to a URL that is signed for GET alone
        if size is None:
            raise UpstreamLacks(f"{self.settings.url} has no blob {digest} in {path}")
        return size

    def _size_of_a_byte(self, path: str, digest: Digest) -> int | None:
        response = self._client.session.request(
            "GET",
            f"/v2/{path}/blobs/{digest}",
            what=f"fetch {digest} from {self.settings.domain}/{path}",
            scopes=(Scope.repository(path, "pull"),),
            ok=(200, 206, 416),
            headers={"Range": "bytes=0-0"},
        )
        response.abandon()
        if response.status == 416:
            return 0
        if response.status == 200:
            return response.content_length
        found = content_range(response.header("Content-Range"))
        return found.total if found else None

    @contextmanager
    def blob(self, path: str, digest: Digest, size: int) -> Iterator[VerifiedBlob]:
        """Have a blob to read for the block. What goes wrong in the block is told as what an upstream does, too."""
        with self._asking(), self._client.open_blob(path, Descriptor("application/octet-stream", digest, size)) as blob:
            yield blob

    # -- lists

    def tags(self, path: str, *, limit: int, last: str | None) -> list[str]:
        """Return at most `limit` tags after `last`."""
        with self._asking():
            return list(itertools.islice(self._client.tags(path, last=last or "", page=limit), limit))

    def referrers(self, path: str, subject: Digest) -> list[Descriptor]:
        """Return what refers to a manifest."""
        with self._asking():
            return referrers.listed(self._client, path, subject)

    # -- moods

    @contextmanager
    def _asking(self) -> Iterator[None]:
        result = "failed"
        try:
            with self._told():
                yield
            result = "ok"
        except UpstreamLacks:
            result = "lacking"
            raise
        except UpstreamDenies:
            result = "denied"
            raise
        except UpstreamWrong:
            result = "wrong"
            raise
        except UpstreamDown as error:
            result = "limited" if error.limited else "down"
            raise
        finally:
            self.counting.asked_upstream(self.settings.prefix, result)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the client raises into what it means for us, and leave the upstream alone where it wants that."""
        with self._lock:
            if self._resting is not None:
                until, down = self._resting
                if (left := until - self._clock()) > 0:
                    raise UpstreamDown(down.message, limited=down.limited, seconds=left)
                self._resting = None
        try:
            yield
        except TooManyRequests as error:
            wish = _LIMITED_SECONDS if error.retry_after is None else error.retry_after
            raise self._rest(UpstreamDown(error.message, limited=True, seconds=min(wish, _LONGEST_REST))) from None
        except NotInRegistry as error:
            raise UpstreamLacks(error.message) from None
        except AccessDenied as error:
            if self._login.has_changed():
                self._client = self._connect()  # for the next question: a client keeps what it was given
            raise UpstreamDenies(error.message) from None
        except ConnectionFailed as error:
            down = UpstreamDown(error.message, seconds=_REST_SECONDS if error.reason in _OUT_OF_REACH else None)
            raise (self._rest(down) if down.seconds else down) from None
        except RegistryFailure as error:
            raise UpstreamDown(error.message) from None
        except (CancelledError, PasswordMissing) as error:
            raise UpstreamDown(error.message) from None
        except (CorruptError, NotAdmitted) as error:
            _log.warning("upstream %s: %s", self.settings.prefix, error.message)
            raise UpstreamWrong(error.message) from None

    def _rest(self, down: UpstreamDown) -> UpstreamDown:
        assert down.seconds is not None
        _log.warning("upstream %s: not asked for %.0f s: %s", self.settings.prefix, down.seconds, down.message)
        with self._lock:
            self._resting = self._clock() + down.seconds, down
        return down


def _digest(response: Response) -> Digest | None:
    try:
        return Digest.parse(response.header("Docker-Content-Digest") or "")
    except BoxwrightError:
        return None  # of an algorithm that we don't know, or none: what is sent counts
