"""The proxies that containers and RUN steps get unasked: ``proxies`` of docker's config.json.

{"proxies": {"default": {"httpProxy": "http://proxy:3128", "httpsProxy": "…", "noProxy": "…", "ftpProxy": "…",
                         "allProxy": "…"}}}

Further entries are for single daemons of docker, of which boxwright is none. Registries are reached by the proxies of
the environment instead, as docker's daemon does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from boxwright.errors import CorruptError
from boxwright.host.paths import Path

_VARIABLES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}


class MalformedProxies(CorruptError):
    """The file isn't what docker reads."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot read proxies in {path}: {why}", hint="repair the file, or move it away")
        self.path = path


def configured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, each in both spellings; none where there is no file. Raises MalformedProxies."""
    home = environment.get("HOME")
    directory = environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
    path = Path(directory, "config.json")
    if not directory or not os.path.exists(path):
        return {}
    import json

    try:
        document = json.loads(path.read_bytes() or b"{}")
    except OSError as error:
        raise MalformedProxies(path, (error.strerror or "it cannot be read").lower()) from None
    except (ValueError, RecursionError) as error:
        raise MalformedProxies(path, f"it is not JSON: {error}") from None
    for name in ("proxies", "default"):
        document = document.get(name) or {} if isinstance(document, dict) else None
    if not isinstance(document, dict):
        raise MalformedProxies(path, "proxies.default is not an object")
    found: dict[str, str] = {}
    for name, variable in _VARIABLES.items():
        value = document.get(name) or ""
        if not isinstance(value, str):
            raise MalformedProxies(path, f"{name} is not text")
        if value:
            found |= {variable: value, variable.lower(): value}
    return found
