"""Functions that encode, decode and hash."""

from __future__ import annotations

from boxwright.bake.functions.signature import NULLABLE, Function
from boxwright.bake.values import STRING, from_json, to_json


def _base64decode(text: str) -> str:
    import base64

    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise ValueError("it is no base64 of a text") from None


def _base64encode(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def _digest(algorithm: str) -> Function:
    def digest(text: str) -> str:
        import hashlib

        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

    return Function(digest, (STRING,))


def _urlencode(text: str) -> str:
    made = []
    for byte in text.encode():
        char = chr(byte)
        plain = byte < 128 and (char.isalnum() or char in "-_.~")
        made.append(char if plain else "+" if char == " " else f"%{byte:02X}")
    return "".join(made)


ENCODINGS = {
    "base64encode": Function(_base64encode, (STRING,)),
    "base64decode": Function(_base64decode, (STRING,)),
    "jsonencode": Function(to_json, (NULLABLE,)),
    "jsondecode": Function(from_json, (STRING,)),
    "urlencode": Function(_urlencode, (STRING,)),
    **{name: _digest(name) for name in ("md5", "sha1", "sha256", "sha512")},
}
