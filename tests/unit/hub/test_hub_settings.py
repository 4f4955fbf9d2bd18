"""The configuration file of a server: what it may say, and where a mistake is."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.hub.accounts.oidc.settings import OIDCSettings
from boxwright.hub.configfile import InvalidSetting, read_file
from boxwright.hub.edge.limits import LimitSettings
from boxwright.hub.edge.tls import TLSSettings
from boxwright.hub.registry.settings import GarbageSettings, ServerSettings
from boxwright.hub.settings import HubSettings, load_settings, override


def write(folder: Path, text: str) -> Path:
    path = folder / "registry.toml"
    path.write_text(text)
    return path


def test_without_a_file_everything_has_its_default() -> None:
    assert load_settings(None) == HubSettings()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "# nothing yet\n")) == HubSettings()


def test_sections_are_read(tmp_path: Path) -> None:
    text = """
    [server]
    addr = ":443"
    root = "data"
    sparse = true
    public-url = "https://registry.example.com"
    trusted-proxies = ["10.0.0.0/8", "unix"]
    idle-timeout = "60s"
    [tls]
    cert = "/etc/ssl/registry.crt"
    client-ca = "clients.pem"
    client = "optional"
    [limits]
    connections = 50
    blob = "10 GiB"
    [auth]
    htpasswd = "users"
    [oidc]
    issuer = "https://id.example.com/realms/eng/"
    create = true
    lifetime = "12h"
    [gc]
    delay = "off"
    interval = "90s"
    """
    settings = load_settings(write(tmp_path, text))
    assert settings.server.address == ":443"
    assert settings.server.root == tmp_path / "data"
    assert settings.server.public_url == "https://registry.example.com"
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "unix")
    assert settings.server.idle_timeout == 60.0
    assert settings.tls == TLSSettings(Path("/etc/ssl/registry.crt"), None, tmp_path / "clients.pem", "optional")
    assert settings.limits == LimitSettings(connections=50, blob=10 << 30)
    assert settings.oidc == OIDCSettings("https://id.example.com/realms/eng", create=True, lifetime=43200.0)
    assert settings.oidc.wanted_audience == "boxwright"
    assert settings.server.sparse
    assert settings.auth.htpasswd == tmp_path / "users"
    assert settings.gc == GarbageSettings(delay=None, interval=90.0)


def test_flags_go_before_the_file() -> None:
    section = ServerSettings(address=":443", sparse=True)
    assert override(section, address=":80", sparse=None) == section._replace(address=":80")
    assert override(section, sparse=False) == section._replace(sparse=False)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\n[server]\nadr = ':443'\n", 3, "unknown key server.adr"),
        ("[server]\naddr = ':443'\n\n# a comment\n[sever]\n", 5, "unknown key sever"),
        ("stray = 1\n", 1, "unknown key stray"),
        ("server.sparse = 1\n", 1, "server.sparse takes true or false"),
        ("[server]\nroot = '''\na\n'''\naddr = [\n'a',\n'b',\n]\n", 5, "server.addr takes a text"),
        ("[server]\naddr = ''\n", 2, "server.addr takes a text"),
        ("[gc]\ninterval = '0s'\n", 2, 'gc.interval takes a duration like "90s" or "24h"'),
        ("[gc]\ninterval = 'soon'\n", 2, 'gc.interval takes a duration like "90s" or "24h"'),
        ("[gc]\ninterval = 'off'\n", 2, 'gc.interval takes a duration like "90s" or "24h"'),
        (
            "[server]\nnotice = 'two\tlines'\n",
            2,
            "server.notice cannot be shown: a notice is one line of printable ASCII of at most 1000 characters",
        ),
        ("server = 5\n", 1, "server is a section"),
        (
            "[oidc]\nissuer = 'http://id.example.com'\n",
            2,
            "oidc.issuer is an invalid issuer 'http://id.example.com': it begins with https://, or with http:// on this"
            " machine alone",
        ),
        ("[[oidc.team]]\ngroup = 'a'\nteam = 'shop'\n", 3, "oidc.team.team is ORGANISATION/TEAM"),
        ("[oidc]\nscopes = ['email']\n", 2, 'oidc.scopes is a list of words with "openid" among them'),
        ("[tls]\nkey = 'x'\n", 2, "tls.key needs a certificate, too: cert"),
        (
            "[limits]\nmanifest = '1 MiB'\n",
            2,
            'limits.manifest takes a size of at least 4194304 bytes, like 4194304 or "4 MiB"',
        ),
        ("[server]\ntrusted-proxies = ['10.0.0.300']\n", 2, "server.trusted-proxies has an invalid proxy '10.0.0.300'"),
        (
            "[server]\npublic-url = 'https://a/b'\n",
            2,
            "server.public-url is an invalid public URL 'https://a/b': "
            "clients look for a registry at the root of a host, so it has no path",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidSetting) as raised:
        load_settings(path)
    assert raised.value.message == f"{path}:{line}: {message}"
    assert raised.value.line == line


def test_a_near_miss_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as raised:
        load_settings(write(tmp_path, "[tls]\ncret = 'x'\n"))
    assert raised.value.hint == "did you mean cert?"


def test_other_keys_get_a_list(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as raised:
        load_settings(write(tmp_path, "[gc]\nfoo = 'x'\n"))
    assert raised.value.hint == "there are delay, interval"


@pytest.mark.parametrize("content", [b"[server\n", b"\xff", b"a = 1\na = 2\n", b"#" * (1 << 20) + b"##"])
def test_what_is_no_configuration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registry.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting) as raised:
        load_settings(path)
    assert raised.value.message.startswith(f"{path}: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="No such file"):
        load_settings(tmp_path / "none.toml")


def test_every_getter(tmp_path: Path) -> None:
    text = """
    words = ["a", "b"]
    kind = "two"
    count = 3
    small = "64k"
    large = "4 MiB"
    bytes = 17
    [[upstream]]
    name = "one"
    [[upstream]]
    name = "two"
    """
    file = read_file(write(tmp_path, text))
    assert file.texts("words") == ("a", "b")
    assert file.texts("none", ("x",)) == ("x",)
    assert file.text("kind", "one", choices=("one", "two")) == "two"
    assert (file.number("count", 0), file.number("absent", None)) == (3, None)
    assert [file.size(key, 0) for key in ("small", "large", "bytes")] == [64 << 10, 4 << 20, 17]
    assert [section.text("name", "") for section in file.sections("upstream")] == ["one", "two"]
    file.finish()


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("words = ['a', 1]\n", lambda file: file.texts("words")),
        ("words = ['']\n", lambda file: file.texts("words")),
        ("kind = 'three'\n", lambda file: file.text("kind", "", choices=("one", "two"))),
        ("count = true\n", lambda file: file.number("count", 0)),
        ("count = 9\n", lambda file: file.number("count", 0, most=8)),
        ("size = '1x'\n", lambda file: file.size("size", 0)),
        ("size = 5\n", lambda file: file.size("size", 0, least=6)),
        ("[one]\n", lambda file: file.sections("one")),
    ],
)
def test_a_value_that_is_none(tmp_path: Path, text: str, ask: object) -> None:
    file = read_file(write(tmp_path, text))
    with pytest.raises(InvalidSetting) as raised:
        ask(file)
    assert raised.value.line == 1


def test_a_mistake_in_the_second_of_several_sections_has_its_line(tmp_path: Path) -> None:
    file = read_file(write(tmp_path, "[[upstream]]\nurl = 'a'\n[[upstream]]\nurl = 'b'\nulr = 'c'\n"))
    for section in file.sections("upstream"):
        section.text("url", "")
    with pytest.raises(InvalidSetting) as raised:
        file.finish()
    assert (raised.value.line, raised.value.hint) == (5, "did you mean url?")
