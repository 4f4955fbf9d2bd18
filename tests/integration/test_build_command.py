"""``build`` as it is typed: where the Dockerfile and the context come from, what is printed, what is left."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import Boxwright, eventually
from support.registry_process import serving

pytestmark = [pytest.mark.root, pytest.mark.runtime]

Context = Callable[..., Path]
_ID = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Make a folder with a Dockerfile and other files, and return it."""

    def make(dockerfile: str, **files: str) -> Path:
        folder = tmp_path / "web"
        for name, text in {"Dockerfile": dockerfile, **files}.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return make


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def labels(boxwright: Boxwright, image: str) -> dict[str, str]:
    """Return an image's labels without those of busybox."""
    value: dict[str, str] = json.loads(boxwright.ok("inspect", "-f", "{{json .Config.Labels}}", image))
    return {name: text for name, text in value.items() if not name.startswith("org.opencontainers.")}


# ---- the Dockerfile and the context


def test_a_dockerfile_outside_of_the_context(boxwright: Boxwright, context: Context, tmp_path: Path) -> None:
    folder = context("FROM nowhere\n", f="inside")
    (tmp_path / "Other").write_text("FROM busybox\nCOPY f /\nRUN cat /f\n")
    result = boxwright("build", "--no-cache", "-f", tmp_path / "Other", folder)
    assert (result.code, "| inside\n" in result.err) == (0, True)
    assert result.err.startswith(f"{tmp_path}/Other · context 2 files")


def test_a_dockerfile_beside_others_and_its_own_ignore_file(boxwright: Boxwright, context: Context) -> None:
    folder = context(
        "FROM nowhere\n", sub__X="FROM scratch\nCOPY . /\n", f="f", g="g", **{"sub__X.dockerignore": "*\n!g\n"}
    )
    (folder / ".dockerignore").write_text("g\n")
    boxwright.ok("build", "-q", "-t", "own", "-f", folder / "sub/X", folder)
    made = boxwright.ok("create", "own", "x")
    names = subprocess.run(["tar", "t"], input=boxwright("export", made).out.encode(), capture_output=True).stdout
    assert "g" in names.decode().split()
    assert not {"f", "Dockerfile", "sub/X"} & set(names.decode().split())
    boxwright.ok("rm", made)


def test_a_dockerfile_alone_from_the_standard_input(boxwright: Boxwright) -> None:
    out = boxwright.ok("build", "-q", "-", input='\ufeffFROM busybox\r\nCMD ["a"]\r\n')
    assert boxwright.ok("inspect", "-f", "{{json .Config.Cmd}}", out) == '["a"]'
    result = boxwright("build", "-", input="FROM busybox\nCOPY f /\n")
    assert (result.code, result.err.splitlines()[-5:]) == (
        1,
        [
            "error: f: not found in the build context",
            "  Dockerfile:2",
            "    2 | COPY f /",
            "      | ^^^^^^^^",
            "  a Dockerfile from the standard input has no build context",
        ],
    )


def test_a_dockerfile_from_the_standard_input_and_a_folder(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM nowhere\n", f="f")
    boxwright.ok("build", "-q", "-f", "-", "-t", "piped", folder, input="FROM busybox\nCOPY f /f\nRUN test -s /f\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_archive_as_context(boxwright: Boxwright, pack: Callable[[bytes], bytes]) -> None:
    data = pack(archive(Dockerfile="FROM busybox\nCOPY . /in\nRUN ls /in\n", f="f", **{".dockerignore": "D*\n.d*\n"}))
    result = boxwright("build", "--no-cache", "-", input=data)
    assert result.code == 0, result
    assert [line.strip() for line in result.err.splitlines() if line.startswith("      |")] == ["| f"]
    other = pack(archive(**{"sub/D": "FROM busybox\nLABEL from=sub\n"}))
    assert labels(boxwright, boxwright.ok("build", "-q", "-f", "sub/D", "-", input=other)) == {"from": "sub"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-f", "-", "-"), 1, "the context and the Dockerfile cannot both come from the standard input"),
        (("https://example.com/repo.git#a b",), 1, "cannot be the name of a branch"),
        (("http://127.0.0.1:1/context.tar",), 1, "cannot fetch http://127.0.0.1:1/context.tar"),
        (("--ulimit", "nofile=many", "."), 1, "invalid ulimit"),
        (("--add-host", "db", "."), 1, "db"),
        (("nowhere",), 1, "the build context nowhere is not there"),
        ((), 1, "missing PATH"),
        (("--network", "other", "."), 1, "unknown network 'other'"),
        (("--progress", "loud", "."), 125, "unknown --progress 'loud'"),
        (("-t", "UPPER", "."), 1, "invalid reference"),
        (("--cache-from", "type=gha", "."), 1, "caches of type gha are not supported"),
        (("--cache-to", "type=local", "."), 1, "it has no dest"),
        (("--build-context", "a", "."), 125, "invalid --build-context 'a'"),
        (("--build-context", "A=.", "."), 1, "invalid context name 'A': repository names are lower case"),
        (("--build-context", "a=nowhere", "."), 1, "nowhere, the context a, is not there"),
        (("-o", "type=what", "."), 1, "unknown type of output 'what'"),
        (("--push", "."), 1, "a name is needed to push to a registry"),
        (("--debug", "--force-rm", "."), 125, "--debug does not go with --force-rm"),
    ],
)
def test_what_cannot_be_done_is_said(boxwright: Boxwright, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = boxwright("build", *arguments, input="FROM scratch\nCMD x\n")
    assert result.code == code, result
    assert message.lower() in result.err.lower()
    assert result.err.startswith("error: ")
    assert len(result.err.splitlines()) <= 2, "what is wrong, and what to do"


def test_names_of_hosts(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN grep 'db\\|host' /etc/hosts\n")
    hosts = ("--add-host", "db:192.0.2.7", "--add-host", "host:host-gateway")
    result = boxwright("build", "--no-cache", *hosts, folder)
    lines = [line.split()[1:] for line in result.err.splitlines() if line.startswith("      |")]
    assert ["192.0.2.7", "db"] in lines, result
    assert any(re.fullmatch(r"[0-9.]+", line[0]) for line in lines if line[1:] == ["host"]), "the host's own"


# ---- what is printed


def test_quiet_prints_the_id_alone(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nMAINTAINER nobody\nRUN echo loud; echo louder >&2\n")
    result = boxwright("build", "--quiet", "--no-cache", "--build-arg", "UNUSED=1", folder)
    assert (result.code, result.err) == (0, "")
    assert _ID.fullmatch(result.out.strip())
    assert result.out == boxwright.ok("inspect", "-f", "{{.Id}}", result.out.strip()) + "\n"


def test_quiet_about_a_failure(boxwright: Boxwright, context: Context) -> None:
    result = boxwright("build", "-q", "--force-rm", context("FROM busybox\nRUN echo why && exit 4\n"))
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("why\nerror: the command in step 2 exited with 4\n")


def test_several_names(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nLABEL several=names\n")
    result = boxwright("build", "-t", "one", "-t", "two:x", "--tag=example.com:5000/ada/three", folder)
    assert result.err.splitlines()[-1].startswith("built  one:latest  two:x  example.com:5000/ada/three:latest  ")
    ids = {
        boxwright.ok("inspect", "-f", "{{.Id}}", name) for name in ("one", "two:x", "example.com:5000/ada/three:latest")
    }
    assert len(ids) == 1


def test_build_arguments_and_labels(boxwright: Boxwright, context: Context) -> None:
    folder = context(
        "FROM busybox\nARG GIVEN\nARG TAKEN\nARG ABSENT\nLABEL a=file b=file\n"
        'RUN echo "<$GIVEN|$TAKEN|${ABSENT-unset}>"\n'
    )
    arguments = ("--build-arg", "GIVEN=x=y z", "--build-arg", "TAKEN", "--build-arg", "ABSENT", "--build-arg", "MORE=1")
    more = ("--label", "a=line", "--label", "empty", "--label", "c=d=e")
    result = boxwright("build", "-t", "argued", "--no-cache", *arguments, *more, folder, env={"TAKEN": "mine"})
    assert result.code == 0
    assert "      | <x=y z|mine|unset>\n" in result.err
    assert "warning: one or more build-args [MORE] were not consumed\n" in result.err
    assert labels(boxwright, "argued") == {"a": "line", "b": "file", "empty": "", "c": "d=e"}


def test_the_classic_voice(boxwright: Boxwright, context: Context) -> None:
    folder = context('FROM busybox\nRUN echo said > /f && cat /f\nCMD ["x"]\n')
    pattern = (
        r"Sending build context to Docker daemon  \d+B\n"
        r"Step 1/3 : FROM busybox\n ---> (\w{12})\n"
        r"Step 2/3 : RUN echo said > /f && cat /f\n ---> Running in (\w{12})\nsaid\n"
        r"Removing intermediate container \2\n ---> (\w{12})\n"
        r'Step 3/3 : CMD \["x"\]\n ---> (\w{12})\n'
        r"Successfully built \4\nSuccessfully tagged spoken:latest\n"
    )
    result = boxwright("build", "--progress=classic", "-t", "spoken", folder)
    assert result.err == ""
    spoken = re.fullmatch(pattern, result.out)
    assert spoken, result.out
    again = boxwright.ok("build", "--progress=classic", folder).splitlines()
    assert again[3:] == [
        "Step 2/3 : RUN echo said > /f && cat /f",
        " ---> Using cache",
        f" ---> {spoken[3]}",
        'Step 3/3 : CMD ["x"]',
        " ---> Using cache",
        f" ---> {spoken[4]}",
        f"Successfully built {spoken[4]}",
    ]
    assert boxwright.ok("run", "--rm", "--network=none", spoken[3], "cat", "/f") == "said", "an image of every step"


def test_the_history_shows_every_instruction(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nENV A=1\nRUN echo 123 > /f\nEXPOSE 80\nCMD x\n")
    boxwright.ok("build", "-q", "-t", "told", folder)
    lines = boxwright.ok("history", "--format", "{{.CreatedBy}}\t{{.Size}}", "--no-trunc", "told").splitlines()
    assert lines[:4] == [
        'CMD ["/bin/sh" "-c" "x"]\t0B',
        "EXPOSE [80/tcp]\t0B",
        "RUN /bin/sh -c echo 123 > /f # buildkit\t4B",
        "ENV A=1\t0B",
    ]


# ---- failures


def test_a_failed_step_and_what_is_left_of_it(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN echo good > /good\nRUN echo bad > /bad; exit 5\nCMD x\n")
    result = boxwright("build", "--progress=classic", folder)
    assert result.code == 5
    assert result.out.endswith("The command '/bin/sh -c echo bad > /bad; exit 5' returned a non-zero code: 5\n")
    assert "Removing intermediate container" not in result.out.partition("Step 3/4")[2]
    pattern = (
        r"error: the command in step 3 exited with 5\n"
        r"  Dockerfile:3\n"
        r"    2 \| RUN echo good > /good\n"
        r"    3 \| RUN echo bad > /bad; exit 5\n"
        r"      \| \^{27}\n"
        r"    4 \| CMD x\n"
        r"\n"
        r"  The container is kept: boxwright exec or commit it as  (\w+) \((\w{12})\)\n"
        r"  The image before this step:                    boxwright run -it (\w{12}) sh\n"
    )
    told = re.fullmatch(pattern, result.err)
    assert told, result.err
    assert boxwright.state(told[1]) == "exited 5"
    assert boxwright.ok("diff", told[2]) == "A /bad"
    assert boxwright.ok("run", "--rm", "--network=none", told[3], "cat", "/good") == "good"
    assert boxwright.ok("ps", "-a", "--format", "{{.Names}}") == told[1]
    boxwright.ok("rm", told[1])


def test_force_rm_leaves_no_container(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN exit 6\n")
    result = boxwright("build", "--progress=classic", "--force-rm", folder)
    assert result.code == 6
    running, removed, command = result.out.splitlines()[-3:]
    assert removed == "Removing intermediate container " + running.removeprefix(" ---> Running in ")
    assert command == "The command '/bin/sh -c exit 6' returned a non-zero code: 6"
    assert "is kept" not in result.err
    assert boxwright.ok("ps", "-aq") == ""


@pytest.mark.parametrize(
    ("dockerfile", "lines"),
    [
        (
            "FROM busybox\n\n# note\nCOPPY a b\n",
            [
                "error: unknown instruction: COPPY (did you mean COPY?)",
                "  Dockerfile:4",
                "    4 | COPPY a b",
                "      | ^^^^^",
            ],
        ),
        (
            "FROM busybox\nENV a=b c\n",
            [
                'error: Syntax error - can\'t find = in "c". Must be of the form: name=value',
                "  Dockerfile:2",
                "    2 | ENV a=b c",
            ],
        ),
        ("# nothing\n", ["error: file with no instructions"]),
        (
            "FROM busybox\nRUN --mount=type=cach,target=/c true\n",
            [
                'error: unsupported mount type "cach" (did you mean cache?)',
                "  Dockerfile:2",
                "    2 | RUN --mount=type=cach,target=/c true",
            ],
        ),
        (
            "FROM busybox\nRUN <<EOF\necho hi\n",
            ["error: unterminated heredoc <<EOF", "  Dockerfile:2", "    2 | RUN <<EOF"],
        ),
        (
            "FROM busybox\nUSER nobody-here\nRUN true\n",
            ["error: no user 'nobody-here' in the image's /etc/passwd", "  Dockerfile:3", "    3 | RUN true"],
        ),
        (
            "FROM busybox\nCOPY --from=127.0.0.1:1/none /a /b\n",
            [
                "error: cannot reach 127.0.0.1:1: connection refused",
                "  Dockerfile:2",
                "    2 | COPY --from=127.0.0.1:1/none /a /b",
            ],
        ),
    ],
)
def test_mistakes_are_shown_in_their_place(
    boxwright: Boxwright, context: Context, dockerfile: str, lines: list[str]
) -> None:
    result = boxwright("build", "-q", context(dockerfile))
    assert result.code == 1
    assert result.err.splitlines()[: len(lines)] == lines


@pytest.mark.parametrize("dockerfile", ["FROM busybox\nRUN exit 3\n", "FROM busybox\nCOPPY a b\n", "FROM no/such@x\n"])
def test_the_file_for_the_id_is_gone_when_the_build_fails(
    boxwright: Boxwright, context: Context, tmp_path: Path, dockerfile: str
) -> None:
    file = tmp_path / "id"
    file.write_text("of an earlier build")
    assert boxwright("build", "--force-rm", "--iidfile", file, context(dockerfile)).code != 0
    assert not file.exists()


def test_the_file_for_the_id(boxwright: Boxwright, context: Context, tmp_path: Path) -> None:
    file = tmp_path / "id"
    file.write_text("of an earlier build, and longer than the one that comes now" * 3)
    id = boxwright.ok("build", "-q", "--iidfile", file, context("FROM busybox\nCMD x\n"))
    assert file.read_text() == id


# ---- the end by force


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stages", [1, 2])
def test_an_interrupted_build_leaves_nothing(
    boxwright: Boxwright, context: Context, number: signal.Signals, stages: int
) -> None:
    other = "FROM busybox AS other\nRUN echo other; sleep 4321\n" if stages == 2 else ""
    last = "COPY --from=other /etc /e\n" if stages == 2 else ""
    folder = context(f"{other}FROM busybox\nRUN touch /f; echo ready; sleep 4321\n{last}")
    before = boxwright.ok("images", "-aq", "--no-trunc")
    with boxwright.popen("build", "-t", "never", folder, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"| ready" in line:
                break
        process.send_signal(number)
        rest = process.stderr.read().decode()
        assert process.wait() == 130
    assert rest.splitlines()[-1] == "interrupted"
    assert "Traceback" not in rest
    assert not sleeping(), "nothing runs on"
    assert boxwright.ok("images", "-aq", "--no-trunc") == before
    assert boxwright.ok("ps", "-aq") == ""
    assert boxwright.ok("fsck") == "the store is clean"


def sleeping() -> list[str]:
    """Return the processes that a step of the interrupted build started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if b"sleep\0004321" in line:
            found.append(name)
    return found


def test_a_killed_build_is_cleared_up_by_the_next_one(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN echo ready; sleep 4321\n")
    with boxwright.popen("build", folder, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"| ready" in line:
                break
        process.kill()
    boxwright.ok("build", "-q", context("FROM busybox\nRUN true\n"), "--no-cache")
    eventually(lambda: not sleeping())


# ---- surroundings of a command


def test_a_command_without_a_network_has_the_loopback_alone(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN ls /sys/class/net; cat /proc/net/route\n")
    result = boxwright("build", "--no-cache", "--network=none", folder)
    said = [line.partition("| ")[2].split("\t")[0] for line in result.err.splitlines() if line.startswith("      |")]
    assert said == ["lo", "Iface"]


def test_a_command_on_the_network_leaves_no_trace_of_it(boxwright: Boxwright, context: Context) -> None:
    folder = context("FROM busybox\nRUN test -s /etc/resolv.conf && grep made /etc/hosts && ls /sys/class/net\n")
    result = boxwright("build", "--no-cache", "-t", "networked", "--add-host", "made:10.9.8.7", folder)
    assert result.code == 0, result.err
    said = [line.partition("| ")[2] for line in result.err.splitlines() if line.startswith("      |")]
    assert (said[0].split(), "lo" in said, len(said)) == (["10.9.8.7", "made"], True, 3)
    assert boxwright.ok("history", "--format", "{{.Size}}", "networked").splitlines()[0] == "0B"


# ---- base images


def test_pull_asks_the_registry_for_a_newer_base(boxwright: Boxwright, context: Context, tmp_path: Path) -> None:
    with serving(tmp_path / "registry") as server:
        name = f"{server.address}/base:1"
        for version in ("one", "two"):
            folder = context(f"FROM busybox\nLABEL version={version}\nRUN echo {version} > /version\n")
            boxwright.ok("build", "-q", "-t", name, folder)
            boxwright.ok("push", name)
            if version == "one":
                first = boxwright.ok("inspect", "-f", "{{.Id}}", name)
        boxwright.ok("rmi", name)
        boxwright.ok("tag", first, name)
        folder = context(f"FROM {name}\nRUN cat /version\n")
        for flags, version in (((), "one"), (("--pull",), "two"), ((), "two")):
            boxwright.ok("build", "-q", "-t", "child", *flags, folder)
            assert labels(boxwright, "child") == {"version": version}
            assert boxwright.ok("run", "--rm", "--network=none", "child", "cat", "/version") == version
        boxwright.ok("rmi", "child", name, first)
        boxwright.ok("build", "-q", "-t", "child", folder)
        assert labels(boxwright, "child") == {"version": "two"}, "what isn't here is fetched unasked"


@pytest.mark.parametrize(
    ("flags", "from_"), [((), "--platform=linux/s390x busybox"), (("--platform", "s390x"), "busybox")]
)
def test_a_base_for_another_platform_is_not_taken_for_the_wanted_one(
    boxwright: Boxwright, context: Context, flags: tuple[str, ...], from_: str
) -> None:
    boxwright.ok("tag", "busybox", "127.0.0.1:1/busybox")
    folder = context(f"FROM {from_.replace('busybox', '127.0.0.1:1/busybox')}\nCMD x\n")
    result = boxwright("build", "-q", *flags, folder)
    assert result.code == 1
    told = r"error: 127\.0\.0\.1:1/busybox is here for (linux/\w+) only, and linux/s390x is built for\n  Dockerfile:1\n"
    here = re.match(told, result.err)
    assert here, result.err
    assert result.err.endswith(f"  build for it: --platform {here[1]}\n")
