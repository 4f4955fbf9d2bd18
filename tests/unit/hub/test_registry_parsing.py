"""The pure functions: targets, names, ranges, pages, documents."""

from __future__ import annotations

import json

import pytest

from boxwright.hub.db.metadata import Requirements
from boxwright.hub.registry import routes
from boxwright.hub.registry.document import InvalidDocument, read_document
from boxwright.hub.registry.errors import STATUSES, RegistryError
from boxwright.hub.registry.paging import MAX_PAGE, Page, next_link
from boxwright.hub.registry.ranges import (
    MAX_RANGES,
    Span,
    Unsatisfiable,
    parse_content_range,
    parse_range,
    upload_range,
)
from boxwright.hub.registry.routes import Route, Target, parse_target, route
from boxwright.oci import media
from boxwright.oci.digest import Digest

D = Digest.of(b"x")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/", Route(routes.PING)),
        ("/v2", Route(routes.PING)),
        ("/v2/_catalog", Route(routes.CATALOG)),
        ("/v2/a/tags/list", Route(routes.TAGS, "a")),
        ("/v2/a/b/c/tags/list", Route(routes.TAGS, "a/b/c")),
        ("/v2/a/manifests/v1", Route(routes.MANIFEST, "a", "v1")),
        (f"/v2/a/b/manifests/{D}", Route(routes.MANIFEST, "a/b", D)),
        (f"/v2/a/referrers/{D}", Route(routes.REFERRERS, "a", D)),
        (f"/v2/a/blobs/{D}", Route(routes.BLOB, "a", D)),
        ("/v2/a/blobs/uploads/", Route(routes.UPLOADS, "a")),
        ("/v2/a/blobs/uploads", Route(routes.UPLOADS, "a")),
        ("/v2/a/blobs/uploads/u1", Route(routes.UPLOAD, "a", "u1")),
        # Names that hold the protocol's own words.
        (f"/v2/a/blobs/b/blobs/{D}", Route(routes.BLOB, "a/blobs/b", D)),
        ("/v2/a/blobs/b/manifests/t", Route(routes.MANIFEST, "a/blobs/b", "t")),
        ("/v2/manifests/manifests/manifests", Route(routes.MANIFEST, "manifests", "manifests")),
        ("/v2/a/manifests/b/tags/list", Route(routes.TAGS, "a/manifests/b")),
        ("/v2/a/tags/list/manifests/list", Route(routes.MANIFEST, "a/tags/list", "list")),
        ("/v2/a/blobs/uploads/blobs/uploads/", Route(routes.UPLOADS, "a/blobs/uploads")),
        ("/v2/blobs/uploads/blobs/uploads/x", Route(routes.UPLOAD, "blobs/uploads", "x")),
        ("/v2/uploads/tags/list", Route(routes.TAGS, "uploads")),
        ("/", None),
        ("", None),
        ("/v1/a/tags/list", None),
        ("/v2/a", None),
        ("/v2/a/b/c/d", None),
        ("/x/v2/a/tags/list", None),
    ],
)
def test_routes(path: str, expected: Route | None) -> None:
    assert route(path) == expected


@pytest.mark.parametrize(
    "name",
    ["A", "a/B", "-a", "a-", "a..b", "a___b", "a//b", "", "a/", "a b", "ä", "a:5000/b", "a\n", "x" * 256, "_a", "a._b"],
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(RegistryError) as raised:
        route(f"/v2/{name}/tags/list")
    assert (raised.value.code, raised.value.status) == ("NAME_INVALID", 400)


@pytest.mark.parametrize("name", ["a", "a.b", "a_b", "a__b", "a-b", "a---b", "0/1/2", "library/debian", "x" * 255])
def test_good_names(name: str) -> None:
    assert route(f"/v2/{name}/tags/list") == Route(routes.TAGS, name)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/v2/a/blobs/sha256%3Aab", Target("/v2/a/blobs/sha256:ab")),
        ("/v2/%2561", Target("/v2/%61")),  # decoded once
        ("http://h:5000/v2/?x=1", Target("/v2/", (("x", "1"),))),
        ("http://h", Target("")),
        (
            "/v2/?digest=sha256%3Aab&a&a=2&b=",
            Target("/v2/", (("digest", "sha256:ab"), ("a", ""), ("a", "2"), ("b", ""))),
        ),
        ("*", Target("")),
        ("/v2/a%00\0?%00=%00", Target("/v2/a\ufffd\ufffd", (("\ufffd", "\ufffd"),))),
        ("/v2/\udcff%FF?last=\udcff%FF", Target("/v2/\ufffd\ufffd", (("last", "\ufffd\ufffd"),))),
    ],
)
def test_targets_are_split_and_decoded_once(raw: str, expected: Target) -> None:
    assert parse_target(raw) == expected


def test_query_parameters_may_repeat() -> None:
    target = parse_target("/?tag=a&x=1&tag=b")
    assert (target.first("tag"), target.every("tag"), target.first("y"), target.every("y")) == (
        "a",
        ["a", "b"],
        None,
        [],
    )


def test_text_with_a_colon_is_a_digest_and_never_a_tag() -> None:
    assert routes.parse_reference(D) == D
    assert isinstance(routes.parse_reference(D), Digest)
    assert not isinstance(routes.parse_reference("v1.0_x-Y"), Digest)
    for text, code in (("sha256:zz", "DIGEST_INVALID"), ("md5:00", "DIGEST_INVALID"), (".a", "TAG_INVALID")):
        with pytest.raises(RegistryError) as raised:
            routes.parse_reference(text)
        assert raised.value.code == code
    assert routes.is_tag("a" * 128)
    assert not routes.is_tag("a" * 129)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=500-1499", [Span(500, 500)]),
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=500-", [Span(500, 500)]),
        ("bytes=-500", [Span(500, 500)]),
        ("bytes=-5000", [Span(0, 1000)]),
        ("bytes=999-5000", [Span(999, 1)]),
        ("Bytes = 1-2", [Span(1, 2)]),
        ("bytes=0-1, 5-6,-2", [Span(0, 2), Span(5, 2), Span(998, 2)]),
        ("bytes=0-1,2000-", [Span(0, 2)]),
        ("lines=1-2", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_ranges_of_a_thousand_bytes(header: str | None, expected: list[Span] | None) -> None:
    assert parse_range(header, 1000) == expected


@pytest.mark.parametrize(
    "header", ["bytes=1000-", "bytes=1000-2000", "bytes=500-0", "bytes=-0", "bytes=" + "0-1," * (MAX_RANGES + 1)]
)
def test_ranges_that_hold_nothing(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 1000)


def test_an_empty_blob_has_no_range() -> None:
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(Unsatisfiable):
            parse_range(header, 0)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0-1023", Span(0, 1024)),
        (" 5-5 ", Span(5, 1)),
        ("bytes 0-9/10", Span(0, 10)),
        ("bytes=0-9", Span(0, 10)),
        ("0-9/*", Span(0, 10)),
        ("9-0", None),
        ("-5", None),
        ("5-", None),
        ("", None),
        ("0-" + "9" * 25, None),
    ],
)
def test_content_ranges_of_uploads(header: str, expected: Span | None) -> None:
    assert parse_content_range(header) == expected


def test_the_range_of_an_upload_has_no_unit_and_no_negative_end() -> None:
    assert [upload_range(size) for size in (0, 1, 1024)] == ["0-0", "0-0", "0-1023"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/", Page(MAX_PAGE, None)),
        ("/?n=5&last=x", Page(5, "x")),
        ("/?n=0", Page(0, None)),
        ("/?n=&last=", Page(MAX_PAGE, None)),
        ("/?n=999999999999999999999", Page(MAX_PAGE, None)),
    ],
)
def test_pages(raw: str, expected: Page) -> None:
    assert Page.of(parse_target(raw)) == expected


@pytest.mark.parametrize("n", ["-1", "x", "1.5", "%D9%A1"])
def test_a_page_size_that_is_no_number_is_refused(n: str) -> None:
    with pytest.raises(RegistryError) as raised:
        Page.of(parse_target(f"/?n={n}"))
    assert (raised.value.code, raised.value.status) == ("PAGINATION_NUMBER_INVALID", 400)


def test_the_next_page_is_a_relative_link() -> None:
    link = next_link("/v2/a/tags/list", Page(2, None), "b&c", artifactType=None)
    assert link == ("Link", '</v2/a/tags/list?n=2&last=b%26c>; rel="next"')
    assert "artifactType=a%2Fb" in next_link("/", Page(2, None), "x", artifactType="a/b")[1]


def test_every_code_has_a_status() -> None:
    for code, status in STATUSES.items():
        error = RegistryError(code, "why", data={"k": 1})
        assert error.status == status
        assert json.loads(error.body()) == {"errors": [{"code": code, "message": "why", "detail": {"k": 1}}]}


# -- documents


def described(text: str, **more: object) -> dict[str, object]:
    return {"mediaType": "application/x", "digest": Digest.of(text.encode()), "size": 1, **more}


def image(**more: object) -> dict[str, object]:
    return {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": described("c"), "layers": [], **more}


def d(text: str) -> Digest:
    return Digest.of(text.encode())


def test_a_manifest_names_its_config_and_layers_once() -> None:
    raw = json.dumps(image(layers=[described("l"), described("l"), described("c")])).encode()
    document = read_document(raw, media.OCI_MANIFEST)
    assert document.media_type == media.OCI_MANIFEST
    assert document.artifact_type == "application/x"
    assert document.requirements == Requirements((d("c"), d("l")))


@pytest.mark.parametrize(
    "layer",
    [
        described("l", urls=["https://example.com/l"]),
        described("l", mediaType=media.DOCKER_LAYER_FOREIGN),
        described("l", mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
    ],
)
def test_foreign_layers_are_optional(layer: dict[str, object]) -> None:
    document = read_document(json.dumps(image(layers=[layer])).encode(), None)
    assert document.requirements == Requirements((d("c"),), (), (d("l"),))


def test_an_index_names_children_and_any_document_a_subject() -> None:
    value = {
        "schemaVersion": 2,
        "manifests": [described("a"), described("b")],
        "subject": described("s"),
        "artifactType": "application/y",
        "annotations": {"k": "v"},
    }
    document = read_document(json.dumps(value).encode(), media.OCI_INDEX)
    assert document == (media.OCI_INDEX, "application/y", d("s"), {"k": "v"}, Requirements((), (d("a"), d("b"))))


def test_the_type_of_an_artifact_is_its_own_else_its_configs() -> None:
    for artifact_type, expected in (("application/y", "application/y"), ("", "application/x"), (None, "application/x")):
        value = image() if artifact_type is None else image(artifactType=artifact_type)
        assert read_document(json.dumps(value).encode(), None).artifact_type == expected


def test_unknown_types_are_stored_and_their_blobs_required() -> None:
    value = {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": [described("l")]}
    document = read_document(json.dumps(value).encode(), "application/vnd.oci.artifact.manifest.v1+json")
    assert document.requirements.blobs == (d("l"),)


@pytest.mark.parametrize(
    ("raw", "content_type", "why"),
    [
        (b"", media.OCI_MANIFEST, "not JSON"),
        (b"{", media.OCI_MANIFEST, "not JSON"),
        (b"\xff", media.OCI_MANIFEST, "not JSON"),
        (b"[" * 100_000, media.OCI_MANIFEST, "not JSON"),
        (b"[]", media.OCI_MANIFEST, "not an object"),
        (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", "schemaVersion"),
        (json.dumps(image()).encode(), media.OCI_INDEX, "was pushed as"),
        (b'{"schemaVersion": 2}', "; charset=utf-8", "neither"),
        (json.dumps(image(mediaType=5)).encode(), None, "mediaType"),
        (b'{"schemaVersion": 2}', None, "neither"),
        (b'{"schemaVersion": 2}', media.OCI_MANIFEST, "config"),
        (b'{"schemaVersion": 2}', media.OCI_INDEX, "manifests"),
        (b'{"schemaVersion": 2}', "x" * 300, "Content-Type"),
        (b'{"schemaVersion": 2}', "x/\udcff", "Content-Type"),
        (json.dumps(image(mediaType="a/b\r\nX: y")).encode(), None, "mediaType"),
        (json.dumps(image(mediaType="\ud800")).encode(), None, "mediaType"),
        (json.dumps(image(artifactType="\ud800")).encode(), None, "artifactType"),
        (json.dumps(image(manifests=[])).encode(), None, "both"),
        (json.dumps(image(layers={})).encode(), None, "not a list"),
        (json.dumps(image(layers=["x"])).encode(), None, "not a descriptor"),
        (json.dumps(image(layers=[{"digest": "sha256:x"}])).encode(), None, "invalid digest"),
        (json.dumps(image(layers=[described("l", size=-1)])).encode(), None, "size"),
        (json.dumps(image(layers=[described("l", size=True)])).encode(), None, "size"),
        (json.dumps(image(subject={})).encode(), None, "subject"),
        (json.dumps(image(annotations={"k": 1})).encode(), None, "annotations"),
        (json.dumps(image(artifactType=1)).encode(), None, "artifactType"),
    ],
)
def test_documents_that_are_refused(raw: bytes, content_type: str | None, why: str) -> None:
    with pytest.raises(InvalidDocument, match=why):
        read_document(raw, content_type)
