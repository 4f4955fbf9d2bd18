"""Containers that a build leaves behind: of every step with ``--rm=false``, and of a failed one, with a shell in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def names(boxwright: Boxwright) -> list[str]:
    return boxwright.ok("ps", "-a", "--format", "{{.Names}}").split()


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(text)
    return folder


def test_the_container_of_every_run_is_kept(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "kept",
        "FROM busybox\nWORKDIR /w\nRUN echo one > one && mkdir d && touch d/x && ln one two && chown 7:8 one\n"
        "RUN rm -r d one && mkdir d && touch d/y && rm /bin/busybox.gone; true\n",
    )
    result = boxwright("build", "--rm=false", "--progress=plain", "-t", "kept", folder)
    assert result.code == 0
    told = [line.split()[2] for line in result.err.splitlines() if "container kept: " in line]
    assert sorted(told) == sorted(names(boxwright))
    first, second = told
    assert boxwright.state(first) == "exited 0"
    assert boxwright.ok("diff", first).splitlines() == [
        *("C /w", "A /w/d", "A /w/d/x", "A /w/one", "A /w/two"),
    ]
    assert boxwright.ok("diff", second).splitlines() == [
        *("C /w", "C /w/d", "D /w/d/x", "A /w/d/y", "D /w/one"),
    ]
    # It runs again, from where it was, and the image has not suffered.
    boxwright.ok("start", "-a", second)
    assert boxwright.ok("run", "--rm", "--network=none", "kept", "sh", "-c", "ls d; stat -c %u:%g two") == "y\n7:8"
    assert boxwright.ok("inspect", "-f", "{{.Path}} {{.Config.WorkingDir}}", first) == "/bin/sh /w"

    # Steps from the cache run nothing; --force-rm goes before.
    boxwright.ok("build", "--rm=false", folder)
    boxwright.ok("build", "--rm=false", "--force-rm", "--no-cache", folder)
    assert sorted(told) == sorted(names(boxwright))
    boxwright.ok("fsck")
    boxwright.ok("rm", *told)


def test_the_classic_voice_says_nothing_of_removing_what_is_kept(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(tmp_path / "classic", "FROM busybox\nRUN true\n")
    out = boxwright.ok("build", "--no-cache", "--rm=false", "--progress=classic", folder)
    assert "Running in" in out
    assert "Removing" not in out
    boxwright.ok("rm", *names(boxwright))


FAILING = """FROM busybox
RUN echo "ada:x:77:77::/:/bin/sh" >> /etc/passwd && mkdir /w && chown 77 /w
ENV COLOUR=blue
USER ada
WORKDIR /w
RUN echo half > result && exit 9
"""


def test_a_shell_where_a_step_failed(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(tmp_path / "failing", FAILING)
    with boxwright.terminal("build", "--debug", folder) as terminal:
        terminal.expect("the command in step 6 exited with 9")
        name = terminal.expect(r"a shell in (\w+)").group(1)
        terminal.expect(r"\$ ")
        terminal.type("echo $(id -u) $COLOUR $PWD $(cat result) > told; cat told; exit 3\n")
        terminal.expect("77 blue /w half")
        assert terminal.wait() == 9
    # What was done stays; the container is again that of the step.
    assert names(boxwright) == [name]
    assert "A /w/told" in boxwright.ok("diff", name).splitlines()
    assert boxwright.state(name) == "exited 9"
    assert boxwright("start", "-a", name).code == 9
    boxwright.ok("rm", name)


def test_without_a_terminal_it_is_said_how_to_get_a_shell(boxwright: Boxwright, tmp_path: Path) -> None:
    result = boxwright("build", "--debug", write(tmp_path / "failing", FAILING))
    (name,) = names(boxwright)
    assert result.code == 9
    assert f"boxwright commit {name} broken" in result.err.splitlines()[-1]
    boxwright.ok("rm", name)


def test_an_image_without_a_shell(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "bare",
        'FROM busybox AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /busybox\nRUN ["/busybox", "false"]\n',
    )
    with boxwright.terminal("build", "--debug", folder) as terminal:
        terminal.expect("there is no shell in container")
        assert terminal.wait() == 1
    boxwright.ok("rm", *names(boxwright))


def test_a_build_that_fails_without_a_command_is_reported_as_ever(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(tmp_path / "missing", "FROM busybox\nCOPY nothing /\n")
    assert boxwright.fails("build", "--debug", folder) == "nothing: not found in the build context"


MOUNTING = """FROM busybox AS other
RUN mkdir /o && echo deep > /o/deep && ln -s deep /o/link && chown 5:6 /o/deep

FROM busybox
RUN --mount=target=/ctx --mount=from=other,source=/o,target=/other,rw --mount=type=cache,id=kept,target=/cache \\
    --mount=type=tmpfs,target=/memory --mount=type=secret,id=pass \\
    echo now > /cache/f && echo lost > /other/f && cat /run/secrets/pass && exit 5
"""


def test_a_kept_container_has_the_mounts_of_its_step(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = write(tmp_path / "mounting", MOUNTING)
    (folder / "file").write_text("of the context\n")
    (folder / "pass").write_text("hush\n")
    result = boxwright("build", "--secret", f"id=pass,src={folder}/pass", "--network=none", folder)
    assert result.code == 5, result
    (name,) = names(boxwright)
    mounts = boxwright.ok("inspect", "-f", "{{range .Mounts}}{{.Destination}} {{.RW}}\n{{end}}", name).split("\n")
    assert sorted(filter(None, mounts)) == ["/cache true", "/ctx false", "/other false"]
    # It runs what the step ran, to the same end but for the secret and what it wrote to what was bound.
    again = boxwright("start", "-a", name)
    assert "/other/f" in again.err
    boxwright.ok("commit", name, "seen")
    boxwright.ok("builder", "prune", "-f")
    (store,) = boxwright.root.glob("containers/*/mounts")
    assert sorted(path.name for path in store.glob("*/*")) == ["Dockerfile", "deep", "file", "link", "pass"]
    assert next(store.glob("*/deep")).stat().st_uid == 5
    assert boxwright("start", "-a", name).code != 125, "what was pruned does not keep it from running"
    boxwright.ok("fsck")
    boxwright.ok("rm", name)
