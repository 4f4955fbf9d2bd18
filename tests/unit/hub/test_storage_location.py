from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.hub.storage.location import FolderLocation, InvalidLocation, S3Location, parse_location


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///srv/blobs", FolderLocation(Path("/srv/blobs"))),
        ("file:///srv/my%20blobs", FolderLocation(Path("/srv/my blobs"))),
        ("/srv/blobs", FolderLocation(Path("/srv/blobs"))),
        ("s3://bucket", S3Location("bucket")),
        ("s3://bucket/", S3Location("bucket")),
        ("s3://bucket/a/b/?region=eu-1", S3Location("bucket", "a/b", region="eu-1")),
        (
            "s3://bucket?endpoint=http://127.0.0.1:9000&redirect-endpoint=https://s3.example.com",
            S3Location("bucket", "", "http://127.0.0.1:9000", None, "https://s3.example.com"),
        ),
    ],
)
def test_locations(text: str, expected: object) -> None:
    location = parse_location(text)
    assert location == expected
    assert parse_location(location.url) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gs://bucket",
        "file://host/dir",
        "file:///dir?x=1",
        "s3://",
        "s3://key:secret@bucket",
        "s3://bucket?speed=high",
        "s3://bucket?region=a&region=b",
        "s3://bucket?endpoint=ftp://host",
        "s3://bucket?endpoint=https://user:secret@host",
        "s3://bucket/a%00b",
        "s3://bucket#x",
        "s3://[bucket",
    ],
)
def test_what_names_no_storage(text: str) -> None:
    with pytest.raises(InvalidLocation) as raised:
        parse_location(text)
    assert "secret" not in str(raised.value)
