"""References survive being written and read; whatever comes from outside is a value or an error that says so."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import CorruptError
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import parse_manifest
from boxwright.oci.reference import InvalidReference, Reference

_COMPONENTS = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+)*", fullmatch=True).filter(
    lambda text: len(text) < 40
)
_DOMAINS = st.sampled_from(["docker.io", "localhost", "localhost:5000", "registry.example", "[::1]:80", "10.0.0.1"])
_TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,30}", fullmatch=True)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    _DOMAINS,
    st.lists(_COMPONENTS, min_size=1, max_size=3),
    st.none() | _TAGS,
    st.none() | st.binary(max_size=4).map(Digest.of),
)
def test_references_there_and_back(domain: str, parts: list[str], tag: str | None, digest: Digest | None) -> None:
    path = "/".join(parts)
    text = f"{domain}/{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    ref = Reference.parse(text)
    assert (ref.domain, ref.tag, ref.digest) == (domain, tag, digest)
    assert ref.path in (path, f"library/{path}")
    assert Reference.parse(ref.familiar()) == Reference.parse(str(ref)) == ref


@given(st.text(alphabet="aA0:/@.-_[] \n", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_reference_or_an_invalid_one(text: str) -> None:
    try:
        ref = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(ref)) == ref


_KEYS = st.sampled_from(
    [
        *("schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "subject", "artifactType"),
        *("digest", "size", "platform", "urls", "os", "architecture", "variant", "rootfs", "diff_ids", "history"),
        *("Env", "Cmd", "Labels", "Volumes", "Healthcheck", "Test", "Interval", "StopTimeout", "created"),
    ]
)
_LEAVES = _JSON | st.sampled_from([2, media.OCI_MANIFEST, media.OCI_INDEX, "sha256:" + "0" * 64, 5, "linux", "arm"])
_DOCUMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(_KEYS, _DOCUMENTS, max_size=8))
def test_any_document_is_a_manifest_or_corrupt(document: dict[str, object]) -> None:
    raw = json.dumps({"schemaVersion": 2, **document}).encode()
    try:
        parsed = parse_manifest(raw)
    except CorruptError:
        return
    assert parsed.raw == raw


@given(st.dictionaries(_KEYS, _DOCUMENTS, max_size=8), st.dictionaries(_KEYS, _DOCUMENTS, max_size=8))
def test_any_document_is_a_configuration_or_corrupt(document: dict[str, object], run: dict[str, object]) -> None:
    raw = json.dumps({"rootfs": {"diff_ids": []}, "config": run, **document}).encode()
    try:
        config = ImageConfig.parse(raw)
    except CorruptError:
        return
    assert ImageConfig.parse(config.to_bytes()) == config


@given(st.binary(max_size=60))
def test_any_bytes_are_handled(raw: bytes) -> None:
    for parse in (parse_manifest, ImageConfig.parse):
        try:
            parse(raw)
        except CorruptError:
            continue
