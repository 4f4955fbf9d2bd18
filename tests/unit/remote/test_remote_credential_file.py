"""Docker's configuration file: read as docker's kin write it, written so that nothing in it is lost."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from boxwright.host.paths import Path as HostPath
from boxwright.remote.credential_file import CredentialFile, MalformedCredentials, config_path
from boxwright.remote.credentials import Credential
from boxwright.remote.keychain import user_keychain

_AUTH = base64.b64encode(b"ada:love:lace").decode()


def _file(tmp_path: Path, document: Any) -> CredentialFile:
    path = tmp_path / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return CredentialFile(path)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "/home/ada/.docker/config.json"),
        ({"DOCKER_CONFIG": "/d"}, "/d/config.json"),
        ({"DOCKER_CONFIG": "/d", "REGISTRY_AUTH_FILE": "/r/auth.json"}, "/r/auth.json"),
    ],
)
def test_the_file_is_where_docker_and_podman_look(environment: dict[str, str], expected: str) -> None:
    assert str(config_path(environment, Path("/home/ada"))) == expected


def test_podmans_login_counts_where_docker_has_none(tmp_path: Path) -> None:
    def keep(name: str, domain: str, username: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        CredentialFile(HostPath(tmp_path / name)).put(domain, Credential(username, "lovelace"))

    def who(domain: str, **more: str) -> str | None:
        names = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": f"{tmp_path}/run", **more}
        found = user_keychain(names).get(domain)
        return found and found.username

    assert who("a") is None
    keep(".docker/config.json", "a", "docker")
    keep("run/containers/auth.json", "a", "podman")
    keep("run/containers/auth.json", "b", "podman")
    keep(".config/containers/auth.json", "b", "kept")
    keep(".config/containers/auth.json", "c", "kept")
    assert [who(domain) for domain in "abcd"] == ["docker", "podman", "kept", None]
    assert who("a", REGISTRY_AUTH_FILE=str(tmp_path / "none.json")) is None


@pytest.mark.parametrize(
    ("key", "domain"),
    [
        ("h:5000", "h:5000"),
        ("https://h:5000", "h:5000"),
        ("http://h:5000/v1/", "h:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_old_spellings_of_a_registry_are_found(tmp_path: Path, key: str, domain: str) -> None:
    assert _file(tmp_path, {"auths": {key: {"auth": _AUTH}}}).get(domain) == Credential("ada", "love:lace")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": _AUTH}, Credential("ada", "love:lace")),
        ({"auth": base64.b64encode(b"ada:x\0\0").decode()}, Credential("ada", "x")),
        ({"username": "ada", "password": "x"}, Credential("ada", "x")),
        ({"auth": base64.b64encode(b"ada:").decode(), "identitytoken": "t"}, Credential("ada", "", "t")),
        ({"registrytoken": "t"}, Credential(registry_token="t")),
        ({}, None),
        (None, None),
    ],
)
def test_an_entry_is_read(tmp_path: Path, entry: Any, expected: Credential | None) -> None:
    assert _file(tmp_path, {"auths": {"h": entry}}).get("h") == expected


def test_nothing_is_known_without_a_file(tmp_path: Path) -> None:
    assert CredentialFile(tmp_path / "none.json").get("h") is None
    assert CredentialFile(tmp_path / "none.json").remove("h") is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not an object"),
        ('{"auths": []}', None),
        ('{"auths": [1]}', "auths is not an object"),
        ('{"auths": {"h": {"auth": "!!"}}}', "auth of h is not base64 of user:password"),
        ('{"auths": {"h": {"auth": "YWRh"}}}', "auth of h is not base64 of user:password"),
    ],
)
def test_a_file_that_is_not_dockers_is_told_not_ignored(tmp_path: Path, content: str, why: str | None) -> None:
    file = _file(tmp_path, content)
    if why is None:
        assert file.get("h") is None
        return
    with pytest.raises(MalformedCredentials, match=why):
        file.get("h")


def test_an_empty_file_is_no_mistake(tmp_path: Path) -> None:
    assert _file(tmp_path, "\n").get("h") is None


def test_what_others_keep_there_stays(tmp_path: Path) -> None:
    others = {"proxies": {"default": {}}, "HttpHeaders": {"X": "é"}, "auths": {"other": {"auth": _AUTH, "email": "x"}}}
    file = _file(tmp_path, others)
    assert file.put("h:5000", Credential("ada", "x")) is None
    written = json.loads(file.path.read_text())
    assert written["auths"].pop("h:5000") == {"auth": base64.b64encode(b"ada:x").decode()}
    assert written == others
    assert file.remove("h:5000") is True
    assert json.loads(file.path.read_text()) == others


def test_a_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = CredentialFile(tmp_path / "new" / "config.json")
    file.put("h", Credential("ada", "x"))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert file.get("h") == Credential("ada", "x")


def test_beside_an_identity_token_no_password_is_kept(tmp_path: Path) -> None:
    file = CredentialFile(tmp_path / "config.json")
    file.put("docker.io", Credential("ada", "secret", "token"))
    assert "secret" not in file.path.read_text()
    assert list(json.loads(file.path.read_text())["auths"]) == ["https://index.docker.io/v1/"]
    assert file.get("docker.io") == Credential("ada", "", "token")


def test_a_linked_file_stays_linked(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text("{}")
    link = tmp_path / "config.json"
    link.symlink_to(target)
    CredentialFile(link).put("h", Credential("ada", "x"))
    assert link.is_symlink()
    assert "auths" in json.loads(target.read_text())


def test_a_file_that_cannot_be_understood_is_not_written_over(tmp_path: Path) -> None:
    file = _file(tmp_path, "{ precious")
    with pytest.raises(MalformedCredentials):
        file.put("h", Credential("ada", "x"))
    assert file.path.read_text() == "{ precious"


def test_forgetting_what_was_never_known(tmp_path: Path) -> None:
    assert _file(tmp_path, {"auths": {"other": {}}}).remove("h") is False
