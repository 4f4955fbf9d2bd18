"""`login --oidc`: the real command, a real hub, and a provider on the loopback."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boxwright_command import Boxwright
from support.oidc_provider import OIDCProvider, oidc_provider
from support.registry_process import ServerProcess, serving


@pytest.fixture(scope="module")
def provider() -> Iterator[OIDCProvider]:
    with oidc_provider() as made:
        yield made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def hub(root: Path, provider: OIDCProvider) -> Iterator[ServerProcess]:
    with serving(root, hub=True, oidc={"issuer": provider.issuer, "create": True}) as server:
        yield server


@pytest.fixture
def boxwright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boxwright:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return Boxwright(tmp_path / "store")


def test_a_browser_logs_in_and_what_is_kept_pushes_where_it_may(
    tmp_path: Path, root: Path, hub: ServerProcess, provider: OIDCProvider, boxwright: Boxwright
) -> None:
    provider.answers = [(400, {"error": "authorization_pending"})]
    provider.device = {"interval": 1}
    provider.user = "Ada.Lovelace@example.com"
    limits = "--can", "pull,push", "--on", "ada-lovelace/*"
    done = boxwright.run("login", "--oidc", *limits, hub.address)
    assert done.stdout.splitlines() == [
        f"Open  {provider.issuer}/activate?user_code=WDJB-MJHT",
        "and compare the code there:  WDJB-MJHT",
        "Waiting for you to log in there ...",
        "Login Succeeded: ada-lovelace, for 24 hours",
    ]
    assert provider.forms[-3] == {"client_id": "boxwright", "scope": "openid profile email"}
    (kept,) = json.loads((tmp_path / "docker/config.json").read_text())["auths"].values()
    assert base64.b64decode(kept["auth"]).startswith(b"ada-lovelace:")
    assert provider.token().split(".")[0] not in json.dumps(kept), "what is kept is a token of the hub's"

    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    names = [("ada-lovelace/tools", 0), ("bob/tools", 1)]
    boxwright.run("build", "-q", *(f"--tag={hub.address}/{name}" for name, _ in names), str(tmp_path))
    for name, code in names:
        assert boxwright.run("push", f"{hub.address}/{name}", check=False).returncode == code
    assert boxwright.run("login", hub.address).stdout.splitlines()[-1] == "Login Succeeded"
    listed = boxwright.run("hub", "token", "list", "--root", str(root), "--format", "json").stdout
    (token,) = [json.loads(line) for line in listed.splitlines()]
    assert token["Name"] == f"boxwright on {socket.gethostname()}"


def test_a_login_that_comes_to_nothing_says_why(
    tmp_path: Path, hub: ServerProcess, provider: OIDCProvider, boxwright: Boxwright
) -> None:
    for answer, why in (
        ({"error": "access_denied"}, "it was refused there"),
        ({"error": "expired_token"}, "nobody has done so in time"),
        ({"error": "invalid_client", "error_description": "no such client\x1b[31m"}, "no such client [31m"),
    ):
        provider.answers = [(400, answer)]
        done = boxwright.run("login", "--oidc", hub.address, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == f"error: the login at {provider.issuer} came to nothing: {why}"
    assert not (tmp_path / "docker/config.json").exists()


def test_who_has_no_account_is_told_who_they_are(
    tmp_path: Path, hub: ServerProcess, provider: OIDCProvider, boxwright: Boxwright
) -> None:
    provider.user = "admin"  # which nobody may be called
    done = boxwright.run("login", "--oidc", hub.address, check=False)
    assert done.returncode == 1
    assert f"you are 'id-of-admin' of {provider.issuer}, and that is no account here" in done.stderr
    assert not (tmp_path / "docker/config.json").exists()
