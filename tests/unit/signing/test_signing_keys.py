"""Keys: cosign's own files, PEM of every kind, and what is no key."""

from __future__ import annotations

import base64
import json

import pytest

from boxwright.signing import secretbox
from boxwright.signing.keys import InvalidKey, PasswordNeeded, PrivateKey, PublicKey
from boxwright.signing.secretbox import WrongPassword

# Made by cosign 2.6 with the password "pw".
COSIGN_KEY = b"""-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiIvOStwMHZFdkFCRHZVT3dDMlFWL095S3BLaE05M1NK
SlJ4ckxOTis4MVB3PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJ4VXJmWTQvL3NrNHk3TG5QMW5LY1liRW13NXRUcGtZTyJ9LCJj
aXBoZXJ0ZXh0IjoidGFYZGRRUVVibUszMEVUT1BYSGZxNk1SMHdrdFVmNHNZYUF0
V0lQekVVQWIwSmVCbnp0RGYzQlM3OFdYS0JzNnl3eUxRNm8zUnVMdElYT1BYcEpo
NTNqYzRRSWlIeVc2d01hRFFtTDBVQWpHaUl0bDhMVGFYV2xyWHk1Vk5BUUFyeEhG
NGNPd283QTNZd3Jzb3lDWFdFNW95MVZiYXZsZ3JReWNHM0Vrb2ZEOE5qK0svczVP
MElEdTRhMFo5M3hQeDNSSDhOeEhtTmJHekE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
"""
COSIGN_PUB = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAXpiHgGokaTgCNngSVa+Px6sEJqO
GZ92dh0uivgRaGwKFW9wh8y/XXJzFmvEnynfhd8WEo/LMwT4Xj27uDXLfQ==
-----END PUBLIC KEY-----
"""


def test_a_secret_box_is_nacls() -> None:
    # The vector of NaCl's own tests (tests/secretbox.c).
    key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    content = bytes.fromhex(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c0123"
        "3561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924"
        "ca1c60902e52f0a089bc76897040e082f937763848645e0705"
    )
    box = bytes.fromhex(
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98"
        "dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6b"
        "b3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
    )
    assert secretbox.seal(key, nonce, content) == box
    assert secretbox.unseal(key, nonce, box) == content


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 200])
def test_a_box_opens_with_its_key_only(size: int) -> None:
    key, nonce, content = bytes(range(32)), bytes(24), b"x" * size
    box = secretbox.seal(key, nonce, content)
    assert secretbox.unseal(key, nonce, box) == content
    for wrong in (box[:-1] + bytes([box[-1] ^ 1]), box[:10], b""):
        with pytest.raises(WrongPassword):
            secretbox.unseal(key, nonce, wrong)


def test_cosigns_key_is_read() -> None:
    key = PrivateKey.parse(COSIGN_KEY, b"pw", "cosign.key")
    assert key.public.pem() == COSIGN_PUB
    assert key.public.fingerprint == PublicKey.parse(COSIGN_PUB, "cosign.pub").fingerprint
    with pytest.raises(WrongPassword):
        PrivateKey.parse(COSIGN_KEY, b"other", "cosign.key")
    with pytest.raises(PasswordNeeded, match=r"cosign\.key is locked"):
        PrivateKey.parse(COSIGN_KEY, None, "cosign.key")


@pytest.mark.parametrize("password", [b"", b"secret"])
def test_a_new_key_is_written_and_read(password: bytes) -> None:
    key = PrivateKey.generate("new.key")
    again = PrivateKey.parse(key.pem(password), password, "new.key")
    assert again.public.fingerprint == key.public.fingerprint
    signature = again.sign(b"content")
    public = PublicKey.parse(key.public.pem(), "new.pub")
    assert public.verifies(signature, b"content")
    assert not public.verifies(signature, b"other")
    assert not public.verifies(b"garbage", b"content")


def test_keys_of_other_kinds_verify() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    one, two, three = (
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
    )
    made = [
        (one.public_key(), one.sign(b"content", padding.PKCS1v15(), hashes.SHA256())),
        (two.public_key(), two.sign(b"content")),
        (three.public_key(), three.sign(b"content", ec.ECDSA(hashes.SHA256()))),
    ]
    for public, signature in made:
        key = PublicKey.parse(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "a.pub")
        assert key.verifies(signature, b"content")
        assert not key.verifies(signature, b"other")


def test_plain_and_locked_pem_is_read() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    older = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    fingerprints = {
        PrivateKey.parse(pem, password, "a").public.fingerprint
        for pem, password in ((plain, None), (plain, b"unused"), (older, None), (locked, b"pw"))
    }
    assert len(fingerprints) == 1
    with pytest.raises(PasswordNeeded):
        PrivateKey.parse(locked, None, "a")
    with pytest.raises(WrongPassword):
        PrivateKey.parse(locked, b"other", "a")
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InvalidKey, match="only ECDSA keys on P-256"):
        PrivateKey.parse(other, None, "a")


def _cosign_key(**changes: object) -> bytes:
    document = json.loads(base64.b64decode(COSIGN_KEY.split(b"-----")[2]))
    document.update(changes)
    body = base64.b64encode(json.dumps(document).encode())
    label = b"ENCRYPTED SIGSTORE PRIVATE KEY"
    return b"-----BEGIN " + label + b"-----\n" + body + b"\n-----END " + label + b"-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        _cosign_key(kdf={"name": "scrypt", "params": {"N": 1 << 30, "r": 8, "p": 1}, "salt": ""}),
        _cosign_key(kdf={"name": "scrypt", "params": {"N": 65536, "r": 8, "p": 1 << 20}, "salt": ""}),
        _cosign_key(kdf={"name": "scrypt", "params": {"N": 1000, "r": 8, "p": 1}, "salt": ""}),
        _cosign_key(kdf={"name": "scrypt", "params": {"N": "65536", "r": 8, "p": 1}, "salt": ""}),
        _cosign_key(kdf={"name": "argon2", "params": {"N": 65536, "r": 8, "p": 1}, "salt": ""}),
        _cosign_key(cipher={"name": "nacl/secretbox", "nonce": "AAAA"}),
        _cosign_key(ciphertext=None),
        COSIGN_KEY[:200],
        b"",
        b"\xff\xfe",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidKey):
        PrivateKey.parse(pem, b"pw", "a.key")


@pytest.mark.parametrize(
    "pem", [b"", b"junk", COSIGN_KEY, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.parse(pem, "a.pub")
