"""Keys as the command line has them: files, and passwords that are asked for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError

if TYPE_CHECKING:
    from boxwright.signing.keys import PrivateKey, PublicKey

PASSWORD_VARIABLE = "COSIGN_PASSWORD"


def private_key(path: str) -> PrivateKey:
    """Read a private key, asking for its password where it has one. Raises InvalidKey, WrongPassword."""
    from boxwright.signing.keys import PrivateKey, is_locked

    pem = _read(path)
    return PrivateKey.parse(pem, password(f"Password of {path}: ") if is_locked(pem) else None, path)


def public_key(path: str) -> PublicKey:
    """Read a public key. Raises InvalidKey."""
    from boxwright.signing.keys import PublicKey

    return PublicKey.parse(_read(path), path)


def password(prompt: str, *, twice: bool = False) -> bytes | None:
    """Return the password that COSIGN_PASSWORD holds or a person types, None when there is neither."""
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE].encode()
    if not sys.stdin.isatty():
        return None
    import getpass

    typed = getpass.getpass(prompt)
    if twice and getpass.getpass("Again: ") != typed:
        raise InvalidError("the two passwords differ")
    return typed.encode()


def write_pair(name: str) -> tuple[str, str]:
    """Make a new pair of keys: ``NAME.key``, locked and only for its owner, and ``NAME.pub``. Returns their paths.

    Nothing is overwritten. Raises InvalidError, SigningUnavailable.
    """
    from boxwright.signing.keys import PasswordNeeded, PrivateKey

    private, public = f"{name}.key", f"{name}.pub"
    for path in (private, public):
        if os.path.lexists(path):
            raise InvalidError(f"{path} is there already", hint="choose another name")
    key = PrivateKey.generate(private)
    secret = password(f"Password for {private} (may be empty): ", twice=True)
    if secret is None:
        raise PasswordNeeded(private)
    for path, content, mode in ((private, key.pem(secret), 0o600), (public, key.public.pem(), 0o644)):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
    return private, public


def _read(path: str) -> bytes:
    from boxwright.signing.keys import MAX_KEY_BYTES, InvalidKey

    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_KEY_BYTES)
    except OSError as error:
        raise InvalidKey(path, (error.strerror or str(error)).lower()) from None
