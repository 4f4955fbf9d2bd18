"""crane, oras, regctl and buildx against our registry: over plain HTTP on loopback, over TLS with an authority of its
own, and with accounts.

They are programs of Go's ecosystem that no distribution packages; each test runs where its program is on the PATH.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.hub.db.database import default_url
from support.certificates import CertificateAuthority
from support.hub_kit import PASSWORD, house, populate
from support.registry_kit import SmallImage, digest_of
from support.registry_process import ServerProcess, serving
from support.requirements import require_peer, require_program

pytestmark = [pytest.mark.peer]


class Place(NamedTuple):
    """A registry, and what clients have to know to reach it."""

    server: ServerProcess
    authority: Path | None = None
    login: bool = False
    """Whether it wants ada's password."""

    @property
    def address(self) -> str:
        return self.server.address


@pytest.fixture(scope="module", params=["http", "tls", "tokens"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("registry")
    if request.param == "http":
        with serving(folder / "reg") as server:
            yield Place(server)
        return
    if request.param == "tokens":
        with house(default_url(folder)) as made:
            populate(made)
        with serving(folder, hub=True) as server:
            yield Place(server, login=True)
        return
    authority = CertificateAuthority(folder / "ca")
    signed = authority.sign("server")
    with serving(folder / "reg", tls={"cert": str(signed.certificate), "key": str(signed.key)}) as server:
        yield Place(server, authority.certificate)


@pytest.fixture
def image(tmp_path: Path) -> SmallImage:
    made = SmallImage.of(os.urandom(2_000_000))
    made.write_layout(tmp_path / "oci")
    return made


class Client:
    """A program, with a home of its own and the authority that it is to trust."""

    def __init__(self, name: str, place: Place, home: Path) -> None:
        self._program = require_program(name)
        self._home = home
        self._environment = {**os.environ, "HOME": str(home), "DOCKER_CONFIG": str(home)}
        if place.authority is not None:
            self._environment["SSL_CERT_FILE"] = str(place.authority)

    def log_in(self, place: Place, *command: str, checks: bool = True, options: tuple[str, str]) -> None:
        """Log in where that is wanted; a wrong password is refused by those who try it (`checks`)."""
        if place.login:
            user, password = options
            words = [*command, user, "ada", password]
            if checks:
                assert self.run(*words, "wrong horse", place.address, check=False).startswith("failed")
            self.run(*words, PASSWORD, place.address)

    def run(self, *arguments: str | Path, check: bool = True) -> str:
        argv = [self._program, *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=self._home, env=self._environment)
        assert not check or done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
        return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"


def test_crane(place: Place, image: SmallImage, tmp_path: Path) -> None:
    crane = Client("crane", place, tmp_path)
    name, other = f"{place.address}/ada/crane/one", f"{place.address}/ada/crane/two"
    digest = digest_of(image.manifest)
    if place.login:
        assert "401" in crane.run("push", tmp_path / "oci", f"{name}:v1", check=False)
    crane.log_in(place, "auth", "login", checks=False, options=("--username", "--password"))
    assert digest in crane.run("push", tmp_path / "oci", f"{name}:v1")
    assert crane.run("digest", f"{name}:v1").strip() == digest
    crane.run("validate", "--remote", f"{name}:v1")
    crane.run("copy", f"{name}:v1", f"{other}:v1")  # mounts
    crane.run("tag", f"{name}:v1", "v2")
    assert crane.run("ls", name).split() == ["v1", "v2"]
    assert {"ada/crane/one", "ada/crane/two"} <= set(crane.run("catalog", place.address).split())
    crane.run("pull", "--format", "oci", f"{other}:v1", tmp_path / "pulled")
    assert (tmp_path / "pulled" / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes() == image.manifest
    crane.run("delete", f"{name}@{digest}")
    assert "MANIFEST_UNKNOWN" in crane.run("manifest", f"{name}:v1", check=False)


def test_oras(place: Place, tmp_path: Path) -> None:
    oras = Client("oras", place, tmp_path)
    how = ["--plain-http"] if place.authority is None else ["--ca-file", place.authority]
    both = ["--from-plain-http", "--to-plain-http"]
    if place.authority is not None:
        both = ["--from-ca-file", str(place.authority), "--to-ca-file", str(place.authority)]
    name, other = f"{place.address}/ada/oras/one", f"{place.address}/ada/oras/two"
    oras.log_in(place, "login", *how, options=("--username", "--password"))
    (tmp_path / "report.txt").write_text("all is well\n")
    (tmp_path / "sbom.json").write_text("{}\n")
    oras.run("push", *how, f"{name}:v1", "report.txt:text/plain")
    oras.run("attach", *how, "--artifact-type", "application/sbom", f"{name}:v1", "sbom.json:application/json")
    found = json.loads(oras.run("discover", *how, "--format", "json", f"{name}:v1"))
    referrers = found.get("referrers") or found["manifests"]
    assert [one["artifactType"] for one in referrers] == ["application/sbom"]
    oras.run("copy", *both, "--recursive", f"{name}:v1", f"{other}:v1")
    assert "application/sbom" in oras.run("discover", *how, "--format", "json", f"{other}:v1")
    assert oras.run("repo", "tags", *how, name).split() == ["v1"]
    (tmp_path / "report.txt").unlink()
    oras.run("pull", *how, f"{other}:v1")
    assert (tmp_path / "report.txt").read_text() == "all is well\n"
    oras.run("manifest", "delete", *how, "--force", f"{name}:v1")
    assert oras.run("manifest", "fetch", *how, f"{name}:v1", check=False).startswith("failed")


def test_regctl(place: Place, image: SmallImage, tmp_path: Path) -> None:
    regctl = Client("regctl", place, tmp_path)
    if place.authority is None:
        regctl.run("registry", "set", "--tls", "disabled", "--skip-check", place.address)
    name, other = f"{place.address}/ada/regctl/one", f"{place.address}/ada/regctl/two"
    regctl.log_in(place, "registry", "login", options=("--user", "--pass"))
    regctl.run("image", "copy", f"ocidir://{tmp_path}/oci:latest", f"{name}:v1")
    assert regctl.run("image", "digest", f"{name}:v1").strip() == digest_of(image.manifest)
    (tmp_path / "note").write_text("signed, sealed\n")
    regctl.run("artifact", "put", "--subject", f"{name}:v1", "--artifact-type", "text/x-note", "-f", tmp_path / "note")
    assert "text/x-note" in regctl.run("artifact", "list", f"{name}:v1")
    regctl.run("image", "copy", "--referrers", "--digest-tags", f"{name}:v1", f"{other}:v1")
    assert "text/x-note" in regctl.run("artifact", "list", f"{other}:v1")
    assert regctl.run("tag", "ls", other).split() == ["v1"]
    regctl.run("tag", "delete", f"{other}:v1")
    assert regctl.run("tag", "ls", other).split() == []
    assert "ada/regctl/one" in regctl.run("repo", "ls", place.address).split()


@pytest.mark.parametrize("place", ["http", "tokens"], indirect=True)  # it speaks no TLS with the loopback
def test_buildx(place: Place, tmp_path: Path) -> None:
    """What it does without a builder: it copies images into an index, and from one repository to another."""
    buildx = Client("buildx", place, tmp_path)
    if place.login:
        token = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {place.address: {"auth": token}}}))
    name, other = f"{place.address}/ada/buildx/one", f"{place.address}/ada/buildx/two"
    images = SmallImage.of(b"one"), SmallImage.of(b"two")
    for number, image in enumerate(images):
        (tmp_path / f"{number}").mkdir()
        image.write_layout(tmp_path / f"{number}" / "oci")
        skopeo = [require_peer("skopeo"), "copy", "--dest-tls-verify=false", "--dest-creds", f"ada:{PASSWORD}"]
        layout = f"oci:{tmp_path}/{number}/oci:latest"
        subprocess.run([*skopeo, layout, f"docker://{name}:v{number}"], check=True, capture_output=True)
    buildx.run("imagetools", "create", "--tag", f"{name}:both", f"{name}:v0", f"{name}:v1")
    buildx.run("imagetools", "create", "--tag", f"{other}:both", f"{name}:both")
    index = json.loads(buildx.run("imagetools", "inspect", "--raw", f"{other}:both"))
    assert sorted(one["digest"] for one in index["manifests"]) == sorted(digest_of(one.manifest) for one in images)
