"""Docker's credential helpers: programs ``docker-credential-<name>`` with the verbs get, store and erase."""

from __future__ import annotations

import json

from boxwright.errors import InvalidError, UnavailableError
from boxwright.host import process
from boxwright.remote.credentials import Credential

# What helpers call the user of an identity token, and how they say that they hold nothing.
_TOKEN_USER = "<token>"
_NOTHING_FOUND = b"credentials not found"
_SECONDS = 60.0


class CredentialHelperFailed(UnavailableError):
    """A program ``docker-credential-…`` failed."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"the credential helper docker-credential-{name} failed: {why}",
            hint="see credsStore and credHelpers in docker's config.json",
        )
        self.name = name


def get(name: str, server: str) -> Credential | None:
    """Return what helper `name` holds for a server, None when it holds nothing. Raises CredentialHelperFailed."""
    output = _run(name, "get", server.encode())
    if output is None:
        return None
    try:
        answer = json.loads(output)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise CredentialHelperFailed(name, "its answer is not the JSON of a credential")
    return Credential(identity_token=secret) if username == _TOKEN_USER else Credential(username, secret)


def store(name: str, server: str, credential: Credential) -> None:
    """Raises CredentialHelperFailed."""
    token = credential.identity_token
    username, secret = (_TOKEN_USER, token) if token else (credential.username, credential.password)
    _run(name, "store", json.dumps({"ServerURL": server, "Username": username, "Secret": secret}).encode())


def erase(name: str, server: str) -> None:
    """Forget a server; it is no error when the helper never knew it. Raises CredentialHelperFailed."""
    _run(name, "erase", server.encode())


def _run(name: str, verb: str, stdin: bytes) -> bytes | None:
    if "/" in name:
        raise InvalidError(
            f"invalid credential helper {name[:100]!r}", hint="it names a program docker-credential-<name>"
        )
    program = process.require(
        f"docker-credential-{name}",
        hint="install it, or take it out of credsStore and credHelpers in docker's config.json",
    )
    done = process.run([program, verb], stdin=stdin, check=False, timeout=_SECONDS)
    if done.returncode == 0:
        return done.stdout
    # Helpers print their errors on standard output.
    said = (done.stdout or done.stderr).strip()
    if verb != "store" and _NOTHING_FOUND in said.lower():
        return None
    raise CredentialHelperFailed(name, said.decode(errors="replace")[:300] or f"status {done.returncode}")
