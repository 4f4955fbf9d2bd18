"""Whatever a registry sends as a signature: it is one, or it is refused as none."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from boxwright.oci.digest import Digest
from boxwright.signing import secretbox
from boxwright.signing.keys import PrivateKey
from boxwright.signing.signatures import MalformedSignature, make_bundle, parse_bundle, parse_simple, simple_claim

_KEY = PrivateKey.generate("a.key")
_DIGEST = Digest.of(b"manifest")
_BUNDLE = make_bundle(_KEY, _DIGEST, {"a": "b"})
_CLAIM = simple_claim("a/b", _DIGEST, {"a": "b"})
_SIGNATURE = base64.b64encode(_KEY.sign(_CLAIM)).decode()

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["critical", "image", "dsseEnvelope", "payload", "signatures", "sig"]), inner)
    ),
    max_leaves=10,
)


@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()), st.text(max_size=10))
def test_anything_is_a_signature_or_none(raw: bytes, text: str) -> None:
    for parse in (lambda: parse_bundle(raw), lambda: parse_simple(raw, text)):
        try:
            parse()
        except MalformedSignature:
            pass  # as most are


@given(st.data())
def test_no_changed_bundle_verifies_for_another_image(data: st.DataObject) -> None:
    changed = bytearray(_BUNDLE)
    position = data.draw(st.integers(0, len(changed) - 1))
    changed[position] = data.draw(st.integers(0, 255))
    try:
        found = parse_bundle(bytes(changed))
    except MalformedSignature:
        return
    if found.is_by(_KEY.public, frozenset({found.digest})):
        assert (found.digest, found.annotations) == (_DIGEST, {"a": "b"})


@given(st.data())
def test_no_changed_claim_verifies(data: st.DataObject) -> None:
    changed = bytearray(_CLAIM)
    position = data.draw(st.integers(0, len(changed) - 1))
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_simple(bytes(changed), _SIGNATURE)
    except MalformedSignature:
        return
    assert not found.is_by(_KEY.public, frozenset({found.digest}))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=24, max_size=24), st.binary(max_size=300))
def test_what_is_sealed_is_unsealed(key: bytes, nonce: bytes, content: bytes) -> None:
    assert secretbox.unseal(key, nonce, secretbox.seal(key, nonce, content)) == content
