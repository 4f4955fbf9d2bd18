"""What docker's daemon was told of registries: ``insecure-registries`` and ``registry-mirrors`` of its daemon.json.

The daemon itself isn't asked, and everything else in the file is the daemon's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from boxwright.errors import InvalidError
from boxwright.host.paths import Path
from boxwright.remote.hosts import InvalidRegistriesFile, Mirror, parse_mirror, user_configuration
from boxwright.values import NamedTuple

SYSTEM = Path("/etc/docker/daemon.json")

_HINT = "docker reads this file; what config.toml says of a registry goes before it"


class DaemonFile(NamedTuple):
    """What docker does with registries, as far as it says so."""

    insecure_registries: tuple[str, ...] = ()
    """Hosts, with or without a port, and networks."""
    mirrors: tuple[Mirror, ...] = ()
    """Of docker.io."""


def daemon_file(environment: Mapping[str, str]) -> DaemonFile:
    """Read the user's own file (of rootless docker), else the system's; nothing where there is none.

    Raises InvalidRegistriesFile, with the line.
    """
    own = user_configuration(environment, "docker/daemon.json")
    if own is not None and os.geteuid() and os.path.exists(own):
        return read(own)
    return read(SYSTEM)


def read(path: Path) -> DaemonFile:
    """Read one file; nothing where there is none. Raises InvalidRegistriesFile."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return DaemonFile()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRegistriesFile(path, 0, f"it cannot be read: {error}", _HINT) from None
    try:
        document: Any = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise InvalidRegistriesFile(path, error.lineno, f"it is not JSON: {error.msg}", _HINT) from None
    except RecursionError:
        raise InvalidRegistriesFile(path, 0, "it is nested too deeply", _HINT) from None
    if not isinstance(document, dict):
        raise InvalidRegistriesFile(path, 1, "it is not an object", _HINT)
    insecure = _texts(path, text, document, "insecure-registries")
    mirrors = []
    for url in _texts(path, text, document, "registry-mirrors"):
        try:
            mirrors.append(parse_mirror(url))
        except InvalidError as error:
            raise InvalidRegistriesFile(path, _line(text, url), error.message, _HINT) from None
    return DaemonFile(tuple(insecure), tuple(mirrors))


def _texts(path: Path, text: str, document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidRegistriesFile(path, _line(text, name), f"{name} is not a list of text", _HINT)
    return value


def _line(text: str, word: str) -> int:
    """Return the line in which a word stands first in quotes, 0 when it is written with escapes."""
    found = re.search(re.escape(json.dumps(word)), text)
    return text.count("\n", 0, found.start()) + 1 if found else 0
