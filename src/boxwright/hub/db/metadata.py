"""The contract of a metadata store.

It holds everything about content but its bytes: which repository has which blobs, manifests and tags, and which uploads
are open. A blob exists once for all repositories, but a repository sees it only when it is a member. Every method is
one transaction: when it returns, what it did survives a power loss; when it raises, nothing was done. Every
implementation passes ``tests/contract/test_hub_metadata.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from boxwright.errors import ConflictError, NotFoundError, UnavailableError
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple


class RepositoryUnknown(NotFoundError):
    """Nothing was ever pushed under this name."""

    def __init__(self, repository: str) -> None:
        super().__init__(f"no repository {repository}")
        self.repository = repository


class ContentMissing(NotFoundError):
    """A manifest names content that its repository does not have."""

    def __init__(self, repository: str, digests: Sequence[Digest]) -> None:
        super().__init__(f"{repository} lacks {', '.join(digests)}")
        self.repository = repository
        self.digests = tuple(digests)


class BlobInUse(ConflictError):
    """A blob cannot leave a repository while manifests there name it."""

    def __init__(self, repository: str, digest: Digest, manifests: Sequence[Digest]) -> None:
        super().__init__(f"{digest} is part of {len(manifests)} manifest(s) of {repository}")
        self.repository = repository
        self.digest = digest
        self.manifests = tuple(manifests)


class BlobCondemned(UnavailableError):
    """Nobody can have a blob as long as its bytes are being destroyed: see `claims.claim`."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"{digest} is just being removed as garbage", hint="push it again in a moment")
        self.digest = digest


class Manifest(NamedTuple):
    """A manifest as it was pushed, and what listings ask of it."""

    digest: Digest
    media_type: str
    content: bytes
    artifact_type: str | None = None
    subject: Digest | None = None
    annotations: Mapping[str, str] = {}


class Requirements(NamedTuple):
    """The content that a manifest names."""

    blobs: tuple[Digest, ...] = ()
    """Config and layers: must be members of the repository, and cannot leave it before the manifest does."""
    children: tuple[Digest, ...] = ()
    """Manifests of an index (or blobs: build caches keep layers in an index)."""
    optional: tuple[Digest, ...] = ()
    """Named, and kept while they are named, but allowed to be absent: foreign layers, say."""


class Member(NamedTuple):
    """A blob that a repository has."""

    repository: int
    """Its number, which means something to the store alone."""
    digest: Digest


class Referrer(NamedTuple):
    """A manifest whose subject is another one."""

    digest: Digest
    media_type: str
    size: int
    artifact_type: str | None
    annotations: Mapping[str, str]


class Upload(NamedTuple):
    """An open upload; where it stands is known to the storage."""

    id: str
    repository: str
    owner: str
    started: float
    client: str = ""
    """Whose it counts as: a user, or an address where nobody has to log in."""


class Hold(NamedTuple):
    """What `hold_upload` found."""

    upload: Upload
    previous: str | None
    """Who held it last."""
    broken: bool = False
    """It was not given back: its last holder died, or was silent for too long and may even go on."""


class UploadBusy(ConflictError):
    """Somebody else works on an upload."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"another request works on the upload {upload_id}")
        self.upload_id = upload_id


class MetadataStore(Protocol):
    """Methods may be called from any thread. Listings are in byte order and start after `last`."""

    # -- blobs

    def claim_blob(self, digest: Digest, size: int) -> None:
        """Announce that bytes are about to be stored: from now on they count as touched. Idempotent.

        Nobody sees them until a repository has them. Who stores bytes without having claimed them may lose them to a
        collection that is under way. Raises BlobCondemned.
        """

    def add_blob(self, repository: str, digest: Digest, size: int, *, upload: str | None = None) -> None:
        """Make a durable blob a member of `repository` (created when new) and end its upload. Idempotent.

        Raises QuotaExceeded, and BlobCondemned when its claim is so old that it became garbage: neither ends anything.
        """

    def check_room(self, repository: str, size: int) -> None:
        """Raise QuotaExceeded when a repository may not have `size` bytes more, as things are now."""

    def blob_size(self, repository: str, digest: Digest) -> int | None:
        """Return the size of a member, None for everything else."""

    def mount_blob(self, repository: str, digest: Digest, source: str | None) -> bool:
        """Make a member of `source` (of any repository when it is None) a member of `repository` as well.

        False, and nothing done, when the source does not have it. Raises QuotaExceeded.
        """

    def touch_blob(self, repository: str, digest: Digest, *, older: float) -> None:
        """Note that somebody counts on a member, unless that was noted less than `older` seconds ago."""

    def remove_blob(self, repository: str, digest: Digest) -> bool:
        """End a membership; False when there was none. Raises BlobInUse."""

    # -- garbage

    def unneeded_blobs(self, before: float, *, limit: int, last: Member | None) -> list[Member]:
        """Return at most `limit` blobs that no manifest of their repository needs, in an order of the store's own.

        Those alone that were not touched since `before` (seconds since the epoch).
        """

    def release_blobs(self, members: Sequence[Member], before: float) -> int:
        """End those memberships that are unneeded still; return how many. The blobs count as touched now."""

    def garbage(self, before: float, *, limit: int, last: Digest | None) -> list[tuple[Digest, int]]:
        """Return at most `limit` blobs, with their sizes, that no repository has and that were not touched since
        `before`, in the order of their digests."""

    def condemn_blobs(self, digests: Sequence[Digest], before: float, holder: str, seconds: float) -> list[Digest]:
        """Give those of `digests` that are garbage still to `holder`, who destroys their bytes; return which.

        Until it forgets or spares them nobody can claim them, or make them a member. It has `seconds`, unless it keeps
        them for longer; what somebody condemned who is gone, or late, is given to the next who asks. `holder` is made
        by `holders.new_holder`.
        """

    def keep_condemned(self, digests: Sequence[Digest], holder: str, seconds: float) -> None:
        """Have `seconds` from now for what `holder` has condemned of `digests`."""

    def spare_condemned(self, digests: Sequence[Digest], holder: str) -> None:
        """Have what `holder` condemned of `digests`, and did not destroy, be garbage like any other."""

    def forget_condemned(self, digests: Sequence[Digest], holder: str) -> int:
        """Forget blobs that `holder` condemned and destroyed; return how many were its own to the end.

        A kill before it leaves rows without bytes, which the next collection destroys once more.
        """

    # -- manifests and tags

    def put_manifest(
        self, repository: str, manifest: Manifest, requirements: Requirements, tags: Sequence[str], *, sparse: bool
    ) -> None:
        """Store a manifest and point `tags` at it. Raises ContentMissing, TagImmutable.

        What it requires is checked in the same transaction; with `sparse`, children may be absent. Idempotent.
        """

    def manifest(self, repository: str, reference: Digest | str) -> Manifest | None:
        """Return the manifest of a digest (a `Digest`) or of a tag (any other string)."""

    def remove_manifest(self, repository: str, digest: Digest) -> int | None:
        """Remove a manifest and all tags that point at it; None when there was none. Raises TagImmutable.

        Return how many bytes nothing needs any more, in any repository: what garbage collection will free.
        """

    def remove_tag(self, repository: str, tag: str) -> bool:
        """Remove a tag, not its manifest; False when there was none. Raises TagImmutable."""

    def note_pull(self, repository: str, digest: Digest, *, older: float) -> None:
        """Note that somebody got a manifest, unless that was noted less than `older` seconds ago."""

    # -- listings

    def tags(self, repository: str, *, limit: int, last: str | None) -> list[str]:
        """Return at most `limit` tags. Raises RepositoryUnknown."""

    def repositories(self, *, limit: int, last: str | None, containing: str = "") -> list[str]:
        """Return at most `limit` names of repositories that hold a manifest, those with `containing` in their names."""

    def referrers(
        self, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
    ) -> list[Referrer]:
        """Return at most `limit` manifests whose subject is `subject`, by digest."""

    # -- uploads

    def add_upload(self, upload: Upload, holder: str | None = None) -> None:
        """Remember an open upload, which `holder` had last. Survives the process; a power loss may forget it."""

    def upload(self, upload_id: str) -> Upload | None:
        """Return an open upload."""

    def hold_upload(self, upload_id: str, holder: str, seconds: float) -> Hold | None:
        """Have an upload to oneself for `seconds`, in any number of processes; None when there is none.

        `holder` is made by `holders.new_holder`. Holding it once more is one hold. Raises UploadBusy, unless the other
        one has died or let its time run out.
        """

    def extend_hold(self, upload_id: str, holder: str, seconds: float) -> bool:
        """Hold it for `seconds` from now; False when it is held no more: another one has it."""

    def release_upload(self, upload_id: str, holder: str) -> None:
        """Give it back; nothing happens when it is held no more."""

    def count_uploads(self, client: str) -> int:
        """Return how many uploads of a client are open."""

    def uploads(self) -> list[Upload]:
        """Return all open uploads."""

    def remove_upload(self, upload_id: str) -> bool:
        """Forget an upload; False when there was none."""

    def close(self) -> None:
        """Let go of files and connections. Idempotent."""
