"""Functions that encode, decode and hash."""

from __future__ import annotations

from boxwright.bake.functions.signature import NULLABLE, Function
from boxwright.bake.values import STRING, Value, from_json, to_json


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


def _csvdecode(text: str) -> list[Value]:
    """Return the lines of a table as maps by the names in its first line."""
    import csv

    try:
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except csv.Error as error:
        raise ValueError(f"it is no CSV: {error}") from None
    if not rows:
        raise ValueError("it has no first line with names")
    names, *lines = rows
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")
    for line in lines:
        if len(line) != len(names):
            raise ValueError(f"a line has {len(line)} fields, and there are {len(names)} names")
    return [dict(zip(names, line, strict=True)) for line in lines]


_SPACES = {"dns": "NAMESPACE_DNS", "url": "NAMESPACE_URL", "oid": "NAMESPACE_OID", "x500": "NAMESPACE_X500"}


def _uuidv5(space: str, name: str) -> str:
    import uuid

    try:
        base = getattr(uuid, _SPACES[space]) if space in _SPACES else uuid.UUID(space)
    except ValueError:
        raise ValueError(f"a namespace is one of {', '.join(_SPACES)} or a UUID") from None
    return str(uuid.uuid5(base, name))


ENCODINGS = {
    "csvdecode": Function(_csvdecode, (STRING,)),
    "uuidv5": Function(_uuidv5, (STRING, STRING)),
    "base64encode": Function(_base64encode, (STRING,)),
    "base64decode": Function(_base64decode, (STRING,)),
    "jsonencode": Function(to_json, (NULLABLE,)),
    "jsondecode": Function(from_json, (STRING,)),
    "urlencode": Function(_urlencode, (STRING,)),
    **{name: _digest(name) for name in ("md5", "sha1", "sha256", "sha512")},
}
