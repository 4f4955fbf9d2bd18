"""``run`` and ``create``: what each option gives to the program, and what the program gives back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Boxwright, eventually

pytestmark = [pytest.mark.root, pytest.mark.runtime]

_SHOW_CAPABILITIES = ("grep", "CapEff", "/proc/self/status")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture(scope="module")
def image(boxwright: Boxwright) -> str:
    """An image that says something of everything that an image can say."""
    dockerfile = """
        FROM busybox
        RUN mkdir -p /data/inner && echo kept > /data/file && chown 7:8 /data/file && chmod 750 /data/inner
        VOLUME /data
        EXPOSE 80 53/udp
        ENV GREETING=hello NAME=image
        LABEL colour=blue
        USER daemon
        WORKDIR /var
        STOPSIGNAL SIGINT
        ENTRYPOINT ["echo", "entry"]
        CMD ["command"]
    """
    boxwright.ok("build", "-q", "-t", "speaking", "-", input="\n".join(map(str.strip, dockerfile.splitlines())))
    return "speaking"


# ---- the command


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [
        (("busybox", "true"), 0, ""),
        (("busybox", "sh", "-c", "exit 7"), 7, ""),
        (("busybox", "sh", "-c", "kill -KILL $$; exit 3"), 3, ""),  # process 1 can't kill itself
        (("busybox", "echo", "-n", "--rm", "-p"), 0, "--rm -p"),  # options behind the image are the program's
        (("--entrypoint", "echo", "busybox", "a", "b"), 0, "a b\n"),
        (("--entrypoint", "", "busybox", "echo", "a"), 0, "a\n"),
        (("--entrypoint=ls", "busybox", "-d", "/etc"), 0, "/etc\n"),
    ],
)
def test_the_command(boxwright: Boxwright, arguments: tuple[str, ...], code: int, out: str) -> None:
    result = boxwright("run", "--rm", "--network", "none", *arguments)
    assert (result.code, result.out, result.err) == (code, out, "")


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        ((), "entry command\n"),
        (("other", "words"), "entry other words\n"),
    ],
)
def test_the_images_entrypoint_and_command(
    boxwright: Boxwright, image: str, arguments: tuple[str, ...], out: str
) -> None:
    assert boxwright("run", "--rm", "--network", "none", image, *arguments).out == out


def test_an_entrypoint_of_ones_own_drops_the_images_command(boxwright: Boxwright, image: str) -> None:
    assert boxwright.ok("run", "--rm", "--network=none", "--entrypoint", "echo", image) == ""


def test_what_the_image_says(boxwright: Boxwright, image: str) -> None:
    script = "id -u; pwd; echo $GREETING $NAME"
    out = boxwright.ok(*("run", "--rm", "--network=none", "-e", "NAME=mine", "--entrypoint", "sh", image, "-c", script))
    assert out.splitlines() == ["1", "/var", "hello mine"]
    id = boxwright.ok("create", "-l", "colour=red", "-l", "size", "--expose", "99", image)
    shown = boxwright.inspect(id)
    assert shown["Config"]["Labels"]["colour"] == "red"
    assert shown["Config"]["Labels"]["size"] == ""
    assert list(shown["Config"]["ExposedPorts"]) == ["53/udp", "80/tcp", "99/tcp"]
    assert (shown["Config"]["StopSignal"], shown["State"]["Status"]) == ("SIGINT", "created")
    assert (shown["Path"], shown["Args"]) == ("echo", ["entry", "command"])
    boxwright.ok("rm", "-v", id)


def test_an_image_without_a_command(boxwright: Boxwright) -> None:
    boxwright.ok("build", "-q", "-t", "mute", "-", input="FROM busybox\nCMD []\nENTRYPOINT []\nLABEL mute=1\n")
    message = boxwright.fails("run", "mute", code=125)
    assert message == "no command specified: mute has neither CMD nor ENTRYPOINT"


# ---- the environment of the program


@pytest.mark.parametrize(
    ("options", "script", "lines"),
    [
        ((), "env | grep -v HOSTNAME | sort", ["HOME=/root", f"PATH={_PATH}", "PWD=/", "SHLVL=1"]),
        (
            ("-e", "A=1", "-e", "B=x=y", "-e", "FROM_HERE", "-e", "NOT_HERE"),
            "echo $A,$B,$FROM_HERE,$NOT_HERE",
            ["1,x=y,here,"],
        ),
        (("-e", "PATH=/bin"), "echo $PATH", ["/bin"]),
        (("-w", "/new/folder"), "pwd", ["/new/folder"]),
        (("-u", "daemon"), "id", ["uid=1(daemon) gid=1(daemon) groups=1(daemon)"]),
        (("-u", "1234:55"), "id", ["uid=1234 gid=55 groups=55"]),
        (("-u", "0:daemon", "--group-add", "7"), "id", ["uid=0(root) gid=1(daemon) groups=1(daemon),7"]),
        (("-h", "ada.example"), "hostname; cat /etc/hostname", ["ada.example", "ada.example"]),
        (("-h", "ada", "--domainname", "example.org"), "cat /proc/sys/kernel/domainname", ["example.org"]),
        (("--add-host", "db:10.1.2.3", "--add-host", "v6=::9"), "tail -n 2 /etc/hosts", ["10.1.2.3\tdb", "::9\tv6"]),
        (
            ("--dns", "10.9.9.9", "--dns-search", "example.org", "--dns-opt", "ndots:3"),
            "cat /etc/resolv.conf",
            ["nameserver 10.9.9.9", "search example.org", "options ndots:3"],
        ),
        (("--read-only",), "touch /x 2>&1", ["touch: /x: Read-only file system"]),
        (("--read-only", "--tmpfs", "/run"), "touch /run/x && ls /run", ["x"]),
        (("--tmpfs", "/t:size=1m,mode=1700"), "df /t | awk 'END { print $2 }'; stat -c %a /t", ["1024", "1700"]),
        (("--shm-size", "2m"), "df /dev/shm | awk 'END { print $2 }'", ["2048"]),
        (("--ulimit", "nofile=100:200"), "ulimit -n; ulimit -Hn", ["100", "200"]),
        (("--sysctl", "kernel.msgmax=9999"), "cat /proc/sys/kernel/msgmax", ["9999"]),
        (("--oom-score-adj", "77"), "cat /proc/self/oom_score_adj", ["77"]),
        (("--cpuset-cpus", "0"), "grep Cpus_allowed_list /proc/self/status", ["Cpus_allowed_list:\t0"]),
        (("--security-opt", "no-new-privileges"), "grep NoNewPrivs /proc/self/status", ["NoNewPrivs:\t1"]),
        (("--security-opt", "seccomp=unconfined"), "grep Seccomp: /proc/self/status", ["Seccomp:\t0"]),
        (("--device", "/dev/null:/dev/nothing"), "ls -l /dev/nothing | cut -c1-10", ["crw-rw-rw-"]),
        (("--init",), "tr '\\0' ' ' < /proc/1/cmdline | cut -d ' ' -f1", ["/sbin/docker-init"]),
        (("--uts", "host"), "true", []),
        (("--pid", "host"), "test -e /proc/2/stat && echo yes", ["yes"]),
    ],
)
def test_what_the_program_finds(boxwright: Boxwright, options: tuple[str, ...], script: str, lines: list[str]) -> None:
    result = boxwright(
        "run", "--rm", "--network=none", *options, "busybox", "sh", "-c", script, env={"FROM_HERE": "here"}
    )
    assert result.out.splitlines() == lines, result


def test_capabilities(boxwright: Boxwright) -> None:
    def effective(*options: str) -> int:
        out = boxwright.ok("run", "--rm", "--network=none", *options, "busybox", *_SHOW_CAPABILITIES)
        return int(out.split()[1], 16)

    usual = effective()
    assert usual == 0xA80425FB  # docker's fourteen
    assert effective("--cap-drop", "ALL", "--cap-add", "chown") == 1
    assert effective("--cap-add", "NET_ADMIN") == usual | 1 << 12
    assert effective("--cap-drop", "CAP_MKNOD") == usual & ~(1 << 27)
    assert effective("--privileged") & usual == usual
    assert effective("--privileged") > usual


def test_limits_reach_the_control_groups(boxwright: Boxwright) -> None:
    files = {
        "memory/memory.limit_in_bytes": "memory.max",
        "memory/memory.soft_limit_in_bytes": "memory.low",
        "pids/pids.max": "pids.max",
    }
    script = "cd /sys/fs/cgroup; " + "; ".join(f"cat {old} 2>/dev/null || cat {new}" for old, new in files.items())
    options = ("-m", "64m", "--memory-reservation", "32m", "--cpus", "0.5", "--pids-limit", "50")
    out = boxwright.ok("run", "--rm", "--network=none", *options, "busybox", "sh", "-c", script)
    assert out.split() == [str(64 << 20), str(32 << 20), "50"]
    out = boxwright.ok(
        *("run", "--rm", "--network=none", "--cpus", "0.5", "busybox"),
        *("sh", "-c", "cat /sys/fs/cgroup/cpu.max || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    )
    assert out.split()[0] == "50000"


def test_the_environment_file(boxwright: Boxwright, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text('# a comment\nA=from the file\nFROM_HERE\n\n  B="quoted"\nC=1\n')
    script = "echo $A; echo $FROM_HERE; echo $B; echo $C"
    out = boxwright.ok(
        *("run", "--rm", "--network=none", "--env-file", file, "-e", "C=2", "busybox", "sh", "-c", script),
        env={"FROM_HERE": "here"},
    )
    assert out.splitlines() == ["from the file", "here", '"quoted"', "2"]
    file.write_text("A B=1\n")
    assert "invalid environment variable" in boxwright.fails("run", "--env-file", file, "busybox", code=125)


def test_streams(boxwright: Boxwright) -> None:
    both = ("busybox", "sh", "-c", "cat; echo out; echo err >&2")
    run = ("run", "--rm", "--network=none")
    assert boxwright(*run, "-i", *both, input="in\n") == (0, "in\nout\n", "err\n")
    assert boxwright(*run, *both, input="in\n") == (0, "out\n", "err\n")
    assert boxwright(*run, "-a", "stderr", *both, input="in\n") == (0, "", "err\n")
    assert boxwright(*run, "-t", "busybox", "tty").out == "/dev/pts/0\r\n"
    large = "x" * 300_000
    assert boxwright(*run, "-i", "busybox", "cat", input=large).out == large


def test_names_and_the_id_file(boxwright: Boxwright, tmp_path: Path) -> None:
    file = tmp_path / "cid"
    id = boxwright.ok("create", "--name", "called", "--cidfile", file, "busybox")
    assert file.read_text() == id
    assert len(id) == 64
    before = boxwright.ok("ps", "-aq")
    assert "exists" in boxwright.fails("run", "--cidfile", file, "busybox", code=125)
    assert "exists" in boxwright.fails("create", "--cidfile", file, "busybox", code=125)
    taken = boxwright.fails("run", "--name", "called", "busybox", code=125)
    assert taken == f'the container name "called" is already in use by container {id[:12]}'
    assert boxwright.ok("ps", "-aq") == before
    unnamed = boxwright.ok("create", "busybox")
    assert "_" in boxwright.ok("inspect", "-f", "{{.Name}}", unnamed)
    boxwright.ok("rm", "called", unnamed)


# ---- mounts


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("of the host\n")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "script", "out"),
    [
        (("-v", "{0}:/m"), "cat /m/file; echo new > /m/new", "of the host\n"),
        (("-v", "{0}:/m:ro"), "touch /m/x 2>&1", "touch: /m/x: Read-only file system\n"),
        (("-v", "{0}/file:/etc/one"), "cat /etc/one", "of the host\n"),
        (("-v", "{0}/made:/m"), "ls -d /m", "/m\n"),
        (("--mount", "type=bind,src={0},dst=/m,readonly"), "touch /m/x 2>&1", "touch: /m/x: Read-only file system\n"),
        (("--mount", "type=bind,source={0},target=/m,bind-propagation=rslave"), "cat /m/file", "of the host\n"),
        (
            ("--mount", "type=tmpfs,dst=/m,tmpfs-size=1m,tmpfs-mode=700"),
            "stat -c %a /m; df /m | tail -1 | tr -s ' ' | cut -d' ' -f2",
            "700\n1024\n",
        ),
        (("-v", "{0}:/m", "-v", "{0}/file:/m/below"), "cat /m/below", "of the host\n"),
    ],
)
def test_mounts(boxwright: Boxwright, shared: Path, options: tuple[str, ...], script: str, out: str) -> None:
    options = tuple(option.format(shared) for option in options)
    result = boxwright("run", "--rm", "--network=none", *options, "busybox", "sh", "-c", script)
    assert (result.out, result.err) == (out, "")


def test_a_named_volume_lives_on(boxwright: Boxwright) -> None:
    run = ("run", "--rm", "--network=none", "-v", "shelf:/shelf", "busybox")
    boxwright.ok(*run, "sh", "-c", "echo kept > /shelf/book")
    assert boxwright.ok(*run, "cat", "/shelf/book") == "kept"
    id = boxwright.ok("create", "-v", "shelf:/x", "busybox")
    assert boxwright.fails("volume", "rm", "shelf") == f"volume shelf is in use by container {id[:12]}"
    assert boxwright.ok("ps", "-a", "--filter", "volume=shelf", "--format", "{{.ID}} {{.Mounts}}") == f"{id[:12]} shelf"
    (mount,) = boxwright.inspect(id)["Mounts"]
    assert (mount["Type"], mount["Name"], mount["Destination"], mount["RW"]) == ("volume", "shelf", "/x", True)
    boxwright.ok("rm", "-v", id)
    assert boxwright.ok("volume", "ls", "-q") == "shelf"  # it has a name: rm -v leaves it
    assert boxwright.ok("volume", "rm", "shelf") == "shelf"


@pytest.fixture
def no_volumes(boxwright: Boxwright) -> Iterator[None]:
    yield
    boxwright.ok("volume", "prune", "-af")


@pytest.mark.usefixtures("no_volumes")
def test_an_images_volume_is_filled_from_the_image(boxwright: Boxwright, image: str) -> None:
    look = ("--entrypoint", "ls", "-u", "0", image, "-ln", "/data")
    assert "7        8                5" in " ".join(boxwright.ok("run", "--rm", "--network=none", *look).split("\t"))
    assert boxwright.ok("volume", "ls", "-q") == ""  # --rm takes a volume without a name along
    assert "inner" in boxwright.ok("run", "--rm", "--network=none", "-v", "full:/data", *look)
    empty = boxwright.ok("run", "--rm", "--network=none", "-v", "bare:/data:nocopy", *look)
    assert "inner" not in empty
    # What is in a volume already stays as it is.
    boxwright.ok("run", "--rm", "--network=none", "-v", "own:/x", "busybox", "touch", "/x/mine")
    assert "inner" not in boxwright.ok("run", "--rm", "--network=none", "-v", "own:/data", *look)


@pytest.mark.usefixtures("no_volumes")
def test_volumes_without_a_name_go_with_their_container(boxwright: Boxwright, image: str) -> None:
    keeper, goer = boxwright.ok("create", image), boxwright.ok("create", "-v", "/other", "busybox")
    assert len(boxwright.ok("volume", "ls", "-q").split()) == 2
    (mount,) = boxwright.inspect(keeper)["Mounts"]
    assert (mount["Destination"], mount["Driver"]) == ("/data", "local")
    boxwright.ok("rm", keeper)
    boxwright.ok("rm", "-v", goer)
    assert boxwright.ok("volume", "ls", "-q") == mount["Name"]
    assert boxwright.ok("volume", "ls", "-q", "--filter", "dangling=true") == mount["Name"]


# ---- what is refused, before anything is made


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nonsense", "busybox"), "unknown flag: --nonsense"),
        (("-w", "relative", "busybox"), "the working directory 'relative' needs to be an absolute path"),
        (("-m", "1m", "busybox"), "the smallest memory limit is 6m"),
        (("-m", "64m", "--memory-swap", "32m", "busybox"), "--memory-swap counts memory and swap together"),
        (("--memory-swap", "64m", "busybox"), "--memory-swap needs --memory"),
        (("-m", "much", "busybox"), "invalid size 'much'"),
        (("--cpus", "1000", "busybox"), "--cpus 1000 is out of range"),
        (("--cpus", "1", "--cpu-quota", "100", "busybox"), "--cpus and --cpu-period or --cpu-quota exclude"),
        (("--pids-limit", "x", "busybox"), "invalid --pids-limit 'x': it takes a whole number"),
        (("--stop-signal", "FOO", "busybox"), "unknown signal 'FOO'"),
        (("--cap-add", "nonsense", "busybox"), "unknown capability 'nonsense'"),
        (("--ulimit", "nofile", "busybox"), "invalid ulimit 'nofile'"),
        (("--ulimit", "nofile=3:2", "busybox"), "invalid ulimit 'nofile=3:2': the soft limit is above the hard one"),
        (("--ulimit", "nonsense=1", "busybox"), "unknown ulimit 'nonsense'"),
        (("--name", ".bad", "busybox"), "invalid container name '.bad'"),
        (("--network", "nowhere", "busybox"), "network 'nowhere' is not supported"),
        (("-e", "=x", "busybox"), "invalid environment variable '=x'"),
        (("--env-file", "nowhere", "busybox"), "cannot read nowhere: No such file or directory"),
        (("--add-host", "a:nonsense", "busybox"), "invalid --add-host 'a:nonsense'"),
        (("--dns", "nonsense", "busybox"), "invalid --dns 'nonsense'"),
        (("-v", "a/b:/x", "busybox"), "invalid volume 'a/b'"),
        (("-v", "/b:relative", "busybox"), "invalid volume '/b:relative'"),
        (("-v", "/:/", "busybox"), "invalid volume '/:/': nothing can be mounted on /"),
        (("-v", ":/x", "busybox"), "invalid volume ':/x': a part is empty"),
        (("-v", "/a:/b:zz", "busybox"), "invalid volume '/a:/b:zz': unknown option 'zz'"),
        (("--mount", "src=x", "busybox"), "--mount src=x: a target is missing"),
        (("--mount", "type=bind,dst=/x", "busybox"), "--mount type=bind,dst=/x: a bind needs an absolute src"),
        (
            ("--mount", "type=bind,src=/nowhere/x,dst=/x", "busybox"),
            "--mount type=bind,src=/nowhere/x,dst=/x: /nowhere/x",
        ),
        (("--mount", "type=odd,dst=/x", "busybox"), "--mount type=odd,dst=/x: unknown type odd"),
        (("--mount", "dst=/x,odd=1", "busybox"), "--mount dst=/x,odd=1: odd is not supported"),
        (("--tmpfs", "relative", "busybox"), "invalid volume 'relative'"),
        (("--device", "/dev/nowhere", "busybox"), "/dev/nowhere is no device of this machine"),
        (("--security-opt", "odd", "busybox"), "--security-opt odd is not supported"),
        (("--pid", "container:xx", "busybox"), "no such container: xx"),
        (("--network", "container:", "busybox"), "'container:' names no container"),
        (("--volumes-from", "xx", "busybox"), "no such container: xx"),
        (("--uts", "host", "-h", "x", "busybox"), "--hostname and --uts host exclude each other"),
        (("-a", "odd", "busybox"), "unknown stream 'odd'"),
        (("-d", "-a", "stdout", "busybox"), "-a does not go with -d"),
        (("--restart", "often", "busybox"), "invalid --restart 'often'"),
        (("--restart", "always", "--rm", "busybox"), "--restart and --rm exclude each other"),
        (("--health-cmd", "true", "--no-healthcheck", "busybox"), "--no-healthcheck does not go with options"),
        (("--gpus", "all", "busybox"), "--gpus is not supported"),
        (("--platform", "linux/s390x", "busybox"), "--platform linux/s390x is not supported"),
        (("-p", "nonsense", "busybox"), "invalid port 'nonsense'"),
        (("-p", "99999:80", "busybox"), "invalid port '99999:80'"),
        (("--pull", "never", "nowhere"), "no such image: nowhere"),
        (("Busybox",), "invalid reference 'Busybox': repository names are lower case"),
    ],
)
def test_mistakes_leave_nothing(boxwright: Boxwright, arguments: tuple[str, ...], message: str) -> None:
    assert boxwright.fails("run", *arguments, code=125).startswith(message)
    assert list((boxwright.root / "containers").iterdir()) == []


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        ("nonsense", 127, "exec: 'nonsense': executable file not found in $PATH"),
        ("/nowhere/x", 127, "exec: '/nowhere/x': no such file or directory"),
        ("/etc", 126, "exec: '/etc': permission denied"),
        ("/etc/passwd", 126, "exec: '/etc/passwd': permission denied"),
    ],
)
def test_programs_that_cannot_start(boxwright: Boxwright, program: str, code: int, message: str) -> None:
    for options in ((), ("-d", "--rm")):
        assert boxwright.fails("run", "--network=none", *options, "busybox", program, code=code) == message
    (left,) = boxwright.ok("ps", "-aq").split()  # as docker leaves it, but for --rm
    state = boxwright.inspect(left)["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", code, message)
    boxwright.ok("rm", left)


def test_a_user_that_the_image_does_not_know(boxwright: Boxwright) -> None:
    message = boxwright.fails("run", "--rm", "--network=none", "-u", "nobodyhere", "busybox", code=125)
    assert message == "no user 'nobodyhere' in the image's /etc/passwd"


def test_ports_without_a_network_are_dropped_with_a_warning(boxwright: Boxwright) -> None:
    result = boxwright("run", "--rm", "--network", "none", "-p", "80", "busybox", "true")
    assert (result.code, result.err) == (0, "warning: published ports are discarded with --network none\n")


def test_the_proxies_of_dockers_configuration_reach_containers_and_steps(boxwright: Boxwright, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"proxies": {"default": {"httpProxy": "http://p:1", "httpsProxy": "http://s:2", "noProxy": "a,b"}}}'
    )
    configured = {"DOCKER_CONFIG": str(tmp_path)}
    run = ("run", "--rm", "--network=none")
    show = ("busybox", "sh", "-c", "echo $http_proxy $HTTP_PROXY $https_proxy $NO_PROXY")
    said = boxwright.ok(*run, "-e", "HTTP_PROXY=mine", *show, env=configured)
    assert said == "http://p:1 mine http://s:2 a,b"
    dockerfile = "FROM busybox\nRUN echo $http_proxy $HTTP_PROXY $NO_PROXY > /seen\nCMD cat /seen; env\n"
    boxwright.ok("build", "-q", "--build-arg", "NO_PROXY=mine", "-t", "seen", "-", input=dockerfile, env=configured)
    seen = boxwright.ok(*run, "seen").splitlines()
    assert seen[0] == "http://p:1 http://p:1 mine"
    assert not any("proxy" in line.lower() for line in seen[1:])


def test_the_longer_spelling_fails_the_same_way(boxwright: Boxwright) -> None:
    assert boxwright.fails("container", "run", "-m", "1m", "busybox", code=125) == "the smallest memory limit is 6m"


@pytest.mark.parametrize(
    ("arguments", "message"), [((), "missing IMAGE"), (("-it", "busybox"), "the input device is not a TTY")]
)
def test_mistakes_that_docker_ends_with_1(boxwright: Boxwright, arguments: tuple[str, ...], message: str) -> None:
    assert boxwright.fails("run", *arguments, code=1) == message


def test_what_containers_share(boxwright: Boxwright) -> None:
    serve = "echo hi > /data/page; exec httpd -f -p 127.0.0.1:8099 -h /data"
    id = boxwright.ok("run", "-d", "--name", "base", "-v", "/data", "busybox", "sh", "-c", serve)
    eventually(lambda: boxwright("exec", id, "wget", "-qO-", "http://127.0.0.1:8099/page").out == "hi\n")
    try:
        joins = ("run", "--rm", "--network", "container:base", "busybox", "sh", "-c")
        page = boxwright.ok(*joins, "hostname; grep -c $(hostname) /etc/hosts; wget -qO- http://127.0.0.1:8099/page")
        assert page.splitlines() == [id[:12], "1", "hi"]
        assert "httpd" in boxwright.ok("run", "--rm", "--network=none", "--pid", "container:base", "busybox", "ps")
        given = ("run", "--rm", "--network=none", "--volumes-from", "base:ro", "busybox")
        assert boxwright.ok(*given, "cat", "/data/page") == "hi"
        assert "Read-only file system" in boxwright(*given, "touch", "/data/x").err
        assert boxwright.fails(*joins[:-3], "-p", "80", *joins[-3:-2], "true", code=125).startswith("-p, -P and")
        boxwright.ok("kill", id)
        message = "cannot join the network of container base: it is not running"
        assert boxwright.fails(*joins, "true", code=125) == message
    finally:
        boxwright.ok("rm", "-fv", id)
