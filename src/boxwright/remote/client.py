"""The client of one registry: manifests, tags and blobs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from boxwright.errors import CorruptError, InvalidError, UnsupportedError
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, parse_manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote import upload
from boxwright.remote.challenge import CATALOG, Scope
from boxwright.remote.credentials import Credential, Keychain, NoCredentials
from boxwright.remote.download import Download, VerifiedBlob
from boxwright.remote.exchange import Exchange
from boxwright.remote.failure import RegistryUnsupported, nonsense
from boxwright.remote.headers import RECLAIMABLE, next_link, with_query
from boxwright.remote.progress import Notice
from boxwright.remote.retry import DEFAULT_POLICY, RetryPolicy
from boxwright.remote.session import Session
from boxwright.remote.transport import BodyTooLarge, PooledTransport, Response, Transport
from boxwright.values import NamedTuple

# Registries compare these literally: a type that isn't listed is as good as not there.
_ACCEPT = ", ".join((media.OCI_MANIFEST, media.OCI_INDEX, media.DOCKER_MANIFEST, media.DOCKER_LIST))
_MAX_DEPTH = 3
_MAX_LIST_BYTES = 8 << 20
_MAX_PAGES = 10_000
_BYTES = re.compile(r"[0-9]{1,18}")


class NoMatchingPlatform(UnsupportedError):
    """An index without an image for the platform that is wanted."""

    def __init__(self, reference: Reference, platform: Platform, there: tuple[Platform, ...]) -> None:
        names = ", ".join(dict.fromkeys(map(str, there))) or "no platform at all"
        super().__init__(
            f"{reference.familiar()} has no image for {platform}",
            hint=f"it has images for {names}: choose one with --platform",
        )
        self.platform = platform
        self.there = there


class WrongManifest(CorruptError):
    """A registry sent another manifest than the one that was asked for."""

    def __init__(self, reference: Reference, why: str) -> None:
        super().__init__(f"the registry sent a wrong manifest for {reference.familiar()}: {why}")
        self.reference = reference


class DeletionDisabled(RegistryUnsupported):
    """A registry that deletes nothing, or no tags (distribution-spec "Deleting": 405)."""

    def __init__(self, failure: RegistryUnsupported) -> None:
        super().__init__(
            failure.host,
            failure.what,
            failure.status,
            failure.complaints,
            f"cannot {failure.what}: the registry does not delete",
            "its operator can allow it (boxwright: --delete, distribution: REGISTRY_STORAGE_DELETE_ENABLED=true);"
            " some only delete digests",
        )


class Resolved(NamedTuple):
    """What a reference stands for."""

    manifest: Manifest
    """The image's own manifest; its raw bytes are as they came and have its digest."""
    digest: Digest
    """What the reference's tag named: the digest of the index where there is one, else of the manifest."""
    image_index: Index | None


class RegistryClient:
    """Speaks to one registry. Cheap to make; nothing is sent before the first call. Threads may share it.

    `insecure` allows plain HTTP and unknown certificates (see endpoint.is_insecure); a large blob that is pulled may
    come over several `connections`. `namespace` is the registry that this one is a mirror of: it is told so (``?ns=``),
    as containerd does. `purpose` completes "cannot …" where a manifest isn't to be had. Every method that sends
    something raises RegistryFailure when the registry refuses, ConnectionFailed or PlainHttpRegistry when it isn't
    reached, and CancelledError after `cancel`.
    """

    def __init__(
        self,
        domain: str,
        *,
        credentials: Keychain | None = None,
        insecure: bool = False,
        transport: Transport | None = None,
        policy: RetryPolicy = DEFAULT_POLICY,
        notice: Callable[[Notice], object] | None = None,
        connections: int = 1,
        namespace: str = "",
        purpose: str = "pull",
    ) -> None:
        self.domain = domain
        self._purpose = purpose
        self._cancelled = threading.Event()
        self._transport = transport or PooledTransport()
        exchange = Exchange(domain, self._transport, policy=policy, cancelled=self._cancelled, notice=notice)
        self.session = Session(
            domain,
            exchange,
            credentials or NoCredentials(),
            insecure=insecure,
            connections=connections,
            namespace=namespace,
        )

    def ping(self) -> None:
        """Make sure that the registry answers."""
        self.session.endpoint()

    def cancel(self) -> None:
        """Make every running and later call of this client raise CancelledError."""
        self._cancelled.set()

    @contextmanager
    def cancellable(self) -> Iterator[threading.Event]:
        """Yield the event that cancels the calls inside the block; at its end the client may be used again.

        The threads that made calls have ended by then. One block at a time.
        """
        try:
            yield self._cancelled
        finally:
            self._cancelled.clear()

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def verify_login(self, credential: Credential) -> str:
        """See Session.verify_login."""
        return self.session.verify_login(credential)

    # ---- manifests

    def resolve(self, reference: Reference) -> Descriptor | None:
        """Return what a tag or digest names without fetching it, None when the registry doesn't have it.

        Falls back on fetching where the registry doesn't tell the digest in its headers.
        """
        response = self.session.request(
            "HEAD",
            _manifest_target(reference),
            what=f"{self._purpose} {reference.familiar()}",
            scopes=(Scope.repository(reference.path, "pull"),),
            ok=(200, 404),
            headers={"Accept": _ACCEPT},
        )
        response.close()
        if response.status == 404:
            return None
        digest, size, kind = (
            response.header("Docker-Content-Digest"),
            response.content_length,
            response.header("Content-Type"),
        )
        try:
            if digest and size is not None and kind:
                return Descriptor(kind, Digest.parse(digest), size)
        except InvalidError:
            pass  # a digest of no algorithm that we know: the content tells
        return self._fetch(reference).descriptor

    def fetch_manifest(self, reference: Reference, platform: Platform) -> Resolved:
        """Return the manifest of the image that `reference` names: of an index, the one for `platform`.

        Raises WrongManifest, MalformedManifest, NoMatchingPlatform, BodyTooLarge above 4 MiB.
        """
        found = self._fetch(reference)
        digest = found.digest if reference.digest is None else reference.digest
        index = found if isinstance(found, Index) else None
        for _ in range(_MAX_DEPTH):
            if isinstance(found, Manifest):
                return Resolved(found, digest, index)
            entry = found.select(platform)
            if entry is None:
                raise NoMatchingPlatform(reference, platform, found.platforms)
            found = self._fetch(reference._replace(tag=None, digest=entry.digest), entry)
        if isinstance(found, Manifest):
            return Resolved(found, digest, index)
        raise WrongManifest(reference, f"indexes are nested more than {_MAX_DEPTH} deep")

    def put_manifest(self, path: str, tag: str, manifest: Manifest | Index) -> Digest:
        """Store a manifest, its bytes as they are, under a tag (or its digest); return its digest. Idempotent."""
        digest, _ = self._put(path, tag, manifest)
        return digest

    def put_artifact(self, path: str, manifest: Manifest | Index) -> bool:
        """Store a manifest that refers to another one; return whether the registry understood that it does."""
        _, response = self._put(path, str(manifest.digest), manifest)
        return response.header("OCI-Subject") is not None

    def fetch(self, reference: Reference, entry: Descriptor | None = None) -> Manifest | Index:
        """Return what a tag or digest names, verified; `entry` is what an index says of it.

        Raises WrongManifest, MalformedManifest, BodyTooLarge.
        """
        return self._fetch(reference, entry)

    def delete(self, path: str, name: str) -> int | None:
        """Delete a tag, or a manifest by its digest together with all its tags (distribution-spec "Deleting").

        Return how many bytes come free by it, where the registry says so (boxwright's does).
        Raises NotInRegistry, DeletionDisabled.
        """
        what = f"delete {self.domain}/{path}{'@' if ':' in name else ':'}{name}"
        scopes = (Scope.repository(path, "pull", "push", "delete"),)
        try:
            target = f"/v2/{path}/manifests/{name}"
            response = self.session.request("DELETE", target, what=what, scopes=scopes, ok=(202, 200, 204))
        except RegistryUnsupported as error:
            raise DeletionDisabled(error) from None
        response.close()
        said = response.header(RECLAIMABLE) or ""
        return int(said) if _BYTES.fullmatch(said) else None

    def _put(self, path: str, tag: str, manifest: Manifest | Index) -> tuple[Digest, Response]:
        what = f"push {path}:{tag} to {self.domain}"
        response = self.session.request(
            "PUT",
            f"/v2/{path}/manifests/{tag}",
            what=what,
            scopes=(Scope.repository(path, "pull", "push"),),
            ok=(201,),
            headers={"Content-Type": manifest.media_type},
            body=manifest.raw,
        )
        said = response.header("Docker-Content-Digest")
        response.close()
        digest = manifest.digest
        if said and said.startswith("sha256:") and said != digest:
            raise nonsense(self.domain, what, response.status, f"it stored {said[:80]} instead of {digest}")
        return digest, response

    def _fetch(self, reference: Reference, entry: Descriptor | None = None) -> Manifest | Index:
        try:
            response, raw = self.session.document(
                _manifest_target(reference),
                MAX_MANIFEST_BYTES,
                what=f"{self._purpose} {reference.familiar()}",
                scopes=(Scope.repository(reference.path, "pull"),),
                headers={"Accept": _ACCEPT},
            )
        except BodyTooLarge:
            raise WrongManifest(reference, f"it is larger than {MAX_MANIFEST_BYTES >> 20} MiB") from None
        said = response.header("Docker-Content-Digest")
        if reference.digest is not None:
            _check_digest(reference, raw, reference.digest)
        elif said:
            try:
                _check_digest(reference, raw, Digest.parse(said))
            except InvalidError:
                pass  # an algorithm that we don't know; nothing was promised to us
        if entry is not None and entry.size != len(raw):
            raise WrongManifest(reference, f"it has {len(raw)} bytes, not {entry.size}")
        return parse_manifest(raw, entry.media_type if entry and entry.media_type else response.header("Content-Type"))

    # ---- blobs

    def open_blob(self, path: str, descriptor: Descriptor) -> VerifiedBlob:
        """Return a blob as a stream that survives broken connections and verifies itself at its end."""
        return VerifiedBlob(self.session, path, descriptor)

    def read_blob(self, path: str, descriptor: Descriptor, position: int = 0) -> Download:
        """Return a blob from `position` on as a stream that survives broken connections, and isn't verified."""
        return Download(self.session, path, descriptor, position=position)

    def stat_blob(self, path: str, digest: Digest) -> int | None:
        """Return the size of a blob in a repository, None when it isn't there."""
        return upload.stat_blob(self.session, path, digest)

    def upload(self, path: str, progress: Callable[[int], object] | None = None) -> upload.Upload:
        """Return an Upload into a repository: for one blob at a time, by one thread."""
        return upload.Upload(self.session, path, progress)

    # ---- artifacts that refer to images

    def referrers(self, path: str, subject: Digest) -> list[Descriptor]:
        """See `boxwright.remote.referrers.listed`."""
        from boxwright.remote.referrers import listed

        return listed(self, path, subject)

    def put_referrer(self, path: str, subject: Digest, manifest: Manifest | Index, described: Descriptor) -> None:
        """See `boxwright.remote.referrers.put_manifest`."""
        from boxwright.remote.referrers import put_manifest

        put_manifest(self, path, subject, manifest, described)

    # ---- lists

    def tags(self, path: str, *, last: str = "", page: int = 0) -> Iterator[str]:
        """Every tag of a repository after `last`, fetched when they are needed, in pages of `page` (0: as it likes)."""
        scopes = (Scope.repository(path, "pull"),)
        target = _paged(f"/v2/{path}/tags/list", last, page)
        return self._list(target, "tags", f"list the tags of {self.domain}/{path}", scopes)

    def repositories(self, *, last: str = "", page: int = 0) -> Iterator[str]:
        """Every repository that the registry shows to us after `last`, page by page as `tags`."""
        target = _paged("/v2/_catalog", last, page)
        return self._list(target, "repositories", f"list the repositories of {self.domain}", (CATALOG,))

    def search(self, text: str, limit: int) -> list[dict[str, Any]] | None:
        """Return what docker's search of version 1 finds: objects with a ``name`` each. None where there is none."""
        what = f"search {self.domain}"
        target = with_query("/v1/search", q=text, n=str(limit))
        ok = (200, 400, 404, 405, 501)
        response, body = self.session.document(target, _MAX_LIST_BYTES, what=what, scopes=(CATALOG,), ok=ok)
        if response.status != 200:
            return None
        try:
            document: Any = json.loads(body)
        except (ValueError, RecursionError):
            return None  # a web page for people, most likely
        results = document.get("results") if isinstance(document, dict) else None
        if not isinstance(results, list):
            return None
        return [result for result in results if isinstance(result, dict) and isinstance(result.get("name"), str)]

    def _list(self, target: str, field: str, what: str, scopes: tuple[Scope, ...]) -> Iterator[str]:
        url: str | None = target
        for _ in range(_MAX_PAGES):
            if url is None:
                return
            response, body = self.session.document(url, _MAX_LIST_BYTES, what=what, scopes=scopes)
            items = _items(body, field)
            if items is None:
                raise nonsense(self.domain, what, response.status, f"its answer is not a list of {field}")
            yield from items
            url = next_link(response.header_values("Link"), response.url)
        raise nonsense(self.domain, what, 200, "the list has no end")


def _manifest_target(reference: Reference) -> str:
    return f"/v2/{reference.path}/manifests/{reference.digest or reference.tag or 'latest'}"


def _paged(target: str, last: str, page: int) -> str:
    if page:
        target = with_query(target, n=str(page))
    return with_query(target, last=last) if last else target


def _check_digest(reference: Reference, raw: bytes, digest: Digest) -> None:
    import hashlib

    computed = hashlib.new(digest.algorithm, raw).hexdigest()
    if computed != digest.hex:
        raise WrongManifest(reference, f"its digest is {digest.algorithm}:{computed}, not {digest}")


def _items(body: bytes, field: str) -> list[str] | None:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    items = document.get(field) or []
    return items if isinstance(items, list) and all(isinstance(item, str) for item in items) else None
