"""All that knows the user's credentials: docker's file, where ours are kept too, and then podman's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from boxwright.host.paths import Path
from boxwright.remote.credential_file import CredentialFile, credential_file
from boxwright.remote.credentials import Credential, Keychain
from boxwright.remote.hosts import user_configuration


class FirstKeychain:
    """Several keychains, asked in their order until one knows a registry."""

    __slots__ = ("_keychains",)

    def __init__(self, keychains: Sequence[Keychain]) -> None:
        self._keychains = keychains

    def get(self, domain: str) -> Credential | None:
        """Raises what the keychains raise."""
        found = (keychain.get(domain) for keychain in self._keychains)
        return next((credential for credential in found if credential is not None), None)


def user_keychain(environment: Mapping[str, str]) -> FirstKeychain:
    """Return what knows the user's credentials. REGISTRY_AUTH_FILE names the only file that counts.

    podman's and skopeo's logins are in ``auth.json`` (containers-auth.json(5)); those for a part of a registry alone
    are not used.
    """
    return FirstKeychain([credential_file(environment), *map(CredentialFile, _of_podman(environment))])


def _of_podman(environment: Mapping[str, str]) -> list[Path]:
    if environment.get("REGISTRY_AUTH_FILE"):
        return []
    runtime = environment.get("XDG_RUNTIME_DIR")
    volatile = Path(runtime, "containers/auth.json") if runtime else Path(f"/run/containers/{os.getuid()}/auth.json")
    own = user_configuration(environment, "containers/auth.json")
    return [volatile, *([own] if own is not None else [])]
