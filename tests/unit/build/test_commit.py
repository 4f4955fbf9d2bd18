"""Images out of containers, and changes of a configuration without a build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boxwright.build.changes import apply_changes
from boxwright.build.commit import commit_container
from boxwright.build.request import BuildResult
from boxwright.dockerfile.source import DockerfileError
from boxwright.layer import overlay
from boxwright.layer.diff import measure_layer
from boxwright.oci.config import RunConfig
from boxwright.oci.digest import Digest
from boxwright.oci.reference import Reference
from boxwright.store.fsck import check
from support.building import Built, Workbench


def committed(bench: Workbench, id: Digest) -> Built:
    return Built(bench.store, BuildResult(id, 0, 0, 0), [])


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    path = tmp_path / "upper"
    (path / "etc").mkdir(parents=True)
    (path / "new").write_text("new")
    (path / "etc/mine").write_text("mine")
    (path / "etc/hosts").write_text("made for the run")
    overlay.make_whiteout(str(path / "gone"))
    return path


def test_what_a_container_changed_becomes_a_layer(bench: Workbench, upper: Path) -> None:
    base = bench.build("FROM scratch\nCOPY gone /\nCOPY gone /etc/old\nLABEL a=b\n", {"gone": "old"}, tag="base")
    id = commit_container(
        bench.store,
        upper,
        base.record.chain,
        base=base.id,
        run=base.config.config._replace(cmd=("sh",)),
        created_by="sh",
        message="a note",
        author="Ada",
        changes=['CMD ["nginx"]', "ENV A=1\nEXPOSE 80"],
        exclude=frozenset(["etc/hosts"]),
        ref=Reference.parse("ada/made"),
    )
    image = committed(bench, id)
    assert image.tree() == {"/new": "new", "/etc/mine": "mine", "/etc/old": "old"}
    assert image.config.config.cmd == ("nginx",)
    assert image.config.config.exposed_ports == ("80/tcp",)
    assert image.config.author == "Ada"
    last = image.config.history[-1]
    assert (last.created_by, last.comment, last.author, last.empty_layer) == ("sh", "a note", "Ada", False)
    assert image.config.history[:-1] == base.config.history
    assert image.record.parent == base.id
    assert bench.store.images.find("ada/made").id == id
    assert (upper / "new").read_text() == "new"
    assert measure_layer(image.layers[-1]).diff_id == image.snapshots[-1].diff_id
    assert check(bench.store) == []


def test_a_container_whose_image_is_gone(bench: Workbench, upper: Path) -> None:
    base = bench.build("FROM scratch\nCOPY f /\n", {"f": ""})
    gone = Digest("sha256:" + "0" * 64)
    id = commit_container(bench.store, upper, base.record.chain, base=gone, run=RunConfig(cmd=("x",)))
    image = committed(bench, id)
    assert image.config.diff_ids[:-1] == base.config.diff_ids
    assert (image.record.parent, image.config.config.cmd) == (None, ("x",))


def test_a_container_on_nothing(bench: Workbench, upper: Path) -> None:
    os.unlink(upper / "gone")
    image = committed(bench, commit_container(bench.store, upper, None, base=None, run=RunConfig(), epoch=5))
    assert image.read("/new") == "new"
    assert image.config.created == "1970-01-01T00:00:05Z"
    assert image.stat("/new").st_mtime == 5


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("CMD a b", {"Cmd": ["/bin/sh", "-c", "a b"]}),
        ("ENTRYPOINT []", {"Entrypoint": []}),
        ("WORKDIR /a\nWORKDIR b", {"WorkingDir": "/a/b"}),
        ("ENV A=1\nENV B=${A}2", {"Env": ["A=1", "B=12"]}),
        ("USER u", {"User": "u"}),
        ("VOLUME /v", {"Volumes": {"/v": {}}}),
        ("ONBUILD RUN x", {"OnBuild": ["RUN x"]}),
        ("LABEL a=b", {"Labels": {"a": "b"}}),
    ],
)
def test_changes(change: str, expected: dict[str, object]) -> None:
    assert apply_changes(RunConfig(), [change]).to_json() == expected


@pytest.mark.parametrize("change", ["RUN x", "COPY a b", "FROM x", "MAINTAINER me", "ARG A"])
def test_a_change_of_something_else_is_refused(change: str) -> None:
    with pytest.raises(DockerfileError, match=r"is not a change of the configuration") as caught:
        apply_changes(RunConfig(), ["USER u\n" + change])
    assert caught.value.detail[0] == "--change:2"
