"""What a build says of its image: lists of packages and provenance, kept with it."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from support import package_databases
from support.cli import Boxwright
from support.file_server import file_server
from support.git_server import git_server, make_repository
from support.registry_process import serving

pytestmark = [pytest.mark.root, pytest.mark.runtime]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "Dockerfile": b"FROM busybox\nARG PASSWORD=default\nARG COLOUR\nCOPY status /var/lib/dpkg/status\nRUN true\n",
        "status": package_databases.DPKG,
    }
    return package_databases.layer(tmp_path / "said", files)


def kinds(boxwright: Boxwright, image: str) -> list[str]:
    return [line.split()[0] for line in boxwright.ok("image", "attestations", image).splitlines()[1:]]


def test_nothing_is_said_unasked(boxwright: Boxwright, folder: Path) -> None:
    boxwright.ok("build", "-q", "-t", "silent", folder)
    assert kinds(boxwright, "silent") == []
    assert boxwright.fails("image", "attestations", "--show=spdx", "silent") == "silent has no spdx attached"


def test_packages_and_provenance_are_attached(boxwright: Boxwright, folder: Path) -> None:
    (folder / "Dockerfile").write_text((folder / "Dockerfile").read_text() + "LABEL said=all\n")
    boxwright.ok(
        *("build", "-q", "-t", "said", "--sbom=true", "--provenance=mode=max", "--attest=type=sbom,format=cyclonedx"),
        *("--build-arg=COLOUR=blue", "--build-arg=PASSWORD=hush-hush", folder),
    )
    assert kinds(boxwright, "said") == ["spdx", "provenance"]
    spdx = boxwright.ok("image", "attestations", "--show=spdx", "said")
    assert spdx == boxwright.ok("sbom", "said")
    assert "libc6" in spdx

    text = boxwright.ok("image", "attestations", "--show=provenance", "said")
    assert "hush-hush" not in text
    statement = json.loads(text)
    image = Digest(boxwright.ok("inspect", "-f", "{{.Id}}", "said"))
    assert statement["subject"] == [{"name": "said:latest", "digest": {"sha256": image.partition(":")[2]}}]
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["request"]["args"]["build-arg:COLOUR"] == "blue"
    assert [each["uri"].partition("?")[0] for each in definition["resolvedDependencies"]] == ["pkg:docker/busybox"]

    # The same build again says the same kinds, once.
    boxwright.ok("build", "-q", "-t", "said", "--attest=type=provenance", "--build-arg=COLOUR=blue", folder)
    assert kinds(boxwright, "said").count("provenance") <= 1
    boxwright.ok("fsck")
    boxwright.ok("rmi", "said")
    boxwright.ok("fsck")


def test_contexts_from_elsewhere_are_told_with_their_digests(boxwright: Boxwright, tmp_path: Path) -> None:
    lines = ("FROM scratch", "COPY --from=code a /", "COPY --from=file context /", "COPY Dockerfile /")
    commits = [
        make_repository(tmp_path / "own", {"Dockerfile": "\n".join(lines)}),
        make_repository(tmp_path / "code", {"a": "1"}),
    ]
    with git_server(tmp_path / "served") as server, file_server() as files:
        own, code = (server.publish(tmp_path / name, name) for name in ("own", "code"))
        contexts = (f"--build-context=code={code}#HEAD", f"--build-context=file={files}/file.txt")
        boxwright.ok("build", "-q", "-t", "far", "--provenance=true", *contexts, f"--build-context=idle={code}", own)
        with urllib.request.urlopen(f"{files}/file.txt") as answer:
            content = hashlib.sha256(answer.read()).hexdigest()
    statement = json.loads(boxwright.ok("image", "attestations", "--show=provenance", "far"))
    definition = statement["predicate"]["buildDefinition"]
    first = {"uri": f"git+{own}", "digest": {"gitCommit": commits[0]}}
    assert definition["externalParameters"]["configSource"] == {"path": "Dockerfile", **first}
    assert definition["resolvedDependencies"] == sorted(
        [
            first,
            {"uri": f"git+{code}", "digest": {"gitCommit": commits[1]}},
            {"uri": f"{files}/file.txt", "digest": {"sha256": content}},
        ],
        key=lambda each: str(each["uri"]),
    )


def test_what_is_attached_goes_where_the_image_goes(boxwright: Boxwright, folder: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as registry:
        name = f"{registry.address}/said:1"
        boxwright.ok("build", "-q", "--push", "--attest=type=sbom", "--provenance=max", "-t", name, folder)
        url = f"http://{registry.address}/v2/said"
        head = urllib.request.Request(f"{url}/manifests/1", method="HEAD", headers={"Accept": "*/*"})
        with urllib.request.urlopen(head) as answer:
            digest = answer.headers["Docker-Content-Digest"]
        with urllib.request.urlopen(f"{url}/referrers/{digest}") as answer:
            found = json.load(answer)["manifests"]
    assert sorted(each["artifactType"] for each in found) == ["application/spdx+json", "application/vnd.in-toto+json"]


def test_a_build_without_an_image_has_nothing_to_attach_to(boxwright: Boxwright, folder: Path, tmp_path: Path) -> None:
    message = boxwright.fails("build", "--sbom=true", "-o", f"type=local,dest={tmp_path / 'out'}", folder)
    assert message == "what is said of an image is attached to it, and this build makes none"


def test_what_the_flags_do_not_know(boxwright: Boxwright, folder: Path) -> None:
    assert "generator is not supported" in boxwright.fails("build", "--sbom=generator=x", folder, code=125)
