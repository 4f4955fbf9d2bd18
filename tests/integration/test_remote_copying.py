"""Images from one registry into another: whole, with all that refers to them, and nothing sent twice."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote import referrers
from boxwright.remote.client import NoMatchingPlatform, RegistryClient
from boxwright.remote.copying import Copied, copy_image
from boxwright.remote.download import WrongBlob
from boxwright.remote.failure import NotInRegistry
from boxwright.remote.progress import Event, LayerDone, LayerExists, LayerMounted
from integration.remote_servers import QUICK, Asked, BreakingLine, Reply, SmallServer, docker_registry
from support.registry_kit import SmallImage, descriptor, digest_of
from support.registry_process import PlainClient, serving

_BIG = SmallImage.of(bytes(range(256)) * 20_000)
_BILL, _TYPE = b'{"packages":[]}', "application/spdx+json"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "source") as server:
        yield server.address


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "target") as server:
        yield server.address


def _client(domain: str) -> RegistryClient:
    return RegistryClient(domain, insecure=True, policy=QUICK)


def _copy(source: str, target: str, heard: list[Event] | None = None, **options: object) -> Copied:
    one, other = Reference.parse(source), Reference.parse(target)
    with _client(one.domain) as here, _client(other.domain) as there:
        there = here if one.domain == other.domain else there
        listen = heard.append if heard is not None else lambda event: None
        return copy_image(here, there, one, other, progress=listen, **options)


def _push_index(client: PlainClient, path: str, tag: str, images: dict[str, SmallImage]) -> bytes:
    entries = []
    for architecture, image in images.items():
        client.push(path, digest_of(image.manifest), image, [])
        platform = {"os": "linux", "architecture": architecture}
        entries.append(descriptor(image.media_type, image.manifest, platform=platform))
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": entries}).encode()
    client.put(path, tag, raw, media.OCI_INDEX)
    return raw


def test_an_image_is_copied_once(source: str, target: str) -> None:
    with PlainClient(source) as client:
        client.push("ada/web", "1", _BIG, [])
    heard: list[Event] = []
    copied = _copy(f"{source}/ada/web:1", f"{target}/eva/web", heard)
    assert copied == Copied(Digest(digest_of(_BIG.manifest)), "copied", len(_BIG.layer) + len(_BIG.config), 0, 1, 0)
    assert {type(event) for event in heard} >= {LayerDone}
    with PlainClient(target) as client:
        client.verify(["/v2/eva/web/manifests/1"])
    assert _copy(f"{source}/ada/web:1", f"{target}/eva/web").status == "up to date"
    again = _copy(f"{source}/ada/web:1", f"{target}/eva/web:2")
    assert (again.status, again.sent, again.there) == ("copied", 0, copied.sent)


def test_within_one_registry_blobs_are_mounted(source: str) -> None:
    with PlainClient(source) as client:
        client.push("ada/web", "1", _BIG, [])
    heard: list[Event] = []
    copied = _copy(f"{source}/ada/web:1", f"{source}/eva/web:2", heard)
    assert copied.sent == 0
    assert {type(event) for event in heard} == {LayerMounted}
    heard.clear()
    _copy(f"{source}/ada/web:1", f"{source}/ada/web:3", heard)
    with PlainClient(source) as client:
        client.verify(["/v2/eva/web/manifests/2", "/v2/ada/web/manifests/3"])


def test_an_index_is_copied_whole_or_in_part(source: str, target: str) -> None:
    images = {name: SmallImage.of(name.encode()) for name in ("amd64", "arm64", "riscv64")}
    with PlainClient(source) as client:
        raw = _push_index(client, "ada/web", "1", images)
    whole = _copy(f"{source}/ada/web:1", f"{target}/whole:1")
    assert (whole.digest, whole.manifests) == (digest_of(raw), 4)
    one = _copy(f"{source}/ada/web:1", f"{target}/one:1", platforms=[Platform("linux", "arm64")])
    assert (one.digest, one.manifests) == (digest_of(images["arm64"].manifest), 1)
    two = [Platform("linux", "riscv64"), Platform("linux", "amd64")]
    narrowed = _copy(f"{source}/ada/web:1", f"{target}/two:1", platforms=two)
    assert narrowed.manifests == 3
    with PlainClient(target) as client:
        entries = json.loads(client.call("GET", "/v2/two/manifests/1")[1])["manifests"]
        assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "riscv64"]
        for image in images.values():
            assert client.call("GET", f"/v2/whole/manifests/{digest_of(image.manifest)}") == (200, image.manifest)
            assert client.call("GET", f"/v2/whole/blobs/{digest_of(image.layer)}") == (200, image.layer)
    with pytest.raises(NoMatchingPlatform, match="has no image for linux/s390x"):
        _copy(f"{source}/ada/web:1", f"{target}/none:1", platforms=[Platform("linux", "s390x")])


def test_a_platform_is_asked_of_a_single_image_too(source: str, target: str) -> None:
    with PlainClient(source) as client:
        client.push("ada/web", "1", _BIG, [])
    assert _copy(f"{source}/ada/web:1", f"{target}/web", platforms=[Platform("linux", "amd64")]).manifests == 1
    with pytest.raises(NoMatchingPlatform, match=r"no image for linux/arm64"):
        _copy(f"{source}/ada/web:1", f"{target}/other", platforms=[Platform("linux", "arm64")])


def test_what_refers_to_an_image_goes_along(source: str, target: str) -> None:
    images = {name: SmallImage.of(name.encode()) for name in ("amd64", "arm64")}
    with PlainClient(source) as client:
        raw = _push_index(client, "ada/web", "1", images)
        bill = client.attach("ada/web", images["arm64"].manifest, _TYPE, _BILL)
        signature = client.attach("ada/web", bill, "application/x-signature", b"signed")
        client.push("ada/web", digest_of(raw).replace(":", "-") + ".sig", SmallImage.of(b"cosign"), [])
    without = _copy(f"{source}/ada/web:1", f"{target}/web:1")
    assert without.referrers == 0
    # Also when the image is there already.
    assert _copy(f"{source}/ada/web:1", f"{target}/web:1", referrers=True).referrers == 3
    with _client(target) as client:
        (found,) = referrers.listed(client, "web", Digest(digest_of(images["arm64"].manifest)))
        assert (found.digest, found.artifact_type) == (digest_of(bill), _TYPE)
        (found,) = referrers.listed(client, "web", found.digest)
        assert found.digest == digest_of(signature)
        assert client.resolve(Reference(target, "web", digest_of(raw).replace(":", "-") + ".sig")) is not None


@pytest.mark.peer
def test_a_registry_without_referrers_lists_them_under_a_tag(tmp_path: Path, source: str) -> None:
    with docker_registry(tmp_path) as middle:
        with PlainClient(source) as client:
            client.push("ada/web", "1", _BIG, [])
            bill = client.attach("ada/web", _BIG.manifest, _TYPE, _BILL)
        for end in (f"{middle}/ada/web:1", f"{middle}/eva/web:2"):
            assert _copy(f"{source}/ada/web:1", end, referrers=True).referrers == 1
        # And out of it again.
        assert _copy(f"{middle}/ada/web:1", f"{source}/back:1", referrers=True).referrers == 1
        with _client(source) as back:
            (found,) = referrers.listed(back, "back", Digest(digest_of(_BIG.manifest)))
        assert (found.digest, found.artifact_type) == (digest_of(bill), _TYPE)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_line_that_breaks_is_taken_up_where_it_broke(source: str, target: str, direction: str) -> None:
    noise = SmallImage.of(random.Random(1).randbytes(3_000_000))
    with PlainClient(source) as client:
        client.push("ada/web", "1", noise, [])
    with BreakingLine(target if direction == "up" else source, 1_000_000, 900_000, direction=direction) as line:
        here, there = (source, line.domain) if direction == "up" else (line.domain, target)
        copied = _copy(f"{here}/ada/web:1", f"{there}/web:1")
        assert line.broken == 2
    assert copied.sent == len(noise.layer) + len(noise.config)
    with PlainClient(target) as client:
        client.verify(["/v2/web/manifests/1"])


def test_a_wrong_blob_never_arrives(target: str) -> None:
    def answer(asked: Asked) -> Reply:
        name = asked.path.rpartition("/")[2]
        if "/manifests/" in asked.path:
            return Reply(200, {"Content-Type": _BIG.media_type}, _BIG.manifest)
        if name == digest_of(_BIG.layer):
            return Reply(200, {}, _BIG.layer[:-1] + b"x")
        return Reply(200, {}, _BIG.config if name == digest_of(_BIG.config) else b"{}")

    with SmallServer(answer) as liar, pytest.raises(WrongBlob, match="sent a wrong blob"):
        _copy(f"{liar.domain}/ada/web:1", f"{target}/web:1")
    with _client(target) as client:
        assert client.resolve(Reference(target, "web", "1")) is None


def test_what_is_not_there_is_said(source: str, target: str) -> None:
    with pytest.raises(NotInRegistry, match=r"cannot pull .*/ada/web:1: there is no such"):
        _copy(f"{source}/ada/web:1", f"{target}/web:1")


def test_events_of_what_exists(source: str, target: str) -> None:
    other = SmallImage(_BIG.layer, _BIG.config, _BIG.manifest + b"\n")
    with PlainClient(source) as client:
        client.push("ada/web", "1", _BIG, [])
        client.push("ada/web", "2", other, [])
    heard: list[Event] = []
    _copy(f"{source}/ada/web:1", f"{target}/web")
    _copy(f"{source}/ada/web:2", f"{target}/web", heard)
    assert {type(event) for event in heard} == {LayerExists}


def test_who_may_only_push_can_copy(source: str) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/v2/":
            return Reply()
        if asked.method in ("GET", "HEAD"):
            return Reply(403)
        return Reply(202, {"Location": "/v2/web/blobs/uploads/1"}) if asked.method == "POST" else Reply(201)

    with PlainClient(source) as client:
        client.push("ada/web", "1", _BIG, [])
    with SmallServer(answer) as deaf:
        assert _copy(f"{source}/ada/web:1", f"{deaf.domain}/web:1").status == "copied"
        assert deaf.asked[-1].path == "/v2/web/manifests/1"
        assert deaf.asked[-1].body == _BIG.manifest
