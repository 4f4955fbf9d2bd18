"""What a user of docker types to share images, and gets wrong: boxwright ends as docker does."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boxwright_command import Boxwright
from support.docker_daemon import Docker
from support.registry_process import serving

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory, docker: Docker, boxwright: Boxwright, base: str
) -> Iterator[str]:
    """A registry with one image, which docker and boxwright both have."""
    with serving(tmp_path_factory.mktemp("registry")) as server:
        for one in (docker, boxwright):
            one.run("tag", base, f"{server.address}/ada/tools:1")
            one.run("tag", base, "127.0.0.1:1/ada/tools:1")
        docker.run("push", f"{server.address}/ada/tools:1")
        yield server.address


@pytest.mark.parametrize(
    "words",
    [
        "push {0}/ada/none:1",
        "push -a {0}/ada/none",
        "push 127.0.0.1:1/ada/tools:1",
        "pull {0}/ada/tools:none",
        "pull {0}/Ada/tools:1",
        "pull {0}/ada/tools@sha256:" + "0" * 64,
        "pull 127.0.0.1:1/ada/tools:1",
        "pull -a {0}/ada/tools:1",
        "pull --platform nonsense {0}/ada/tools:1",
        "login -u ada -p lovelace 127.0.0.1:1",
    ],
)
def test_a_mistake_ends_as_it_does_with_docker(docker: Docker, boxwright: Boxwright, registry: str, words: str) -> None:
    arguments = words.format(registry).split()
    theirs, ours = docker.run(*arguments, check=False), boxwright.run(*arguments, check=False)
    assert theirs.returncode == ours.returncode == 1, theirs.stderr + ours.stderr
    assert ours.stderr.count("error: ") == 1


def test_a_manifest_is_printed_as_docker_prints_it(docker: Docker, boxwright: Boxwright, registry: str) -> None:
    for words in (("manifest", "inspect"), ("manifest", "inspect", "-v")):
        theirs = docker.run(*words, "--insecure", f"{registry}/ada/tools:1").stdout
        assert json.loads(boxwright.run(*words, f"{registry}/ada/tools:1").stdout) == json.loads(theirs)


def test_what_is_found_is_told_in_dockers_words(docker: Docker, boxwright: Boxwright, registry: str) -> None:
    words = ("search", "--format", "{{json .}}", f"{registry}/tools")
    theirs, ours = (json.loads(one.run(*words).stdout) for one in (docker, boxwright))
    theirs.pop("IsAutomated", None)  # docker no longer tells it
    assert ours == {**theirs, "Name": f"{registry}/{theirs['Name']}"}, "ours is a name to pull"


def test_a_log_ends_with_what_scripts_look_for(docker: Docker, boxwright: Boxwright, registry: str) -> None:
    name = f"{registry}/ada/tools:1"
    boxwright.run("rmi", name)
    docker.run("rmi", name)
    for _ in ("downloaded", "up to date"):
        theirs, ours = (one.run("pull", name).stdout.splitlines() for one in (docker, boxwright))
        closing = [line for line in theirs if line.startswith(("Digest: ", "Status: "))]
        assert ours[-2:] == closing
    for one in (docker, boxwright):
        assert one.run("pull", "-q", name).stdout == f"{name}\n"
        assert re.fullmatch(r"1: digest: sha256:[0-9a-f]{64} size: \d+", one.run("push", name).stdout.splitlines()[-1])


def test_a_login_that_is_kept_is_tried_before_a_password_is_asked_for(
    docker: Docker, boxwright: Boxwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bcrypt

    users = tmp_path / "users"
    users.write_text("ada:" + bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode() + "\n")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serving(tmp_path / "registry", auth={"htpasswd": str(users)}) as guarded:

        def login(*words: str, password: str = "", status: int = 0) -> list[tuple[str, str]]:
            said = []
            for command in ([docker.command[0], "--config", str(tmp_path), *docker.command[1:]], boxwright.command):
                argv = [*command, "login", *words, guarded.address]
                done = subprocess.run(argv, input=password, capture_output=True, text=True, timeout=60)
                assert done.returncode == status, done.stderr
                said.append((done.stdout, done.stderr))
            return said

        login(status=1)
        login("-u", "ada", "--password-stdin", password="love", status=1)
        login("-u", "ada", "--password-stdin", password="lovelace\n")
        for stdout, _ in login():
            assert "Authenticating with existing credentials" in stdout
            assert stdout.endswith("Login Succeeded\n")
        users.write_text("ada:" + bcrypt.hashpw(b"byron", bcrypt.gensalt(4)).decode() + "\n")
        login(status=1)
