"""What is signed, byte for byte as cosign writes it; and what is no signature."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from boxwright.oci.digest import Digest
from boxwright.signing.keys import PrivateKey
from boxwright.signing.signatures import (
    MalformedSignature,
    Signature,
    make_bundle,
    parse_bundle,
    parse_simple,
    simple_claim,
)

_DIGEST = Digest.of(b"manifest")


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate("a.key")


def test_a_claim_is_cosigns() -> None:
    claim = simple_claim("127.0.0.1:5000/ada/tools", _DIGEST, {})
    assert claim == (
        b'{"critical":{"identity":{"docker-reference":"127.0.0.1:5000/ada/tools"},"image":{"docker-manifest-digest":"'
        + _DIGEST.encode()
        + b'"},"type":"cosign container image signature"},"optional":null}'
    )
    assert json.loads(simple_claim("a/b", _DIGEST, {"b": "2", "a": "1"}))["optional"] == {"a": "1", "b": "2"}


def test_a_claim_is_read_back(key: PrivateKey) -> None:
    claim = simple_claim("a/b", _DIGEST, {"build": "42"})
    found = parse_simple(claim, base64.b64encode(key.sign(claim)).decode())
    assert found._replace(signature=b"") == Signature("simple", claim, b"", _DIGEST, {"build": "42"})
    assert found.is_by(key.public, frozenset({_DIGEST}))
    assert not found.is_by(key.public, frozenset({Digest.of(b"other")}))
    assert not found.is_by(PrivateKey.generate("b.key").public, frozenset({_DIGEST}))
    assert not found._replace(signed=claim + b" ").is_by(key.public, frozenset({_DIGEST}))


@pytest.mark.parametrize("annotations", [{}, {"build": "42"}])
def test_a_bundle_is_read_back(key: PrivateKey, annotations: dict[str, str]) -> None:
    found = parse_bundle(make_bundle(key, _DIGEST, annotations))
    assert (found.form, found.digest, found.annotations) == ("bundle", _DIGEST, annotations)
    assert found.is_by(key.public, frozenset({_DIGEST}))


@pytest.mark.parametrize(
    ("claim", "signature"),
    [
        (b"", ""),
        (b"[]", "AAAA"),
        (b"{}", "AAAA"),
        (b'{"critical": 1}', "AAAA"),
        (b"[" * 100_000, "AAAA"),
        (simple_claim("a", _DIGEST, {}), "not base64"),
        (simple_claim("a", _DIGEST, {}).replace(b"sha256", b"md5"), "AAAA"),
        (simple_claim("a", _DIGEST, {}).replace(b"cosign", b"other"), "AAAA"),
    ],
)
def test_what_is_no_claim_is_refused(claim: bytes, signature: str) -> None:
    with pytest.raises(MalformedSignature):
        parse_simple(claim, signature)


def _changed(key: PrivateKey, where: str, value: Any) -> bytes:
    bundle = json.loads(make_bundle(key, _DIGEST, {}))
    envelope = bundle["dsseEnvelope"]
    if where == "statement":
        envelope["payload"] = base64.b64encode(json.dumps(value).encode()).decode()
    else:
        envelope[where] = value
    return json.dumps(bundle).encode()


def test_what_is_no_bundle_is_refused(key: PrivateKey) -> None:
    statement = json.loads(base64.b64decode(json.loads(make_bundle(key, _DIGEST, {}))["dsseEnvelope"]["payload"]))
    two = [*statement["subject"], *statement["subject"]]
    for raw in (
        b"",
        b"[]",
        b'{"dsseEnvelope": []}',
        _changed(key, "payloadType", "text/plain"),
        _changed(key, "payload", "!"),
        _changed(key, "payload", None),
        _changed(key, "signatures", []),
        _changed(key, "signatures", [{"sig": "AAAA"}, {"sig": "AAAA"}]),
        _changed(key, "statement", {**statement, "subject": two}),
        _changed(key, "statement", {**statement, "subject": [{"digest": {"md5": "aa"}}]}),
        _changed(key, "statement", {**statement, "predicateType": "https://slsa.dev/provenance/v1"}),
        _changed(key, "statement", []),
    ):
        with pytest.raises(MalformedSignature):
            parse_bundle(raw)
