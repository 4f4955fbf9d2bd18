"""Credential helpers: programs that keep secrets for docker's kin."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from boxwright.errors import InvalidError
from boxwright.host.process import CommandNotFound
from boxwright.remote.credential_file import CredentialFile
from boxwright.remote.credential_helper import CredentialHelperFailed
from boxwright.remote.credentials import Credential

# Keeps each server's secret in a file named by the server, beside itself.
_HELPER = """#!/bin/sh
here=$(dirname "$0")/secrets; mkdir -p "$here"
key() { sed 's|[/:]|_|g'; }
case $1 in
get) cat "$here/$(key)" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
store) cat > "$here/new"; mv "$here/new" "$here/$(sed 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/' "$here/new" | key)" ;;
erase) rm -f "$here/$(key)" ;;
esac
"""


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    _install(directory, "shelf", _HELPER)
    return directory


def _install(directory: Path, name: str, script: str) -> None:
    path = directory / f"docker-credential-{name}"
    path.write_text(script)
    path.chmod(0o755)


def _file(tmp_path: Path, document: object) -> CredentialFile:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return CredentialFile(path)


def test_a_store_keeps_what_the_file_does_not(helpers: Path, tmp_path: Path) -> None:
    file = _file(tmp_path, {"credsStore": "shelf"})
    assert file.get("h:5000") is None
    assert file.put("h:5000", Credential("ada", "lovelace")) == "shelf"
    assert "lovelace" not in file.path.read_text()
    assert file.get("h:5000") == Credential("ada", "lovelace")
    assert file.remove("h:5000") is True
    assert file.get("h:5000") is None
    assert file.remove("h:5000") is False


def test_an_identity_token_has_no_user(helpers: Path, tmp_path: Path) -> None:
    file = _file(tmp_path, {"credsStore": "shelf"})
    file.put("docker.io", Credential("ada", identity_token="opaque"))
    stored = json.loads((helpers / "secrets" / "https___index.docker.io_v1_").read_text())
    assert stored == {"ServerURL": "https://index.docker.io/v1/", "Username": "<token>", "Secret": "opaque"}
    assert file.get("docker.io") == Credential(identity_token="opaque")


def test_a_helper_for_one_registry_goes_before_the_store_for_all(helpers: Path, tmp_path: Path) -> None:
    _install(helpers, "fixed", '#!/bin/sh\necho \'{"ServerURL":"","Username":"robot","Secret":"x"}\'\n')
    file = _file(tmp_path, {"credsStore": "shelf", "credHelpers": {"h:5000": "fixed"}})
    assert file.get("h:5000") == Credential("robot", "x")
    assert file.get("other:5000") is None


def test_the_file_is_asked_when_the_store_has_nothing(helpers: Path, tmp_path: Path) -> None:
    file = _file(tmp_path, {"credsStore": "shelf", "auths": {"h": {"auth": "YWRhOng="}}})
    assert file.get("h") == Credential("ada", "x")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\necho the vault is sealed; exit 2\n", "the vault is sealed"),
        ("#!/bin/sh\nexit 3\n", "status 3"),
        ("#!/bin/sh\necho nonsense\n", "its answer is not the JSON of a credential"),
        ('#!/bin/sh\necho \'{"Username":1,"Secret":2}\'\n', "its answer is not the JSON of a credential"),
    ],
)
def test_a_helper_that_fails_is_named(helpers: Path, tmp_path: Path, script: str, why: str) -> None:
    _install(helpers, "bad", script)
    with pytest.raises(CredentialHelperFailed, match=f"docker-credential-bad failed: {why}"):
        _file(tmp_path, {"credsStore": "bad"}).get("h")


def test_a_helper_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandNotFound, match="docker-credential-nowhere is not installed"):
        _file(tmp_path, {"credsStore": "nowhere"}).get("h")


def test_a_helpers_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="invalid credential helper"):
        _file(tmp_path, {"credsStore": "../../bin/sh"}).get("h")
