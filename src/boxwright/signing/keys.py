"""Keys that sign and verify: PEM files, cosign's own encrypted ones among them.

New keys are ECDSA on P-256, as cosign's are. To verify, RSA and Ed25519 keys do as well. The package `cryptography`
is needed (``pip install 'boxwright[sign]'``); it is imported when a key is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from boxwright.errors import InvalidError, UnavailableError
from boxwright.signing import secretbox
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

MAX_KEY_BYTES = 64 << 10
"""A file that is larger is no key."""

_ENCRYPTED = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
# cosign's own numbers, and the most that a stranger's file may ask of us: 128 · N · r bytes.
_SCRYPT = {"N": 65536, "r": 8, "p": 1}
_MAX_SCRYPT_BYTES = 1 << 30


class InvalidKey(InvalidError):
    """A file or text that is no key we can use."""

    def __init__(self, name: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"cannot use the key {name}: {why}", hint=hint)
        self.name = name


class SigningUnavailable(UnavailableError):
    """The package that does the arithmetic isn't installed."""

    def __init__(self) -> None:
        super().__init__("signatures need the package cryptography", hint="pip install 'boxwright[sign]'")


class PublicKey:
    """A key that verifies. `name` is what people know it by: its file."""

    __slots__ = ("_key", "fingerprint", "name")

    def __init__(self, key: PublicKeyTypes, name: str) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key = key
        self.name = name
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        """SHA-256 of the key in DER, in base64: what sigstore's bundles have as a hint."""

    @classmethod
    def parse(cls, pem: bytes, name: str) -> PublicKey:
        """Read a public key in PEM. Raises InvalidKey, SigningUnavailable."""
        _require()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if b"PRIVATE KEY" in pem:
            raise InvalidKey(name, "it is a private key", "verifying takes the public one: FILE.pub")
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidKey(name, "it is no public key in PEM") from None
        if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
            raise InvalidKey(name, "it is neither ECDSA, Ed25519 nor RSA")
        return cls(key, name)

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Return whether a signature of `content` was made with this key's private half."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
            elif isinstance(self._key, rsa.RSAPublicKey):
                self._key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
            else:
                assert isinstance(self._key, ed25519.Ed25519PublicKey), "parse lets nothing else in"
                self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class PrivateKey:
    """A key that signs: ECDSA on P-256."""

    __slots__ = ("_key", "public")

    def __init__(self, key: PrivateKeyTypes, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise InvalidKey(name, "only ECDSA keys on P-256 sign", "boxwright sign --generate-key NAME makes one")
        self._key = key
        self.public = PublicKey(key.public_key(), name)

    @classmethod
    def generate(cls, name: str) -> PrivateKey:
        """Make a new key. Raises SigningUnavailable."""
        _require()
        from cryptography.hazmat.primitives.asymmetric import ec

        return cls(ec.generate_private_key(ec.SECP256R1()), name)

    @classmethod
    def parse(cls, pem: bytes, password: bytes | None, name: str) -> PrivateKey:
        """Read a key of cosign's, or one in PEM (PKCS #8 or SEC 1), locked or not.

        Raises InvalidKey, PasswordNeeded where there is no `password`, WrongPassword, SigningUnavailable.
        """
        _require()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

        if (label := _label(pem)) in _ENCRYPTED:
            try:
                return cls(load_der_private_key(_unlocked(_pem_body(pem, label), password, name), None), name)
            except (ValueError, UnsupportedAlgorithm):
                raise InvalidKey(name, "it is damaged") from None
        locked = is_locked(pem)
        if locked and password is None:
            raise PasswordNeeded(name)
        try:
            return cls(load_pem_private_key(pem, password if locked else None), name)
        except UnsupportedAlgorithm:
            raise InvalidKey(name, "it is of an unknown kind") from None
        except (TypeError, ValueError):
            if locked:
                raise secretbox.WrongPassword from None  # PKCS #8 tells by garbage
            raise InvalidKey(name, "it is no private key in PEM") from None

    def sign(self, content: bytes) -> bytes:
        """Return a signature of `content` (SHA-256, ASN.1 DER); another one each time."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(content, ec.ECDSA(hashes.SHA256()))

    def pem(self, password: bytes) -> bytes:
        """Return the key locked with a password, which may be empty, in cosign's form."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        plain = self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        salt, nonce = os.urandom(32), os.urandom(secretbox.NONCE_BYTES)
        box = secretbox.seal(_scrypt(password, salt, **_SCRYPT), nonce, plain)
        document = {
            "kdf": {"name": "scrypt", "params": _SCRYPT, "salt": base64.b64encode(salt).decode()},
            "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(nonce).decode()},
            "ciphertext": base64.b64encode(box).decode(),
        }
        body = base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        label = _ENCRYPTED[0]
        return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


class PasswordNeeded(InvalidError):
    """A key is locked, and no password was given."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the key {name} is locked with a password", hint="set COSIGN_PASSWORD, or use a terminal")
        self.name = name


def is_locked(pem: bytes) -> bool:
    """Return whether a private key wants a password."""
    return b"ENCRYPTED" in pem


class _Locked(NamedTuple):
    """A key file of cosign's, taken apart."""

    salt: bytes
    nonce: bytes
    box: bytes
    parameters: dict[str, int]


def _unlocked(body: bytes, password: bytes | None, name: str) -> bytes:
    locked = _taken_apart(body, name)
    if password is None:
        raise PasswordNeeded(name)
    return secretbox.unseal(_scrypt(password, locked.salt, **locked.parameters), locked.nonce, locked.box)


def _taken_apart(body: bytes, name: str) -> _Locked:
    try:
        document: Any = json.loads(body)
        kdf, cipher = document["kdf"], document["cipher"]
        salt, nonce, box = (
            base64.b64decode(text, validate=True) for text in (kdf["salt"], cipher["nonce"], document["ciphertext"])
        )
        numbers = {field: kdf["params"][field] for field in ("N", "r", "p")}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidKey(name, "it is damaged") from None
    if (kdf.get("name"), cipher.get("name")) != ("scrypt", "nacl/secretbox"):
        raise InvalidKey(name, "it is locked in an unknown way")
    sane = all(type(number) is int and number > 0 for number in numbers.values())
    if not sane or len(nonce) != secretbox.NONCE_BYTES or 128 * numbers["N"] * numbers["r"] > _MAX_SCRYPT_BYTES:
        raise InvalidKey(name, "it is damaged, or locked with unreasonable effort")
    if numbers["p"] > 16 or numbers["N"] & (numbers["N"] - 1):
        raise InvalidKey(name, "it is damaged, or locked with unreasonable effort")
    return _Locked(salt, nonce, box, numbers)


def _scrypt(password: bytes, salt: bytes, N: int, r: int, p: int) -> bytes:
    needed = 128 * r * (N + p + 2) + (1 << 20)
    return hashlib.scrypt(password, salt=salt, n=N, r=r, p=p, maxmem=needed, dklen=secretbox.KEY_BYTES)


def _label(pem: bytes) -> str:
    first = pem.strip().partition(b"\n")[0].strip()
    return first.removeprefix(b"-----BEGIN ").removesuffix(b"-----").decode(errors="replace")


def _pem_body(pem: bytes, label: str) -> bytes:
    inside = pem.decode("ascii").partition(f"-----BEGIN {label}-----")[2].partition(f"-----END {label}-----")[0]
    return base64.b64decode("".join(inside.split()), validate=True)


def _require() -> None:
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        raise SigningUnavailable from None
