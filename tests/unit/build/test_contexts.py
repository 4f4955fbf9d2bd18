"""Where the Dockerfile and the ignore file are found, and what a context holds."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from boxwright.build.context import (
    Census,
    ContextNotFound,
    DockerfileNotFound,
    UnreadableText,
    local_context,
    no_context,
    tar_context,
)
from boxwright.build.trees import SourceNotFound
from boxwright.dockerfile.source import DockerfileError
from support.building import Workbench


def put(root: Path, **files: str) -> str:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_the_dockerfile_of_the_directory(tmp_path: Path) -> None:
    context = local_context(put(tmp_path / "web", Dockerfile="FROM a"))
    assert (context.dockerfile.name, context.dockerfile.text, context.title) == (
        "Dockerfile",
        "FROM a",
        "web/Dockerfile",
    )


def test_in_lower_case_too(tmp_path: Path) -> None:
    assert local_context(put(tmp_path, dockerfile="FROM a")).dockerfile.name == "dockerfile"


def test_another_one_inside(tmp_path: Path) -> None:
    root = put(tmp_path / "web", sub__X="FROM x")
    context = local_context(root, f"{root}/sub/X")
    assert (context.dockerfile.name, context.title) == ("sub/X", "web/sub/X")


def test_another_one_outside(tmp_path: Path) -> None:
    root = put(tmp_path / "web", f="")
    outside = put(tmp_path / "elsewhere", D="FROM d") + "/D"
    context = local_context(root, outside)
    assert (context.dockerfile.text, context.dockerfile.name, context.title) == ("FROM d", outside, outside)


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert local_context(put(tmp_path, Dockerfile="\ufeffFROM a")).dockerfile.text == "FROM a"


def test_its_own_ignore_file_goes_first(tmp_path: Path) -> None:
    root = put(tmp_path, X="FROM x", X_DOT_dockerignore="own\n", _DOT_dockerignore="roots\n")
    rules = local_context(root, f"{root}/X").rules
    assert (rules.matches("own"), rules.matches("roots")) == (True, False)
    root = put(tmp_path, Dockerfile="FROM x")
    assert local_context(root).rules.matches("roots")


def test_a_mistake_in_the_ignore_file_says_where(tmp_path: Path) -> None:
    root = put(tmp_path, Dockerfile="FROM x", _DOT_dockerignore="ok\n[x-]\n")
    with pytest.raises(DockerfileError) as caught:
        local_context(root)
    assert caught.value.detail[0] == ".dockerignore:2"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContextNotFound, match="is not there"):
        local_context(str(tmp_path / "nowhere"))
    with pytest.raises(DockerfileNotFound, match="Dockerfile"):
        local_context(str(tmp_path))
    with pytest.raises(DockerfileNotFound, match="other"):
        local_context(str(tmp_path), str(tmp_path / "other"))
    file = put(tmp_path, Dockerfile="") + "/Dockerfile"
    with pytest.raises(ContextNotFound, match="is not a directory") as caught:
        local_context(file)
    assert caught.value.hint == f"to name a Dockerfile: -f {file} DIRECTORY"


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM \xff")
    with pytest.raises(UnreadableText, match="no UTF-8 text: byte 5 is 0xff"):
        local_context(str(tmp_path))
    with pytest.raises(UnreadableText, match="cannot be read"):
        local_context(str(tmp_path), str(tmp_path))


def test_census(tmp_path: Path) -> None:
    root = put(tmp_path, Dockerfile="12345", a__b="123", log__x="", keep="", _DOT_dockerignore="log\nkeep\n!log/x\n")
    os.symlink("nowhere", tmp_path / "link")
    context = local_context(root)
    assert context.census() == Census(files=5, bytes=8 + len("log\nkeep\n!log/x\n") + len("nowhere"), ignored=1)
    for index in range(1000):
        (tmp_path / f"f{index}").touch()
    assert context.census() is None


def archive(**files: str) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_DOT_", "."))
            info.size, info.uid = len(text), 1000
            tar.addfile(info, io.BytesIO(text.encode()))
    return io.BytesIO(gzip.compress(out.getvalue()))


def test_a_tar_as_context(bench: Workbench, tmp_path: Path) -> None:
    tar = archive(
        Dockerfile="FROM scratch\nCOPY . /\n", src__f="f", x_DOT_log="", _DOT_dockerignore="*.log\nDockerfile\n"
    )
    with tar_context(tar, None, tmp_path) as context:
        image = bench.build("", context=context)
    assert sorted(image.tree()) == ["/.dockerignore", "/src/f"]
    assert image.owner("/src/f") == (0, 0)


def test_a_tar_with_a_dockerfile_elsewhere(tmp_path: Path) -> None:
    tar = archive(build__D="FROM scratch", build__D_DOT_dockerignore="x", _DOT_dockerignore="y")
    with tar_context(tar, "build/D", tmp_path) as context:
        assert context.dockerfile.text == "FROM scratch"
        assert (context.rules.matches("x"), context.rules.matches("y")) == (True, False)


def test_a_tar_without_a_dockerfile(tmp_path: Path) -> None:
    with pytest.raises(DockerfileNotFound) as caught, tar_context(archive(f=""), None, tmp_path):
        pass
    assert caught.value.hint == "the archive has no such file: name it with -f FILE"
    assert not (tmp_path / "context").exists()


def test_the_same_tar_again_is_cached(bench: Workbench, tmp_path: Path) -> None:
    for expected in (False, True):
        with tar_context(archive(Dockerfile="FROM scratch\nCOPY f /\n", f="f"), None, tmp_path) as context:
            assert bench.build("", context=context).cached() == [expected]


def test_a_dockerfile_alone(bench: Workbench) -> None:
    context = no_context("FROM scratch\nCMD x\n")
    assert bench.build("", context=context).config.config.cmd == ("/bin/sh", "-c", "x")
    with pytest.raises(SourceNotFound, match="f: not found in the build context") as caught:
        bench.build("", context=no_context("FROM scratch\nCOPY f /\n"))
    assert caught.value.hint == "a Dockerfile from the standard input has no build context"


def test_the_ignore_file_of_a_dockerfile_outside_goes_before_that_of_the_context(tmp_path: Path) -> None:
    root = put(tmp_path / "web", _DOT_dockerignore="a", a="", b="")
    outside = put(tmp_path / "elsewhere", D="FROM d") + "/D"
    assert [local_context(root, outside).rules.matches(name) for name in "ab"] == [True, False]
    Path(outside + ".dockerignore").write_text("b")
    assert [local_context(root, outside).rules.matches(name) for name in "ab"] == [False, True]
    beside = put(tmp_path / "elsewhere", _DOT_dockerignore="a\nb") + "/D"
    assert [local_context(root, beside).rules.matches(name) for name in "ab"] == [False, True], "not the folder's"
    text = local_context(root, text="FROM d")
    assert [text.rules.matches(name) for name in "ab"] == [True, False], "one from standard input has none of its own"
