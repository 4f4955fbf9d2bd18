"""`registry ls`, `tags`, `inspect`, `copy` and `rm`, against our own registry and against distribution."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.oci import media
from integration.remote_servers import docker_registry
from support.boxwright_command import Boxwright
from support.registry_kit import SmallImage, descriptor, digest_of
from support.registry_process import PlainClient, serving

_IMAGE = SmallImage.of(b"hello\n")
_OTHER = SmallImage.of(b"good morning\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "registry") as process:
        yield process.address


@pytest.fixture
def boxwright(tmp_path: Path) -> Boxwright:
    return Boxwright(tmp_path / "store")


def _push(server: str, path: str, *tags: str, image: SmallImage = _IMAGE) -> None:
    with PlainClient(server) as client:
        for tag in tags:
            client.push(path, tag, image, [])


def _error(boxwright: Boxwright, *arguments: str, code: int = 1) -> list[str]:
    done = boxwright.run(*arguments, check=False)
    assert done.returncode == code, done
    return done.stderr.splitlines()


def test_repositories_are_listed_by_prefix_and_part(server: str, boxwright: Boxwright) -> None:
    for path in ("ada/shell", "ada/web", "eva/web"):
        _push(server, path, "1")
    assert boxwright.run("registry", "ls", server).stdout.split() == [
        "REPOSITORY",
        *(f"{server}/{path}" for path in ("ada/shell", "ada/web", "eva/web")),
    ]
    assert boxwright.run("registry", "ls", "-q", f"http://{server}/ada/").stdout.split() == [
        f"{server}/ada/shell",
        f"{server}/ada/web",
    ]
    part = boxwright.run("registry", "ls", "--limit", "1", "--last", "ada/shell", "--format", "{{.Name}}", server)
    assert part.stdout == "ada/web\n"


def test_tags_are_sorted_chosen_and_asked_for_what_they_name(server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1.10", "1.9", "2.0-rc1", "latest")
    _push(server, "ada/web", "2.0", image=_OTHER)

    def tags(*arguments: str) -> list[str]:
        return boxwright.run("registry", "tags", *arguments, f"{server}/ada/web").stdout.splitlines()

    assert tags("-q") == ["1.10", "1.9", "2.0", "2.0-rc1", "latest"]
    assert tags("-q", "--sort", "version", "--match", "1.*") == ["1.9", "1.10"]
    assert tags("-q", "-r", "--limit", "2") == ["latest", "2.0-rc1"]
    assert tags("-q", "--last", "2.0", "--limit", "1") == ["2.0-rc1"]
    assert tags("--match", "2.0", "--digests")[1].split()[:2] == ["2.0", digest_of(_OTHER.manifest)[7:19]]
    assert tags("--match", "2.0", "--format", "{{.Digest}}") == [digest_of(_OTHER.manifest)]
    assert "NAME" not in boxwright.run("registry", "tags", "--help").stderr
    assert _error(boxwright, "registry", "tags", f"{server}/ada/web:1")[0].startswith("error: ")
    assert "no such repository" in _error(boxwright, "registry", "tags", f"{server}/nothing")[0]


def test_an_image_is_looked_into_without_a_pull(server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1")
    name = f"{server}/ada/web:1"
    shown = boxwright.run("registry", "inspect", name).stdout
    assert shown.splitlines()[0] == name
    for expected in (digest_of(_IMAGE.manifest), "linux/amd64", '["/greeting"]', digest_of(_IMAGE.layer)[7:19]):
        assert expected in shown
    assert boxwright.run("registry", "inspect", "--raw", name).stdout.encode() == _IMAGE.manifest
    assert json.loads(boxwright.run("registry", "inspect", "--config", name).stdout) == json.loads(_IMAGE.config)
    document = json.loads(boxwright.run("registry", "inspect", "--format", "json", name).stdout)
    assert document["Platforms"][0]["Layers"][0]["Size"] == len(_IMAGE.layer)
    assert boxwright.run("images", "-q").stdout == ""


def test_a_manifest_is_printed_as_docker_prints_it(server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1")
    name = f"{server}/ada/web:1"
    document = json.loads(_IMAGE.manifest)
    assert boxwright.run("manifest", "inspect", name).stdout == json.dumps(document, indent="\t") + "\n"
    verbose = json.loads(boxwright.run("manifest", "inspect", "-v", "--insecure", name).stdout)
    assert verbose["Ref"] == name
    assert verbose["Descriptor"]["digest"] == digest_of(_IMAGE.manifest)
    assert verbose["OCIManifest"] == document
    assert _error(boxwright, "manifest", "inspect", f"{name}0") == [
        f"error: cannot inspect {name}0: there is no such tag or digest"
    ]
    assert "is not supported" in _error(boxwright, "manifest", "create", "a", "b", code=125)[0]


def test_images_of_several_machines_become_one_index(server: str, boxwright: Boxwright) -> None:
    arm, arm_again = (SmallImage.of(text, architecture="arm64") for text in (b"arm\n", b"arm again\n"))
    _push(server, "ci/web", "amd64")
    _push(server, "ci/web", "arm64", image=arm)
    _push(server, "ci/web", "arm64-again", image=arm_again)
    built, name = f"{server}/ci/web", f"{server}/ada/web:1"

    def entries(*words: str) -> list[tuple[str, str]]:
        index = json.loads(boxwright.run(*words).stdout)
        return [(entry["platform"]["architecture"], entry["digest"]) for entry in index["manifests"]]

    amd64, arm64 = ("amd64", digest_of(_IMAGE.manifest)), ("arm64", digest_of(arm.manifest))
    sources = (f"{built}:amd64", f"{built}:arm64")
    assert entries("imagetools", "create", "--dry-run", *sources) == [amd64, arm64]
    made = boxwright.run("buildx", "imagetools", "create", "-q", "-t", name, "-t", f"{built}:1", *sources)
    assert made.stdout.split() == [name, f"{built}:1"]
    inspected = boxwright.run("imagetools", "inspect", name).stdout
    assert "Platform:  linux/amd64\n" in inspected
    assert f"  Name:      {server}/ada/web@{arm64[1]}\n" in inspected
    assert boxwright.run("pull", "-q", "--platform", "arm64", name).stdout == f"{name}\n"
    boxwright.run("imagetools", "create", "-t", f"{server}/eva/web:1", name)
    raw = ("imagetools", "inspect", "--raw")
    assert boxwright.run(*raw, f"{server}/eva/web:1").stdout == boxwright.run(*raw, name).stdout, (
        "one index stays itself"
    )
    boxwright.run("imagetools", "create", "--append", "--annotation", "a=b", "-t", name, f"{built}:arm64-again")
    assert entries(*raw, name) == [amd64, ("arm64", digest_of(arm_again.manifest))]
    for words, why in (
        (("-t", name, *sources, f"{built}:arm64-again"), "two images are for linux/arm64"),
        (("-t", f"{name}@{amd64[1]}", *sources), "has a digest"),
        (("-t", name, f"{built}:none"), "cannot combine"),
    ):
        assert why in _error(boxwright, "imagetools", "create", *words)[0]


def test_an_index_tells_its_platforms(server: str, boxwright: Boxwright) -> None:
    entries = []
    with PlainClient(server) as client:
        for architecture, image in (("amd64", _IMAGE), ("arm64", _OTHER)):
            client.push("ada/web", digest_of(image.manifest), image, [])
            platform = {"os": "linux", "architecture": architecture}
            entries.append(descriptor(image.media_type, image.manifest, platform=platform))
        value = {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": entries,
            "annotations": {"a\x1b[1m": "b"},
        }
        assert client.call("PUT", "/v2/ada/web/manifests/1", json.dumps(value).encode(), Content_Type=media.OCI_INDEX)
    name = f"{server}/ada/web:1"
    shown = boxwright.run("registry", "inspect", name).stdout
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("linux/")] == [
        "linux/amd64",
        "linux/arm64",
    ]
    one = boxwright.run("registry", "inspect", "--platform", "linux/arm64", "--format", "{{.Digest}}", name).stdout
    assert one.strip() == digest_of(_OTHER.manifest)
    assert "choose a --platform: linux/amd64, linux/arm64" in "\n".join(
        _error(boxwright, "registry", "inspect", "--config", name, code=125)
    )


def test_images_are_copied_by_name_or_all_of_them(server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1", "2")
    done = boxwright.run("registry", "copy", f"{server}/ada/web:1", f"{server}/eva/web").stdout.splitlines()
    assert done[0] == f"copying {server}/ada/web:1 to {server}/eva/web"
    assert done[-1].startswith(f"copied  {server}/eva/web:1@{digest_of(_IMAGE.manifest)} (0 B sent, ")
    again = boxwright.run("registry", "copy", f"{server}/ada/web:1", f"{server}/eva/web").stdout.splitlines()
    assert again[-1] == f"up to date  {server}/eva/web:1@{digest_of(_IMAGE.manifest)}"
    every = boxwright.run("registry", "copy", "-q", "--all-tags", f"{server}/ada/web", f"{server}/bob/web").stdout
    assert every.splitlines() == [f"{server}/bob/web:1", f"{server}/bob/web:2"]
    assert "contradict" in _error(boxwright, "registry", "copy", "--all", "--platform", "arm64", "a", "b", code=125)[0]


def test_a_deletion_says_what_goes_and_asks(server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1", "2", digest_of(_IMAGE.manifest).replace(":", "-") + ".sig")
    _push(server, "ada/web", "3", image=_OTHER)
    by_digest = f"{server}/ada/web@{digest_of(_IMAGE.manifest)}"
    asked = boxwright.run("registry", "rm", by_digest, check=False)
    assert asked.returncode == 1
    for line in ("  and its tags: 1, 2", "  its signatures stay (--referrers deletes them): sha256-"):
        assert line in asked.stdout
    assert boxwright.run("registry", "rm", "-f", f"{server}/ada/web:1").stdout == f"deleted  {server}/ada/web:1\n"
    tags = ("registry", "tags", "-q", "--match", "?", f"{server}/ada/web")
    assert boxwright.run(*tags).stdout.split() == ["2", "3"]
    gone = boxwright.run("registry", "rm", "-f", "--referrers", by_digest).stdout
    assert re.fullmatch(rf"deleted  {by_digest} \([0-9.]+k?B will be reclaimed\)", gone.splitlines()[-1])
    assert boxwright.run("registry", "tags", "-q", f"{server}/ada/web").stdout.split() == ["3"]
    assert "there is no such tag" in _error(boxwright, "registry", "rm", "-f", f"{server}/ada/web:1")[0]
    assert "a tag or digest is missing" in _error(boxwright, "registry", "rm", "-f", f"{server}/ada/web")[0]


@pytest.mark.peer
def test_a_registry_that_deletes_nothing_says_so(tmp_path: Path, server: str, boxwright: Boxwright) -> None:
    _push(server, "ada/web", "1")
    with docker_registry(tmp_path) as domain:
        boxwright.run("registry", "copy", f"{server}/ada/web:1", f"{domain}/ada/web")
        by_digest = f"{domain}/ada/web@{digest_of(_IMAGE.manifest)}"
        error = _error(boxwright, "registry", "rm", "-f", by_digest)
    assert error[0] == f"error: cannot delete {by_digest}: the registry does not delete"
    assert "REGISTRY_STORAGE_DELETE_ENABLED" in error[1]


def test_repositories_are_searched_for(tmp_path: Path, server: str, boxwright: Boxwright) -> None:
    for path in ("ada/shell", "ada/web", "eva/web"):
        _push(server, path, "1")
    shown = boxwright.run("search", "--format", "{{.Name}}", f"{server}/web").stdout.split()
    assert shown == [f"{server}/ada/web", f"{server}/eva/web"]
    assert boxwright.run("search", f"{server}/nothing").stdout.split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert "from 1 to 100" in "\n".join(_error(boxwright, "search", "--limit", "0", f"{server}/web", code=125))


@pytest.mark.peer
def test_a_registry_without_a_search_is_searched_all_the_same(
    tmp_path: Path, server: str, boxwright: Boxwright
) -> None:
    _push(server, "ada/web", "1")
    with docker_registry(tmp_path) as domain:
        boxwright.run("registry", "copy", f"{server}/ada/web:1", f"{domain}/ada/web")
        assert boxwright.run("search", "--format", "{{.Name}}", f"{domain}/WEB").stdout == f"{domain}/ada/web\n"
