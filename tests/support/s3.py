"""An S3 server (moto) in this process or beside it, with buckets that live as long as the test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_numbers = itertools.count(1)

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class S3Server:
    """A server on the loopback, with a client of Amazon's library to look into it from the side."""

    def __init__(self, url: str) -> None:
        import boto3

        self.url = url
        self.client: Any = boto3.session.Session().client("s3", endpoint_url=url, region_name="us-east-1")

    def location(self, prefix: str = "some/prefix") -> str:
        """Return the URL of a storage in a new bucket."""
        bucket = f"bucket-{next(_numbers)}"
        self.client.create_bucket(Bucket=bucket)
        return f"s3://{bucket}/{prefix}?endpoint={self.url}&region=us-east-1"

    def keys(self, location: str) -> list[str]:
        """Return the keys in a location's bucket, without its prefix."""
        bucket, _, rest = location.removeprefix("s3://").partition("/")
        prefix = rest.partition("?")[0] + "/"
        found = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [one["Key"].removeprefix(prefix) for one in found]

    def pending(self, location: str) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        bucket = location.removeprefix("s3://").partition("/")[0]
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serve for the block; the environment names who may come in."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
