"""The host's package sources, read as apt reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.bootstrap import apt
from boxwright.bootstrap.apt import NoAptSources, Source

LINES = """
# deb http://a.example/debian bookworm main
deb http://a.example/debian bookworm main contrib # a mirror
deb [ arch=amd64 signed-by=/usr/share/keyrings/x.gpg ] http://b.example/debian-security bookworm-security main
deb-src http://a.example/debian bookworm main
  deb http://c.example/other stable
deb
"""

STANZAS = """Types: deb deb-src
URIs: http://a.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# another one
Types: deb
URIs: http://b.example/one http://c.example/two
Suites: nodistro
Components: main
 contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 AAAA

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
"""


def test_one_line_sources() -> None:
    assert apt.parse_lines(LINES) == [
        Source("http://a.example/debian", "bookworm", ("main", "contrib")),
        Source(
            "http://b.example/debian-security",
            "bookworm-security",
            ("main",),
            (("arch", "amd64"), ("signed-by", "/usr/share/keyrings/x.gpg")),
        ),
        Source("http://c.example/other", "stable", ()),
    ]


def test_deb822_sources() -> None:
    signed = (("signed-by", "/usr/share/keyrings/debian-archive-keyring.gpg"),)
    assert apt.parse_deb822(STANZAS) == [
        Source("http://a.example/debian", "bookworm", ("main",), signed),
        Source("http://a.example/debian", "bookworm-updates", ("main",), signed),
        Source("http://b.example/one", "nodistro", ("main", "contrib")),
        Source("http://c.example/two", "nodistro", ("main", "contrib")),
    ]


def test_a_source_has_its_one_line_form() -> None:
    source = Source("http://a.example/debian", "bookworm", ("main", "contrib"), (("signed-by", "/k.gpg"),))
    assert source.line() == "deb [signed-by=/k.gpg] http://a.example/debian bookworm main contrib"
    assert apt.parse_lines(source.line()) == [source]


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (folder / "debian.sources").write_text(
        "Types: deb\nURIs: http://a.example/debian-security\nSuites: bookworm-security\nComponents: main\n"
    )
    (folder / "other.list").write_text("deb http://node.example/x nodistro main\n")
    (folder / "other.list.disabled").write_text("deb http://gone.example/debian bookworm main\n")
    return tmp_path


def test_only_the_suite_and_its_pockets_count(etc: Path) -> None:
    found = apt.host_sources("bookworm", etc)
    assert [(source.uri, source.suite) for source in found] == [
        ("http://a.example/debian", "bookworm"),
        ("http://a.example/debian-security", "bookworm-security"),
    ]


def test_another_suite_comes_from_the_same_mirrors(etc: Path) -> None:
    found = apt.host_sources("trixie", etc)
    assert [(source.uri, source.suite) for source in found] == [
        ("http://a.example/debian", "trixie"),
        ("http://a.example/debian-security", "trixie-security"),
    ]


def test_a_host_without_debian_sources_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NoAptSources) as caught:
        apt.host_sources("bookworm", tmp_path)
    assert "sources.list.d" in str(caught.value.hint)
