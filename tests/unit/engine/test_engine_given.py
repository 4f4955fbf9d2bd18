"""--secret, --ssh and --allow: what is given to the steps of a build."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from boxwright.engine import given
from boxwright.errors import BoxwrightError

ENVIRON = {"TOKEN": "t0ken", "SSH_AUTH_SOCK": ""}


def hold(keys: Sequence[str]) -> str:
    return f"holds {' '.join(keys)}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("content")
    (tmp_path / "TOKEN").write_text("of the file")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "id", "value"),
    [
        ("id=a,src=file", "a", b"content"),
        ("type=file,id=a,source=file", "a", b"content"),
        ("ID=a,Src=file", "a", b"content"),
        ("id=file", "file", b"content"),
        ("id=a,env=TOKEN", "a", b"t0ken"),
        ("type=env,id=a,env=TOKEN", "a", b"t0ken"),
        ("type=env,id=a,src=TOKEN", "a", b"t0ken"),
        ("type=env,id=TOKEN", "TOKEN", b"t0ken"),
        ("id=TOKEN", "TOKEN", b"t0ken"),
        ("type=file,id=TOKEN", "TOKEN", b"of the file"),
    ],
)
def test_a_secret_is_from_a_file_or_a_variable(here: Path, text: str, id: str, value: bytes) -> None:
    secrets = given.secrets([text], ENVIRON)
    assert secrets[id].read() == value
    assert value.decode() not in repr(secrets)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src=file", "invalid secret 'src=file': it has no id"),
        ("file", "invalid secret 'file': 'file' must be a key=value pair"),
        ("id=a,mode=1", "invalid secret 'id=a,mode=1': unexpected key 'mode'"),
        ("type=x,id=a", "invalid secret 'type=x,id=a': unsupported type 'x', there are file and env"),
        (
            "id=a,src=file,env=TOKEN",
            "invalid secret 'id=a,src=file,env=TOKEN': it is from a file or from a variable, not from both",
        ),
        ("id=a,src=none", "secret a: there is no file none"),
        ("id=a", "secret a: there is no file a"),
    ],
)
def test_a_secret_that_is_none_is_told_before_anything_is_built(here: Path, text: str, message: str) -> None:
    with pytest.raises(BoxwrightError) as caught:
        given.secrets([text], ENVIRON)
    assert caught.value.message == message
    assert caught.value.hint


def test_a_variable_that_is_not_set_gives_no_secret(here: Path) -> None:
    texts = ("id=a,env=NONE", "type=env,id=NONE", "id=b,env=TOKEN")
    with given.given(texts, (), (), "default", ENVIRON) as have:
        assert (set(have.secrets), have.absent) == ({"b"}, {"a": "NONE", "NONE": "NONE"})


def test_a_secret_is_read_when_it_is_needed(here: Path) -> None:
    secret = given.secrets(["id=a,src=file"], ENVIRON)["a"]
    (here / "file").write_text("later")
    assert secret.read() == b"later"
    (here / "file").write_bytes(bytes(500 * 1024 + 1))
    with pytest.raises(given.SecretUnreadable, match="longer than 500 KiB"):
        secret.read()
    (here / "file").unlink()
    with pytest.raises(given.SecretNotFound):
        secret.read()


def test_an_agent_is_a_socket(here: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind("agent")
        path = str(here / "agent")
        assert given.agents(["default"], {"SSH_AUTH_SOCK": path}, hold) == {"default": path}
        assert given.agents(["default=agent", "b=./agent"], {}, hold) == {"default": path, "b": path}
        with pytest.raises(BoxwrightError, match="one socket to an ID"):
            given.agents(["default=agent,file"], {}, hold)


def test_keys_are_held_by_an_agent(here: Path) -> None:
    assert given.agents(["a=file,TOKEN"], {}, hold) == {"a": f"holds {here}/file {here}/TOKEN"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default", "--ssh default: no agent is running: SSH_AUTH_SOCK is not set"),
        ("a=none", "--ssh a: {here}/none: no such file or directory"),
        ("=x", "invalid --ssh '=x'"),
        ("a=", "invalid --ssh 'a='"),
    ],
)
def test_what_is_no_agent_is_refused(here: Path, text: str, message: str) -> None:
    with pytest.raises(BoxwrightError) as caught:
        given.agents([text], ENVIRON, hold)
    assert caught.value.message == message.format(here=here)


def test_entitlements_are_few() -> None:
    assert given.entitlements(["network.host,security.insecure"], "none") == set(given.ENTITLEMENTS)
    assert given.entitlements([], "host") == {"network.host"}
    with pytest.raises(BoxwrightError, match="unknown entitlement 'device'"):
        given.entitlements(["device"], "default")
