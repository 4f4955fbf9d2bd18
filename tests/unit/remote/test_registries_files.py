"""What docker's daemon.json and podman's registries.conf say of registries, and mistakes in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boxwright.host.paths import Path as HostPath
from boxwright.oci.digest import Digest
from boxwright.oci.reference import Reference
from boxwright.remote import daemon_file, registries_file
from boxwright.remote.daemon_file import DaemonFile
from boxwright.remote.hosts import InvalidRegistriesFile, Mirror
from boxwright.remote.registries_file import Rule, RuleMirror, Rules

# ---- docker's


def _daemon(tmp_path: Path, content: Any) -> DaemonFile:
    path = HostPath(tmp_path / "daemon.json")
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return daemon_file.read(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", DaemonFile()),
        ({"log-driver": "local", "registry-mirrors": None}, DaemonFile()),
        ({"insecure-registries": ["10.0.0.0/8", "a:5000"]}, DaemonFile(("10.0.0.0/8", "a:5000"))),
        (
            {"registry-mirrors": ["https://mirror.lan/", "http://cache.lan:5000"]},
            DaemonFile(mirrors=(Mirror("mirror.lan"), Mirror("cache.lan:5000", insecure=True))),
        ),
    ],
)
def test_what_docker_was_told(tmp_path: Path, content: Any, expected: DaemonFile) -> None:
    assert _daemon(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ('{\n "debug": true,\n}', 3, "not JSON"),
        ("[]", 1, "not an object"),
        ("[" * 100_000, 0, "nested"),
        ({"debug": True, "insecure-registries": "a"}, 3, "insecure-registries is not a list of text"),
        ({"registry-mirrors": ["https://a", "ftp://b"]}, 4, "'ftp://b' is no http or https URL"),
        ({"registry-mirrors": ["https://a@b"]}, 3, "not a host"),
    ],
)
def test_a_mistake_in_dockers_file_is_named_with_its_line(tmp_path: Path, content: Any, line: int, why: str) -> None:
    with pytest.raises(InvalidRegistriesFile, match=why) as caught:
        _daemon(tmp_path, content)
    assert caught.value.line == line
    assert caught.value.message.startswith(f"{tmp_path}/daemon.json:{line}: " if line else f"{tmp_path}/daemon.json: ")


def test_there_need_not_be_a_file(tmp_path: Path) -> None:
    assert daemon_file.read(HostPath(tmp_path / "none.json")) == DaemonFile()
    assert registries_file.read([HostPath(tmp_path / "none.conf")]) == Rules()


# ---- podman's

_CONF = """
unqualified-search-registries = ["quay.io"]
[aliases]
"debian" = "quay.io/debian"

[[registry]]
location = "registry.lan:5000"
insecure = true

[[registry]]
prefix = "docker.io/library"
location = "registry.lan:5000/base/"
mirror-by-digest-only = true
[[registry.mirror]]
location = "one.lan/hub"
[[registry.mirror]]
location = "two.lan"
insecure = true
pull-from-mirror = "tag-only"

[[registry]]
prefix = "*.example.com"
blocked = true

[[registry]]
prefix = "good.example.com"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    path = tmp_path / "registries.conf"
    path.write_text(_CONF)
    return registries_file.read([HostPath(path)])


def test_tables_are_read(rules: Rules, tmp_path: Path) -> None:
    mirrors = (RuleMirror("one.lan/hub", wanted="digest-only"), RuleMirror("two.lan", True, "tag-only"))
    path = tmp_path / "registries.conf"
    assert rules.rules == (
        Rule("registry.lan:5000", "", True, False, (), f"{path}:6"),
        Rule("docker.io/library", "registry.lan:5000/base", False, False, mirrors, f"{path}:10"),
        Rule("*.example.com", "", False, True, (), f"{path}:21"),
        Rule("good.example.com", "", False, False, (), f"{path}:25"),
    )


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("docker.io/library/debian", "docker.io/library"),
        ("docker.io/libraryx/debian", None),
        ("docker.io", None),
        ("registry.lan:5000", "registry.lan:5000"),
        ("registry.lan:5000/a/b", "registry.lan:5000"),
        ("registry.lan/a", None),
        ("bad.example.com/a", "*.example.com"),
        ("bad.example.com:443/a", "*.example.com"),
        ("example.com/a", None),
        ("elsewhere.lan/bad.example.com", None),
        ("good.example.com/a", "good.example.com"),
    ],
)
def test_the_longest_prefix_counts(rules: Rules, name: str, prefix: str | None) -> None:
    found = rules.find(name)
    assert (found.prefix if found else None) == prefix


@pytest.mark.parametrize(
    ("prefix", "name", "location", "expected"),
    [
        ("docker.io/library", "debian:12", "registry.lan:5000/base", "registry.lan:5000/base/debian:12"),
        ("docker.io/library/debian", "debian:12", "registry.lan/deb", "registry.lan/deb:12"),
        ("docker.io", "ada/web", "mirror.lan", "mirror.lan/ada/web"),
        ("*.example.com", "a.example.com/web:1", "registry.lan/ex", "registry.lan/ex/web:1"),
        ("a.lan", "a.lan:5000/web", "b.lan", "b.lan:5000/web"),
    ],
)
def test_the_location_stands_in_the_prefixs_stead(prefix: str, name: str, location: str, expected: str) -> None:
    rule = Rule(prefix, location, False, False, (), "registries.conf")
    assert rule.moved(Reference.parse(name), location) == Reference.parse(expected)


def test_a_mirror_may_be_for_digests_or_tags_alone() -> None:
    tag = Reference.parse("debian:12")
    digest = tag._replace(digest=Digest.of(b""))
    for wanted, serves in (("all", [True, True]), ("digest-only", [False, True]), ("tag-only", [True, False])):
        assert [RuleMirror("a", wanted=wanted).serves(name) for name in (tag, digest)] == serves


def test_the_older_form_is_read(tmp_path: Path) -> None:
    path = HostPath(tmp_path / "registries.conf")
    path.write_text("[registries.insecure]\nregistries = ['a']\n[registries.block]\nregistries = ['b', 'a']\n")
    rules = registries_file.read([path]).rules
    assert [(rule.prefix, rule.insecure, rule.blocked) for rule in rules] == [("a", True, True), ("b", False, True)]


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("a = 1\n[[registry]\n", 2, "Expected"),
        ("registry = 1\n", 0, r"\[\[registry\]\]"),
        ("\n[[registry]]\ninsecure = true\n", 2, "neither a prefix nor a location"),
        ("[[registry]]\nlocation='a'\n[[registry]]\nlocation = 1\n", 3, "location is not text"),
        ("[[registry]]\nlocation = 'https://a'\n", 1, "'https://a' is a URL"),
        ("[[registry]]\nlocation = 'a'\nblocked = 'yes'\n", 1, "blocked is neither true nor false"),
        ("[[registry]]\nlocation = 'a'\nmirror = ['b']\n", 1, r"\[\[registry.mirror\]\]"),
        ("[[registry]]\nlocation = 'a'\n[[registry.mirror]]\n", 1, "a mirror has no location"),
        ("[[registry]]\nprefix = 'a'\nmirror = [{location = 'b', pull-from-mirror = 'no'}]", 1, "is one of all"),
        ("[registries.insecure]\nregistries = 1\n", 0, "registries.insecure.registries is not a list"),
    ],
)
def test_a_mistake_in_podmans_file_is_named_with_its_line(tmp_path: Path, content: str, line: int, why: str) -> None:
    path = HostPath(tmp_path / "registries.conf")
    path.write_text(content)
    with pytest.raises(InvalidRegistriesFile, match=why) as caught:
        registries_file.read([path])
    assert caught.value.message.startswith(f"{path}:{line}: " if line else f"{path}: ")


@pytest.mark.parametrize(
    ("environment", "own", "expected"),
    [
        ({}, False, ["system", "a", "b", "own a"]),
        ({}, True, ["own", "own a"]),
        ({"CONTAINERS_REGISTRIES_CONF": "{0}/named.conf"}, True, ["named", "a", "b", "own a"]),
    ],
)
def test_the_files_that_podman_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], own: bool, expected: list[str]
) -> None:
    files = {"named.conf": "named", "etc/registries.conf": "system", "etc/registries.conf.d/2.conf": "b"}
    files |= {"etc/registries.conf.d/1.conf": "a", "etc/registries.conf.d/3.txt": "no"}
    files |= {"config/containers/registries.conf.d/1.conf": "own a"}
    if own:
        files["config/containers/registries.conf"] = "own"
    for name, prefix in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"[[registry]]\nprefix = '{prefix}'\n")
    monkeypatch.setattr(registries_file, "SYSTEM", HostPath(tmp_path / "etc"))
    given = {name: value.format(tmp_path) for name, value in environment.items()}
    found = registries_file.registries_file({"XDG_CONFIG_HOME": str(tmp_path / "config"), **given})
    assert [rule.prefix for rule in found.rules] == expected


def test_a_later_file_replaces_the_table_of_an_earlier_one(tmp_path: Path) -> None:
    paths = [HostPath(tmp_path / name) for name in ("1.conf", "2.conf")]
    for path, insecure in zip(paths, ("true", "false"), strict=True):
        path.write_text(f"[[registry]]\nlocation = 'a'\ninsecure = {insecure}\n")
    assert [rule.insecure for rule in registries_file.read(paths).rules] == [False]
