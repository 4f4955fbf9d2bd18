"""The protocol as a table: what is asked of a registry with known content, and the exact outcome.

Every row runs against the server in this process, once over files and SQLite and once over memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.oci import media
from support.registry_kit import Registry, SmallImage, descriptor, digest_of, registry, run

IMAGE = SmallImage.of(b"hello\n")
DOCKER_IMAGE = SmallImage.of(b"docker\n", docker=True)
ABC = b"abcdefghijklmnopqrstuvwxyz"
ABC_DIGEST = digest_of(ABC)
IMAGE_DIGEST = digest_of(IMAGE.manifest)
NOWHERE = digest_of(b"nowhere")
SHA512 = digest_of(ABC, "sha512")

INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [descriptor(media.OCI_MANIFEST, IMAGE.manifest)],
    }
).encode()


def artifact(kind: str, subject: bytes, **annotations: str) -> bytes:
    value: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(media.OCI_EMPTY, b"{}"),
        "layers": [descriptor(media.OCI_EMPTY, b"{}")],
        "subject": descriptor(media.OCI_MANIFEST, subject),
    }
    if annotations:
        value["annotations"] = annotations
    return json.dumps(value).encode()


SBOM = artifact("application/sbom", IMAGE.manifest, made="today")
SIGNATURE = artifact("application/signature", IMAGE.manifest)
EARLY = artifact("application/signature", b"a manifest that was never pushed")


async def fill(client: Registry) -> None:
    await client.push_blob("a/b", ABC)
    await client.push_blob("a/b", ABC, "sha512")
    await client.push_blob("a/b", b"")
    await client.push_blob("a/b", b"{}")
    await client.push_image("a/b", "v1", IMAGE)
    await client.push_image("a/b", "docker", DOCKER_IMAGE)
    await client.push_manifest("a/b", "v2", INDEX, media.OCI_INDEX)
    await client.push_manifest("a/b", digest_of(SBOM), SBOM)
    await client.push_manifest("a/b", digest_of(SIGNATURE), SIGNATURE)
    await client.push_image("a/blobs/b", "x", IMAGE)
    await client.push_blob("no/manifests", b"private")


class Row(NamedTuple):
    name: str
    method: str
    target: str
    status: int
    code: str | None = None
    sent: Mapping[str, str] = {}
    body: bytes | None = None
    headers: Mapping[str, str | None] = {}
    """What the answer's headers are; None for one that must be absent."""
    answer: bytes | None = None
    json: object = None


BLOB = f"/v2/a/b/blobs/{ABC_DIGEST}"
TAG = "/v2/a/b/manifests/v1"
JSON = "application/json"
OCTETS = "application/octet-stream"


def listed(manifest: bytes, kind: str, **annotations: str) -> dict[str, object]:
    value = descriptor(media.OCI_MANIFEST, manifest) | {"artifactType": kind}
    return value | {"annotations": annotations} if annotations else value


REFERRERS = sorted(
    [listed(SBOM, "application/sbom", made="today"), listed(SIGNATURE, "application/signature")],
    key=lambda one: str(one["digest"]),
)

ROWS = [
    # -- ping and paths
    Row("ping", "GET", "/v2/", 200, answer=b"{}", headers={"Content-Type": JSON}),
    Row("ping without a slash", "GET", "/v2", 200),
    Row("ping by HEAD", "HEAD", "/v2/", 200, headers={"Content-Length": "2"}),
    Row("the version is on every answer", "GET", "/v2/none/tags/list", 404, "NAME_UNKNOWN"),
    Row("no such path", "GET", "/v2/a", 404, "UNSUPPORTED", headers={"Content-Type": JSON}),
    Row("no such method", "POST", "/v2/", 405, "UNSUPPORTED", headers={"Allow": "GET, HEAD"}),
    Row("no such method on a manifest", "PATCH", TAG, 405, "UNSUPPORTED"),
    Row("a bad name", "GET", "/v2/A/tags/list", 400, "NAME_INVALID"),
    Row("a name that is too long", "GET", f"/v2/{'x' * 256}/tags/list", 400, "NAME_INVALID"),
    # -- reading blobs
    Row(
        "GET a blob",
        "GET",
        BLOB,
        200,
        answer=ABC,
        headers={
            "Content-Length": "26",
            "Content-Type": OCTETS,
            "Docker-Content-Digest": ABC_DIGEST,
            "ETag": f'"{ABC_DIGEST}"',
            "Accept-Ranges": "bytes",
            "Content-Encoding": None,
            "Docker-Distribution-Api-Version": "registry/2.0",
        },
    ),
    Row(
        "HEAD a blob",
        "HEAD",
        BLOB,
        200,
        answer=b"",
        headers={"Content-Length": "26", "Content-Type": OCTETS, "Docker-Content-Digest": ABC_DIGEST},
    ),
    Row("a percent-encoded digest", "GET", BLOB.replace(":", "%3A"), 200, answer=ABC),
    Row(
        "never compressed", "GET", BLOB, 200, sent={"Accept-Encoding": "zstd, gzip"}, headers={"Content-Encoding": None}
    ),
    Row("a sha512 blob", "GET", f"/v2/a/b/blobs/{SHA512}", 200, answer=ABC, headers={"Docker-Content-Digest": SHA512}),
    Row("an empty blob", "GET", f"/v2/a/b/blobs/{digest_of(b'')}", 200, answer=b"", headers={"Content-Length": "0"}),
    Row("HEAD an empty blob", "HEAD", f"/v2/a/b/blobs/{digest_of(b'')}", 200, headers={"Content-Length": "0"}),
    Row("an unknown blob", "GET", f"/v2/a/b/blobs/{NOWHERE}", 404, "BLOB_UNKNOWN", headers={"Content-Type": JSON}),
    Row("HEAD an unknown blob", "HEAD", f"/v2/a/b/blobs/{NOWHERE}", 404, answer=b""),
    Row("another repository's blob", "GET", f"/v2/other/blobs/{ABC_DIGEST}", 404, "BLOB_UNKNOWN"),
    Row("another repository's blob by HEAD", "HEAD", f"/v2/no/manifests/blobs/{ABC_DIGEST}", 404),
    Row("a malformed digest", "GET", "/v2/a/b/blobs/sha256:zz", 400, "DIGEST_INVALID"),
    Row("an unknown algorithm", "GET", "/v2/a/b/blobs/md5:" + "0" * 32, 400, "DIGEST_INVALID"),
    Row("we have that blob", "GET", BLOB, 304, sent={"If-None-Match": f'"{ABC_DIGEST}"'}, answer=b""),
    Row("we have that blob, by HEAD", "HEAD", BLOB, 304, sent={"If-None-Match": f'W/"{ABC_DIGEST}", "x"'}),
    Row("we have another one", "GET", BLOB, 200, sent={"If-None-Match": '"x"'}, answer=ABC),
    Row(
        "not modified does not tell what is not ours",
        "GET",
        f"/v2/other/blobs/{ABC_DIGEST}",
        404,
        "BLOB_UNKNOWN",
        sent={"If-None-Match": "*"},
    ),
    # -- ranges
    Row(
        "a range",
        "GET",
        BLOB,
        206,
        sent={"Range": "bytes=2-4"},
        answer=b"cde",
        headers={"Content-Range": "bytes 2-4/26", "Content-Length": "3", "Docker-Content-Digest": ABC_DIGEST},
    ),
    Row("an open range", "GET", BLOB, 206, sent={"Range": "bytes=24-"}, answer=b"yz"),
    Row("a range from the end", "GET", BLOB, 206, sent={"Range": "bytes=-3"}, answer=b"xyz"),
    Row("a range past the end", "GET", BLOB, 206, sent={"Range": "bytes=24-99"}, answer=b"yz"),
    Row(
        "a range behind",
        "GET",
        BLOB,
        416,
        "RANGE_INVALID",
        {"Range": "bytes=26-"},
        None,
        {"Content-Range": "bytes */26"},
    ),
    Row("a range backwards", "GET", BLOB, 416, "RANGE_INVALID", {"Range": "bytes=500-0"}),
    Row("an unknown unit", "GET", BLOB, 200, sent={"Range": "pages=1-2"}, answer=ABC),
    Row(
        "If-Range that holds", "GET", BLOB, 206, sent={"Range": "bytes=0-0", "If-Range": f'"{ABC_DIGEST}"'}, answer=b"a"
    ),
    Row("If-Range that does not", "GET", BLOB, 200, sent={"Range": "bytes=0-0", "If-Range": '"x"'}, answer=ABC),
    Row("HEAD has no range", "HEAD", BLOB, 200, sent={"Range": "bytes=2-4"}, headers={"Content-Length": "26"}),
    # -- reading manifests
    Row(
        "a manifest by tag",
        "GET",
        TAG,
        200,
        answer=IMAGE.manifest,
        headers={
            "Content-Type": media.OCI_MANIFEST,
            "Docker-Content-Digest": IMAGE_DIGEST,
            "Content-Length": str(len(IMAGE.manifest)),
            "ETag": f'"{IMAGE_DIGEST}"',
        },
    ),
    Row("a manifest by digest", "GET", f"/v2/a/b/manifests/{IMAGE_DIGEST}", 200, answer=IMAGE.manifest),
    Row(
        "HEAD a manifest",
        "HEAD",
        TAG,
        200,
        answer=b"",
        headers={
            "Content-Type": media.OCI_MANIFEST,
            "Docker-Content-Digest": IMAGE_DIGEST,
            "Content-Length": str(len(IMAGE.manifest)),
        },
    ),
    Row("docker's types", "GET", "/v2/a/b/manifests/docker", 200, headers={"Content-Type": media.DOCKER_MANIFEST}),
    Row("Accept of another type", "GET", TAG, 200, sent={"Accept": media.DOCKER_LIST}, answer=IMAGE.manifest),
    Row("Accept with weights", "GET", TAG, 200, sent={"Accept": "text/html;q=0.9, */*;q=0"}, answer=IMAGE.manifest),
    Row("an index", "GET", "/v2/a/b/manifests/v2", 200, answer=INDEX, headers={"Content-Type": media.OCI_INDEX}),
    Row("an unknown tag", "GET", "/v2/a/b/manifests/v9", 404, "MANIFEST_UNKNOWN"),
    Row("HEAD an unknown tag", "HEAD", "/v2/a/b/manifests/v9", 404, answer=b""),
    Row("a tag that cannot be", "GET", "/v2/a/b/manifests/.INVALID", 404, "MANIFEST_UNKNOWN"),
    Row("an unknown digest", "GET", f"/v2/a/b/manifests/{NOWHERE}", 404, "MANIFEST_UNKNOWN"),
    Row("a malformed manifest digest", "GET", "/v2/a/b/manifests/sha256:1", 400, "DIGEST_INVALID"),
    Row("another repository's manifest", "GET", f"/v2/other/manifests/{IMAGE_DIGEST}", 404, "MANIFEST_UNKNOWN"),
    Row("we have that manifest", "GET", TAG, 304, sent={"If-None-Match": f'"{IMAGE_DIGEST}"'}, answer=b""),
    Row("a repository named like a path", "GET", "/v2/a/blobs/b/manifests/x", 200, answer=IMAGE.manifest),
    # -- writing manifests
    Row(
        "PUT by tag",
        "PUT",
        "/v2/a/b/manifests/new",
        201,
        None,
        {"Content-Type": media.OCI_MANIFEST},
        IMAGE.manifest,
        {
            "Location": f"/v2/a/b/manifests/{IMAGE_DIGEST}",
            "Docker-Content-Digest": IMAGE_DIGEST,
            "OCI-Subject": None,
            "OCI-Tag": None,
        },
    ),
    Row(
        "PUT by digest",
        "PUT",
        f"/v2/a/b/manifests/{IMAGE_DIGEST}",
        201,
        None,
        {"Content-Type": media.OCI_MANIFEST},
        IMAGE.manifest,
    ),
    Row(
        "PUT by sha512",
        "PUT",
        f"/v2/a/b/manifests/{digest_of(IMAGE.manifest, 'sha512')}",
        201,
        None,
        {"Content-Type": media.OCI_MANIFEST},
        IMAGE.manifest,
        {"Docker-Content-Digest": digest_of(IMAGE.manifest, "sha512")},
    ),
    Row("PUT without a type takes the one inside", "PUT", "/v2/a/b/manifests/new", 201, None, {}, IMAGE.manifest),
    Row(
        "PUT as a type with parameters",
        "PUT",
        "/v2/a/b/manifests/new",
        201,
        None,
        {"Content-Type": f"{media.OCI_MANIFEST}; charset=utf-8"},
        IMAGE.manifest,
    ),
    Row("PUT under a wrong digest", "PUT", f"/v2/a/b/manifests/{NOWHERE}", 400, "DIGEST_INVALID", {}, IMAGE.manifest),
    Row("PUT under a bad digest", "PUT", "/v2/a/b/manifests/sha256:abc", 400, "DIGEST_INVALID", {}, IMAGE.manifest),
    Row("PUT under a bad tag", "PUT", "/v2/a/b/manifests/-x", 400, "TAG_INVALID", {}, IMAGE.manifest),
    Row(
        "PUT as another type",
        "PUT",
        "/v2/a/b/manifests/x",
        400,
        "MANIFEST_INVALID",
        {"Content-Type": media.OCI_INDEX},
        IMAGE.manifest,
    ),
    Row(
        "PUT no JSON", "PUT", "/v2/a/b/manifests/x", 400, "MANIFEST_INVALID", {"Content-Type": media.OCI_MANIFEST}, b"{"
    ),
    Row(
        "PUT nothing", "PUT", "/v2/a/b/manifests/x", 400, "MANIFEST_INVALID", {"Content-Type": media.OCI_MANIFEST}, b""
    ),
    Row("PUT without its blobs", "PUT", "/v2/other/manifests/x", 400, "MANIFEST_BLOB_UNKNOWN", {}, IMAGE.manifest),
    Row("PUT without its children", "PUT", "/v2/other/manifests/x", 400, "MANIFEST_BLOB_UNKNOWN", {}, INDEX),
    Row(
        "PUT with a subject",
        "PUT",
        "/v2/a/b/manifests/sbom",
        201,
        None,
        {"Content-Type": media.OCI_MANIFEST},
        SBOM,
        {"OCI-Subject": IMAGE_DIGEST},
    ),
    Row(
        "PUT before its subject",
        "PUT",
        f"/v2/a/b/manifests/{digest_of(EARLY)}",
        201,
        None,
        {},
        EARLY,
        {"OCI-Subject": digest_of(b"a manifest that was never pushed")},
    ),
    Row(
        "PUT with tags",
        "PUT",
        f"/v2/a/b/manifests/{IMAGE_DIGEST}?tag=t1&tag=t2",
        201,
        None,
        {},
        IMAGE.manifest,
        {"OCI-Tag": "t1"},
    ),
    Row("PUT with a bad tag", "PUT", f"/v2/a/b/manifests/{IMAGE_DIGEST}?tag=:", 400, "TAG_INVALID", {}, IMAGE.manifest),
    Row(
        "PUT with too many tags",
        "PUT",
        f"/v2/a/b/manifests/{IMAGE_DIGEST}?" + "&".join(f"tag=t{number}" for number in range(51)),
        414,
        "TAG_INVALID",
        {},
        IMAGE.manifest,
    ),
    Row("PUT too much", "PUT", "/v2/a/b/manifests/x", 413, "SIZE_INVALID", {}, b" " * (4 << 20) + b"{}"),
    # -- lists
    Row(
        "tags",
        "GET",
        "/v2/a/b/tags/list",
        200,
        json={"name": "a/b", "tags": ["docker", "v1", "v2"]},
        headers={"Link": None},
    ),
    Row(
        "a page of tags",
        "GET",
        "/v2/a/b/tags/list?n=2",
        200,
        json={"name": "a/b", "tags": ["docker", "v1"]},
        headers={"Link": '</v2/a/b/tags/list?n=2&last=v1>; rel="next"', "Content-Type": JSON},
    ),
    Row(
        "the last page",
        "GET",
        "/v2/a/b/tags/list?n=2&last=v1",
        200,
        json={"name": "a/b", "tags": ["v2"]},
        headers={"Link": None},
    ),
    Row("an exact page", "GET", "/v2/a/b/tags/list?n=3", 200, headers={"Link": None}),
    Row("last need not exist", "GET", "/v2/a/b/tags/list?last=e", 200, json={"name": "a/b", "tags": ["v1", "v2"]}),
    Row(
        "no entries asked for",
        "GET",
        "/v2/a/b/tags/list?n=0",
        200,
        json={"name": "a/b", "tags": []},
        headers={"Link": None},
    ),
    Row("a number that is none", "GET", "/v2/a/b/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
    Row("no tags", "GET", "/v2/no/manifests/tags/list", 200, json={"name": "no/manifests", "tags": []}),
    Row("tags of nothing", "GET", "/v2/none/tags/list", 404, "NAME_UNKNOWN"),
    Row("the catalog", "GET", "/v2/_catalog", 200, json={"repositories": ["a/b", "a/blobs/b"]}),
    Row(
        "a page of the catalog",
        "GET",
        "/v2/_catalog?n=1",
        200,
        json={"repositories": ["a/b"]},
        headers={"Link": '</v2/_catalog?n=1&last=a%2Fb>; rel="next"'},
    ),
    # -- search
    *(
        Row(
            f"a search for {query}",
            "GET",
            f"/v1/search?{query}",
            200,
            json={
                "num_pages": 1,
                "num_results": len(names),
                "page": 1,
                "page_size": size,
                "query": text,
                "results": [
                    {
                        "name": name,
                        "description": "",
                        "star_count": 0,
                        "is_official": False,
                        "is_automated": False,
                    }
                    for name in names
                ],
            },
        )
        for query, text, size, names in (
            ("q=blobs", "blobs", 25, ["a/blobs/b"]),
            ("q=A%2F&n=1", "a/", 1, ["a/b"]),
            ("q=&n=0", "", 1, ["a/b"]),
            ("q=%25", "%", 25, []),
            ("n=999999999999", "", 100, ["a/b", "a/blobs/b"]),
        )
    ),
    Row("a search for too many", "GET", "/v1/search?n=many", 400, "PAGINATION_NUMBER_INVALID"),
    # -- referrers
    Row(
        "referrers",
        "GET",
        f"/v2/a/b/referrers/{IMAGE_DIGEST}",
        200,
        json={"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": REFERRERS},
        headers={"Content-Type": media.OCI_INDEX, "OCI-Filters-Applied": None, "Link": None},
    ),
    Row(
        "filtered referrers",
        "GET",
        f"/v2/a/b/referrers/{IMAGE_DIGEST}?artifactType=application/sbom",
        200,
        json={
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [listed(SBOM, "application/sbom", made="today")],
        },
        headers={"OCI-Filters-Applied": "artifactType"},
    ),
    Row(
        "a page of referrers",
        "GET",
        f"/v2/a/b/referrers/{IMAGE_DIGEST}?n=1",
        200,
        json={"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": REFERRERS[:1]},
        headers={
            "Link": f"</v2/a/b/referrers/{IMAGE_DIGEST}?n=1&last={str(REFERRERS[0]['digest']).replace(':', '%3A')}>; "
            'rel="next"'
        },
    ),
    Row(
        "referrers of what nobody pushed",
        "GET",
        f"/v2/none/referrers/{NOWHERE}",
        200,
        json={"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": []},
        headers={"Content-Type": media.OCI_INDEX},
    ),
    Row("referrers of a bad digest", "GET", "/v2/a/b/referrers/v1", 400, "DIGEST_INVALID"),
    # -- starting uploads
    Row(
        "POST",
        "POST",
        "/v2/new/blobs/uploads/",
        202,
        answer=b"",
        headers={"Range": "0-0", "Content-Length": "0", "OCI-Chunk-Min-Length": None},
    ),
    Row(
        "mount",
        "POST",
        f"/v2/new/blobs/uploads/?mount={ABC_DIGEST}&from=a/b",
        201,
        headers={"Docker-Content-Digest": ABC_DIGEST, "Location": f"/v2/new/blobs/{ABC_DIGEST}"},
    ),
    Row("mount from anywhere", "POST", f"/v2/new/blobs/uploads/?mount={ABC_DIGEST}", 201),
    Row(
        "mount what is nowhere",
        "POST",
        f"/v2/new/blobs/uploads/?mount={NOWHERE}&from=a/b",
        202,
        headers={"Range": "0-0"},
    ),
    Row("mount from nowhere", "POST", f"/v2/new/blobs/uploads/?mount={ABC_DIGEST}&from=none", 202),
    Row("mount from a bad name", "POST", f"/v2/new/blobs/uploads/?mount={ABC_DIGEST}&from=A", 202),
    Row("mount a bad digest", "POST", "/v2/new/blobs/uploads/?mount=x&from=a/b", 400, "DIGEST_INVALID"),
    Row(
        "POST whole",
        "POST",
        f"/v2/new/blobs/uploads/?digest={digest_of(b'x')}",
        201,
        None,
        {},
        b"x",
        {"Location": f"/v2/new/blobs/{digest_of(b'x')}"},
    ),
    Row("POST sha512", "POST", f"/v2/new/blobs/uploads/?digest={digest_of(b'x', 'sha512')}", 201, None, {}, b"x"),
    Row("POST a wrong digest", "POST", f"/v2/new/blobs/uploads/?digest={NOWHERE}", 400, "DIGEST_INVALID", {}, b"x"),
    Row("POST a bad digest", "POST", "/v2/new/blobs/uploads/?digest=x", 400, "DIGEST_INVALID", {}, b"x"),
    Row("POST announces its algorithm", "POST", "/v2/new/blobs/uploads/?digest-algorithm=sha512", 202),
    Row("POST announces none", "POST", "/v2/new/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID"),
    Row("the status of no upload", "GET", "/v2/a/b/blobs/uploads/none", 404, "BLOB_UPLOAD_UNKNOWN"),
    Row("PATCH of no upload", "PATCH", "/v2/a/b/blobs/uploads/none", 404, "BLOB_UPLOAD_UNKNOWN", {}, b"x"),
    Row(
        "PUT of no upload", "PUT", f"/v2/a/b/blobs/uploads/none?digest={NOWHERE}", 404, "BLOB_UPLOAD_UNKNOWN", {}, b"x"
    ),
    Row("cancelling no upload", "DELETE", "/v2/a/b/blobs/uploads/none", 404, "BLOB_UPLOAD_UNKNOWN"),
    # -- deleting
    Row("DELETE a tag", "DELETE", TAG, 202, answer=b""),
    Row("DELETE a manifest", "DELETE", f"/v2/a/b/manifests/{IMAGE_DIGEST}", 202),
    Row("DELETE a blob", "DELETE", BLOB, 202),
    Row("DELETE a blob in use", "DELETE", f"/v2/a/b/blobs/{digest_of(IMAGE.layer)}", 405, "UNSUPPORTED"),
    Row("DELETE an unknown blob", "DELETE", f"/v2/a/b/blobs/{NOWHERE}", 404, "BLOB_UNKNOWN"),
    Row("DELETE an unknown tag", "DELETE", "/v2/a/b/manifests/v9", 404, "MANIFEST_UNKNOWN"),
    Row("DELETE an unknown manifest", "DELETE", f"/v2/a/b/manifests/{NOWHERE}", 404, "MANIFEST_UNKNOWN"),
    Row("DELETE a bad digest", "DELETE", "/v2/a/b/manifests/sha256:x", 400, "DIGEST_INVALID"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
@pytest.mark.parametrize("kind", ["files", "memory"])
def test_calls(row: Row, kind: str, tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        answer = await client(row.method, row.target, row.body, **row.sent)
        assert answer.status == row.status, answer
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        if row.code is not None:
            assert (answer.code, answer.headers["Content-Type"]) == (row.code, JSON)
        if row.answer is not None:
            assert answer.body == row.answer
        if row.json is not None:
            assert answer.json() == row.json
        for name, value in row.headers.items():
            assert answer.headers.get(name) == value, name

    run(scenario, tmp_path if kind == "files" else None)


def test_names_of_rows_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


# -- what takes several calls


def test_several_ranges_come_as_multipart(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        answer = await client("GET", BLOB, Range="bytes=0-1,24-,500-600")
        assert answer.status == 206
        kind, _, boundary = answer.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/byteranges"
        part = "--{}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {}/26\r\n\r\n{}\r\n"
        text = "".join(part.format(boundary, *one) for one in (("0-1", "ab"), ("24-25", "yz")))
        assert answer.body.decode() == f"\r\n{text}--{boundary}--\r\n"

    run(scenario, tmp_path)


def test_all_tags_of_a_put_are_made_and_reported() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        tags = [f"t{number}" for number in range(20)]
        query = "&".join(f"tag={tag}" for tag in tags)
        answer = await client("PUT", f"/v2/a/b/manifests/{IMAGE_DIGEST}?{query}", IMAGE.manifest)
        assert answer.status == 201
        assert answer.headers.getall("OCI-Tag") == tags
        listed_tags = (await client("GET", "/v2/a/b/tags/list")).json()["tags"]
        assert set(tags) < set(listed_tags)

    run(scenario)


def test_deleting_a_manifest_takes_its_tags_at_once_and_spares_other_manifests() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        await client("PUT", "/v2/a/b/manifests/v1-again", IMAGE.manifest)
        assert (await client("DELETE", f"/v2/a/b/manifests/{IMAGE_DIGEST}")).status == 202
        for reference in (IMAGE_DIGEST, "v1", "v1-again"):
            assert (await client("HEAD", f"/v2/a/b/manifests/{reference}")).status == 404
        assert (await client("GET", "/v2/a/b/tags/list")).json()["tags"] == ["docker", "v2"]
        assert (await client("GET", "/v2/a/b/manifests/v2")).body == INDEX
        assert (await client("GET", "/v2/a/blobs/b/manifests/x")).status == 200

    run(scenario)


def test_deleting_a_tag_keeps_the_manifest() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        assert (await client("DELETE", TAG)).status == 202
        assert (await client("HEAD", TAG)).status == 404
        assert (await client("HEAD", f"/v2/a/b/manifests/{IMAGE_DIGEST}")).status == 200

    run(scenario)


def test_deleting_an_index_keeps_its_children() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        assert (await client("DELETE", f"/v2/a/b/manifests/{digest_of(INDEX)}")).status == 202
        assert (await client("HEAD", f"/v2/a/b/manifests/{IMAGE_DIGEST}")).status == 200

    run(scenario)


def test_a_deleted_blob_can_be_pushed_again() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        assert (await client("DELETE", BLOB)).status == 202
        assert (await client("HEAD", BLOB)).status == 404
        await client.push_blob("a/b", ABC)
        assert (await client("GET", BLOB)).body == ABC

    run(scenario)


def test_missing_blobs_are_listed() -> None:
    async def scenario(client: Registry) -> None:
        await client.push_blob("a", IMAGE.config)
        answer = await client("PUT", "/v2/a/manifests/x", IMAGE.manifest)
        assert answer.json()["errors"][0]["detail"] == [{"digest": digest_of(IMAGE.layer)}]
        assert (await client("HEAD", "/v2/a/manifests/x")).status == 404

    run(scenario)


def test_a_notice_is_in_every_answer_and_quoted() -> None:
    async def scenario(client: Registry) -> None:
        for target in ("/v2/", "/v2/none/tags/list"):
            answer = await client("GET", target)
            assert answer.headers["Warning"] == '299 - "moves to \\"hub\\" in May"'

    run(scenario, notice='moves to "hub" in May')


def test_a_blob_that_is_there_can_be_pushed_again(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        location = await client.start_upload("a/b")
        answer = await client("PUT", f"{location}?digest={ABC_DIGEST}", ABC)
        assert (answer.status, answer.headers["Location"]) == (201, BLOB)
        assert list((tmp_path / "uploads").iterdir()) == []

    run(scenario, tmp_path)


def test_an_artifact_that_was_deleted_refers_to_nothing() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        await client("DELETE", f"/v2/a/b/manifests/{digest_of(SBOM)}")
        listed_now = (await client("GET", f"/v2/a/b/referrers/{IMAGE_DIGEST}")).json()["manifests"]
        assert [one["digest"] for one in listed_now] == [digest_of(SIGNATURE)]

    run(scenario)


def test_an_early_artifact_refers_to_what_comes_later() -> None:
    async def scenario(client: Registry) -> None:
        later = SmallImage.of(b"later\n")
        early = artifact("application/attestation", later.manifest)
        await client.push_blob("a", b"{}")
        await client.push_manifest("a", digest_of(early), early)
        target = f"/v2/a/referrers/{digest_of(later.manifest)}"
        before = (await client("GET", target)).json()["manifests"]
        await client.push_image("a", "v1", later)
        assert (await client("GET", target)).json()["manifests"] == before != []

    run(scenario)


def test_a_sparse_index_is_a_setting() -> None:
    async def scenario(client: Registry) -> None:
        assert (await client("PUT", "/v2/a/manifests/x", INDEX)).status == 201

    run(scenario, sparse=True)


def test_a_manifest_of_nearly_four_mebibytes_goes_both_ways(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        await client.push_image("a", "small", IMAGE)
        value = json.loads(IMAGE.manifest) | {"annotations": {"filler": "x" * ((4 << 20) - 1000)}}
        raw = json.dumps(value).encode()
        await client.push_manifest("a", "large", raw)
        assert (await client("GET", "/v2/a/manifests/large")).body == raw

    run(scenario, tmp_path)


def test_referrers_with_large_annotations_are_paged_below_what_clients_read() -> None:
    async def scenario(client: Registry) -> None:
        await fill(client)
        expected = {digest_of(SBOM), digest_of(SIGNATURE)}
        for number in range(5):
            raw = artifact("application/big", IMAGE.manifest, filler=str(number) * 1_000_000)
            expected.add(await client.push_manifest("a/b", digest_of(raw), raw))
        target: str | None = f"/v2/a/b/referrers/{IMAGE_DIGEST}"
        seen: list[str] = []
        pages = 0
        while target is not None:
            answer = await client("GET", target)
            assert len(answer.body) <= 4 << 20
            seen += [entry["digest"] for entry in answer.json()["manifests"]]
            link = answer.headers.get("Link")
            target = link.partition("<")[2].partition(">")[0] if link else None
            pages += 1
        assert pages == 2
        assert len(seen) == len(set(seen))
        assert set(seen) == expected

    run(scenario)


def test_what_a_server_stored_is_served_by_the_next_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with registry(tmp_path) as first:
            await fill(first)
        async with registry(tmp_path) as second:
            assert (await second("GET", TAG)).body == IMAGE.manifest
            assert (await second("GET", BLOB)).body == ABC

    asyncio.run(main())


def test_a_blob_whose_bytes_were_lost_is_unknown_and_can_be_pushed_again(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        await client.push_blob("a", ABC)
        (path,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        path.write_bytes(ABC[:5])
        for method in ("HEAD", "GET"):
            assert (await client(method, f"/v2/a/blobs/{ABC_DIGEST}")).status == 404
        await client.push_blob("a", ABC)
        assert (await client("GET", f"/v2/a/blobs/{ABC_DIGEST}")).body == ABC

    run(scenario, tmp_path)
