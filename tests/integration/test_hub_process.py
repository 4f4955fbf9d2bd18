"""A hub as its administrator meets it: the commands, the server, several of them on one database."""

from __future__ import annotations

import base64
import http.client
import io
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from boxwright.cli.main import main
from support.boxwright_command import Boxwright
from support.registry_process import PlainClient, ServerDied, ServerProcess, serving


class Admin:
    """The commands of one hub."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._command = Boxwright(root / "store").command

    def __call__(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = [*self._command, "hub", *words, "--root", str(self.root)]
        return subprocess.run(argv, capture_output=True, text=True, input=text, timeout=60)

    def lines(self, *words: str) -> list[dict[str, str]]:
        done = self(*words, "--format", "json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    return Admin(tmp_path)


def get(address: str, path: str, authorization: str = "") -> tuple[int, bytes]:
    with PlainClient(address) as client:
        return client.call("GET", path, **({"Authorization": authorization} if authorization else {}))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_hub_begins_without_anybody_and_says_so(admin: Admin) -> None:
    with serving(admin.root, hub=True) as server:
        assert get(server.address, "/v2/")[0] == 401
        done = admin("user", "add", "ada", "--admin", "--password-stdin", text="correct horse\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "ada\n", "")
        right = basic("ada", "correct horse")
        assert get(server.address, "/v2/", right)[0] == 200
        assert admin("user", "disable", "ada").returncode == 0
        assert get(server.address, "/v2/", right)[0] == 401
        assert admin("user", "enable", "ada").returncode == 0
        assert get(server.address, "/v2/", right)[0] == 200
        logins = [one for one in admin.lines("audit") if one["Action"] == "login"]
        assert [(one["Actor"], one["Address"], one["Outcome"]) for one in logins] == [("ada", "127.0.0.1", "failure")]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_servers_that_share_a_database_know_each_others_tokens(
    admin: Admin, database: str, request: pytest.FixtureRequest
) -> None:
    with ExitStack() as stack:
        where: dict[str, object] = {}
        words = ["user", "add", "ada", "--password-stdin"]
        if database == "postgresql":
            where["url"] = stack.enter_context(request.getfixturevalue("postgres").database())
            words += ["--database", str(where["url"])]
        done = admin(*words, text="correct horse")
        assert done.returncode == 0, done.stderr
        one = stack.enter_context(serving(admin.root, hub=True, database=where, server={"processes": 2}))
        two = stack.enter_context(serving(admin.root, hub=True, database=where))
        for here, there in ((one, two), (two, one)):
            for _ in range(3):
                status, body = get(
                    here.address, "/token?scope=repository:ada/web:pull,push", basic("ada", "correct horse")
                )
                assert status == 200, body
                bearer = f"Bearer {json.loads(body)['token']}"
                assert get(there.address, "/v2/ada/web/tags/list", bearer)[0] == 404  # none yet, but may be asked
                with PlainClient(there.address) as client:
                    assert client.call("POST", "/v2/ada/web/blobs/uploads/", Authorization=bearer)[0] == 202


def test_whoever_guesses_at_one_server_waits_at_all_of_them(admin: Admin) -> None:
    admin("user", "add", "ada", "--password-stdin", text="correct horse")
    with serving(admin.root, hub=True) as one, serving(admin.root, hub=True) as two:
        for number in range(6):
            server = (one, two)[number % 2]
            assert get(server.address, "/token", basic("ada", f"wrong horse {number}"))[0] in (401, 429)
        assert [get(server.address, "/token", basic("ada", "correct horse"))[0] for server in (one, two)] == [429, 429]


def test_users_of_a_file_are_users_of_the_hub(admin: Admin) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    hashed = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()
    (admin.root / "users").write_text(f"ada:{hashed}\nroot:{hashed}\nBad.Name:{hashed}\n")
    admin("user", "add", "bob", "--password-stdin", text="correct horse")
    with serving(admin.root, hub=True, auth={"htpasswd": str(admin.root / "users")}) as server:
        assert get(server.address, "/token", basic("ada", "lovelace"))[0] == 200
        assert get(server.address, "/token", basic("ada", "love"))[0] == 401
        assert get(server.address, "/token", basic("bob", "correct horse"))[0] == 200
        assert get(server.address, "/token", basic("root", "lovelace"))[0] == 401  # a name that no account can have
        assert get(server.address, "/token", basic("Bad.Name", "lovelace"))[0] == 401
    assert [(one["Name"], one["Password"]) for one in admin.lines("user", "list")] == [("ada", "no"), ("bob", "yes")]


def test_settings_of_accounts_need_accounts(tmp_path: Path) -> None:
    with pytest.raises(ServerDied):
        ServerProcess(tmp_path, accounts={"service": "hub"})
    with pytest.raises(ServerDied):
        ServerProcess(tmp_path, hub=True, accounts={"token-lifetime": "5s"})
    with serving(tmp_path, hub=True, accounts={"service": "hub.example.com", "token-lifetime": "10m"}) as server:
        connection = http.client.HTTPConnection(server.address)
        connection.request("GET", "/v2/")
        challenge = connection.getresponse().headers["WWW-Authenticate"]
        assert challenge == f'Bearer realm="http://{server.address}/token",service="hub.example.com"'
        connection.close()
        assert json.loads(get(server.address, "/token")[1])["expires_in"] == 600


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("user add library --no-password", "reserved"),
        ("user add ada", "without a terminal"),
        ("user rm nobody", "no user 'nobody'"),
        ("user set ada", "nothing to change"),
        ("org add shop", "needs an owner"),
        ("org add shop --owner nobody", "no user 'nobody'"),
        ("robot add ci", "ACCOUNT+NAME"),
        ("token create ada laptop --expires soon", "invalid --expires"),
        ("token create ada laptop --can fly", "no action"),
        ("grant ada owner x/y", "invalid ROLE"),
        ("grant ada write debian", "no account 'ada'"),
        ("repo create nobody/x", "no account 'nobody'"),
        ("repo set nobody/x --visibility public", "no repository"),
        ("audit --since yesterday", "invalid --since"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, words: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["hub", *words.split(), "--root", str(tmp_path)]) != 0
    assert message in capsys.readouterr().err.splitlines()[0]


def test_a_token_is_shown_once_and_listed_without_its_secret(admin: Admin) -> None:
    admin("user", "add", "ada", "--no-password")
    secret = admin(
        "token", "create", "ada", "laptop", "--can", "pull", "--on", "ada/*", "--expires", "30d"
    ).stdout.strip()
    assert secret.startswith("bxw_")
    (listed,) = admin.lines("token", "list", "ada")
    assert (listed["Can"], listed["On"], listed["LastUsed"]) == ("pull", "ada/*", "never")
    assert secret not in str(listed)
    assert secret.encode() not in (admin.root / "registry.db").read_bytes()
