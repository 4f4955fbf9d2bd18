"""NaCl's secret box: XSalsa20 and Poly1305, for content of a few hundred bytes.

cosign locks its private keys with it (golang.org/x/crypto/nacl/secretbox). `cryptography` has Poly1305 but not this
cipher, which is forty lines; they are slow, and a key file is all that they are for.
"""

from __future__ import annotations

import struct

from boxwright.errors import DeniedError

KEY_BYTES = 32
NONCE_BYTES = 24
_TAG_BYTES = 16
_SIGMA = struct.unpack("<4I", b"expand 32-byte k")
_MASK = 0xFFFFFFFF
# The quarter rounds of a double round: columns, then rows (Salsa20 specification, §4–6).
_QUARTERS = (
    (0, 4, 8, 12),
    (5, 9, 13, 1),
    (10, 14, 2, 6),
    (15, 3, 7, 11),
    (0, 1, 2, 3),
    (5, 6, 7, 4),
    (10, 11, 8, 9),
    (15, 12, 13, 14),
)


class WrongPassword(DeniedError):
    """A box that this key doesn't open, or that was changed: the two cannot be told apart."""

    def __init__(self) -> None:
        super().__init__("the password does not open the key", hint="cosign's COSIGN_PASSWORD is asked first")


def seal(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """Return `content` locked and authenticated. A nonce must never be used twice with one key."""
    stream = _xsalsa20(key, nonce, KEY_BYTES + len(content))
    locked = _xor(content, stream[KEY_BYTES:])
    return _tag(stream[:KEY_BYTES], locked) + locked


def unseal(key: bytes, nonce: bytes, box: bytes) -> bytes:
    """Return what `seal` locked. Raises WrongPassword."""
    import hmac

    locked = box[_TAG_BYTES:]
    stream = _xsalsa20(key, nonce, KEY_BYTES + len(locked))
    if len(box) < _TAG_BYTES or not hmac.compare_digest(box[:_TAG_BYTES], _tag(stream[:KEY_BYTES], locked)):
        raise WrongPassword
    return _xor(locked, stream[KEY_BYTES:])


def _tag(key: bytes, content: bytes) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    return Poly1305.generate_tag(key, content)


def _xor(content: bytes, stream: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(content, stream, strict=True))


def _xsalsa20(key: bytes, nonce: bytes, length: int) -> bytes:
    """Return the first `length` bytes of the key stream ("Extending the Salsa20 nonce", §2)."""
    first = struct.unpack("<4I", nonce[:16])
    mixed = _rounds(_state(key, first))
    subkey = struct.pack("<8I", *(mixed[index] for index in (0, 5, 10, 15, 6, 7, 8, 9)))
    rest = struct.unpack("<2I", nonce[16:])
    stream = bytearray()
    for counter in range(-(-length // 64)):
        state = _state(subkey, (*rest, counter & _MASK, counter >> 32))
        block = ((one + other) & _MASK for one, other in zip(_rounds(state), state, strict=True))
        stream += struct.pack("<16I", *block)
    return bytes(stream[:length])


def _state(key: bytes, middle: tuple[int, ...]) -> list[int]:
    words = struct.unpack("<8I", key)
    return [_SIGMA[0], *words[:4], _SIGMA[1], *middle, _SIGMA[2], *words[4:], _SIGMA[3]]


def _rounds(state: list[int]) -> list[int]:
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _turned(x[a] + x[d], 7)
            x[c] ^= _turned(x[b] + x[a], 9)
            x[d] ^= _turned(x[c] + x[b], 13)
            x[a] ^= _turned(x[d] + x[c], 18)
    return x


def _turned(word: int, bits: int) -> int:
    word &= _MASK
    return (word << bits | word >> (32 - bits)) & _MASK
