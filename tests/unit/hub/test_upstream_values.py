"""What the configuration says of upstreams, which names are theirs, and which addresses they may lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.hub.configfile import InvalidSetting
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.settings import load_settings
from boxwright.hub.upstream.guard import is_public
from boxwright.hub.upstream.names import Names
from boxwright.hub.upstream.settings import PasswordMissing, UpstreamSettings


def load(folder: Path, text: str) -> tuple[UpstreamSettings, ...]:
    path = folder / "registry.toml"
    path.write_text(text)
    return load_settings(path).upstreams


def test_an_upstream_with_everything(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (one,) = load(
        tmp_path,
        """
        [[upstream]]
        prefix = "ghcr"
        url = "https://ghcr.io/"
        ns = ["ghcr.io", "ghcr.example.com:5000"]
        username = "ada"
        password-file = "password"
        check = "1h"
        keep = "off"
        allow = ["10.0.0.5"]
        library = true
        """,
    )
    assert one == UpstreamSettings(
        "ghcr",
        "https://ghcr.io",
        ("ghcr.io", "ghcr.example.com:5000"),
        "ada",
        tmp_path / "password",
        None,
        3600.0,
        None,
        ("10.0.0.5",),
        True,
    )
    assert one.password() == "secret"
    assert "secret" not in repr(one)


def test_docker_hub_is_known(tmp_path: Path) -> None:
    (one,) = load(tmp_path, '[[upstream]]\nprefix = "docker.io"\nurl = "https://registry-1.docker.io"\n')
    assert (one.namespaces, one.library, one.domain) == (("docker.io",), True, "registry-1.docker.io")


def test_passwords_of_the_environment() -> None:
    one = UpstreamSettings("up", "https://h", ("h",), "ada", None, "UP_PASSWORD")
    assert one.password({"UP_PASSWORD": "secret"}) == "secret"
    with pytest.raises(PasswordMissing):
        one.password({})


@pytest.mark.parametrize(
    ("lines", "line", "word"),
    [
        ('url = "https://h"', 0, "prefix"),
        ('prefix = "UP"\nurl = "https://h"', 2, "prefix"),
        ('prefix = "up"', 0, "url"),
        ('prefix = "up"\nurl = "h"', 3, "url"),
        ('prefix = "up"\nurl = "https://h/path"', 3, "url"),
        ('prefix = "up"\nurl = "https://ada:secret@h"', 3, "url"),
        ('prefix = "up"\nurl = "https://h"\nns = ["a b"]', 4, "ns"),
        ('prefix = "up"\nurl = "https://h"\nusername = "ada"', 4, "username"),
        ('prefix = "up"\nurl = "https://h"\nallow = ["http://x"]', 4, "allow"),
        ('prefix = "up"\nurl = "https://h"\nspeed = 1', 4, "speed"),
        ('prefix = "up"\nurl = "https://h"\n[[upstream]]\nprefix = "up"\nurl = "https://i"', 5, "prefix"),
        ('prefix = "up"\nurl = "https://h"\n[[upstream]]\nprefix = "two"\nurl = "https://h"', 0, "ns"),
    ],
)
def test_mistakes_have_a_line(tmp_path: Path, lines: str, line: int, word: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        load(tmp_path, f"[[upstream]]\n{lines}\n")
    assert word in raised.value.message
    assert "secret" not in raised.value.message
    if line:
        assert raised.value.line == line


HUB = UpstreamSettings("docker.io", "https://registry-1.docker.io", ("docker.io",), library=True)
QUAY = UpstreamSettings("quay", "https://quay.io", ("quay.io",))
DEEP = UpstreamSettings("quay/deep", "https://deep.example.com", ("deep.example.com",))
REST = UpstreamSettings("*", "https://rest.example.com", ("rest.example.com",))


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("docker.io/nginx", None, ("docker.io/library/nginx", "library/nginx")),
        ("docker.io/library/nginx", None, ("docker.io/library/nginx", "library/nginx")),
        ("docker.io/ada/x", None, ("docker.io/ada/x", "ada/x")),
        ("nginx", "docker.io", ("docker.io/library/nginx", "library/nginx")),
        ("quay/x", None, ("quay/x", "x")),
        ("quay/deep/x", None, ("quay/deep/x", "x")),
        ("x", "quay.io", ("quay/x", "x")),
        ("docker.io", None, None),
        ("quayx/y", None, None),
        ("mine/x", None, None),
    ],
)
def test_names(name: str, namespace: str | None, expected: tuple[str, str] | None) -> None:
    found = Names([HUB, QUAY, DEEP]).find(name, namespace)
    assert (found and (found.repository, found.path)) == expected
    if found is not None:
        assert Names([HUB, QUAY, DEEP]).find(found.repository) == found


def test_a_mirror_of_everything_has_the_names_that_nobody_else_has() -> None:
    names = Names([QUAY, REST])
    rest, quay = names.find("a/b"), names.find("quay/b")
    assert rest is not None
    assert quay is not None
    assert (rest.upstream, rest.repository) == (REST, "a/b")
    assert quay.upstream == QUAY


@pytest.mark.parametrize(
    ("name", "namespace", "code"),
    [("a", "elsewhere.example.com", "NAME_UNKNOWN"), ("a/" * 123 + "abcde", "docker.io", "NAME_INVALID")],
)
def test_names_that_are_nobody_s(name: str, namespace: str, code: str) -> None:
    with pytest.raises(RegistryError) as raised:
        Names([HUB]).find(name, namespace)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_addresses(address: str, public: bool) -> None:
    assert is_public(address) == public
