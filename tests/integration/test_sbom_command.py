"""``image sbom`` on real images, and what real compilers and package managers leave in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from boxwright.layer.union import UnionView
from boxwright.sbom.inventory import take_inventory
from support import package_databases
from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_an_image_s_packages(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = package_databases.layer(
        tmp_path / "web",
        {
            "Dockerfile": b"FROM busybox\nCOPY status /var/lib/dpkg/status\nCOPY os-release /etc/\n"
            b'RUN mkdir -p /app/node_modules/a && echo \'{"name":"a","version":"1.0.0"}\''
            b" > /app/node_modules/a/package.json\n",
            "status": package_databases.DPKG,
            "os-release": package_databases.OS_RELEASE,
        },
    )
    boxwright.ok("build", "-q", "-t", "web", folder)
    document = json.loads(boxwright.ok("image", "sbom", "web"))
    names = [package["name"] for package in document["packages"]]
    assert names == ["web:latest", "debian", "bash", "libc6", "a"]
    assert boxwright.ok("sbom", "web") == boxwright.ok("sbom", "--format=spdx-json", "web")

    place = tmp_path / "bom.json"
    assert boxwright.ok("sbom", "--format", "cyclonedx", "-o", place, "web") == ""
    assert json.loads(place.read_text())["bomFormat"] == "CycloneDX"
    assert boxwright.ok("sbom", "--format=table", "web").splitlines()[1].split() == [
        *("deb/debian/bash", "5.2.15-2+b7", "/var/lib/dpkg/status"),
    ]
    assert "unknown --format" in boxwright.fails("sbom", "--format=xml", "web", code=125)
    boxwright.fails("sbom", "nothing")


def test_what_cannot_be_read_is_said(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = package_databases.layer(
        tmp_path / "old", {"Dockerfile": b"FROM scratch\nCOPY Packages /var/lib/rpm/\n", "Packages": b"x"}
    )
    boxwright.ok("build", "-q", "-t", "old", folder)
    result = boxwright("sbom", "old")
    assert (result.code, result.err.partition(":")[0]) == (0, "warning")
    assert "comment" in json.loads(result.out)["creationInfo"]


def test_a_program_in_go(tmp_path: Path) -> None:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not os.path.exists(go):
        pytest.skip("needs go")
    (tmp_path / "go.mod").write_text("module example.com/hello\n\ngo 1.18\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { println(1) }\n")
    target = tmp_path / "layer/bin/hello"
    target.parent.mkdir(parents=True)
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
    subprocess.run([go, "build", "-o", target, "."], cwd=tmp_path, check=True, env=env)
    found = [package.purl() for package in take_inventory(UnionView([tmp_path / "layer"])).packages]
    assert found[0].startswith("pkg:golang/example.com/hello")
    assert found[1].startswith("pkg:golang/stdlib@1.")


def test_this_machine_s_own_packages() -> None:
    if not os.path.exists("/var/lib/dpkg/status"):
        pytest.skip("needs dpkg")
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"], capture_output=True, text=True
    )
    installed = {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("installed ")}
    from boxwright.sbom import dpkg
    from boxwright.sbom.distribution import Distribution

    status = Path("/var/lib/dpkg/status")
    assert {package.name for package in dpkg.packages(status.read_bytes(), str(status), Distribution())} == installed
