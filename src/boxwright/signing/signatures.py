"""What is signed of an image, and how it is written down.

Simple signing (containers/image "signature claim", cosign's ``sha256-….sig`` tags): a JSON document with the
manifest's digest, signed as it is. Sigstore's bundle (protobuf-specs "Bundle" 0.3, what cosign 3 writes): an in-toto
statement about the digest in a DSSE envelope (secure-systems-lab/dsse), in a JSON document.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Literal

from boxwright.errors import CorruptError, InvalidError
from boxwright.oci.digest import Digest
from boxwright.signing.keys import PrivateKey, PublicKey
from boxwright.values import NamedTuple

SIMPLE_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIMPLE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""What an artifact with simple signatures is, where it refers to its image (cosign's mode oci-1-1)."""
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_ANNOTATIONS = {
    "dev.sigstore.bundle.content": "dsse-envelope",
    "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
}
MAX_SIGNATURE_BYTES = 1 << 20
"""What is read of one signature, with all that may come with it."""

_CLAIM = "cosign container image signature"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = BUNDLE_ANNOTATIONS["dev.sigstore.bundle.predicateType"]
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


class MalformedSignature(CorruptError):
    """Bytes that are no signature of an image."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed signature: {why}")


class Signature(NamedTuple):
    """A signature as it was found; nothing in it counts before a key verifies it."""

    form: Literal["simple", "bundle"]
    signed: bytes
    """The bytes that were signed."""
    signature: bytes
    digest: Digest
    """Of the manifest or index that it says it is for."""
    annotations: Mapping[str, str]

    def is_by(self, key: PublicKey, digests: frozenset[Digest]) -> bool:
        """Return whether `key` made it, for one of `digests`."""
        return self.digest in digests and key.verifies(self.signature, self.signed)


def simple_claim(repository: str, digest: Digest, annotations: Mapping[str, str]) -> bytes:
    """Return the document that a simple signature signs: byte for byte what cosign writes."""
    value = {
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": str(digest)},
            "type": _CLAIM,
        },
        "optional": dict(sorted(annotations.items())) or None,
    }
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def parse_simple(claim: bytes, signature: str) -> Signature:
    """Read a claim and its signature, which is an annotation beside it. Raises MalformedSignature."""
    try:
        document = json.loads(claim)
        critical = document["critical"]
        digest = Digest.parse(critical["image"]["docker-manifest-digest"])
        if critical["type"] != _CLAIM:
            raise MalformedSignature("it is no signature of a container image")
        return Signature("simple", claim, _decoded(signature), digest, _texts(document.get("optional")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidError):
        raise MalformedSignature("it is no simple signing document") from None


def make_bundle(key: PrivateKey, digest: Digest, annotations: Mapping[str, str]) -> bytes:
    """Sign a digest, and return the bundle."""
    subject: dict[str, Any] = {"digest": {digest.algorithm: digest.hex}}
    if annotations:
        subject["annotations"] = dict(sorted(annotations.items()))
    statement = {"_type": _STATEMENT, "subject": [subject], "predicateType": _PREDICATE, "predicate": {}}
    payload = json.dumps(statement, separators=(",", ":"), ensure_ascii=False).encode()
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.public.fingerprint}},
        "dsseEnvelope": {
            "payload": _encoded(payload),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"sig": _encoded(key.sign(_pre_authenticated(_PAYLOAD_TYPE, payload)))}],
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode()


def parse_bundle(raw: bytes) -> Signature:
    """Read a bundle. Raises MalformedSignature for anything but a statement about one image with one signature."""
    try:
        envelope = json.loads(raw)["dsseEnvelope"]
        kind = envelope["payloadType"]
        payload = _decoded(envelope["payload"])
        (signature,) = envelope["signatures"]
        statement = json.loads(payload)
        if kind != _PAYLOAD_TYPE or statement["predicateType"] != _PREDICATE:
            raise MalformedSignature("it says something else of the image")
        (subject,) = statement["subject"]
        ((algorithm, encoded),) = subject["digest"].items()
        digest = Digest.parse(f"{algorithm}:{encoded}")
        signed = _pre_authenticated(kind, payload)
        return Signature("bundle", signed, _decoded(signature["sig"]), digest, _texts(subject.get("annotations")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidError):
        raise MalformedSignature("it is no sigstore bundle with a DSSE envelope") from None


def _pre_authenticated(kind: str, payload: bytes) -> bytes:
    """Return what a DSSE signature signs (dsse/protocol.md "PAE")."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _texts(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise MalformedSignature("a signature is not text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise MalformedSignature("a signature is not base64") from None
