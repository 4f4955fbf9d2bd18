"""Which object is a blob."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator

from boxwright.errors import CorruptError, InvalidError
from boxwright.hub.storage.s3.bucket import Bucket
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

_PREFIX = "blobs/"
_REMEMBERED = 20_000
_MAX_BYTES = 4096


class LinkBroken(CorruptError):
    """An object that should say where a blob is says something else."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the object {key} is no link to a blob")
        self.key = key


class Link(NamedTuple):
    """Where a blob's bytes are."""

    key: str
    size: int


class Links:
    """The links of a bucket, the latest used of them remembered.

    What is remembered may be out of date, when another process deleted a blob and perhaps stored it anew: whoever
    finds that the object is gone asks again with `fresh`.
    """

    __slots__ = ("_bucket", "_lock", "_remembered")

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._remembered: OrderedDict[Digest, Link] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, digest: Digest, *, fresh: bool = False) -> Link | None:
        """Return where a blob is, None when it isn't held. Raises LinkBroken, StorageFailed."""
        if not fresh:
            with self._lock:
                link = self._remembered.get(digest)
                if link is not None:
                    self._remembered.move_to_end(digest)
                    return link
        key = _key(digest)
        stream = self._bucket.get(key)
        if stream is None:
            self._forget(digest)
            return None
        try:
            link = _parse(key, stream.read(_MAX_BYTES))
        finally:
            stream.close()
        self._remember(digest, link)
        return link

    def add(self, digest: Digest, link: Link) -> bool:
        """Say where a blob is, unless that is said already; return whether it was said now."""
        if not self._bucket.put_new(_key(digest), _text(link)):
            return False
        self._remember(digest, link)
        return True

    def replace(self, digest: Digest, link: Link) -> None:
        """Say where a blob is, whatever was said before."""
        self._bucket.put(_key(digest), _text(link))
        self._remember(digest, link)

    def remove(self, digest: Digest) -> None:
        """Forget a blob. Idempotent."""
        self._bucket.delete(_key(digest))
        self._forget(digest)

    def digests(self) -> Iterator[Digest]:
        """Yield every blob that is held."""
        for key in self._bucket.keys(_PREFIX):
            algorithm, _, encoded = key.removeprefix(_PREFIX).split("/", 2)
            try:
                yield Digest.parse(f"{algorithm}:{encoded}")
            except InvalidError:
                raise LinkBroken(key) from None

    def _remember(self, digest: Digest, link: Link) -> None:
        with self._lock:
            self._remembered[digest] = link
            self._remembered.move_to_end(digest)
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)

    def _forget(self, digest: Digest) -> None:
        with self._lock:
            self._remembered.pop(digest, None)


def _key(digest: Digest) -> str:
    return f"{_PREFIX}{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def _text(link: Link) -> bytes:
    return json.dumps({"key": link.key, "size": link.size}).encode()


def _parse(key: str, raw: bytes) -> Link:
    try:
        value = json.loads(raw)
        target, size = value["key"], value["size"]
    except (ValueError, KeyError, TypeError):
        raise LinkBroken(key) from None
    if not isinstance(target, str) or not target.startswith("data/") or not isinstance(size, int) or size < 0:
        raise LinkBroken(key)
    return Link(target, size)
