"""Images: a configuration, the stack of snapshots that it names, and the names that people gave it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import ChainID, Digest, chain_ids
from boxwright.oci.manifest import Descriptor
from boxwright.oci.reference import Reference
from boxwright.store import publications
from boxwright.store.blobs import BlobStore
from boxwright.store.database import Database, Row
from boxwright.store.publications import Publication
from boxwright.store.snapshots import SnapshotNotFound, SnapshotStore
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.image.image import Image

MAX_CONFIG_BYTES = 8 << 20
"""More than any real configuration has; what registries and archives hand us is read no further."""

_COLUMNS = (
    "images.id, images.chain, images.created, images.size, images.parent,"
    " images.manifest_type, images.manifest_digest, images.manifest_size, images.intermediate"
)
_HEX = frozenset("0123456789abcdef")


def id_digits(text: str) -> str:
    """Return the hex digits of what may be an image ID or the beginning of one, else nothing."""
    digits = text.removeprefix("sha256:")
    return digits if len(digits) <= 64 and _HEX.issuperset(digits) else ""


class ImageNotFound(NotFoundError):
    def __init__(self, text: str, similar: str | None = None) -> None:
        hint = f"did you mean {similar}?" if similar else "list what is here: boxwright images"
        super().__init__(f"no such image: {text}", hint=hint)
        self.text = text


class AmbiguousImage(ConflictError):
    """Several images' IDs begin with what was given."""

    def __init__(self, text: str, ids: Iterable[Digest]) -> None:
        self.ids = tuple(ids)
        super().__init__(
            f"image ID {text} is ambiguous: {len(self.ids)} images begin with it",
            detail=[f"  {id}" for id in self.ids[:10]],
            hint="give more digits",
        )
        self.text = text


class ImageRecord(NamedTuple):
    id: Digest
    """The digest of the configuration."""
    chain: ChainID | None
    """The topmost snapshot; None for an image without layers."""
    created: str
    """RFC 3339, or empty: when it was built here, or what the configuration of one from elsewhere says."""
    size: int
    """Bytes of content in the files of all its layers, as docker counts."""
    parent: Digest | None
    """The image that this one was built or committed on in this store."""
    manifest: Descriptor | None
    """The manifest that it was pulled or loaded with; its bytes are in the store."""
    intermediate: bool
    """Made by a build on its way to another image."""


class ImageStore:
    """Rows of images, tags and digests. Every method is atomic; layers are removed by `removal`, not here."""

    __slots__ = ("_blobs", "_database", "_listing_changed", "_snapshots")

    def __init__(
        self, database: Database, blobs: BlobStore, snapshots: SnapshotStore, listing_changed: Callable[[], object]
    ) -> None:
        """`listing_changed` is called after a change of what ``content/index.json`` lists: images with a manifest."""
        self._database = database
        self._blobs = blobs
        self._snapshots = snapshots
        self._listing_changed = listing_changed

    def add(
        self,
        config: ImageConfig | bytes,
        *,
        parent: Digest | None = None,
        manifest: Descriptor | None = None,
        intermediate: bool = False,
        created: str | None = None,
    ) -> ImageRecord:
        """Add the image of this configuration, whose snapshots are all in the store.

        The configuration's bytes are stored as they are, and are durable. `created` (RFC 3339) is when the image was
        made, where its configuration does not say that. Idempotent: an image that is there keeps its parent and its
        time; a manifest is noted if it had none, and it stops being intermediate when it is added as a final image.
        Raises SnapshotNotFound when a layer is missing, MalformedConfig.
        """
        raw = config if isinstance(config, bytes) else config.to_bytes()
        parsed = ImageConfig.parse(raw) if isinstance(config, bytes) else config
        chains = chain_ids(parsed.diff_ids)
        chain = chains[-1] if chains else None
        id = self._blobs.put(raw)
        with self._database.transaction():
            # A collector may have taken the blob before this transaction began.
            self._blobs.put(raw)
            size = self._size(chain)
            self._database.run(
                "INSERT INTO images (id, chain, created, size, parent, intermediate, added)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET intermediate = intermediate AND excluded.intermediate,"
                " parent = coalesce(parent, excluded.parent)",
                *(id, chain, created or parsed.created, size, parent if parent != id else None),
                *(int(intermediate), int(time.time())),
            )
            if manifest is not None:
                self._database.run(
                    "UPDATE images SET manifest_type = ?, manifest_digest = ?, manifest_size = ?"
                    " WHERE id = ? AND manifest_digest IS NULL",
                    *(manifest.media_type, manifest.digest, manifest.size, id),
                )
            record = self.get(id)
        assert record is not None
        if manifest is not None:
            self._listing_changed()
        return record

    def _size(self, chain: ChainID | None) -> int:
        if chain is None:
            return 0
        row = self._database.row(
            "WITH RECURSIVE stack (chain, parent, usage) AS (SELECT chain, parent, usage FROM snapshots WHERE chain = ?"
            " UNION ALL SELECT s.chain, s.parent, s.usage FROM stack JOIN snapshots s ON s.chain = stack.parent)"
            " SELECT sum(usage) FROM stack",
            chain,
        )
        if row is None or row[0] is None:
            raise SnapshotNotFound(chain)
        return int(row[0])

    def set_manifest(self, id: Digest, manifest: Descriptor | None) -> None:
        """Note the manifest that the image now has in the store (its bytes are a blob already), or none."""
        values = (manifest.media_type, manifest.digest, manifest.size) if manifest else (None, None, None)
        self._database.run(
            "UPDATE images SET manifest_type = ?, manifest_digest = ?, manifest_size = ? WHERE id = ?", *values, id
        )
        self._listing_changed()

    def get(self, id: Digest) -> ImageRecord | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM images WHERE id = ?", id)
        return _record(row) if row else None

    def find(self, text: str) -> ImageRecord:
        """Return the image that a person means: ``name[:tag]``, ``name@digest``, an ID or its beginning.

        A name goes before an ID's beginning, as docker has it. Raises ImageNotFound, AmbiguousImage, InvalidReference.
        """
        digits = id_digits(text)
        if len(digits) == 64:
            record = self.get(Digest("sha256:" + digits))
            if record is None:
                raise ImageNotFound(text)
            return record
        # Fewer digits may be a name too; what is no possible name is refused here, with its reason.
        record = self.resolve(Reference.parse(text))
        if record is not None:
            return record
        if digits:
            found = self._by_prefix(digits)
            if len(found) > 1:
                raise AmbiguousImage(text, [record.id for record in found])
            if found:
                return found[0]
        raise ImageNotFound(text, self._similar(text))

    def resolve(self, ref: Reference) -> ImageRecord | None:
        """Return what a name stands for here, or None. With a digest, the digest alone decides."""
        if ref.digest is not None:
            sql = f"SELECT {_COLUMNS} FROM repo_digests JOIN images ON id = image WHERE repository = ? AND digest = ?"
            row = self._database.row(sql, ref.repository, ref.digest)
        else:
            sql = f"SELECT {_COLUMNS} FROM tags JOIN images ON id = image WHERE repository = ? AND tag = ?"
            row = self._database.row(sql, ref.repository, ref.with_default_tag().tag)
        return _record(row) if row else None

    def _by_prefix(self, digits: str) -> list[ImageRecord]:
        low = "sha256:" + digits
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM images WHERE id >= ? AND id < ? ORDER BY id", low, low + "g"
        )
        return [_record(row) for row in rows]

    def _similar(self, text: str) -> str | None:
        import difflib

        names = [ref.familiar().removesuffix(":latest") for ref, _ in self.tags()]
        return next(iter(difflib.get_close_matches(text.removesuffix(":latest"), names, n=1, cutoff=0.75)), None)

    def config(self, record: ImageRecord) -> ImageConfig:
        return ImageConfig.parse(self.config_bytes(record))

    def config_bytes(self, record: ImageRecord) -> bytes:
        """Return the configuration as it came. Raises BlobNotFound, BlobMismatch when the store is damaged."""
        return self._blobs.read(record.id, MAX_CONFIG_BYTES)

    def tag(self, ref: Reference, id: Digest, publication: Publication | None = None) -> Digest | None:
        """Let a tag name this image; return the image that it named before, if another one.

        ``latest`` is added; a digest in `ref` is refused with InvalidError. What was known of how the tag leaves is
        replaced by `publication`. Raises ImageNotFound.
        """
        if ref.digest is not None:
            raise InvalidError(
                f"cannot tag with a digest: {ref.familiar()}", hint="a digest names one content for ever; use a tag"
            )
        ref = ref.with_default_tag()
        with self._database.transaction():
            record, before = self.get(id), self.resolve(ref)
            if record is None:
                raise ImageNotFound(id)
            self._database.run(
                "INSERT INTO tags (repository, tag, image) VALUES (?, ?, ?)"
                " ON CONFLICT (repository, tag) DO UPDATE SET image = excluded.image",
                *(ref.repository, ref.tag, id),
            )
            self._database.run("UPDATE images SET intermediate = 0 WHERE id = ?", id)
            publications.put(self._database, ref, publication or Publication())
        if record.manifest or (before is not None and before.manifest):
            self._listing_changed()
        return before.id if before is not None and before.id != id else None

    def publication(self, ref: Reference) -> Publication:
        """Return how a tag leaves: for which platforms, in which form."""
        return publications.get(self._database, ref.with_default_tag())

    def is_variant(self, id: Digest) -> bool:
        """Whether a tag for several platforms has this image among them."""
        return self._database.row("SELECT 1 FROM tag_platforms WHERE image = ?", id) is not None

    def untag(self, ref: Reference) -> bool:
        """Remove one tag or one repository digest, never an image; return whether it was there."""
        if ref.digest is not None:
            sql = "DELETE FROM repo_digests WHERE repository = ? AND digest = ?"
            return self._database.run(sql, ref.repository, ref.digest) > 0
        ref = ref.with_default_tag()
        before = self.resolve(ref)
        gone = self._database.run("DELETE FROM tags WHERE repository = ? AND tag = ?", ref.repository, ref.tag) > 0
        if before is not None and before.manifest:
            self._listing_changed()
        return gone

    def add_repo_digest(self, ref: Reference, id: Digest) -> None:
        """Note under which digest a repository has this image. Raises ImageNotFound."""
        if ref.digest is None:
            raise InvalidError(f"no digest in {ref.familiar()}")
        with self._database.transaction():
            if self.get(id) is None:
                raise ImageNotFound(id)
            self._database.run(
                "INSERT INTO repo_digests (repository, digest, image) VALUES (?, ?, ?)"
                " ON CONFLICT (repository, digest) DO UPDATE SET image = excluded.image",
                *(ref.repository, ref.digest, id),
            )

    def image(self, record: ImageRecord) -> Image:
        """Return the view of an image: configuration, layers, and the manifest it came with.

        Raises SnapshotNotFound, BlobNotFound, CorruptError when the store is damaged.
        """
        from boxwright.store.stored import image

        return image(self._blobs, self._snapshots, self, record)

    def refs(self, id: Digest) -> list[Reference]:
        """Return the image's tags, sorted."""
        rows = self._database.rows("SELECT repository, tag FROM tags WHERE image = ? ORDER BY repository, tag", id)
        return [_reference(repository, tag=tag) for repository, tag in rows]

    def repo_digests(self, id: Digest) -> list[Reference]:
        """Return the image's ``name@digest`` references, sorted."""
        rows = self._database.rows(
            "SELECT repository, digest FROM repo_digests WHERE image = ? ORDER BY repository, digest", id
        )
        return [_reference(repository, digest=Digest(digest)) for repository, digest in rows]

    def tags(self) -> list[tuple[Reference, Digest]]:
        """Return every tag with its image, sorted by name."""
        rows = self._database.rows("SELECT repository, tag, image FROM tags ORDER BY repository, tag")
        return [(_reference(repository, tag=tag), Digest(image)) for repository, tag, image in rows]

    def all_repo_digests(self) -> list[tuple[Reference, Digest]]:
        """Return every ``name@digest`` with its image, sorted by name."""
        rows = self._database.rows("SELECT repository, digest, image FROM repo_digests ORDER BY repository, digest")
        return [(_reference(repository, digest=Digest(digest)), Digest(image)) for repository, digest, image in rows]

    def children(self, id: Digest) -> list[ImageRecord]:
        """Return the images whose parent this one is."""
        return [
            _record(row)
            for row in self._database.rows(f"SELECT {_COLUMNS} FROM images WHERE parent = ? ORDER BY id", id)
        ]

    def with_chain(self, chain: ChainID) -> list[ImageRecord]:
        """Return the images whose topmost layer this is."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM images WHERE chain = ? ORDER BY added, id", chain)
        return [_record(row) for row in rows]

    def list(self, all: bool = False) -> list[ImageRecord]:
        """Return images, newest first; with `all`, those that builds made on their way too."""
        which = "" if all else "WHERE NOT intermediate"
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM images {which} ORDER BY created DESC, added DESC, id")
        return [_record(row) for row in rows]


def _reference(repository: str, *, tag: str | None = None, digest: Digest | None = None) -> Reference:
    domain, _, path = repository.partition("/")
    return Reference(domain, path, tag, digest)


def _record(row: Row) -> ImageRecord:
    id, chain, created, size, parent, manifest_type, manifest_digest, manifest_size, intermediate = row
    return ImageRecord(
        Digest(id),
        ChainID(Digest(chain)) if chain else None,
        created,
        size,
        Digest(parent) if parent else None,
        Descriptor(manifest_type, Digest(manifest_digest), manifest_size) if manifest_digest else None,
        bool(intermediate),
    )
