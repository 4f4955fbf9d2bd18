"""Logging in to a registry and out of it: credentials are kept only after the registry took them."""

from __future__ import annotations

from boxwright.host.paths import Path
from boxwright.remote.client import RegistryClient
from boxwright.remote.credential_file import CredentialFile
from boxwright.remote.credentials import Credential
from boxwright.values import NamedTuple


class LoggedIn(NamedTuple):
    """Where the credential is now."""

    helper: str | None
    """The credential helper that keeps it; None: it lies unencrypted in the file, and people should know."""
    path: Path


def login(client: RegistryClient, credential: Credential, keep: CredentialFile) -> LoggedIn:
    """Make sure that the registry takes `credential`, and keep it.

    `client` was made with it (see GivenCredential). Where the registry's token server gives an identity token, that
    is kept instead of the password. Raises AccessDenied, and what reaching the registry and writing the file raise.
    """
    identity_token = client.verify_login(credential)
    if identity_token:
        credential = Credential(credential.username, identity_token=identity_token)
    return LoggedIn(keep.put(client.domain, credential), keep.path)


def logout(domain: str, keep: CredentialFile) -> bool:
    """Forget a registry's credential; return whether there was one."""
    return keep.remove(domain)
