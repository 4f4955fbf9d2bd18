"""The fast path: one process, the caller's descriptors, nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from boxwright.host import mounts as host_mounts
from boxwright.host.passwd import UnknownUser
from boxwright.runtime import scaffolding
from boxwright.runtime.capabilities import CapabilityDenied, available
from boxwright.runtime.failures import ExecutableNotFound, NotExecutable
from boxwright.runtime.foreground import run_foreground
from boxwright.runtime.options import Limits, Mount, Ulimit

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_runs_a_program_and_returns_its_exit_code(sandbox):
    output = sandbox.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert output == (7, "out\n", "err\n")


def test_leaves_nothing_running_and_no_state(sandbox):
    sandbox.run("true")
    assert not os.path.exists(f"{sandbox.runtime.state}/{sandbox.bundle.id}")
    assert not os.path.exists(sandbox.bundle.path("runtime.log"))


def test_nobody_outside_sees_the_mount(sandbox):
    sandbox.run("true")
    assert os.listdir(sandbox.bundle.rootfs) == []
    assert "bin" in sandbox.mounts.call(os.listdir, sandbox.bundle.rootfs)


def test_changes_go_to_the_upper_directory_only(sandbox, rootfs):
    sandbox.run("sh", "-c", "echo new > /etc/new; rm /etc/group")
    assert (sandbox.upper / "etc/new").read_text() == "new\n"
    assert (sandbox.upper / "etc/group").is_char_device()
    assert (rootfs / "etc/group").exists()


@pytest.mark.parametrize(
    ("argv", "error", "code"),
    [
        (("nope",), ExecutableNotFound, 127),
        (("/no/such/file",), ExecutableNotFound, 127),
        (("/etc/passwd",), NotExecutable, 126),
        (("/etc",), NotExecutable, 126),
    ],
)
def test_a_program_that_cannot_start_has_dockers_exit_codes(sandbox, argv, error, code):
    with pytest.raises(error) as caught:
        sandbox.run(*argv)
    assert caught.value.exit_code == code
    assert argv[0] in caught.value.message


def test_the_environment_is_what_was_asked_and_nothing_of_the_hosts(sandbox, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    monkeypatch.setenv("LISTEN_FDS", "3")
    monkeypatch.setenv("SECRET", "host")
    lines = sandbox.run("env", env=("A=1", "B=x=y"), hostname="box").stdout.split("\n")
    names = {line.partition("=")[0] for line in lines if line}
    assert names == {"PATH", "HOSTNAME", "HOME", "A", "B"}
    assert {"A=1", "B=x=y", "HOME=/root", "HOSTNAME=box"} <= set(lines)


def test_no_descriptor_of_ours_reaches_the_container(sandbox, tmp_path):
    with open(tmp_path / "secret", "w") as stream:
        os.set_inheritable(stream.fileno(), True)
        output = sandbox.run("ls", "/proc/self/fd")
    assert output.stdout.split() == ["0", "1", "2", "3"]  # the last is the directory that ls reads


def test_signals_that_we_ignore_are_not_ignored_inside(sandbox):
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        ignored = int(sandbox.run("grep", "SigIgn", "/proc/self/status").stdout.split()[1], 16)
        assert ignored & (1 << 31) - 1 == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_our_mask_and_directory_do_not_matter(make_sandbox, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    sandbox = make_sandbox()
    before = os.umask(0o077)
    try:
        output = sandbox.run("sh", "-c", "umask; cat /etc/hosts > /dev/null && stat -c %a /new", user="ada", cwd="/new")
    finally:
        os.umask(before)
    assert output.stdout == "0022\n755\n"


def test_secrets_in_the_environment_are_for_their_owner(sandbox):
    sandbox.run("true", env=("TOKEN=x",))
    assert os.stat(sandbox.bundle.config).st_mode & 0o777 == 0o600


def test_a_network_of_its_own_by_path_has_open_ports(sandbox):
    from boxwright.host.netns import create_netns, namespace_path

    fd = create_netns()
    try:
        path = namespace_path(fd)
        output = sandbox.run("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", network=path)
    finally:
        os.close(fd)
    assert output.stdout == "0\n"


def test_a_closed_pipe_ends_a_writer_as_usual(sandbox):
    assert sandbox.run("sh", "-c", "yes | head -n 1").stdout == "y\n"
    assert sandbox.run("sh", "-c", "(yes; echo $? >&2) | head -n 1").stderr == "141\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "0 0 0 10"),
        ("ada", "1000 1001 10 1001"),
        ("1000", "1000 1001 10 1001"),
        ("ada:wheel", "1000 10 10"),
        ("4242", "4242 0 0"),
        ("4242:4343", "4242 4343 4343"),
    ],
)
def test_users_are_looked_up_in_the_image(sandbox, user, expected):
    assert (
        sandbox.run("sh", "-c", "echo $(id -u) $(id -g) $(id -G | tr ' ' '\\n' | sort -n)", user=user).stdout.strip()
        == expected
    )


def test_an_unknown_user_is_an_error_before_anything_runs(sandbox):
    with pytest.raises(UnknownUser):
        sandbox.run("true", user="nobody-here")


def test_a_passwd_file_that_is_a_link_out_of_the_image_is_not_followed(sandbox):
    sandbox.upper.joinpath("etc").mkdir()
    os.symlink("../../../../../../../../etc/hostname", sandbox.upper / "etc/passwd")
    assert sandbox.run("id", "-u", user="7").stdout == "7\n"


def test_home_and_further_groups(sandbox):
    output = sandbox.run("sh", "-c", "echo $HOME $(id -G | tr ' ' '\\n' | sort -n)", user="ada", groups=("77", "root"))
    assert output.stdout == "/home/ada 0 10 77 1001\n"


def test_the_working_directory_is_made_when_missing(sandbox):
    assert sandbox.run("pwd", cwd="/made/here").stdout == "/made/here\n"


def test_hostname_and_hosts_come_from_outside(sandbox):
    output = sandbox.run("sh", "-c", "hostname; cat /etc/hostname; grep -c localhost /etc/hosts", hostname="box")
    assert output.stdout == "box\nbox\n2\n"


def test_the_network_is_new_and_has_only_a_loopback(sandbox):
    assert sandbox.run("ls", "/sys/class/net").stdout.split() == ["lo"]
    output = sandbox.run("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert output.stdout == "0\n"


def test_the_hosts_network_is_there_when_asked(sandbox):
    own = "/proc/self/ns/net"
    assert sandbox.run("readlink", own, network="host").stdout.strip() == os.readlink(own)


def test_a_network_namespace_can_be_joined_by_path(sandbox):
    mine = sandbox.mounts.call(os.readlink, "/proc/self/ns/net")
    output = sandbox.run("readlink", "/proc/self/ns/net", network=f"/proc/{os.getpid()}/ns/net")
    assert output.stdout.strip() == mine


def test_read_only_root_and_writable_tmpfs(sandbox):
    script = "touch /x 2>/dev/null || echo refused; touch /scratch/y && stat -c %a /scratch"
    output = sandbox.run("sh", "-c", script, read_only=True, mounts=(Mount("tmpfs", "/scratch", mode=0o1777),))
    assert output.stdout == "refused\n1777\n"


def test_binds_of_files_and_directories(sandbox, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("hello\n")
    binds = (
        Mount("bind", "/data", str(tmp_path / "data"), read_only=True),
        Mount("bind", "/data/deep", str(tmp_path / "data/file")),
    )
    (tmp_path / "data/deep").touch()
    output = sandbox.run("sh", "-c", "cat /data/file /data/deep; touch /data/x 2>&1 | grep -o Read-only", mounts=binds)
    assert output.stdout == "hello\nhello\nRead-only\n"


def test_the_kernels_files_are_masked(sandbox):
    script = (
        "cat /proc/keys | wc -c; echo 1 2>/dev/null > /proc/sysrq-trigger || echo refused; ls /sys/firmware | wc -l"
    )
    assert sandbox.run("sh", "-c", script).stdout == "0\nrefused\n0\n"


def test_shared_memory_has_its_size(sandbox):
    output = sandbox.run("sh", "-c", "df -k /dev/shm | tail -n 1 | awk '{print $2}'", shm_size=32 * 1024 * 1024)
    assert output.stdout == "32768\n"


def test_limits_bind(sandbox):
    output = sandbox.run("sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait", limits=Limits(pids=4))
    assert "fork" in output.stderr
    script = "cat /dev/zero | head -c 64m | tail > /dev/null"
    assert "Killed" in sandbox.run("sh", "-c", script, limits=Limits(memory=16 * 1024 * 1024)).stderr


def test_ulimits_are_clamped_to_what_we_may_give(sandbox):
    output = sandbox.run("sh", "-c", "ulimit -n; ulimit -Hn", ulimits=(Ulimit("nofile", 256, 2**40),))
    soft, hard = output.stdout.split()
    assert soft == "256"
    assert int(hard) <= 2**40


def test_capabilities_are_the_default_ones_and_changes_apply(sandbox):
    def held(**options):
        return int(sandbox.run("sh", "-c", "awk '/CapEff/ {print $2}' /proc/self/status", **options).stdout, 16)

    assert held() == 0xA80425FB
    assert held(cap_drop=("ALL",)) == 0
    assert held(cap_drop=("all",), cap_add=("CHOWN",)) == 1
    assert held(cap_add=("SYS_ADMIN",)) == 0xA80425FB | 1 << 21
    assert held(privileged=True) == sum(1 << bit for bit, name in enumerate(_names()) if name in available())
    assert held(user="ada") == 0


def _names():
    from boxwright.runtime.capabilities import ALL

    return ALL


def test_a_capability_that_we_lack_is_refused_by_name(sandbox):
    missing = set(_names()) - available()
    if not missing:
        pytest.skip("we have every capability")
    with pytest.raises(CapabilityDenied, match=min(missing)):
        sandbox.run("true", cap_add=(min(missing),))


def test_devices(sandbox):
    script = "ls /dev | tr '\\n' ' '; mknod /disk b 8 0 && cat /disk 2>&1 | grep -o 'not permitted'"
    output = sandbox.run("sh", "-c", script)
    assert {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm"} <= set(output.stdout.split())
    assert "not permitted" in output.stdout


def test_cancelling_kills_it(sandbox):
    sandbox.prepare("sh", "-c", "trap '' TERM INT; while :; do sleep 1; done")
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    code = run_foreground(sandbox.runtime, sandbox.mounts, sandbox.bundle, "sh", is_cancelled=cancelled.is_set)
    assert code == 137
    assert not os.path.exists(f"{sandbox.runtime.state}/{sandbox.bundle.id}")


def test_cancelling_at_once_leaves_nothing(sandbox):
    sandbox.prepare("sleep", "60")
    code = run_foreground(sandbox.runtime, sandbox.mounts, sandbox.bundle, "sleep", is_cancelled=lambda: True)
    assert code == 137
    assert not os.path.exists(f"{sandbox.runtime.state}/{sandbox.bundle.id}")


def test_scaffolding_does_not_reach_the_layer(sandbox, tmp_path):
    (tmp_path / "secret").write_text("s")
    bind = Mount("bind", "/run/secrets/deep/key", str(tmp_path / "secret"))
    built = sandbox.prepare("sh", "-c", "touch /made; cat /run/secrets/deep/key", mounts=(bind,))
    assert run_foreground(sandbox.runtime, sandbox.mounts, sandbox.bundle, "sh") == 0
    sandbox.mounts.call(host_mounts.detach, sandbox.bundle.rootfs)
    scaffolding.clear(str(sandbox.upper), built)
    assert _tree(sandbox.upper) == ["made"]


def test_what_the_program_did_beside_the_scaffolding_stays(sandbox):
    built = sandbox.prepare("sh", "-c", "echo x > /etc/mine; chmod 700 /root; mkdir /srv")
    run_foreground(sandbox.runtime, sandbox.mounts, sandbox.bundle, "sh")
    scaffolding.clear(str(sandbox.upper), built)
    assert _tree(sandbox.upper) == ["etc", "etc/mine", "root", "srv"]


def _tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))
