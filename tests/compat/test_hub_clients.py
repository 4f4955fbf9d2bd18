"""docker, podman, skopeo and our own command against a hub: anonymous pulls and pushes with credentials on one address,
over plain HTTP and over TLS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.host import process
from boxwright.hub.accounts.roles import Limit, Role
from boxwright.hub.db.database import default_url
from support.boxwright_command import Boxwright
from support.docker_daemon import Docker
from support.hub_kit import BY, PASSWORD, house, populate
from support.oidc_provider import OIDCProvider, oidc_provider
from support.podman import own_podman
from support.registry_kit import SmallImage, digest_of
from support.registry_process import serving
from support.requirements import require_peer

pytestmark = [pytest.mark.peer, pytest.mark.root]


class Place(NamedTuple):
    """A running hub."""

    address: str
    token: str
    """Of the robot shop+ci, who may write in shop."""
    reader: str
    """Of ada, good for pulling only."""
    provider: OIDCProvider
    """Where its users may log in: each of its ID tokens is bob's."""


@pytest.fixture(scope="module")
def provider() -> Iterator[OIDCProvider]:
    with oidc_provider() as made:
        yield made


@pytest.fixture(scope="module", params=["http", "tls"])
def hub(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider: OIDCProvider
) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("hub")
    with house(default_url(root)) as made:
        populate(made)
        made.directory.set_flags("ada", BY, public=True)
        made.grants.grant("shop+ci", Role.ADMIN, "shop/*", BY)
        token = made.tokens.create("shop+ci", "ci", BY)
        reader = made.tokens.create("ada", "reader", BY, limit=Limit(frozenset({"pull"})))
        made.identities.add("bob", provider.issuer, "id-of-ada", BY)
    tls: dict[str, object] = {}
    if request.param == "tls":
        certificate, key = root / "cert.pem", root / "key.pem"
        wanted = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        wanted += ["-addext", "subjectAltName=IP:127.0.0.1"]
        process.run(["openssl", "req", *wanted, "-keyout", str(key), "-out", str(certificate)])
        tls = {"cert": str(certificate), "key": str(key)}
    sections: dict[str, dict[str, object]] = {"oidc": {"issuer": provider.issuer}, **({"tls": tls} if tls else {})}
    with serving(root, hub=True, **sections) as running:
        yield Place(running.address, token, reader, provider)


def call(*argv: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in argv], capture_output=True, text=True, timeout=120, input=text)


def right(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    SmallImage.of(os.urandom(100_000)).write_layout(tmp_path / "oci")
    return tmp_path / "oci"


def test_docker(docker: Docker, hub: Place, layout: Path, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    right(call(require_peer("skopeo"), "copy", f"oci:{layout}:latest", f"docker-archive:{archive}:hubbed:latest"))
    docker.run("load", "--input", str(archive))
    client, *rest = docker.command

    def mine(who: str, *words: str) -> list[str | Path]:
        return [client, "--config", tmp_path / who, *rest, *words]

    name, private = f"{hub.address}/ada/static_web:v1", f"{hub.address}/shop/secret:v1"
    for one in (name, private):
        docker.run("tag", "hubbed:latest", one)
    denied = call(*mine("nobody", "push", name))
    assert denied.returncode != 0
    assert "denied" in denied.stderr or "authentication required" in denied.stderr
    login = mine("ada", "login", "--username", "ada", "--password-stdin", hub.address)
    wrong = call(*login, text="wrong horse")
    assert wrong.returncode != 0
    assert "incorrect username or password" in wrong.stderr or "401" in wrong.stderr
    right(call(*login, text=PASSWORD))
    assert PASSWORD not in (tmp_path / "ada/config.json").read_text()
    right(call(*mine("ada", "push", name)))
    right(call(*mine("ada", "push", private)))
    elsewhere = call(*mine("ada", "push", f"{hub.address}/bob/web:v1"))
    assert elsewhere.returncode != 0
    docker.run("rmi", name, private)
    right(call(*mine("nobody", "pull", name)))  # anonymously, from the same address
    hidden = call(*mine("nobody", "pull", private))
    assert hidden.returncode != 0
    right(call(*mine("ada", "pull", private)))
    robot = mine("robot", "login", "--username", "shop+ci", "--password-stdin", hub.address)
    right(call(*robot, text=hub.token))
    right(call(*mine("robot", "push", private)))
    refused = call(*mine("robot", "push", name))
    assert refused.returncode != 0
    theirs = f"{hub.address}/bob/static_web:v1"
    docker.run("tag", "hubbed:latest", theirs)
    with_token = mine("bob", "login", "--username", "anything", "--password-stdin", hub.address)
    assert call(*with_token, text=hub.provider.token(aud="other")).returncode != 0
    right(call(*with_token, text=hub.provider.token()))
    right(call(*mine("bob", "push", theirs)))
    docker.run("rmi", "hubbed:latest", name, private, theirs)


def test_podman(hub: Place, layout: Path, tmp_path: Path) -> None:
    with own_podman() as podman:
        auth = f"--authfile={tmp_path}/auth.json"
        name, private = f"{hub.address}/ada/podman:v1", f"{hub.address}/shop/podman:v1"
        loaded = podman.run("pull", f"oci:{layout}:latest").stdout.strip()
        assert podman.run("push", "--tls-verify=false", loaded, name, check=False).returncode != 0
        words = ["login", "--tls-verify=false", auth, "--username", "ada", "--password-stdin", hub.address]
        assert call(*podman.command, *words, text="wrong horse").returncode != 0
        right(call(*podman.command, *words, text=PASSWORD))
        podman.run("push", "--tls-verify=false", auth, loaded, name)
        podman.run("push", "--tls-verify=false", auth, loaded, private)
        podman.run("rmi", "--all", "--force")
        podman.run("pull", "--tls-verify=false", name)
        assert podman.run("pull", "--tls-verify=false", private, check=False).returncode != 0
        podman.run("pull", "--tls-verify=false", auth, private)
        words = ["login", "--tls-verify=false", f"--authfile={tmp_path}/bob.json", "--username", "anything"]
        right(call(*podman.command, *words, "--password-stdin", hub.address, text=hub.provider.token()))


def test_skopeo(hub: Place, layout: Path, tmp_path: Path) -> None:
    skopeo = require_peer("skopeo")
    name, private = f"docker://{hub.address}/ada/skopeo:v1", f"docker://{hub.address}/shop/skopeo:v1"
    copy = [skopeo, "copy", "--dest-tls-verify=false", f"oci:{layout}:latest"]
    assert call(*copy, name).returncode != 0
    assert call(*copy, "--dest-creds", f"ada:{hub.reader}", name).returncode != 0
    right(call(*copy, "--dest-creds", f"ada:{PASSWORD}", name))
    right(call(*copy, "--dest-creds", f"shop+ci:{hub.token}", private))
    theirs = f"docker://{hub.address}/bob/skopeo:v1"
    assert call(*copy, "--dest-creds", f"bob:{hub.provider.token(exp=1)}", theirs).returncode != 0
    right(call(*copy, "--dest-creds", f"anything:{hub.provider.token()}", theirs))
    inspect = [skopeo, "inspect", "--tls-verify=false"]
    manifest = layout / "blobs/sha256" / json.loads((layout / "index.json").read_text())["manifests"][0]["digest"][7:]
    assert json.loads(right(call(*inspect, name)))["Digest"] == digest_of(manifest.read_bytes())
    assert call(*inspect, private).returncode != 0
    right(call(*inspect, "--creds", f"ada:{PASSWORD}", private))
    delete = [skopeo, "delete", "--tls-verify=false"]
    assert call(*delete, "--creds", f"bob:{PASSWORD}", name).returncode != 0
    right(call(*delete, "--creds", f"ada:{PASSWORD}", name))
    assert call(*inspect, name).returncode != 0


def test_our_own_command(hub: Place, layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxwright = Boxwright(tmp_path / "root")
    archive = tmp_path / "image.tar"
    right(call("tar", "-C", layout, "-cf", archive, "."))
    name, private = f"{hub.address}/ada/own:v1", f"{hub.address}/shop/own:v1"
    loaded = boxwright.load(archive)
    for one in (name, private):
        boxwright.run("tag", loaded, one)
    insecure = ["--insecure-registry", hub.address]
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nobody"))
    assert boxwright.run("push", *insecure, name, check=False).returncode != 0
    login = [*boxwright.command, "login", *insecure, "-u", "ada", "--password-stdin", hub.address]
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "ada"))
    assert call(*login, text="wrong horse").returncode != 0
    right(call(*login, text=PASSWORD))
    boxwright.run("push", *insecure, name)
    boxwright.run("push", *insecure, private)
    boxwright.run("rmi", "-f", name, private)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nobody"))
    boxwright.run("pull", *insecure, name)
    assert boxwright.run("pull", *insecure, private, check=False).returncode != 0
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "ada"))
    boxwright.run("pull", *insecure, private)
