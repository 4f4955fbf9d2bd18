"""Where images are pulled from, and whom one may speak to, with our own configuration, docker's and podman's."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.engine.clients import client, places
from boxwright.engine.mirroring.ends import Ends, parse_place
from boxwright.engine.settings import Settings
from boxwright.host.paths import Path as HostPath
from boxwright.oci.reference import Reference
from boxwright.remote import daemon_file
from boxwright.remote.hosts import HostSettings, InvalidRegistriesFile, Mirror
from boxwright.remote.registries_file import BlockedRegistry

_DAEMON = '{"insecure-registries": ["docker.lan", "10.0.0.0/8"], "registry-mirrors": ["https://docker-mirror.lan"]}'
_CONF = """
[[registry]]
prefix = "docker.io"
[[registry.mirror]]
location = "podman-mirror.lan/hub"

[[registry]]
prefix = "moved.lan/old"
location = "moved.lan/new"
insecure = true

[[registry]]
prefix = "quay.io/evil"
blocked = true
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "daemon.json").write_text(_DAEMON)
    (tmp_path / "registries.conf").write_text(_CONF)
    monkeypatch.setattr(daemon_file, "SYSTEM", HostPath(tmp_path / "daemon.json"))
    environ = {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf"), "XDG_CONFIG_HOME": str(tmp_path)}
    return Settings(root=tmp_path / "store", environ=environ)


def _names(settings: Settings, name: str) -> list[str]:
    found = places(settings, Reference.parse(name))
    assert [place.is_mirror for place in found] == [True] * (len(found) - 1) + [False]
    return [str(place.reference) for place in found]


def test_dockers_mirrors_are_asked_before_podmans(settings: Settings) -> None:
    expected = ["docker-mirror.lan/library/busybox:1", "podman-mirror.lan/hub/library/busybox:1"]
    assert _names(settings, "busybox:1") == [*expected, "docker.io/library/busybox:1"]


def test_a_table_of_our_own_goes_before_all_that_the_others_say(settings: Settings) -> None:
    own = {"docker.io": HostSettings((Mirror("own.lan"),)), "quay.io": HostSettings(), "docker.lan": HostSettings()}
    settings = settings._replace(registries=own)
    assert _names(settings, "busybox:1") == ["own.lan/library/busybox:1", "docker.io/library/busybox:1"]
    assert _names(settings, "quay.io/evil/image:1") == ["quay.io/evil/image:1"]
    with client(settings, "docker.lan") as made:
        assert not made.session._insecure


def test_what_has_moved_is_pulled_from_where_it_is(settings: Settings) -> None:
    assert _names(settings, "moved.lan/old/image:1") == ["moved.lan/new/image:1"]
    assert _names(settings, "moved.lan/other:1") == ["moved.lan/other:1"]


def test_what_is_blocked_is_neither_pulled_nor_pushed(settings: Settings) -> None:
    name = Reference.parse("quay.io/evil/image:1")
    for refused in (places, client):
        with pytest.raises(BlockedRegistry, match=r"quay.io/evil/image is blocked in .*registries.conf:12"):
            refused(settings, name)
    client(settings, "quay.io").close()
    with Ends(settings) as ends, pytest.raises(BlockedRegistry):
        ends.pairs(parse_place("quay.io/evil/image"), parse_place("registry.lan/image"))


@pytest.mark.parametrize(
    ("place", "insecure"),
    [
        ("docker.lan", True),
        ("10.1.2.3:5000", True),
        ("elsewhere.lan", False),
        (Reference.parse("moved.lan/old/image"), True),
        (Reference.parse("moved.lan/other"), False),
    ],
)
def test_who_may_speak_plain_http(settings: Settings, place: Reference | str, insecure: bool) -> None:
    with client(settings, place) as made:
        assert made.session._insecure is insecure


def test_a_broken_file_is_told_where_it_matters(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text("[[registry]\n")
    with pytest.raises(InvalidRegistriesFile, match=r"registries.conf:1: "):
        client(settings, "quay.io")
    own = settings._replace(registries={"quay.io": HostSettings()})
    client(own, "quay.io").close()
