"""Manifests, tags and catalogs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, MalformedManifest, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.client import NoMatchingPlatform, RegistryClient, WrongManifest
from boxwright.remote.failure import NotInRegistry, RegistryBroken
from boxwright.remote.transport import BodyTooLarge, ConnectionFailed
from unit.remote.scripted import Answer, Sent, client

_AMD64 = Platform("linux", "amd64")
_CONFIG = Descriptor(media.OCI_CONFIG, Digest.of(b"{}"), 2)
_MANIFEST = Manifest.build(_CONFIG, [])
_OK = Answer(200)
_TAGGED = Reference.parse("registry.test/a/b:1")


def _index(*entries: tuple[Manifest | bytes, str, str]) -> bytes:
    manifests = []
    for content, system, architecture in entries:
        raw = content if isinstance(content, bytes) else content.raw
        kind = media.OCI_INDEX if isinstance(content, bytes) else content.media_type
        entry = Descriptor(kind, Digest.of(raw), len(raw), Platform(system, architecture)).to_json()
        manifests.append(entry)
    return json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": manifests}).encode()


class _Manifests:
    """Serves manifests by tag and digest."""

    def __init__(
        self, tagged: bytes, *others: bytes, kind: str = media.OCI_MANIFEST, digest_header: bool = True
    ) -> None:
        self.content = {"1": tagged, **{str(Digest.of(raw)): raw for raw in (tagged, *others)}}
        self.kind = kind
        self.digest_header = digest_header

    def __call__(self, sent: Sent) -> Answer:
        if sent.url.endswith("/v2/"):
            return Answer()
        raw = self.content.get(sent.url.rpartition("/")[2])
        if raw is None:
            return Answer(404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":""}]}')
        kind = json.loads(raw).get("mediaType", self.kind) if raw.startswith(b"{") else self.kind
        headers = {"Content-Type": kind, "Content-Length": str(len(raw))}
        if self.digest_header:
            headers["Docker-Content-Digest"] = Digest.of(raw)
        return Answer(200, headers, raw)


def test_a_manifest_is_fetched_with_its_bytes() -> None:
    made, transport = client(_Manifests(_MANIFEST.raw))
    resolved = made.fetch_manifest(_TAGGED, _AMD64)
    assert resolved.manifest.raw == _MANIFEST.raw
    assert resolved.digest == _MANIFEST.digest
    assert resolved.image_index is None
    accepted = transport.sent[-1].headers["Accept"].split(", ")
    assert accepted == [media.OCI_MANIFEST, media.OCI_INDEX, media.DOCKER_MANIFEST, media.DOCKER_LIST]


def test_the_platforms_manifest_is_chosen_and_the_index_names_the_digest() -> None:
    arm = Manifest.build(_CONFIG, [], annotations={"for": "arm"})
    index = _index((arm, "linux", "arm64"), (_MANIFEST, "linux", "amd64"))
    made, _ = client(_Manifests(index, arm.raw, _MANIFEST.raw))
    resolved = made.fetch_manifest(_TAGGED, _AMD64)
    assert resolved.manifest.raw == _MANIFEST.raw
    assert resolved.digest == Digest.of(index)
    assert resolved.image_index is not None


def test_indexes_may_be_nested_but_not_for_ever() -> None:
    inner = _index((_MANIFEST, "linux", "amd64"))
    outer = _index((inner, "linux", "amd64"))
    made, _ = client(_Manifests(outer, inner, _MANIFEST.raw))
    assert made.fetch_manifest(_TAGGED, _AMD64).manifest.raw == _MANIFEST.raw
    deep = [_MANIFEST.raw, inner]
    for _ in range(3):
        deep.append(_index((deep[-1], "linux", "amd64")))
    made, _ = client(_Manifests(deep[-1], *deep))
    with pytest.raises(WrongManifest, match="nested more than 3 deep"):
        made.fetch_manifest(_TAGGED, _AMD64)


def test_a_platform_that_is_not_there_is_told_with_those_that_are() -> None:
    made, _ = client(_Manifests(_index((_MANIFEST, "linux", "arm64"), (_MANIFEST, "unknown", "unknown"))))
    with pytest.raises(
        NoMatchingPlatform, match=re.escape("registry.test/a/b:1 has no image for linux/amd64")
    ) as caught:
        made.fetch_manifest(_TAGGED, _AMD64)
    assert caught.value.hint == "it has images for linux/arm64: choose one with --platform"


def test_a_tag_that_is_not_there() -> None:
    made, _ = client(_Manifests(_MANIFEST.raw))
    with pytest.raises(
        NotInRegistry, match=re.escape("cannot pull registry.test/a/b:2: there is no such tag or digest")
    ):
        made.fetch_manifest(_TAGGED._replace(tag="2"), _AMD64)
    assert made.resolve(_TAGGED._replace(tag="2")) is None


def test_a_manifest_by_digest_has_that_digest() -> None:
    made, _ = client(lambda sent: Answer(200, {}, _MANIFEST.raw))
    with pytest.raises(WrongManifest, match=re.escape(f"its digest is {_MANIFEST.digest}, not sha256:")):
        made.fetch_manifest(_TAGGED._replace(digest=Digest.of(b"other")), _AMD64)


def test_a_registry_has_to_send_what_it_announces() -> None:
    made, _ = client(lambda sent: Answer(200, {"Docker-Content-Digest": Digest.of(b"other")}, _MANIFEST.raw))
    with pytest.raises(WrongManifest):
        made.fetch_manifest(_TAGGED, _AMD64)


def test_an_entry_of_an_index_has_to_be_what_the_index_says() -> None:
    index = json.loads(_index((_MANIFEST, "linux", "amd64")))
    index["manifests"][0]["size"] += 1
    made, _ = client(_Manifests(json.dumps(index).encode(), _MANIFEST.raw))
    with pytest.raises(WrongManifest, match=re.escape(f"it has {len(_MANIFEST.raw)} bytes, not")):
        made.fetch_manifest(_TAGGED, _AMD64)


def test_one_digest_never_reads_as_two_things() -> None:
    made, _ = client(lambda sent: Answer(200, {"Content-Type": media.OCI_INDEX}, _MANIFEST.raw))
    with pytest.raises(MalformedManifest):
        made.fetch_manifest(_TAGGED, _AMD64)


def test_a_monstrous_manifest_is_cut_off() -> None:
    made, _ = client(lambda sent: Answer(200, {}, b" " * (MAX_MANIFEST_BYTES + 1)))
    with pytest.raises(WrongManifest, match="it is larger than 4 MiB"):
        made.fetch_manifest(_TAGGED, _AMD64)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    breaks = [10, 100]

    def answer(sent: Sent) -> Answer:
        if "/manifests/" not in sent.url or not breaks:
            return Answer(200, {"Content-Type": _MANIFEST.media_type}, _MANIFEST.raw)
        return Answer(200, {}, _MANIFEST.raw[: breaks.pop()], breaks=True)

    made, transport = client(answer)
    assert made.fetch_manifest(_TAGGED, _AMD64).manifest == _MANIFEST
    assert len(transport.lines) == 3
    breaks += [1] * 9
    with pytest.raises(ConnectionFailed):
        made.fetch_manifest(_TAGGED, _AMD64)


@pytest.mark.parametrize(
    "call",
    [
        lambda made: list(made.tags("a")),
        lambda made: list(made.repositories()),
        lambda made: made.search("a", 25),
    ],
)
def test_a_monstrous_list_is_cut_off(call: Callable[[RegistryClient], object]) -> None:
    made, _ = client(lambda sent: Answer(200, {}, b" " * (8 << 20) + b"[]"))
    with pytest.raises(BodyTooLarge):
        call(made)


@pytest.mark.parametrize("body", [b"[" * 200_000, b"{" * 200_000, b'{"errors":' * 50_000, b"\xff" * 100_000])
def test_no_answer_is_too_strange_for_an_error(body: bytes) -> None:
    made, _ = client(lambda sent: _OK if sent.url.endswith("/v2/") else Answer(500, {}, body))
    with pytest.raises(RegistryBroken):
        list(made.tags("a"))
    made, _ = client(lambda sent: Answer(200, {}, body))
    with pytest.raises(RegistryBroken, match="its answer is not a list of tags"):
        list(made.tags("a"))


def test_a_page_of_a_proxy_is_no_manifest() -> None:
    made, _ = client(lambda sent: Answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>"))
    with pytest.raises(MalformedManifest):
        made.fetch_manifest(_TAGGED, _AMD64)


@pytest.mark.parametrize("told", [True, False])
def test_a_tag_is_resolved_by_its_head_or_by_its_content(told: bool) -> None:
    made, transport = client(_Manifests(_MANIFEST.raw, digest_header=told))
    assert made.resolve(_TAGGED) == _MANIFEST.descriptor
    assert [line.partition(" ")[0] for line in transport.lines] == (["HEAD"] if told else ["HEAD", "GET"])


def test_a_manifest_is_put_as_it_is() -> None:
    made, transport = client(lambda sent: Answer(201 if sent.method == "PUT" else 200))
    assert made.put_manifest("a/b", "1", _MANIFEST) == _MANIFEST.digest
    sent = transport.sent[-1]
    assert (sent.body, sent.headers["Content-Type"]) == (_MANIFEST.raw, media.OCI_MANIFEST)


def test_a_registry_that_stores_something_else_is_told() -> None:
    other = Digest.of(b"other")
    made, _ = client(lambda sent: Answer(201 if sent.method == "PUT" else 200, {"Docker-Content-Digest": other}))
    with pytest.raises(RegistryBroken, match=re.escape(f"it stored {other} instead of {_MANIFEST.digest}")):
        made.put_manifest("a/b", "1", _MANIFEST)


def test_lists_come_page_by_page() -> None:
    pages = {
        "/v2/a/tags/list": (b'{"name":"a","tags":["1","2"]}', '</v2/a/tags/list?last=2>; rel="next"'),
        "/v2/a/tags/list?last=2": (b'{"name":"a","tags":["3"]}', None),
    }

    def answer(sent: Sent) -> Answer:
        body, link = pages.get(sent.url.removeprefix("https://registry.test"), (b"", None))
        return Answer(200, {"Link": link} if link else {}, body)

    made, _ = client(answer)
    assert list(made.tags("a")) == ["1", "2", "3"]


def test_no_tags_may_be_null() -> None:
    made, _ = client(lambda sent: Answer(200, {}, b'{"name":"a","tags":null}'))
    assert list(made.tags("a")) == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"repositories":[1]}', b'{"repositories":"a"}'])
def test_a_list_that_is_none_is_refused(body: bytes) -> None:
    made, _ = client(lambda sent: Answer(200, {}, body))
    with pytest.raises(RegistryBroken, match="its answer is not a list of repositories"):
        list(made.repositories())


def test_a_list_that_leads_to_itself_has_an_end() -> None:
    made, _ = client(lambda sent: Answer(200, {"Link": '</v2/_catalog>; rel="next"'}, b'{"repositories":[]}'))
    with pytest.raises(RegistryBroken, match="the list has no end"):
        list(made.repositories())
