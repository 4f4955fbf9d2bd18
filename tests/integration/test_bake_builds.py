"""``bake`` with real builds: what targets share, what they wait for, and how all of it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.cli import PATIENCE, Boxwright
from support.git_server import git_server, make_repository

pytestmark = [pytest.mark.root, pytest.mark.runtime]

SHARED = """
variable "TAG" { default = "latest" }
group "default" { targets = ["app", "web", "files"] }
target "_common" {
  contexts = { base = "target:base" }
}
target "base" {
  dockerfile-inline = <<-EOT
    FROM busybox
    RUN cat /proc/sys/kernel/random/uuid > /base
  EOT
}
target "app" {
  inherits = ["_common"]
  target = "app"
  tags = ["ada/app:${TAG}", "ada/app:other"]
}
target "web" {
  inherits = ["_common"]
  target = "web"
  tags = ["ada/web:${TAG}"]
}
target "files" {
  inherits = ["_common"]
  target = "files"
  output = ["out"]
}
"""
DOCKERFILE = """\
FROM base AS shared
RUN cat /proc/sys/kernel/random/uuid > /shared
FROM shared AS app
RUN echo app > /name
FROM shared AS web
RUN echo web > /name
FROM scratch AS files
COPY --from=shared /base /shared /
"""


def bake_file(boxwright: Boxwright, text: str, **files: str) -> None:
    (boxwright.home / "docker-bake.hcl").write_text(text)
    for name, content in files.items():
        (boxwright.home / name).write_text(content)


def test_what_targets_share_is_built_once(boxwright: Boxwright) -> None:
    bake_file(boxwright, SHARED, Dockerfile=DOCKERFILE)
    for flags in ((), ("--no-cache",)):
        shown = boxwright("bake", "--progress=plain", "--metadata-file", "m.json", *flags)
        assert shown.code == 0, shown.err
        out = boxwright.home / "out"
        made = [(out / name).read_text() for name in ("base", "shared")]
        for image in ("ada/app", "ada/app:other", "ada/web"):
            assert boxwright.ok("run", "--rm", "--network=none", image, "cat", "/base", "/shared") + "\n" == "".join(
                made
            )
        assert boxwright.ok("run", "--rm", "--network=none", "ada/web", "cat", "/name") == "web"
        if not flags:
            assert "<none>" not in boxwright.ok("images")
        metadata = json.loads((boxwright.home / "m.json").read_text())
        assert sorted(metadata) == ["app", "files", "web"]
        assert metadata["app"]["containerimage.digest"].startswith("sha256:")
        assert shown.err.count("RUN cat /proc/sys/kernel/random/uuid > /shared") == 3
        assert sum("/shared" in line and line.endswith("cached") for line in shown.err.splitlines()) == 2
    assert boxwright.ok("bake", "--progress=plain", "app") == ""
    boxwright.ok("fsck")


def test_the_first_failure_ends_all(boxwright: Boxwright) -> None:
    bake_file(
        boxwright,
        r"""
target "slow" { dockerfile-inline = "FROM busybox\nRUN --network=none sleep 600" }
target "bad" { dockerfile-inline = "FROM busybox\nRUN --network=none echo oops && exit 7" }
target "later" {
  dockerfile-inline = "FROM bad"
  contexts = { bad = "target:bad" }
}
""",
    )
    result = boxwright("bake", "--progress=plain", "slow", "later", timeout=PATIENCE)
    assert result.code == 7
    assert "error: bad: the command in step 2 exited with 7" in result.err
    assert "[bad 2/2] RUN --network=none echo oops && exit 7\n      | oops" in result.err
    assert "later" not in result.err


def test_what_is_wrong_is_said_with_its_target_before_others_go_on(boxwright: Boxwright) -> None:
    bake_file(
        boxwright,
        r"""
target "slow" { dockerfile-inline = "FROM busybox\nRUN --network=none sleep 600" }
target "wrong" { dockerfile-inline = "FROM busybox\nRUNN true" }
""",
    )
    result = boxwright("bake", "slow", "wrong", timeout=PATIENCE)
    assert result.code == 1
    assert "error: wrong: unknown instruction: RUNN (did you mean RUN?)" in result.err


def test_an_interrupt_ends_all(boxwright: Boxwright) -> None:
    bake_file(
        boxwright,
        r"""
target "a" { dockerfile-inline = "FROM busybox\nRUN --network=none echo a; sleep 600" }
target "b" { dockerfile-inline = "FROM busybox\nRUN --network=none echo b; sleep 600" }
""",
    )
    process = subprocess.Popen(
        [*boxwright.command, "bake", "--progress=plain", "a", "b"],
        cwd=boxwright.home,
        env=boxwright.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = set()
    for line in process.stderr:
        seen.add(line.strip())
        if {"| a", "| b"} <= seen:
            break
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(PATIENCE) == 130
    assert time.monotonic() - begun < PATIENCE
    process.stderr.close()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("app", "--print", "--list=targets"), 125, "--print and --list do not go together"),
        (("no",), 1, "there is no target no"),
        (("away",), 1, "fs.read=/etc"),
        (("away", "--allow=everything"), 1, "unknown --allow 'everything'"),
        (("host",), 1, "network.host"),
        (("app", "--progress=classic"), 125, "--progress=classic is for one target"),
        (("app", "--var", "x"), 125, "invalid variable 'x'"),
        (("app", "--call=what"), 125, "unknown method 'what'"),
        (("app", "--list=all"), 125, "--list: unknown type 'all'"),
        (("app", "looked-at"), 125, "looked-at: what is only looked at and what is built do not go together"),
        (("out-1", "out-2"), 1, "out-1 and out-2 both write to the standard output"),
        (("app", "--builder", "x"), 125, "--builder is not supported: there is one builder"),
    ],
)
def test_what_is_refused(boxwright: Boxwright, flags: tuple[str, ...], code: int, words: str) -> None:
    bake_file(
        boxwright,
        r"""
target "app" { dockerfile-inline = "FROM scratch" }
target "away" {
  context = "/etc"
  dockerfile-inline = "FROM scratch"
}
target "host" { network = "host" }
target "looked-at" { call = "check" }
target "out" {
  name = "out-${n}"
  matrix = { n = [1, 2] }
  dockerfile-inline = "FROM scratch"
  output = ["-"]
}
""",
    )
    result = boxwright("bake", *flags)
    assert (result.code, words in result.err) == (code, True), result.err


def test_looking_without_building(boxwright: Boxwright) -> None:
    bake_file(
        boxwright,
        r"""
target "good" { dockerfile-inline = "FROM scratch\nARG A=1\nLABEL a=$A" }
target "bad" {
  description = "not so good"
  dockerfile-inline = "FROM scratch AS B\nlabel a=b"
}
""",
    )
    text = boxwright("bake", "good", "bad", "--check")
    assert text.code == 1
    assert text.out.startswith("bad\nnot so good\n\n")
    assert "\n\ngood\n\ncheck complete, no warnings\n" in text.out
    found = json.loads(boxwright.ok("bake", "good", "--call=outline,format=json"))
    assert found["target"]["good"]["outline"]["args"][0]["name"] == "A"
    assert found["group"] == {"default": {"targets": ["good"]}}


def test_a_target_for_several_platforms_is_the_base_of_another(boxwright: Boxwright) -> None:
    bake_file(
        boxwright,
        r"""
target "base" {
  dockerfile-inline = "FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH"
  platforms = ["linux/amd64", "linux/arm64"]
}
target "app" {
  dockerfile-inline = "FROM base\nLABEL arch=$ARCH"
  contexts = { base = "target:base" }
  platforms = ["linux/arm64", "linux/amd64"]
  tags = ["ada/multi"]
  output = ["type=oci,dest=multi.tar", "type=image"]
}
""",
    )
    result = boxwright("bake", "app", "--progress=plain")
    assert result.code == 0, result.err
    assert "LABEL arch=arm64" not in result.err
    (image,) = json.loads(boxwright.ok("inspect", "ada/multi"))
    assert image["Config"]["Labels"] == {"arch": image["Architecture"]}
    assert (boxwright.home / "multi.tar").exists()


def test_compose_files(boxwright: Boxwright, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    (boxwright.home / "docker-bake.hcl").unlink(missing_ok=True)
    (boxwright.home / "web").mkdir(exist_ok=True)
    (boxwright.home / "web/Dockerfile").write_text("FROM scratch\nARG A\nLABEL a=$A\n")
    path = tmp_path / "compose.yaml"
    path.write_text("services: {web: {image: ada/composed, build: {context: web, args: {A: '${SAID:-default}'}}}}")
    boxwright.ok("buildx", "bake", "-f", path, env={"SAID": "x"})
    (image,) = json.loads(boxwright.ok("inspect", "ada/composed"))
    assert image["Config"]["Labels"] == {"a": "x"}
    boxwright.ok("bake", "-f", "-", input=path.read_text())
    (image,) = json.loads(boxwright.ok("inspect", "ada/composed"))
    assert image["Config"]["Labels"] == {"a": "default"}


def test_files_of_a_git_repository(boxwright: Boxwright, tmp_path: Path) -> None:
    make_repository(
        tmp_path / "site",
        {
            "docker-bake.hcl": """
group "default" { targets = ["root", "below", "here"] }
target "root" {
  dockerfile = "root.Dockerfile"
  tags = ["ada/root"]
}
target "below" {
  context = "sub"
  contexts = { other = "other" }
  tags = ["ada/below"]
}
target "here" {
  context = BAKE_CMD_CONTEXT
  dockerfile-inline = "FROM scratch\\nCOPY mine /"
  output = ["out"]
}
""",
            "root.Dockerfile": "FROM scratch\nCOPY other/file /\nLABEL a=root\n",
            "sub/Dockerfile": "FROM scratch\nCOPY --from=other file /\nLABEL a=below\n",
            "other/file": "x",
        },
    )
    (boxwright.home / "mine").write_text("mine")
    with git_server(tmp_path / "served") as server:
        url = server.publish(tmp_path / "site", "site")
        shown = json.loads(boxwright.ok("bake", f"{url}#main", "--print"))["target"]
        assert shown["root"]["context"] == f"{url}#main"
        assert shown["below"]["context"] == f"{url}#main:sub"
        assert shown["below"]["contexts"] == {"other": f"{url}#main:other"}
        assert shown["here"]["context"] == "."
        boxwright.ok("bake", f"{url}#main")
        for name in ("root", "below"):
            (image,) = json.loads(boxwright.ok("inspect", f"ada/{name}"))
            assert image["Config"]["Labels"] == {"a": name}
        assert (boxwright.home / "out/mine").read_text() == "mine"
        (boxwright.home / "more.hcl").write_text('target "root" { labels = { more = "yes" } }')
        boxwright.ok("bake", url, "-f", "docker-bake.hcl", "-f", "cwd://more.hcl", "root")
        (image,) = json.loads(boxwright.ok("inspect", "ada/root"))
        assert image["Config"]["Labels"] == {"a": "root", "more": "yes"}
        outside = boxwright("bake", url, "-f", "../more.hcl")
        assert "../more.hcl is outside of the repository" in outside.err
    elsewhere = boxwright("bake", "https://example.com/docker-bake.hcl")
    assert "bake files from elsewhere are read from git repositories" in elsewhere.err


def test_a_repository_that_targets_share_is_fetched_once(boxwright: Boxwright, tmp_path: Path) -> None:
    make_repository(tmp_path / "site", {"Dockerfile": "FROM scratch\nCOPY file /\n", "file": "x"})
    with git_server(tmp_path / "served") as server:
        url = server.publish(tmp_path / "site", "site")
        bake_file(
            boxwright,
            f"""
target "app" {{
  name = "app-${{n}}"
  matrix = {{ n = range(6) }}
  context = "{url}"
  labels = {{ n = n }}
  output = ["type=cacheonly"]
}}
""",
        )
        begun = len(server.requests)
        boxwright.ok("bake", "app-0")
        alone = len(server.requests) - begun
        boxwright.ok("bake", "app")
        assert len(server.requests) - begun == 2 * alone
