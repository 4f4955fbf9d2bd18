"""What becomes of a build: files, archives, images of one platform and of several, here and in a registry."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.cli import Boxwright
from support.registry_process import PlainClient, serving
from support.trees import nested

pytestmark = [pytest.mark.root]

_PLATFORMS = "linux/amd64,linux/arm64,linux/arm/v7"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def boxwright(tmp_path: Path) -> Iterator[Boxwright]:
    """The command, on an empty store."""
    home = tmp_path / "home"
    home.mkdir()
    command = Boxwright(home / "root", home)
    yield command
    left = command.take_down()
    assert not left, left


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "site/empty").mkdir(parents=True)
    (folder / "site/page").write_text("hello\n")
    (folder / "site/link").symlink_to("page")
    (folder / "site/gone").write_text("gone\n")
    (folder / "Dockerfile").write_text(
        "FROM scratch AS first\nCOPY site /site\nFROM first\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n"
        'COPY --chown=7:8 site/page /etc/page\nCMD ["/page"]\n'
    )
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    return folder


class Registry:
    def __init__(self, address: str) -> None:
        self.name = "localhost:" + address.rpartition(":")[2]
        self._address = address

    def get(self, path: str, accept: str = f"{_MANIFEST}, {_INDEX}") -> tuple[int, bytes]:
        with PlainClient(self._address) as client:
            return client.call("GET", f"/v2/{path}", Accept=accept)

    def json(self, path: str) -> dict[str, Any]:
        status, content = self.get(path)
        assert status == 200, (path, content)
        value: dict[str, Any] = json.loads(content)
        return value


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(tmp_path / "registry") as server:
        yield Registry(server.address)


def tree(folder: Path) -> dict[str, str]:
    """Return what is in a folder: contents, ``-> target`` of links, a slash behind folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name + "/"] = ""
        else:
            found[name] = path.read_text()
    return found


_TREE = {
    "etc/": "",
    "etc/page": "hello\n",
    "site/": "",
    "site/empty/": "",
    "site/gone": "gone\n",
    "site/link": "-> page",
    "site/page": "hello\n",
}


# ---- files


def test_a_folder(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    boxwright.ok("build", "-q", "-t", "none", "-o", out, context)
    assert tree(out) == _TREE
    assert (out.stat().st_mode & 0o777, (out / "etc/page").stat().st_uid) == (0o755, os.getuid())
    assert int((out / "site/page").stat().st_mtime) == 1_600_000_000
    assert out.stat().st_mtime > (context / "Dockerfile").stat().st_mtime, "it is as new as it is"
    assert boxwright.ok("images", "-aq") == "", "a build for its files leaves no image"


def test_a_folder_that_is_there_keeps_what_it_has(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "etc/page").mkdir(parents=True)
    (out / "etc/page/inner").write_text("x")
    (out / "mine").write_text("mine\n")
    elsewhere.mkdir()
    (out / "site").symlink_to(elsewhere)
    for _ in range(2):
        boxwright.ok("build", "-q", "--output", f"type=local,dest={out}", context)
        assert tree(out) == {**_TREE, "mine": "mine\n"}
    assert list(elsewhere.iterdir()) == [], "no link is followed"


def test_a_folder_deeper_than_pythons_stack(deep: Path, boxwright: Boxwright) -> None:
    (nested(deep / "context", 1000) / "leaf").write_text("x")
    (deep / "context/Dockerfile").write_text("FROM scratch\nCOPY n /n\n")
    for _ in range(2):
        boxwright.ok("build", "-q", "-o", deep / "out", deep / "context")
    assert (deep / "out" / ("n/" * 1000) / "leaf").read_text() == "x"


def test_a_folder_that_cannot_be_is_left_alone(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("file\n")
    result = boxwright("build", "-o", tmp_path / "file", context)
    assert (result.code, "it is no folder" in result.err) == (1, True)
    result = boxwright("build", "-o", tmp_path / "file/out", context)
    assert (result.code, "cannot write to" in result.err) == (1, True)
    assert (tmp_path / "file").read_text() == "file\n"


def test_a_tar(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    with (tmp_path / "b.tar").open("wb") as out:
        command = ("build", "-q", "-o", f"type=tar,dest={tmp_path}/a.tar", "-o", "-", context)
        assert boxwright.popen(*command, stdout=out).wait() == 0
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert [member.name for member in tar] == [name.rstrip("/") for name in _TREE]
        assert (tar.getmember("etc/page").uid, tar.getmember("etc/page").gid) == (7, 8)


def test_times_are_bounded_by_the_epoch(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    os.utime(context / "site/page")
    env = {"SOURCE_DATE_EPOCH": "1650000000"}
    boxwright.ok("build", "-o", f"type=tar,dest={tmp_path}/a.tar", context, env=env)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {member.mtime for member in tar} == {1_600_000_000, 1_650_000_000}


def test_platforms_in_folders_of_their_own(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "-o", tmp_path / "out", context)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["linux_amd64", "linux_arm64", "linux_arm_v7"]
    assert tree(tmp_path / "out/linux_arm_v7") == _TREE
    single = ("--platform", "linux/amd64", "--build-arg", "BUILDKIT_MULTI_PLATFORM=1")
    boxwright.ok("build", "-q", *single, "-o", tmp_path / "one", context)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["linux_amd64"]


def test_cache_only(boxwright: Boxwright, context: Path) -> None:
    boxwright.ok("build", "-q", "-o", "type=cacheonly", "-t", "none", context)
    assert boxwright.ok("images", "-aq") == ""
    assert "7 of 7 from cache" in boxwright("build", "-o", "type=cacheonly", context).err


# ---- archives


@pytest.mark.parametrize("compression", ["gzip", "zstd", "uncompressed"])
def test_an_oci_archive(boxwright: Boxwright, context: Path, tmp_path: Path, compression: str) -> None:
    out, facts = tmp_path / "x.tar", tmp_path / "facts.json"
    kind = f"type=oci,dest={out},compression={compression},annotation.a=b,annotation-manifest-descriptor.c=d"
    boxwright.ok("build", "-q", "-t", "web:1", "--metadata-file", facts, "-o", kind, context)
    assert boxwright.ok("images", "-aq") == ""
    with tarfile.open(out) as tar:
        read = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    entry = json.loads(read["index.json"])["manifests"][0]
    assert entry["annotations"]["c"] == "d"
    manifest = json.loads(read["blobs/sha256/" + entry["digest"][7:]])
    assert manifest["annotations"] == {"a": "b"}
    suffix = {"gzip": "+gzip", "zstd": "+zstd", "uncompressed": ""}[compression]
    for layer in manifest["layers"]:
        assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar" + suffix
        data = read["blobs/sha256/" + layer["digest"][7:]]
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (layer["digest"][7:], layer["size"])
    told = json.loads(facts.read_text())
    assert told["containerimage.digest"] == entry["digest"]
    assert told["containerimage.config.digest"] == manifest["config"]["digest"]
    assert told["image.name"] == "docker.io/library/web:1"
    assert told["containerimage.descriptor"]["digest"] == entry["digest"]
    assert boxwright.ok("load", input=out.read_bytes()) == "Loaded image: web:1"
    assert boxwright.ok("inspect", "-f", "{{.Id}}", "web:1") == told["containerimage.config.digest"]


def test_a_docker_archive(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    boxwright.ok("build", "-q", "-t", "web:1", "-o", f"type=docker,dest={tmp_path}/x.tar", context)
    assert boxwright.ok("load", "-i", tmp_path / "x.tar") == "Loaded image: web:1"
    result = boxwright("build", "--platform", _PLATFORMS, "-o", f"type=docker,dest={tmp_path}/y.tar", context)
    assert (result.code, "docker's archives hold one platform" in result.err) == (1, True)
    assert not (tmp_path / "y.tar").exists()


def test_an_oci_layout_of_several_platforms(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    kind = f"type=oci,dest={layout},tar=false,annotation-index.a=b,annotation-index-descriptor.c=d"
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "-t", "web:1", "-o", kind, context)
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    assert (entry["mediaType"], entry["annotations"]["c"]) == (_INDEX, "d")
    index = json.loads((layout / "blobs/sha256" / entry["digest"][7:]).read_text())
    assert index["annotations"] == {"a": "b"}
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64", "arm"]
    for each in index["manifests"]:
        manifest = json.loads((layout / "blobs/sha256" / each["digest"][7:]).read_text())
        config = json.loads((layout / "blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        assert config["config"]["Labels"] == {"arch": each["platform"]["architecture"]}


# ---- images


def test_the_usual_files(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    id, facts = tmp_path / "id", tmp_path / "facts"
    boxwright.ok("build", "-q", "-t", "web", "--iidfile", id, "--metadata-file", facts, context)
    expected = boxwright.ok("inspect", "-f", "{{.Id}}", "web")
    assert id.read_text() == expected
    assert json.loads(facts.read_text())["containerimage.config.digest"] == expected


def test_a_failed_build_leaves_no_files_about_it(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY missing /\n")
    given = {"--iidfile": tmp_path / "id", "--metadata-file": tmp_path / "facts"}
    for path in given.values():
        path.write_text("old")
    flags = [word for name, path in given.items() for word in (name, str(path))]
    assert boxwright("build", *flags, "-o", tmp_path / "out", context).code == 1
    assert not any(path.exists() for path in (*given.values(), tmp_path / "out"))


def test_saving_an_image_of_several_platforms(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "--annotation", "index:k=v", "-t", "web:1", context)
    boxwright.ok("save", "--format", "oci-archive", "-o", tmp_path / "all.tar", "web:1")
    layout = unpacked(tmp_path / "all.tar", tmp_path / "all")
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert (entry["mediaType"], entry["annotations"]["org.opencontainers.image.ref.name"]) == (_INDEX, "1")
    index = json.loads(blob(layout, entry["digest"]))
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64", "arm"]
    assert index["annotations"] == {"k": "v"}
    for each in index["manifests"]:
        manifest = json.loads(blob(layout, each["digest"]))
        assert all((layout / "blobs/sha256" / part["digest"][7:]).exists() for part in manifest["layers"])

    boxwright.ok("save", "-o", tmp_path / "own.tar", "web:1")
    boxwright.ok("save", "--platform", "linux/arm64", "-o", tmp_path / "arm.tar", "web:1")
    for name, architecture in (("own", "amd64"), ("arm", "arm64")):
        folder = unpacked(tmp_path / f"{name}.tar", tmp_path / name)
        (entry,) = json.loads((folder / "manifest.json").read_bytes())
        assert json.loads((folder / entry["Config"]).read_bytes())["architecture"] == architecture
        assert entry["RepoTags"] == ["web:1"]
    result = boxwright("save", "--platform", "linux/s390x", "-o", tmp_path / "no.tar", "web:1")
    assert (result.code, (tmp_path / "no.tar").exists()) == (1, False)
    assert "web:1 is not here for linux/s390x" in result.err


def unpacked(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target


def blob(layout: Path, digest: str) -> bytes:
    content = (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest.removeprefix("sha256:")
    return content


def test_several_platforms_under_one_tag(boxwright: Boxwright, context: Path) -> None:
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "-t", "web:1", context)
    assert len(boxwright.ok("images", "-q").split()) == 1, "the tag is the image for this machine"
    assert boxwright.ok("inspect", "-f", "{{.Architecture}}", "web:1") == "amd64"
    boxwright.ok("image", "prune", "-f")
    assert len(boxwright.ok("images", "-aq").split()) == 3, "the others go with the tag, not before"
    boxwright.ok("tag", "web:1", "web:2")
    boxwright.ok("rmi", "web:1")
    assert len(boxwright.ok("images", "-aq").split()) == 3
    boxwright.ok("rmi", "web:2")
    assert boxwright.ok("images", "-aq") == ""
    boxwright.ok("fsck", "--deep")


def test_squash(boxwright: Boxwright, context: Path) -> None:
    boxwright.ok("build", "-q", "-t", "plain", context)
    boxwright.ok("build", "-q", "-t", "base", "-f", "-", context, input="FROM scratch\nCOPY site /site\n")
    text = "FROM base\nCOPY site/page /site/gone\nCOPY site/gone /site/page\nCOPY Dockerfile /\nCMD x\n"
    whole = boxwright.ok("build", "-q", "-f", "-", context, input=text)
    one = boxwright.ok("build", "-q", "-t", "one", "--squash", "-f", "-", context, input=text)
    layers = json.loads(boxwright.ok("inspect", "-f", "{{json .RootFS.Layers}}", "one"))
    assert layers[:1] == json.loads(boxwright.ok("inspect", "-f", "{{json .RootFS.Layers}}", "base"))
    assert len(layers) == 2
    comments = boxwright.ok("history", "--no-trunc", "--format", "{{.Comment}}", "one").split("\n")
    assert comments[0].startswith(f"merge {whole} to sha256:")
    again = boxwright.ok("build", "-q", "--squash", "-f", "-", context, input=text)
    assert again == one


def test_the_same_files_are_the_same_image_whenever_they_are_built(
    boxwright: Boxwright, context: Path, tmp_path: Path
) -> None:
    """Two stores, one of them used twice, and no clock that anything is told by."""
    (context / "Dockerfile").write_text(
        "FROM scratch AS files\nCOPY site /site\nFROM scratch\nENV A=b\nWORKDIR /made/here\n"
        "COPY <<EOF /doc/\ntext\nEOF\nCOPY --chown=1:1 --from=files /site /other/\nLABEL c=d\nCMD x\n"
    )
    written = 1_700_000_000
    os.utime(context / "Dockerfile", (written, written))
    roots = [{"BOXWRIGHT_ROOT": str(tmp_path / name)} for name in "ab"]
    first, *others = [
        boxwright.ok("build", "-q", *flags, context, env=env)
        for env, flags in ((roots[0], ()), (roots[0], ("--no-cache",)), (roots[1], ()))
    ]
    assert others == [first, first]
    told = boxwright.ok("history", "--format", "{{.CreatedAt}}", "--human=false", first, env=roots[0]).splitlines()
    assert set(told) == {"2023-11-14T22:13:20Z"}
    # Whoever looks for what was just built finds it by when that was.
    listed = datetime.fromisoformat(boxwright.ok("inspect", "-f", "{{.Created}}", first, env=roots[0])[:19] + "Z")
    assert abs(listed.timestamp() - time.time()) < 3600


def test_two_builds_give_the_same_digests(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    """Two stores, two times: what a step makes up is bounded by SOURCE_DATE_EPOCH."""
    (context / "Dockerfile").write_text("FROM scratch\nWORKDIR /made\nCOPY site .\nCOPY --chown=1:1 site /other/\n")
    env = {"SOURCE_DATE_EPOCH": "1650000000"}
    digests = []
    for number in range(2):
        for path in (context / "site", context / "site/page"):
            os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        facts, root = tmp_path / f"facts-{number}", tmp_path / f"root-{number}"
        kind = f"type=oci,dest={tmp_path}/{number}.tar,rewrite-timestamp=true"
        env["BOXWRIGHT_ROOT"] = str(root)
        boxwright.ok("build", "-q", "--metadata-file", facts, "-o", kind, context, env=env)
        digests.append(json.loads(facts.read_text())["containerimage.digest"])
    assert digests[0] == digests[1]
    assert (tmp_path / "0.tar").read_bytes() == (tmp_path / "1.tar").read_bytes()
    result = boxwright("build", "-o", "type=image,rewrite-timestamp=true", context)
    assert (result.code, "rewrite-timestamp=true needs a time" in result.err) == (1, True)


# ---- registries


def test_a_push_of_what_was_built(boxwright: Boxwright, context: Path, registry: Registry, tmp_path: Path) -> None:
    names = [f"{registry.name}/ada/web:{tag}" for tag in "12"]
    facts = tmp_path / "facts"
    flags = [word for name in names for word in ("-t", name)]
    result = boxwright("build", *flags, "--push", "--metadata-file", facts, "--annotation", "a=b", context)
    assert result.code == 0, result
    told = json.loads(facts.read_text())
    manifest = registry.json("ada/web/manifests/2")
    assert manifest["annotations"] == {"a": "b"}
    assert told["containerimage.digest"] in result.err
    assert registry.json(f"ada/web/manifests/{told['containerimage.digest']}") == manifest
    assert told["containerimage.config.digest"] == manifest["config"]["digest"]
    assert told["image.name"] == ",".join(names)
    assert boxwright.ok("push", "-q", names[0]) == names[0]
    assert registry.json("ada/web/manifests/1") == manifest, "a later push says the same"


def test_a_push_of_several_platforms(boxwright: Boxwright, context: Path, registry: Registry) -> None:
    name = f"{registry.name}/ada/web:1"
    notes = ("--annotation", "index:a=b", "--annotation", "manifest-descriptor[linux/arm64]:c=d")
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "-t", name, "--push", *notes, context)
    index = registry.json("ada/web/manifests/1")
    assert (index["mediaType"], index["annotations"]) == (_INDEX, {"a": "b"})
    assert [each.get("annotations") for each in index["manifests"]] == [None, {"c": "d"}, None]
    for each in index["manifests"]:
        config = registry.json(f"ada/web/manifests/{each['digest']}")["config"]["digest"]
        assert registry.json(f"ada/web/blobs/{config}")["architecture"] == each["platform"]["architecture"]
    boxwright.ok("rmi", name)
    boxwright.ok("pull", "-q", "--platform", "linux/arm64", name)
    assert boxwright.ok("inspect", "-f", "{{.Architecture}}", name) == "arm64"


@pytest.mark.parametrize(
    ("extra", "layer", "manifest"),
    [
        ("", "application/vnd.oci.image.layer.v1.tar+gzip", _MANIFEST),
        (",compression=zstd,compression-level=3", "application/vnd.oci.image.layer.v1.tar+zstd", _MANIFEST),
        (",compression=uncompressed", "application/vnd.oci.image.layer.v1.tar", _MANIFEST),
        (
            ",oci-mediatypes=false",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
    ],
)
def test_a_push_in_every_form(
    boxwright: Boxwright, context: Path, registry: Registry, extra: str, layer: str, manifest: str
) -> None:
    name = f"{registry.name}/ada/web:1"
    for _ in range(2):
        boxwright.ok("build", "-q", "-t", name, "-o", f"type=registry{extra}", context)
        status, content = registry.get("ada/web/manifests/1", accept=manifest)
        pushed = json.loads(content)
        assert (status, pushed["mediaType"]) == (200, manifest)
        assert {each["mediaType"] for each in pushed["layers"]} == {layer}
    boxwright.ok("rmi", name)
    boxwright.ok("system", "prune", "-af")
    boxwright.ok("pull", "-q", name)
    # What is packed in another way is packed anew only when that is asked for.
    text, other = f"FROM {name}\nLABEL x=y\n", f"{registry.name}/ada/web:2"
    kind = "type=registry,compression=zstd"
    for force, expected in ((False, layer), (True, "application/vnd.oci.image.layer.v1.tar+zstd")):
        flags = ",force-compression=true" if force else ""
        boxwright.ok("build", "-q", "-t", other, "-o", kind + flags, "-", input=text)
        types = {each["mediaType"] for each in registry.json("ada/web/manifests/2")["layers"]}
        if "uncompressed" in extra:
            assert types == {"application/vnd.oci.image.layer.v1.tar+zstd"}
        elif "oci-mediatypes" not in extra or force:
            assert types == {expected}
        else:
            assert types == {"application/vnd.oci.image.layer.v1.tar+gzip"}


def test_a_push_by_digest(boxwright: Boxwright, context: Path, registry: Registry, tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    kind = f"type=image,name={registry.name}/ada/web,push-by-digest=true,push=true"
    boxwright.ok("build", "-q", "--metadata-file", facts, "-o", kind, context)
    digest = json.loads(facts.read_text())["containerimage.digest"]
    assert registry.json(f"ada/web/manifests/{digest}")["mediaType"] == _MANIFEST
    assert registry.get("ada/web/manifests/latest")[0] == 404
    assert boxwright.ok("images", "-q", f"{registry.name}/ada/web") in ("", boxwright.ok("images", "-q"))


def test_what_others_make_of_it(boxwright: Boxwright, context: Path, tmp_path: Path) -> None:
    """skopeo reads an index out of our layout."""
    if subprocess.run(["which", "skopeo"], capture_output=True).returncode:
        pytest.skip("needs skopeo")
    kind = f"type=oci,dest={tmp_path}/layout,tar=false"
    boxwright.ok("build", "-q", "--platform", _PLATFORMS, "-t", "web:1", "-o", kind, context)
    command = ["skopeo", "inspect", "--raw", f"oci:{tmp_path}/layout:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["manifests"]) == 3
