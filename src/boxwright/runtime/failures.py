"""What a runtime's last words mean."""

from __future__ import annotations

from boxwright.errors import DeniedError, NotFoundError, UnavailableError

_NOT_FOUND = ("executable file not found", "no such file or directory", "not found in $path")
_NOT_EXECUTABLE = ("permission denied", "is a directory", "exec format error", "open executable")
# What newer versions of crun say, which look before they try.
_NO_PROGRAM = ("is not a regular file", "exists but it is not executable")


class ExecutableNotFound(NotFoundError):
    """The container has no such program."""

    exit_code = 127

    def __init__(self, program: str) -> None:
        where = "no such file or directory" if "/" in program else "executable file not found in $PATH"
        super().__init__(
            f"exec: {program!r}: {where}", hint="is it in the image, and its directory on the image's PATH?"
        )
        self.program = program


class NotExecutable(DeniedError):
    """The container has it, but it is no program, or not one that this user may run."""

    exit_code = 126

    def __init__(self, program: str) -> None:
        super().__init__(f"exec: {program!r}: permission denied", hint="is it a file with its executable bit set?")
        self.program = program


class NoWorkingDir(NotFoundError):
    """The container has no such directory for a program to begin in."""

    exit_code = 126

    def __init__(self, path: str) -> None:
        super().__init__(f"the container has no directory {path!r} to begin in", hint="-w takes one that is there")
        self.path = path


class RuntimeFailed(UnavailableError):
    """The runtime could not do it; the container's program never ran."""

    exit_code = 125

    def __init__(self, runtime: str, action: str, output: str) -> None:
        lines = [line for line in output.strip().splitlines() if "level=warning" not in line] or ["it gave no reason"]
        super().__init__(f"{runtime} could not {action} the container: {_plain(lines[-1])}", detail=lines[-20:-1])
        self.runtime = runtime
        self.action = action
        self.output = output


StartFailure = ExecutableNotFound | NotExecutable | RuntimeFailed
"""Why a program did not start; each has an `exit_code`, docker's."""


def failure(runtime: str, action: str, output: str, program: str) -> StartFailure:
    """Return the error that the runtime's `output` tells of, where `program` was to be started.

    The message is the only thing that crun and runc give; the exit codes of the answer are docker's.
    """
    text = output.lower()
    if any(words in text for words in _NO_PROGRAM):
        return NotExecutable(program)
    if "exec" in text:
        if any(words in text for words in _NOT_FOUND):
            return ExecutableNotFound(program)
        if any(words in text for words in _NOT_EXECUTABLE):
            return NotExecutable(program)
    return RuntimeFailed(runtime, action, output)


def _plain(line: str) -> str:
    """Return the message in a line of the log, which runc writes as ``time=… level=error msg="…"``."""
    _, found, message = line.partition(' msg="')
    if not found:
        return line
    return message.removesuffix('"').replace('\\"', '"')
