from __future__ import annotations

import os
from pathlib import Path

import pytest

from boxwright.engine.settings import InvalidSetting, Settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        'root = "/from/file"\ninsecure-registries = ["a:1", "10.0.0.0/8"]\nruntime = "runc"\nmax-parallelism = 3\n'
        'build-cache-limit = 5\npolicy = "signed.toml"\n'
    )
    return path


def test_everything_from_the_file(config: Path) -> None:
    environ = {"BOXWRIGHT_CONFIG": str(config)}
    settings = Settings.load(environ)
    assert os.fspath(settings.root) == "/from/file"
    assert settings[1:] == (("a:1", "10.0.0.0/8"), "runc", 3, 5, environ, str(config.parent / "signed.toml"))


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
