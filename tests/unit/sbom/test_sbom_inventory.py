"""What is found in a file system, by what tells of it; and what hostile files do: nothing."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from pathlib import Path

import pytest

from boxwright.layer.union import UnionView
from boxwright.sbom.inventory import take_inventory
from boxwright.sbom.package import Package, clean, quote
from support import package_databases as trees


def purls(view: UnionView) -> list[str]:
    return [package.purl() for package in take_inventory(view).packages]


def test_dpkg(tmp_path: Path) -> None:
    found = take_inventory(
        trees.view(tmp_path, {"var/lib/dpkg/status": trees.DPKG, "etc/os-release": trees.OS_RELEASE})
    )
    assert [package.purl() for package in found.packages] == [
        "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
    ]
    bash, libc = found.packages
    assert (bash.supplier, bash.origin) == ("Matthias Klose <doko@debian.org>", "")
    assert (libc.origin, libc.found) == ("glibc", "/var/lib/dpkg/status")
    assert found.distribution == ("debian", "12", "Debian GNU/Linux 12 (bookworm)")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["GPL-2+"], "GPL-2.0-or-later"),
        (["Expat", "BSD-3-clause", "Expat"], "BSD-3-Clause AND MIT"),
        (["GPL-1+ or Artistic", "LGPL-2.1"], "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND LGPL-2.1-only"),
        (["GPL-3+ with GCC-exception-3.1"], "GPL-3.0-or-later WITH GCC-exception-3.1"),
        (["Apache-2.0", "my own, see below"], "Apache-2.0 AND my own, see below"),
        ([], ""),
    ],
)
def test_the_licences_of_debian(tmp_path: Path, fields: list[str], expected: str) -> None:
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    text = head + "".join(f"Files: *\nCopyright: somebody\nLicense: {field}\n a text\n\n" for field in fields)
    files = {"var/lib/dpkg/status": trees.DPKG, "usr/share/doc/bash/copyright": text.encode()}
    bash, libc = take_inventory(trees.view(tmp_path, files)).packages
    assert (bash.licence, libc.licence) == (expected, "")


def test_a_copyright_in_prose_and_one_in_a_circle(tmp_path: Path) -> None:
    folder = trees.layer(
        tmp_path,
        {"var/lib/dpkg/status": trees.DPKG, "usr/share/doc/bash/copyright": b"This is free.\nLicense: GPL-2\n"},
    )
    (folder / "usr/share/doc/libc6").symlink_to("libc6")
    assert [package.licence for package in take_inventory(UnionView([folder])).packages] == ["", ""]


def test_images_without_dpkg_say_it_in_parts(tmp_path: Path) -> None:
    part = b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n"
    files = {"var/lib/dpkg/status.d/tzdata": part, "var/lib/dpkg/status.d/tzdata.md5sums": b"Package: x\nVersion: 1\n"}
    assert purls(trees.view(tmp_path, files)) == ["pkg:deb/debian/tzdata@2024a?arch=all"]


@pytest.mark.parametrize("place", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_apk(tmp_path: Path, place: str) -> None:
    files = {place: trees.APK, "etc/os-release": b"ID=alpine\nVERSION_ID=3.18.4\n"}
    found = take_inventory(trees.view(tmp_path, files)).packages
    assert [(package.purl(), package.licence, package.origin) for package in found] == [
        ("pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4", "MIT", ""),
        ("pkg:apk/alpine/ssl_client@1.36.1-r5?arch=x86_64&distro=alpine-3.18.4", "GPL-2.0-only", "busybox"),
    ]


def test_rpm(tmp_path: Path) -> None:
    headers = [
        trees.rpm_header(NAME="bash", VERSION="5.2", RELEASE="3.fc40", ARCH="x86_64", LICENSE="GPL", VENDOR="Fedora"),
        trees.rpm_header(NAME="vim", EPOCH=2, VERSION="9.1", RELEASE="1", ARCH="noarch", SOURCERPM="vim-9.1-1.src.rpm"),
        trees.rpm_header(NAME="gpg-pubkey", VERSION="1", RELEASE="1"),
        b"too short",
        trees.rpm_header(NAME="cut", VERSION="1")[:-2],
        b"\xff" * 64,
    ]
    database = trees.rpm_database(tmp_path / "made", headers)
    files = {"usr/lib/sysimage/rpm/rpmdb.sqlite": database, "usr/lib/os-release": b"ID=fedora\nVERSION_ID=40\n"}
    found = take_inventory(trees.view(tmp_path / "layer", files))
    assert [(package.purl(), package.licence, package.supplier) for package in found.packages] == [
        ("pkg:rpm/fedora/bash@5.2-3.fc40?arch=x86_64&distro=fedora-40", "GPL", "Fedora"),
        ("pkg:rpm/fedora/vim@9.1-1?arch=noarch&distro=fedora-40&epoch=2&upstream=vim-9.1-1.src.rpm", "", ""),
    ]
    assert sorted(path.name for path in (tmp_path / "layer/usr/lib/sysimage/rpm").iterdir()) == ["rpmdb.sqlite"]


def test_an_old_rpm_database_is_noted(tmp_path: Path) -> None:
    found = take_inventory(trees.view(tmp_path, {"var/lib/rpm/Packages": b"\0" * 100}))
    assert [note.partition(":")[0] for note in found.notes] == ["/var/lib/rpm/Packages is left out"]


def test_python(tmp_path: Path) -> None:
    site = "usr/lib/python3/dist-packages"
    files = {
        f"{site}/zope.interface-6.1.dist-info/METADATA": trees.METADATA,
        f"{site}/old.egg-info/PKG-INFO": b"Name: old_one\r\nVersion: 1\r\nLicense: UNKNOWN\r\n\r\nVersion: 2",
        f"{site}/alone-2.egg-info": b"Name: alone\nVersion: 2\nLicense-Expression: MIT\nLicense: no\n",
        f"{site}/nameless.dist-info/METADATA": b"Version: 2\n",
        f"{site}/x/METADATA": b"Name: no\nVersion: 2\n",
    }
    found = take_inventory(trees.view(tmp_path, files)).packages
    assert [(package.purl(), package.licence) for package in found] == [
        ("pkg:pypi/alone@2", "MIT"),
        ("pkg:pypi/old-one@1", ""),
        ("pkg:pypi/zope-interface@6.1", "ZPL 2.1"),
    ]


def test_npm(tmp_path: Path) -> None:
    manifests = {
        "left-pad": {"name": "left-pad", "version": "1.3.0", "license": "WTFPL", "author": {"name": "azer"}},
        "@types/node": {"name": "@types/node", "version": "20.1.0", "license": {"type": "MIT"}},
        "a/node_modules/b": {"name": "b", "version": "2.0.0", "licenses": [{"type": "MIT"}, {"type": "ISC"}]},
        "a": {"name": "a", "version": "1.0.0", "license": 7, "author": ["x"]},
        "nameless": {"version": "1.0.0"},
        "list": ["name"],
        "a/lib": {"name": "no-package", "version": "1"},
    }
    files = {f"app/node_modules/{name}/package.json": json.dumps(value).encode() for name, value in manifests.items()}
    files["app/package.json"] = b'{"name": "app", "version": "1"}'
    found = take_inventory(trees.view(tmp_path, files)).packages
    assert [(package.purl(), package.licence, package.supplier) for package in found] == [
        ("pkg:npm/%40types/node@20.1.0", "MIT", ""),
        ("pkg:npm/a@1.0.0", "", ""),
        ("pkg:npm/b@2.0.0", "MIT OR ISC", ""),
        ("pkg:npm/left-pad@1.3.0", "WTFPL", "azer"),
    ]


def test_go(tmp_path: Path) -> None:
    modules = (
        "path\texample.com/tool/cmd\nmod\texample.com/tool\t(devel)\t\n"
        "dep\tgithub.com/spf13/cobra\tv1.8.0\th1:x=\ndep\tgolang.org/x/sys\tv0.1.0\n=>\texample.com/fork/sys\tv0.2.0\t\n"
        "build\t-compiler=gc\n"
    )
    files = {"usr/bin/tool": trees.go_program(modules), "usr/lib/data": trees.go_program(modules)}
    assert purls(trees.view(tmp_path, files)) == [
        "pkg:golang/example.com/fork/sys@v0.2.0",
        "pkg:golang/example.com/tool",
        "pkg:golang/github.com/spf13/cobra@v1.8.0",
        "pkg:golang/stdlib@1.22.3",
    ]


def test_an_upper_layer_hides_what_a_lower_one_tells(tmp_path: Path) -> None:
    lower = trees.layer(tmp_path / "lower", {"var/lib/dpkg/status": trees.DPKG, "n/node_modules/a/package.json": b"{}"})
    upper = trees.layer(tmp_path / "upper", {"var/lib/dpkg/status": b"Package: one\nVersion: 1\nArchitecture: all\n"})
    assert purls(UnionView([lower, upper])) == ["pkg:deb/debian/one@1?arch=all"]


# ---- files that nobody vouches for


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    data = (
        b"Package: b\xffad\x1b[31m\x00\nVersion: 1\xe2\x80\xae\nMaintainer: " + b"x" * 100_000 + b"\nArchitecture: a\n"
    )
    (package,) = take_inventory(trees.view(tmp_path, {"var/lib/dpkg/status": data})).packages
    assert package.name == "b\ufffdad[31m"
    assert package.version == "1"
    assert len(package.supplier) <= 1024
    assert json.loads(json.dumps(package.purl())) == "pkg:deb/debian/b%EF%BF%BDad%5B31m@1?arch=a"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 200_000,
        b'{"name": "a", "version": "1", "x": ' + b"9" * 10_000 + b"}",
        b"\xff\xfe{}",
        b'"x"',
        b"null",
    ],
    ids=["empty", "cut", "deep", "large number", "no utf-8", "text", "null"],
)
def test_a_manifest_that_is_none(tmp_path: Path, data: bytes) -> None:
    files = {"a/node_modules/bad/package.json": data, "a/node_modules/good/package.json": b'{"name":"g","version":"1"}'}
    assert "pkg:npm/g@1" in purls(trees.view(tmp_path, files))


def test_a_file_that_is_too_long_is_noted(tmp_path: Path) -> None:
    folder = trees.layer(tmp_path, {"a/node_modules/big/package.json": b"{}"})
    os.truncate(folder / "a/node_modules/big/package.json", 1 << 30)
    assert take_inventory(UnionView([folder])).notes == (
        "/a/node_modules/big/package.json is left out: it is longer than 8,388,608 bytes",
    )


def test_names_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").symlink_to("/dev/zero")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").symlink_to("os-release")
    (tmp_path / "usr/lib").mkdir(parents=True)
    os.mkfifo(tmp_path / "usr/lib/os-release")
    (tmp_path / "lib/apk/db/installed").mkdir(parents=True)
    os.mkfifo(tmp_path / "x.egg-info")
    found = take_inventory(UnionView([tmp_path]))
    assert (found.packages, found.distribution) == ((), ("", "", ""))


def test_an_rpm_database_that_is_none(tmp_path: Path) -> None:
    tricky = tmp_path / "tricky"
    with sqlite3.connect(tricky) as connection:
        connection.execute(
            "CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
            " SELECT x AS blob FROM n"
        )
    connection.close()
    good = trees.rpm_database(tmp_path / "good", [trees.rpm_header(NAME="a", VERSION="1")] * 50)
    chance = random.Random(7)
    damaged = bytearray(good)
    for _ in range(200):
        damaged[chance.randrange(100, len(damaged))] = chance.randrange(256)
    for number, data in enumerate((b"", b"not a database" * 100, tricky.read_bytes(), bytes(damaged), good[:5000])):
        found = take_inventory(trees.view(tmp_path / f"layer{number}", {"var/lib/rpm/rpmdb.sqlite": data}))
        assert all(package.name == "a" or package.kind == "rpm" for package in found.packages)
        if number < 3:
            assert found.packages == ()
            assert len(found.notes) == 1


def test_programs_that_are_damaged_in_any_place(tmp_path: Path) -> None:
    good = trees.go_program("mod\texample.com/x\tv1\t\n" * 20)
    chance = random.Random(3)
    for number in range(60):
        data = bytearray(good)
        for _ in range(30):
            data[chance.choice((chance.randrange(120), 4096 + chance.randrange(800)))] = chance.randrange(256)
        take_inventory(trees.view(tmp_path / str(number), {"bin/x": bytes(data)}))
    truncated = good[:5000].ljust(300_000, b"\xff")
    take_inventory(trees.view(tmp_path / "cut", {"bin/x": truncated}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\n  b\t", "a b"), (b"\xff", "\ufffd"), (7, ""), (None, ""), ("\u202eabc\x07", "abc"), ("x" * 5000, "x" * 1024)],
)
def test_text_is_made_clean(value: object, expected: str) -> None:
    assert clean(value) == expected


def test_a_purl_escapes_what_it_is_made_of() -> None:
    package = Package("deb", "a/b?c#d@e", "1:2~3+4 ü", "/x", "na me", (("arch", "a&b=c"), ("distro", "")))
    assert package.purl() == "pkg:deb/na%20me/a%2Fb%3Fc%23d%40e@1:2~3%2B4%20%C3%BC?arch=a%26b%3Dc"
    assert quote("\udcff") == "%3F"
