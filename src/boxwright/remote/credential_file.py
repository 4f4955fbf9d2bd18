"""Docker's configuration file as a keychain.

{"auths": {"host:5000": {"auth": base64("user:password"), "identitytoken": "…"}},
 "credHelpers": {"host": "gcloud"}, "credsStore": "secretservice", … what others keep there, left as it is}
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boxwright.errors import CorruptError, UnavailableError
from boxwright.host import durable, locks
from boxwright.host.paths import Path
from boxwright.oci.reference import DEFAULT_DOMAIN
from boxwright.remote import credential_helper
from boxwright.remote.credentials import Credential

_DOCKER_HUB = "https://index.docker.io/v1/"
_MAX_BYTES = 4 << 20


class MalformedCredentials(CorruptError):
    """The configuration file is not what docker writes."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"cannot read credentials in {path}: {why}", hint="repair the file, or move it away and log in again"
        )
        self.path = path


def config_path(environment: Mapping[str, str], home: Path) -> Path:
    """Return the file that docker and its kin keep credentials in; it need not exist."""
    if explicit := environment.get("REGISTRY_AUTH_FILE"):
        return Path(explicit)
    if directory := environment.get("DOCKER_CONFIG"):
        return Path(directory) / "config.json"
    return home / ".docker" / "config.json"


class CredentialFile:
    """A keychain over the file and the helpers that it names. Every call reads the file anew.

    Writing is atomic, under a lock beside the file, with mode 0600; fields that are not ours stay.
    """

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, domain: str) -> Credential | None:
        """Raises MalformedCredentials, CredentialHelperFailed."""
        document = self._read()
        for key in _keys(domain):
            if helper := _text(_object(document, "credHelpers"), key):
                return credential_helper.get(helper, key)
        if store := _text(document, "credsStore"):
            for key in _keys(domain):
                if found := credential_helper.get(store, key):
                    return found
        auths = _object(document, "auths")
        for key in _keys(domain):
            entry = auths.get(key)
            if isinstance(entry, dict) and any(found := self._decode(entry, key)):
                return found
        return None

    def put(self, domain: str, credential: Credential) -> str | None:
        """Keep `credential`, in place of one that is there.

        Returns the name of the helper that keeps it, or None when it lies in the file, readable by its owner.
        Raises MalformedCredentials, CredentialHelperFailed, OSError.
        """
        key = _keys(domain)[0]
        with self._changing() as document:
            helper = _helper_for(document, domain)
            if helper:
                credential_helper.store(helper, key, credential)
                entry = {}
            else:
                entry = _encode(credential)
            document["auths"] = {**_object(document, "auths"), key: entry}
        return helper

    def remove(self, domain: str) -> bool:
        """Forget a registry's credential; return whether there was one.

        Raises MalformedCredentials, CredentialHelperFailed, OSError.
        """
        if not self.path.exists():
            return False
        removed = False
        with self._changing() as document:
            helper = _helper_for(document, domain)
            auths = _object(document, "auths")
            for key in _keys(domain):
                if helper and credential_helper.get(helper, key) is not None:
                    credential_helper.erase(helper, key)
                    removed = True
                if auths.pop(key, None) is not None:
                    removed = True
        return removed

    def _decode(self, entry: Mapping[str, Any], key: str) -> Credential:
        username, password = _text(entry, "username"), _text(entry, "password")
        if encoded := _text(entry, "auth"):
            try:
                username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                colon = ""
            if not colon:
                raise MalformedCredentials(self.path, f"auth of {key} is not base64 of user:password")
            password = password.rstrip("\0")  # docker pads
        return Credential(username, password, _text(entry, "identitytoken"), _text(entry, "registrytoken"))

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, "rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UnavailableError(f"cannot read {self.path}: {error.strerror}") from None
        if len(raw) > _MAX_BYTES:
            raise MalformedCredentials(self.path, "it is too large")
        try:
            document = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            raise MalformedCredentials(self.path, "it is not JSON") from None
        if not isinstance(document, dict):
            raise MalformedCredentials(self.path, "it is not an object")
        for name in ("auths", "credHelpers"):
            if not isinstance(document.get(name) or {}, dict):
                # Not ignored: writing the file would lose what is in there.
                raise MalformedCredentials(self.path, f"{name} is not an object")
        return document

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Yield the document under a lock; it is written back when the block ends without an exception."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locks.locked(self.path.with_name(f"{self.path.name}.lock")):
            document = self._read()
            yield document
            # A link (a home kept in a repository of dot files) stays a link: what it points to is replaced.
            content = json.dumps(document, indent="\t").encode() + b"\n"
            durable.write(self.path.resolve(), content, mode=0o600)


def _keys(domain: str) -> tuple[str, ...]:
    """Return the spellings of a registry in the file: the one we write, then those of old clients."""
    if domain == DEFAULT_DOMAIN:
        return (_DOCKER_HUB, "docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v2/")
    urls = (f"{scheme}://{domain}{path}" for scheme in ("https", "http") for path in ("", "/", "/v1/", "/v2/"))
    return (domain, *urls)


def _encode(credential: Credential) -> dict[str, str]:
    # Beside an identity token the password is not needed: only the user's name stays.
    password = "" if credential.identity_token else credential.password
    entry = {"auth": base64.b64encode(f"{credential.username}:{password}".encode()).decode()}
    if credential.identity_token:
        entry["identitytoken"] = credential.identity_token
    return entry


def _object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _helper_for(document: Mapping[str, Any], domain: str) -> str | None:
    helpers = _object(document, "credHelpers")
    named = next((helper for key in _keys(domain) if (helper := _text(helpers, key))), "")
    return named or _text(document, "credsStore") or None


def credential_file(environment: Mapping[str, str]) -> CredentialFile:
    """Return the file that holds the user's credentials, whether it exists or not."""
    return CredentialFile(config_path(environment, Path(environment.get("HOME") or os.path.expanduser("~"))))
