"""One bucket: the few requests that a blob storage makes, in our types and errors.

Retries with backoff are botocore's ("standard" mode): a request that fails here has failed several times. Everything
that is sent has its MD5 with it, so that a store refuses what was damaged on the way.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boxwright._version import __version__
from boxwright.errors import UnavailableError
from boxwright.hub.storage.location import S3Location
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 6
_CONNECT_SECONDS = 10
_SILENCE_SECONDS = 60
_CONNECTIONS = 64

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed", "ConditionalRequestConflict"})
_UNCONDITIONAL = frozenset({"501", "NotImplemented"})

_BLOB_TYPE = "application/octet-stream"


class S3ExtraMissing(UnavailableError):
    """The packages that only object storage needs are not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"object storage needs the package {package}", hint="pip install 'boxwright[s3]'")
        self.package = package


class BucketUnusable(UnavailableError):
    """A bucket cannot be used at all: it does not exist, or is not ours."""

    def __init__(self, bucket: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"cannot use the bucket {bucket}: {why}", hint=hint)
        self.bucket = bucket


class StorageFailed(UnavailableError):
    """The object store could not be reached, or refused. `code` is its own word for it, "" when there was no answer."""

    def __init__(self, bucket: str, what: str, why: str, code: str = "") -> None:
        super().__init__(f"cannot {what} in the bucket {bucket}: {why}")
        self.bucket = bucket
        self.code = code


class Stat(NamedTuple):
    size: int
    changed: float
    """Seconds since the epoch."""
    metadata: Mapping[str, str]


class Part(NamedTuple):
    """A part of a multipart upload, as the store holds it."""

    number: int
    tag: str
    size: int


class Pending(NamedTuple):
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    begun: float
    """Seconds since the epoch."""


class ObjectStream:
    """The body of an answer. Raises StorageFailed when it breaks off."""

    __slots__ = ("_body", "_bucket")

    def __init__(self, body: Any, bucket: Bucket) -> None:
        self._body = body
        self._bucket = bucket

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, nothing at the end."""
        with self._bucket.asking("read an object"):
            data: bytes = self._body.read(limit)
            return data

    def close(self) -> None:
        self._body.close()


class Bucket:
    """What a location names. Every method may be called from any thread, and raises StorageFailed. Keys are relative
    to the location's prefix."""

    __slots__ = ("_client", "_prefix", "_signer", "name")

    def __init__(self, client: S3Client, location: S3Location, signer: S3Client | None = None) -> None:
        self._client = client
        self._signer = signer or client
        self._prefix = f"{location.prefix}/" if location.prefix else ""
        self.name = location.bucket

    @classmethod
    def connect(cls, location: S3Location) -> Bucket:
        """Return the bucket, with credentials from the environment or the files of AWS's tools, and make sure that it
        answers. Raises S3ExtraMissing, BucketUnusable, StorageFailed.
        """
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ModuleNotFoundError as error:
            raise S3ExtraMissing(error.name or "boto3") from None
        session = boto3.session.Session()

        def client(endpoint: str | None) -> S3Client:
            return session.client(
                "s3",
                endpoint_url=endpoint,
                region_name=location.region or session.region_name or "us-east-1",
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                    connect_timeout=_CONNECT_SECONDS,
                    read_timeout=_SILENCE_SECONDS,
                    max_pool_connections=_CONNECTIONS,
                    # Not every compatible store understands the newer checksums; Content-MD5 they all do.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    signature_version="s3v4",
                    # A store of one's own seldom has a domain for each bucket.
                    s3={"addressing_style": "path" if endpoint else "auto"},
                    user_agent_extra=f"boxwright/{__version__}",
                ),
            )

        try:
            public = location.redirect_endpoint
            bucket = cls(client(location.endpoint), location, client(public) if public else None)
        except (BotoCoreError, ValueError) as error:
            raise BucketUnusable(location.bucket, str(error)) from None
        bucket._check()
        return bucket

    def _check(self) -> None:
        try:
            with self.asking("list objects"):
                self._client.list_objects_v2(Bucket=self.name, Prefix=self._prefix, MaxKeys=1)
        except StorageFailed as error:
            if error.code in ("NoSuchBucket", "404"):
                raise BucketUnusable(
                    self.name, "it does not exist", "create it, or check endpoint and region"
                ) from None
            if error.code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
                raise BucketUnusable(
                    self.name,
                    f"the credentials do not allow it ({error.code})",
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, say who asks",
                ) from None
            raise

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """Turn what botocore raises in the block into StorageFailed; `what` completes "cannot …"."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClientError as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            raise StorageFailed(self.name, what, f"{code} {said.get('Message', '')}".strip(), code) from None
        except NoCredentialsError:
            raise BucketUnusable(
                self.name, "there are no credentials", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            raise StorageFailed(self.name, what, str(error)) from None

    # -- objects

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Store an object whole, replacing what was there."""
        with self.asking("write an object"):
            self._client.put_object(**self._putting(key, body, metadata))

    def put_new(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Store an object whole, unless there is one; return whether it was stored.

        Atomic where the store knows conditional writes. Elsewhere two who do it at the same moment may both succeed.
        """
        try:
            with self.asking("write an object"):
                self._client.put_object(**self._putting(key, body, metadata), IfNoneMatch="*")
        except StorageFailed as error:
            if error.code in _TAKEN:
                return False
            if error.code not in _UNCONDITIONAL:
                raise
            if self.stat(key) is not None:
                return False
            self.put(key, body, metadata)
        return True

    def _putting(self, key: str, body: bytes, metadata: Mapping[str, str] | None) -> Any:
        return {
            "Bucket": self.name,
            "Key": self._prefix + key,
            "Body": body,
            "ContentMD5": _md5(body),
            "ContentType": _BLOB_TYPE,
            "Metadata": dict(metadata or {}),
        }

    def stat(self, key: str) -> Stat | None:
        """Return what is known of an object, None when there is none."""
        try:
            with self.asking("look at an object"):
                found = self._client.head_object(Bucket=self.name, Key=self._prefix + key)
        except StorageFailed as error:
            if error.code in _ABSENT:
                return None
            raise
        return Stat(found["ContentLength"], _seconds(found["LastModified"]), found["Metadata"])

    def get(self, key: str, start: int = 0, length: int | None = None) -> ObjectStream | None:
        """Return the bytes of an object from `start` on, `length` of them; None when there is no object.

        `length` must be more than nothing, and `start` inside of the object.
        """
        wanted: dict[str, Any] = (
            {"Range": f"bytes={start}-{'' if length is None else start + length - 1}"} if start or length else {}
        )
        try:
            with self.asking("read an object"):
                found = self._client.get_object(Bucket=self.name, Key=self._prefix + key, **wanted)
        except StorageFailed as error:
            if error.code in _ABSENT:
                return None
            raise
        return ObjectStream(found["Body"], self)

    def delete(self, key: str) -> None:
        """Remove an object. Idempotent."""
        with self.asking("delete an object"):
            self._client.delete_object(Bucket=self.name, Key=self._prefix + key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order."""
        more: dict[str, Any] = {}
        while True:
            with self.asking("list objects"):
                page = self._client.list_objects_v2(Bucket=self.name, Prefix=self._prefix + prefix, **more)
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(self._prefix)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def sign(self, key: str, seconds: int) -> str:
        """Return a URL with which anybody may read an object for so long."""
        with self.asking("sign a URL"):
            return self._signer.generate_presigned_url(
                "get_object", Params={"Bucket": self.name, "Key": self._prefix + key}, ExpiresIn=seconds
            )

    # -- multipart uploads

    def create_parts(self, key: str) -> str:
        """Begin a multipart upload and return its id."""
        with self.asking("begin a multipart upload"):
            return self._client.create_multipart_upload(
                Bucket=self.name, Key=self._prefix + key, ContentType=_BLOB_TYPE
            )["UploadId"]

    def put_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """Store a part, replacing an earlier one of this number."""
        with self.asking("write a part"):
            answer = self._client.upload_part(
                Bucket=self.name,
                Key=self._prefix + key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=_md5(body),
            )
        return Part(number, answer["ETag"], len(body))

    def parts(self, key: str, upload_id: str) -> list[Part] | None:
        """Return the parts that the store holds, None when it knows no such upload (any more)."""
        found: list[Part] = []
        marker = 0
        while True:
            try:
                with self.asking("list parts"):
                    page = self._client.list_parts(
                        Bucket=self.name, Key=self._prefix + key, UploadId=upload_id, PartNumberMarker=marker
                    )
            except StorageFailed as error:
                if error.code in ("NoSuchUpload", *_ABSENT):
                    return None
                raise
            found += [Part(one["PartNumber"], one["ETag"], one["Size"]) for one in page.get("Parts", ())]
            if not page.get("IsTruncated"):
                return found
            marker = page["NextPartNumberMarker"]

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], size: int) -> None:
        """Make the parts an object of `size` bytes, and make sure that it is one. Idempotent."""
        listed: Any = [{"PartNumber": part.number, "ETag": part.tag} for part in parts]
        try:
            with self.asking("complete a multipart upload"):
                self._client.complete_multipart_upload(
                    Bucket=self.name, Key=self._prefix + key, UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
        except StorageFailed as error:
            # Perhaps the answer to an earlier try was lost: what counts is what is there.
            if error.code != "NoSuchUpload":
                raise
        found = self.stat(key)
        if found is None or found.size != size:
            held = "is not there" if found is None else f"has {found.size} bytes"
            raise StorageFailed(self.name, "complete a multipart upload", f"the object {held}, not {size} bytes")

    def abort(self, key: str) -> None:
        """Drop all multipart uploads of this very key. Idempotent."""
        for pending in self.pending(key):
            if pending.key == key:
                try:
                    with self.asking("abort a multipart upload"):
                        self._client.abort_multipart_upload(
                            Bucket=self.name, Key=self._prefix + key, UploadId=pending.upload_id
                        )
                except StorageFailed as error:
                    if error.code not in ("NoSuchUpload", *_ABSENT):
                        raise

    def pending(self, prefix: str) -> Iterator[Pending]:
        """Yield the multipart uploads whose key begins with `prefix`; some stores tell only those of one whole key."""
        more: dict[str, Any] = {}
        while True:
            with self.asking("list multipart uploads"):
                page = self._client.list_multipart_uploads(Bucket=self.name, Prefix=self._prefix + prefix, **more)
            for one in page.get("Uploads", ()):
                yield Pending(one["Key"].removeprefix(self._prefix), one["UploadId"], _seconds(one["Initiated"]))
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
