"""What crun's and runc's last words mean."""

from __future__ import annotations

import pytest

from boxwright.runtime.failures import ExecutableNotFound, NotExecutable, RuntimeFailed, failure


@pytest.mark.parametrize(
    ("output", "kind", "code"),
    [
        ("executable file `nope` not found in $PATH: No such file or directory", ExecutableNotFound, 127),
        (
            'unable to start container process: exec: "nope": executable file not found in $PATH',
            ExecutableNotFound,
            127,
        ),
        ('exec: "/no": stat /no: no such file or directory', ExecutableNotFound, 127),
        ("open executable: Permission denied", NotExecutable, 126),
        ("open executable: Operation not permitted", NotExecutable, 126),
        ('time="…" level=error msg="exec: \\"/etc\\": permission denied"', NotExecutable, 126),
        ("the path `/etc` is not a regular file: Operation not permitted", NotExecutable, 126),
        ("the path `/f` exists but it is not executable: Operation not permitted", NotExecutable, 126),
        ("chdir `/nonexist`: No such file or directory", RuntimeFailed, 125),
        ("cannot set memory limit: container could not join or create cgroup", RuntimeFailed, 125),
        ("", RuntimeFailed, 125),
    ],
)
def test_kinds_and_exit_codes(output, kind, code):
    error = failure("crun", "create", output, "nope")
    assert type(error) is kind
    assert error.exit_code == code


def test_messages_are_one_line_and_name_the_program():
    assert failure("runc", "run", "executable file not found", "nope").message == (
        "exec: 'nope': executable file not found in $PATH"
    )
    assert failure("runc", "run", "exec: no such file or directory", "/x").message == (
        "exec: '/x': no such file or directory"
    )


def test_other_failures_carry_the_runtimes_words():
    error = RuntimeFailed("runc", "start", 'level=warning msg="w"\nfirst\ntime="t" level=error msg="no \\"x\\" here"\n')
    assert error.message == 'runc could not start the container: no "x" here'
    assert error.detail == ("first",)
