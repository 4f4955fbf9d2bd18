from __future__ import annotations

import os
from pathlib import Path

import pytest

from boxwright.engine.settings import InvalidSetting, Settings, parse_rate
from boxwright.host.paths import Path as HostPath
from boxwright.remote.hosts import HostSettings, Mirror, host_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        'root = "/from/file"\ninsecure-registries = ["a:1", "10.0.0.0/8"]\nruntime = "runc"\nmax-parallelism = 3\n'
        'build-cache-limit = 5\npolicy = "signed.toml"\nlimit-rate = "2m"\nconnections = 5\n'
        '[registry."a:1"]\nmirrors = ["http://b:2/hub/"]\nca = "a.pem"\n'
    )
    return path


def test_everything_from_the_file(config: Path) -> None:
    environ = {"BOXWRIGHT_CONFIG": str(config)}
    settings = Settings.load(environ)
    assert os.fspath(settings.root) == "/from/file"
    here = HostPath(config.parent)
    hosts = {"a:1": HostSettings((Mirror("b:2", "hub/", insecure=True),), ca=here / "a.pem")}
    expected = (("a:1", "10.0.0.0/8"), "runc", 3, 5, environ, here / "signed.toml", hosts, 2.0 * (1 << 20), 5)
    assert settings[1:] == expected


def test_who_beats_whom(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("")
    environ = {"BOXWRIGHT_CONFIG": str(config), "BOXWRIGHT_ROOT": "/from/environment"}
    assert os.fspath(Settings.load(environ).root) == "/from/environment"
    assert os.fspath(Settings.load(environ, root="/given").root) == "/given"
    assert Settings.load(environ, config=str(other)).runtime is None
    assert os.fspath(Settings.load({**environ, "BOXWRIGHT_ROOT": ""}).root) == "/from/file"


def test_a_relative_root_is_from_here(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert os.fspath(Settings.load({"BOXWRIGHT_CONFIG": str(config)}, root="x/../y").root) == str(tmp_path / "y")


def test_the_default_file_may_be_missing(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    root = os.fspath(Settings.load(environ).root)
    assert root == ("/var/lib/boxwright" if os.geteuid() == 0 else f"{tmp_path}/boxwright")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("odd = 1", "odd = 1 is not a setting"),
        ("root = 5", "root = 5 is not a setting"),
        ('insecure-registries = "a"', "insecure-registries = 'a' is not a setting"),
        ("insecure-registries = [1]", "is not a setting"),
        ("max-parallelism = -1", "is not a setting"),
        ("max-parallelism = true", "is not a setting"),
        ('build-cache-limit = "10g"', "is not a setting"),
        ("limit-rate = 0", "invalid rate '0'"),
        ('limit-rate = "quick"', "invalid rate 'quick'"),
        ("limit-rate = true", "limit-rate = True is not a setting"),
        ("connections = 0", "connections = 0 is not a setting"),
        ("connections = 17", "connections = 17 is not a setting"),
        ("registry = 1", "registries are written"),
        ('[registry."a:b"]', "invalid registry 'a:b'"),
        ("[registry.a]\ninsecure = 1", "insecure = 1 is nothing that can be set for it"),
        ('[registry.a]\nmirror = ["b"]', "is nothing that can be set for it"),
        ('[registry.a]\nmirrors = ["ftp://b"]', "is no http or https URL"),
        ('[registry.a]\nmirrors = ["https://me@b"]', "is not a host"),
        ("root = ", "Invalid value"),
        ("\udcff", "utf-8"),
    ],
)
def test_what_is_no_configuration(config: Path, text: str, why: str) -> None:
    config.write_text(text, errors="surrogateescape")
    with pytest.raises(InvalidSetting, match=why) as caught:
        Settings.load({}, config=str(config))
    assert caught.value.message.startswith(str(config))


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="there is no such file"):
        Settings.load({"BOXWRIGHT_CONFIG": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1", 1), ("500k", 512_000), ("10M", 10 << 20), ("1.5g", 3 << 29), ("2MiB/s", 2 << 20), ("100B", 100)],
)
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


def test_what_is_set_for_a_host_counts_for_its_ports() -> None:
    hosts = {"a": HostSettings(insecure=True), "a:1": HostSettings(), "[::1]:5": HostSettings(insecure=True)}
    found = [host_settings(hosts, domain) for domain in ("a", "a:1", "a:2", "b", "[::1]:5")]
    assert [host and host.insecure for host in found] == [True, False, True, None, True]
