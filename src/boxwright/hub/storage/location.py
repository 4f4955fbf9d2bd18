"""Where blobs live, as text: ``file:///dir`` or ``s3://bucket/prefix?endpoint=…&region=…``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from boxwright.errors import ConflictError, InvalidError
from boxwright.host.durable import replacing
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.hub.storage.base import BlobStorage

_BUCKET = re.compile(r"[a-z0-9A-Z][a-zA-Z0-9._-]{1,254}")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]{0,512}")
_PARAMETERS = frozenset({"endpoint", "region", "redirect-endpoint"})
_RECORD = "storage.url"
_HINT = "a storage looks like file:///srv/blobs or s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1"


class InvalidLocation(InvalidError):
    """Text that names no storage. It is not repeated: a URL may hold a password."""

    def __init__(self, why: str, hint: str = _HINT) -> None:
        super().__init__(f"invalid storage: {why}", hint=hint)


class StorageElsewhere(ConflictError):
    """A registry has its blobs in another place than it is told."""

    def __init__(self, root: Path, recorded: Location, given: Location) -> None:
        super().__init__(
            f"the registry in {root} keeps its blobs in {recorded}, not in {given}",
            hint=f"copy them there, then remove {root / _RECORD}",
        )
        self.root = root
        self.recorded = recorded
        self.given = given


class FolderLocation(NamedTuple):
    """A folder of this machine, or one that several share."""

    path: Path

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        """What `parse_location` reads."""
        return f"file://{quote(str(self.path))}"


class S3Location(NamedTuple):
    """A bucket and what all keys in it begin with. Who we are is not part of it."""

    bucket: str
    prefix: str = ""
    """Without slashes at its ends."""
    endpoint: str | None = None
    """The URL of the store; None: Amazon's."""
    region: str | None = None
    redirect_endpoint: str | None = None
    """How clients reach the store, where that is another URL: redirects go there."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def url(self) -> str:
        """What `parse_location` reads."""
        named = {"endpoint": self.endpoint, "region": self.region, "redirect-endpoint": self.redirect_endpoint}
        query = urlencode({name: value for name, value in named.items() if value is not None})
        return f"s3://{self.bucket}/{self.prefix}" + (f"?{query}" if query else "")


Location = FolderLocation | S3Location


def parse_location(text: str) -> Location:
    """Return what a URL, or the plain path of a folder, names. Raises InvalidLocation."""
    scheme, colon, _ = text.partition("://")
    if not colon:
        if not text:
            raise InvalidLocation("it is empty")
        return FolderLocation(Path(text).absolute())
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidLocation("it is no URL") from None
    if parts.fragment:
        raise InvalidLocation("a fragment (#…) means nothing in it")
    if scheme == "file":
        if parts.netloc not in ("", "localhost") or parts.query or not parts.path:
            raise InvalidLocation("file:// takes an absolute path and nothing else")
        return FolderLocation(Path(unquote(parts.path)))
    if scheme == "s3":
        return _bucket(parts.netloc, parts.path, parts.query)
    raise InvalidLocation(f"{scheme[:20]!r} is not supported")


def _bucket(netloc: str, path: str, query: str) -> S3Location:
    if "@" in netloc:
        raise InvalidLocation(
            "credentials do not belong into it",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if not _BUCKET.fullmatch(netloc):
        raise InvalidLocation("s3:// is followed by the name of a bucket")
    prefix = unquote(path).strip("/")
    if not _PREFIX.fullmatch(prefix):
        raise InvalidLocation("a prefix has letters, digits and !_.*'()/- only")
    given = parse_qsl(query, keep_blank_values=True)
    values = dict(given)
    unknown = sorted(values.keys() - _PARAMETERS)
    if unknown:
        raise InvalidLocation(f"unknown parameter {unknown[0][:50]!r}; it knows {', '.join(sorted(_PARAMETERS))}")
    if len(values) < len(given):
        raise InvalidLocation("a parameter is given twice")
    for name in ("endpoint", "redirect-endpoint"):
        if name in values:
            _check_endpoint(name, values[name])
    return S3Location(netloc, prefix, values.get("endpoint"), values.get("region"), values.get("redirect-endpoint"))


def _check_endpoint(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound:
        raise InvalidLocation(f"{name} is no http or https URL")


def locate(root: Path, given: Location | None) -> Location:
    """Return where the registry in the folder `root` has its blobs, which it remembers once it was told.

    Whoever works on its database, the garbage collector above all, must not look for them anywhere else. Raises
    StorageElsewhere when `given` is another place, InvalidLocation.
    """
    record = root / _RECORD
    try:
        recorded = parse_location(record.read_text().strip())
    except FileNotFoundError:
        recorded = None
    if given is None:
        return recorded or FolderLocation(root)
    if recorded is not None and str(recorded) != str(given):
        raise StorageElsewhere(root, recorded, given)
    if recorded != given and given != FolderLocation(root.absolute()):
        with replacing(record) as stream:
            stream.write(f"{given.url}\n".encode())
    return given


def has_storage(root: Path) -> bool:
    """Whether a registry in the folder `root` has ever stored a blob, there or elsewhere."""
    return (root / "blobs").exists() or (root / _RECORD).exists()


def open_storage(location: Location) -> BlobStorage:
    """Return the storage. A folder is created when it is missing, a bucket has to be there.

    Raises S3ExtraMissing, BucketUnusable, StorageFailed; OSError for a folder.
    """
    if isinstance(location, FolderLocation):
        from boxwright.hub.storage.filesystem import FilesystemBlobStorage

        return FilesystemBlobStorage(location.path)
    from boxwright.hub.storage.s3.bucket import Bucket
    from boxwright.hub.storage.s3.storage import S3BlobStorage

    return S3BlobStorage(Bucket.connect(location))
