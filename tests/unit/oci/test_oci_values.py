"""Digests, platforms, manifests and configurations: parsed once, written as they came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from boxwright.errors import InvalidError
from boxwright.oci import media
from boxwright.oci.config import Healthcheck, History, ImageConfig, MalformedConfig, RunConfig
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_id, chain_ids
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, MalformedManifest, Manifest, parse_manifest
from boxwright.oci.platform import Platform

D1, D2 = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
AMD64 = Platform("linux", "amd64")


# ---- digests


def test_a_digest_and_its_parts() -> None:
    digest = Digest.of(b"")
    assert digest == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (digest.algorithm, digest.short, len(digest.hex)) == ("sha256", "e3b0c44298fc", 64)
    assert Digest.parse(digest) == digest
    assert Digest.parse("sha512:" + "0" * 128).algorithm == "sha512"


@pytest.mark.parametrize(
    "text",
    [
        *("", "sha256", "sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64),
        *("md5:" + "0" * 32, "sha512:" + "0" * 64, "0" * 64, "sha256:" + "0" * 64 + "\n", ":" + "0" * 64),
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidError, match="invalid digest"):
        Digest.parse(text)


def test_chains_by_the_specifications_formula() -> None:
    first, second = DiffID(D1), DiffID(D2)
    assert chain_id(None, first) == D1
    both = Digest.of(f"{D1} {D2}".encode())
    assert chain_id(ChainID(D1), second) == both
    assert chain_ids([first, second, first]) == [D1, both, Digest.of(f"{both} {D1}".encode())]
    assert chain_ids(()) == []


# ---- platforms


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", AMD64),
        ("amd64", AMD64),
        ("x86_64", AMD64),
        ("linux/x86-64", AMD64),
        ("Linux/AMD64", AMD64),
        ("linux/amd64/v1", AMD64),
        ("linux/amd64/v3", Platform("linux", "amd64", "v3")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("aarch64", Platform("linux", "arm64")),
        ("arm", Platform("linux", "arm", "v7")),
        ("linux/arm/v6", Platform("linux", "arm", "v6")),
        ("linux/arm/6", Platform("linux", "arm", "v6")),
        ("armhf", Platform("linux", "arm", "v7")),
        ("armel", Platform("linux", "arm", "v6")),
        ("i686", Platform("linux", "386")),
        ("windows/amd64", Platform("windows", "amd64")),
    ],
)
def test_platforms(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert Platform.parse(str(platform)) == platform
    assert Platform.from_json(platform.to_json()) == platform


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d", "linux/am d64", "linux//v7"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidError, match="invalid platform"):
        Platform.parse(text)


@pytest.mark.parametrize("text", ["nonsense", "linux"])
def test_one_word_is_an_architecture_that_is_known(text: str) -> None:
    assert Platform.parse(f"{text}/{text}") == Platform(text, text)
    with pytest.raises(InvalidError, match="unknown architecture"):
        Platform.parse(text)


# ---- manifests


def descriptor(**changes: Any) -> dict[str, Any]:
    return {"mediaType": media.OCI_CONFIG, "digest": str(D1), "size": 3, **changes}


def manifest(**changes: Any) -> bytes:
    value = {"schemaVersion": 2, "config": descriptor(), "layers": [descriptor(digest=str(D2))], **changes}
    return json.dumps({name: field for name, field in value.items() if field is not None}).encode()


def test_a_manifest_keeps_its_bytes() -> None:
    raw = manifest(mediaType=media.OCI_MANIFEST, annotations={"a": "b"}, unknown=[1])
    parsed = parse_manifest(raw)
    assert isinstance(parsed, Manifest)
    assert (parsed.raw, parsed.digest) == (raw, Digest.of(raw))
    assert parsed.descriptor == Descriptor(media.OCI_MANIFEST, Digest.of(raw), len(raw))
    assert [layer.digest for layer in parsed.layers] == [D2]
    assert parsed.annotations == {"a": "b"}


def test_building_a_manifest_is_a_pure_function() -> None:
    config = Descriptor(media.OCI_CONFIG, D1, 3)
    layers = [Descriptor(media.OCI_LAYER, D2, 4, annotations={"x": "y"}, urls=("https://a",))]
    made = Manifest.build(config, layers, annotations={"b": "2", "a": "1"})
    assert made == parse_manifest(made.raw)
    assert made.raw == Manifest.build(config, layers, annotations={"a": "1", "b": "2"}).raw


@pytest.mark.parametrize(
    ("raw", "said", "why"),
    [
        (b"", None, "it is not JSON"),
        (b"[" * 100_000, None, "it is not JSON"),
        (b"[]", None, "schemaVersion 2 is missing"),
        (b"{}", None, "schemaVersion 2 is missing"),
        (b'{"schemaVersion":1}', None, "schemaVersion 2 is missing"),
        (manifest(config=None), None, "a descriptor is not an object"),
        (manifest(config=descriptor(size=-1)), None, "size or mediaType"),
        (manifest(config=descriptor(size=True)), None, "size or mediaType"),
        (manifest(config=descriptor(size="3")), None, "size or mediaType"),
        (manifest(config=descriptor(mediaType=5)), None, "size or mediaType"),
        (manifest(config=descriptor(digest="x")), None, "invalid digest"),
        (manifest(config=descriptor(annotations=[])), None, ""),
        (manifest(layers={}), None, ""),
        (manifest(layers=5), None, "layers are not a list"),
        (manifest(manifests=[]), None, "both layers and manifests"),
        (manifest(annotations=5), None, "annotations are not an object"),
        (manifest(mediaType="text/plain"), None, "unknown type 'text/plain'"),
        (manifest(mediaType=media.OCI_MANIFEST), media.DOCKER_MANIFEST, "was announced"),
        (manifest(mediaType=media.OCI_INDEX, layers=None), None, "manifests are missing"),
        (b" " * (MAX_MANIFEST_BYTES + 1), None, "it is larger than 4 MiB"),
    ],
)
def test_what_is_no_manifest(raw: bytes, said: str | None, why: str) -> None:
    if not why:  # an empty value of another type reads as nothing
        parse_manifest(raw, said)
        return
    with pytest.raises(MalformedManifest, match=why):
        parse_manifest(raw, said)


def test_a_type_from_outside_counts_where_there_is_none_inside() -> None:
    parsed = parse_manifest(manifest(), f"{media.DOCKER_MANIFEST}; charset=utf-8")
    assert parsed.media_type == media.DOCKER_MANIFEST
    assert parse_manifest(manifest(), "application/json").media_type == media.OCI_MANIFEST


def test_choosing_from_an_index() -> None:
    def entry(digest: Digest, **platform: str) -> dict[str, Any]:
        return descriptor(mediaType=media.OCI_MANIFEST, digest=str(digest), platform={"os": "linux", **platform})

    v6, v7 = entry(D1, architecture="arm", variant="v6"), entry(D2, architecture="arm", variant="v7")
    strange = entry(D1, architecture="unknown", os="unknown")
    raw = json.dumps({"schemaVersion": 2, "manifests": [strange, v6, v7, entry(D1, architecture="amd64")]}).encode()
    index = parse_manifest(raw)
    assert isinstance(index, Index)

    def chosen(text: str) -> Digest | None:
        found = index.select(Platform.parse(text))
        return found.digest if found else None

    assert chosen("linux/arm/v7") == D2
    assert chosen("linux/arm/v6") == D1
    assert chosen("amd64") == D1
    assert chosen("linux/amd64/v2") == D1  # one without a variant runs on every one
    assert chosen("s390x") is None


# ---- configurations


def test_a_configuration_there_and_back() -> None:
    config = ImageConfig(
        AMD64,
        RunConfig(
            user="ada",
            exposed_ports=("53/udp", "80/tcp"),
            env=("A=1", "B="),
            entrypoint=("/x",),
            cmd=(),
            volumes=("/data",),
            working_dir="/w",
            labels={"a": "b"},
            stop_signal="SIGINT",
            healthcheck=Healthcheck(("CMD", "true"), interval=5, retries=2),
            on_build=("RUN x",),
            shell=("/bin/bash", "-c"),
            stop_timeout=7,
        ),
        (DiffID(D1), DiffID(D2)),
        (History("2026-01-01T00:00:00Z", "RUN x", "ada", "why"), History(empty_layer=True)),
        "2026-01-01T00:00:00Z",
        "ada",
        {"moby.buildkit": {"x": 1}},
    )
    assert ImageConfig.parse(config.to_bytes()) == config
    assert ImageConfig.parse(config.to_bytes()).to_bytes() == config.to_bytes()


def test_nothing_and_unset_differ() -> None:
    for cmd in (None, (), ("x",)):
        made = ImageConfig(AMD64, RunConfig(cmd=cmd, entrypoint=cmd), ())
        again = ImageConfig.parse(made.to_bytes()).config
        assert (again.cmd, again.entrypoint) == (cmd, cmd)


def test_what_others_write() -> None:
    raw = json.dumps(
        {
            "architecture": "arm",
            "variant": 7,
            "os": "linux",
            "config": {"Env": None, "Cmd": "bare", "Labels": None, "Volumes": {"/b": {}, "/a": {}}},
            "rootfs": {"type": "layers", "diff_ids": None},
            "history": None,
        }
    ).encode()
    config = ImageConfig.parse(raw)
    assert config.platform == Platform("linux", "arm", "v7")
    assert (config.config.cmd, config.config.env, config.config.volumes) == (("bare",), (), ("/a", "/b"))
    assert (config.diff_ids, config.history) == ((), ())


@pytest.mark.parametrize(
    "change",
    [
        {"rootfs": None},
        {"rootfs": []},
        {"config": 5},
        {"rootfs": {"diff_ids": ["x"]}},
        {"history": {"a": 1}},
        {"history": ["x"]},
        {"history": [{"created_by": 5}]},
        {"created": 5},
        {"config": {"Env": "A=1", "Cmd": [1]}},
        {"config": {"Labels": ["x"]}},
        {"config": {"User": 5}},
        {"config": {"Healthcheck": {"Test": ["CMD"], "Interval": "soon"}}},
        {"config": {"StopTimeout": "soon"}},
    ],
)
def test_what_is_no_configuration(change: dict[str, Any]) -> None:
    value = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
    with pytest.raises(MalformedConfig):
        ImageConfig.parse(json.dumps({**value, **change}).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(MalformedConfig):
        ImageConfig.parse(raw)


def test_variables_keep_their_place() -> None:
    config = RunConfig(env=("A=1", "B=2", "C"))
    assert config.with_env({"B": "3", "D": "4"}).env == ("A=1", "B=3", "C=", "D=4")
    assert config.env_map() == {"A": "1", "B": "2", "C": ""}
