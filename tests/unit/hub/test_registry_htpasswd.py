"""Users in an htpasswd file, and who is let in."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import bcrypt
import pytest

from boxwright.hub.registry.access import Members
from boxwright.hub.registry.htpasswd import HtpasswdCredentials, InvalidHtpasswd, parse_basic, parse_htpasswd
from support.registry_kit import Registry, run


def line(user: str, password: str) -> str:
    # The prefix that Apache's tool writes, and the least work that bcrypt allows.
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace('$2b$', '$2y$')}\n"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text("# people\n\n" + line("ada", "love:lace") + line("böb", "ünsafe"))
    return path


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("ada", "love:lace"), "ada"),
        (basic("ada", "love:lace").replace("Basic", "bAsIc"), "ada"),
        (basic("böb", "ünsafe"), "böb"),
        (basic("ada", "love"), None),
        (basic("ada", ""), None),
        (basic("eve", "love:lace"), None),
        (basic("eve", ""), None),
        (basic("", ""), None),
        (basic("ada", "love:lace" + "x" * 100), None),
        ("Bearer x", None),
        ("Basic", None),
        ("Basic !!!", None),
        ("Basic YWRh", None),
        ("Basic //8=", None),
        (None, None),
    ],
)
def test_who_is_let_in(users: Path, header: str | None, expected: str | None) -> None:
    credentials = HtpasswdCredentials(users)
    assert credentials.check(header) == expected
    assert credentials.check(header) == expected  # from memory


def test_a_password_longer_than_bcrypt_reads_does_not_match_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(line("ada", "x" * 72))
    credentials = HtpasswdCredentials(path)
    assert credentials.check(basic("ada", "x" * 72)) == "ada"
    assert credentials.check(basic("ada", "x" * 73)) is None


def test_changes_count_at_once(users: Path) -> None:
    credentials = HtpasswdCredentials(users)
    assert credentials.check(basic("ada", "love:lace")) == "ada"
    users.write_text(line("ada", "changed"))
    assert credentials.check(basic("ada", "love:lace")) is None
    assert credentials.check(basic("ada", "changed")) == "ada"
    assert credentials.check(basic("böb", "ünsafe")) is None


def test_a_file_that_became_unusable_locks_nobody_out(users: Path, caplog: pytest.LogCaptureFixture) -> None:
    credentials = HtpasswdCredentials(users)
    users.write_text("nonsense\n")
    assert credentials.check(basic("ada", "love:lace")) == "ada"
    os.unlink(users)
    assert credentials.check(basic("ada", "love:lace")) == "ada"
    assert "users stay as they were" in caplog.text


@pytest.mark.parametrize(
    ("text", "number"), [("ada\n", 1), (":x\n", 1), ("# x\nada:$apr1$x$y\n", 2), ("ada:{SHA}x", 1), ("ada:", 1)]
)
def test_lines_that_would_lock_somebody_out_silently_are_errors(text: str, number: int) -> None:
    with pytest.raises(InvalidHtpasswd) as raised:
        parse_htpasswd(text, Path("users"))
    assert raised.value.line == number
    assert "htpasswd -B" in (raised.value.hint or "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidHtpasswd) as raised:
        HtpasswdCredentials(tmp_path / "none")
    assert raised.value.line == 0


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "users").touch()
    assert HtpasswdCredentials(tmp_path / "users").check(basic("ada", "")) is None


def test_a_user_holds_no_colon_and_a_password_may() -> None:
    assert parse_basic(basic("a", "b:c")) == ("a", b"b:c")


def test_every_call_is_challenged(users: Path) -> None:
    async def scenario(client: Registry) -> None:
        for method, target in (("GET", "/v2/"), ("HEAD", "/v2/a/manifests/x"), ("POST", "/v2/a/blobs/uploads/")):
            answer = await client(method, target)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="boxwright registry"'
            assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
            if method != "HEAD":
                assert answer.code == "UNAUTHORIZED"
        assert (await client("GET", "/v2/", authorization=basic("ada", "love:lace"))).status == 200
        assert (await client("GET", "/v2/", authorization=basic("ada", "x"))).status == 401

    run(scenario, authority=Members(HtpasswdCredentials(users)))


def test_an_upload_belongs_to_whoever_began_it(users: Path) -> None:
    async def scenario(client: Registry) -> None:
        ada, bob = basic("ada", "love:lace"), basic("böb", "ünsafe")
        location = (await client("POST", "/v2/a/blobs/uploads/", authorization=ada)).headers["Location"]
        assert (await client("GET", location, authorization=bob)).code == "BLOB_UPLOAD_UNKNOWN"
        assert (await client("PATCH", location, b"x", authorization=bob)).code == "BLOB_UPLOAD_UNKNOWN"
        assert (await client("GET", location, authorization=ada)).status == 204

    run(scenario, authority=Members(HtpasswdCredentials(users)))


def test_no_body_is_asked_for_before_the_credentials_are_checked(users: Path) -> None:
    import asyncio

    async def scenario(client: Registry) -> None:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(
            b"PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        writer.close()

    run(scenario, authority=Members(HtpasswdCredentials(users)))
