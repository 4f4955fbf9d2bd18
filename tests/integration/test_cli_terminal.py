"""A person at a terminal: keys, sizes, leaving and coming back."""

from __future__ import annotations

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.usefixtures("no_containers")]


def test_a_shell(boxwright: Boxwright) -> None:
    with boxwright.terminal("run", "-it", "--rm", "--network=none", "busybox", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("tty; echo $((6 * 7))\n")
        terminal.expect("/dev/pts/0\r\n42\r\n")
        terminal.type("exit 3\n")
        assert terminal.wait() == 3
    assert boxwright.ok("ps", "-aq") == ""


def test_the_size_is_there_from_the_start_and_follows(boxwright: Boxwright) -> None:
    run = ("run", "-it", "--rm", "--network=none", "busybox", "sh")
    with boxwright.terminal(*run, rows=31, columns=97) as terminal:
        terminal.expect("# ")
        terminal.type("stty size\n")
        terminal.expect("31 97\r\n")
        terminal.resize(40, 120)
        terminal.type("sleep 0.3; stty size\n")
        terminal.expect("40 120\r\n")
        terminal.type("exit\n")
        assert terminal.wait() == 0


def test_keys_go_to_the_program(boxwright: Boxwright) -> None:
    script = "trap 'echo caught' INT; echo ready; cat; echo code $?; cat; echo code $?; exit 9"
    with boxwright.terminal("run", "-it", "--rm", "--network=none", "busybox", "sh", "-c", script) as terminal:
        terminal.expect("ready")
        terminal.type("typed\n")
        terminal.expect("typed\r\ntyped\r\n")  # as its terminal shows it, and as cat says it
        terminal.type("\x03")  # Ctrl-C
        terminal.expect("code 130")
        terminal.type("\x04")  # Ctrl-D
        terminal.expect("code 0")
        assert terminal.wait() == 9


def test_leaving_and_coming_back(boxwright: Boxwright) -> None:
    with boxwright.terminal("run", "-it", "--network=none", "--name", "desk", "busybox", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("note=kept\n")
        terminal.expect("# ")
        terminal.type("\x10\x11")  # Ctrl-P Ctrl-Q
        assert terminal.wait() == 0
    assert boxwright.state("desk") == "running 0"
    with boxwright.terminal("attach", "--detach-keys", "ctrl-a,d", "desk") as terminal:
        terminal.type("echo $note\n")
        terminal.expect("\nkept\r\n")
        terminal.type("\x01d")
        assert terminal.wait() == 0
    with boxwright.terminal("attach", "desk") as terminal:
        terminal.type("exit 4\n")
        assert terminal.wait() == 4
    assert boxwright.state("desk") == "exited 4"


def test_exec_on_a_terminal(boxwright: Boxwright) -> None:
    boxwright.ok("run", "-d", "--network=none", "--name", "desk", "busybox", "sleep", "1000")
    with boxwright.terminal("exec", "-it", "desk", "sh", rows=33, columns=66) as terminal:
        terminal.expect("# ")
        terminal.type("stty size; tty\n")
        terminal.expect("33 66\r\n/dev/pts/")
        terminal.resize(20, 50)
        terminal.type("sleep 0.3; stty size\n")
        terminal.expect("20 50\r\n")
        terminal.type("exit 6\n")
        assert terminal.wait() == 6
    assert boxwright.state("desk") == "running 0"


def test_start_on_a_terminal(boxwright: Boxwright) -> None:
    boxwright.ok("create", "-it", "--network=none", "--name", "desk", "busybox", "sh")
    with boxwright.terminal("start", "-ai", "desk") as terminal:
        terminal.expect("# ")
        terminal.type("exit 2\n")
        assert terminal.wait() == 2


def test_ctrl_c_without_a_terminal_in_the_container(boxwright: Boxwright) -> None:
    script = "trap 'echo caught; exit 8' INT; echo ready; while :; do sleep 0.05; done"
    with boxwright.terminal("run", "--rm", "--network=none", "busybox", "sh", "-c", script) as terminal:
        terminal.expect("ready")
        terminal.type("\x03")
        terminal.expect("caught")
        assert terminal.wait() == 8


def test_prune_asks_first(boxwright: Boxwright) -> None:
    boxwright.ok("create", "--name", "spare", "busybox")
    for answer, left in (("n", "spare"), ("", "spare"), ("y", "")):
        with boxwright.terminal("container", "prune") as terminal:
            terminal.expect(
                r"This will remove all stopped containers\.\r\nAre you sure you want to continue\? \[y/N\] "
            )
            terminal.type(f"{answer}\n")
            assert terminal.wait() == 0
        assert boxwright.ok("ps", "-a", "--format", "{{.Names}}") == left


def test_archives_do_not_go_to_a_terminal(boxwright: Boxwright) -> None:
    boxwright.ok("create", "--name", "spare", "busybox")
    for command in (("save", "busybox"), ("export", "spare"), ("load",)):
        with boxwright.terminal(*command) as terminal:
            terminal.expect("error:.* an archive")
            assert terminal.wait() == 125
