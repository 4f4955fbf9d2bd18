"""Where the command starts: find the verb, build its parser alone, call it, turn errors into words and exit codes."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from boxwright.errors import BoxwrightError, CancelledError

if TYPE_CHECKING:
    from boxwright.cli.verbs import Verb

# docker's exit codes: 125 when the command itself failed before anything ran, 130 after Ctrl-C.
_USAGE = 125
_INTERRUPTED = 130
_CANNOT_RUN = 126
_FAILED = 1
_BUG = 3
# Its own failure must not be mistaken for the exit code of the program that it runs. (For exec, docker says 1, too.)
_RUNS_PROGRAMS = frozenset({"run"})
# Verbs that will have the kernel move a process between control groups in a moment.
_STARTS_PROGRAMS = frozenset({"run", "start", "exec"})


def entry() -> NoReturn:
    """Run the command of `sys.argv` and end the process with its exit code."""
    # A start makes many objects that stay and hardly any garbage: looking through them thirty times costs 2 ms.
    gc.set_threshold(50_000)
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or _FAILED
    # Everything that matters is on disk by now; tearing the interpreter down costs milliseconds and gives nothing.
    sys.stderr.flush()
    os._exit(code)


def main(argv: list[str]) -> int:
    """Carry out one command line and return its exit code."""
    verb = ""
    rest: list[str] = []
    try:
        options, verb, rest = _global_options(argv)
        if verb in ("", "--help", "-h", "help"):
            return _help(rest)
        if verb == "--version":
            return _version()
        return _dispatch(options, verb, rest)
    except BoxwrightError as error:
        from boxwright.cli.report import report

        report(error)
        return exit_code(error, _shorter(verb, rest))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _FAILED
    except Exception as error:
        if os.environ.get("BOXWRIGHT_DEBUG"):
            raise
        from boxwright.cli.report import report_bug

        return _BUG if report_bug(error) else _FAILED


def _shorter(verb: str, rest: list[str]) -> str:
    """Return the verb that docker's longer spelling stands for: ``run`` for ``container run``."""
    from boxwright.cli.verbs import MANAGEMENT

    meant = MANAGEMENT.get(verb, {}).get(rest[0]) if rest else None
    return meant.split()[0] if meant else verb


def exit_code(error: BoxwrightError, verb: str) -> int:
    """Return the exit code of an error: the one place that knows."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    if isinstance(error, CancelledError):
        return _INTERRUPTED
    from boxwright.cli.parsing import UsageError

    if verb == "exec":
        from boxwright.host.passwd import UnknownUser

        if isinstance(error, UnknownUser):
            return _CANNOT_RUN
    if isinstance(error, UsageError) or verb in _RUNS_PROGRAMS:
        return _USAGE
    return _FAILED


def _global_options(argv: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """Split off what stands before the verb. No verb's options are declared for it."""
    from boxwright.cli.parsing import UsageError

    options: dict[str, str] = {}
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        name, equals, value = argv[index].partition("=")
        index += 1
        if name in ("--help", "-h"):
            return options, "--help", argv[index:]
        if name in ("--version", "-v"):
            return options, "--version", argv[index:]
        if name in ("--debug", "-D"):
            os.environ["BOXWRIGHT_DEBUG"] = "1"
            continue
        if name not in ("--root", "--config"):
            raise UsageError(f"unknown flag: {name}", hint="see boxwright --help")
        if not equals:
            if index == len(argv):
                raise UsageError(f"{name} needs a value", hint="see boxwright --help")
            value = argv[index]
            index += 1
        options[name[2:]] = value
    return options, argv[index] if index < len(argv) else "", argv[index + 1 :]


def find_verb(name: str, rest: list[str]) -> tuple[str, Verb, list[str]]:
    """Return the verb that was meant, with docker's longer spelling resolved. Raises UsageError."""
    from boxwright.cli.parsing import OperandsError, UsageError
    from boxwright.cli.verbs import INTERNAL, MANAGEMENT, REFUSED, VERBS

    short = MANAGEMENT.get(name, {}).get(rest[0]) if rest else None
    if short:
        short, *words = short.split()
        return short, VERBS[short], [*words, *rest[1:]]
    verb = VERBS.get(name) or INTERNAL.get(name)
    if verb is None and name in REFUSED:
        raise UsageError(f"{name} is not supported: {REFUSED[name]}", hint="boxwright --help lists what is")
    if verb is None:
        import difflib

        near = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"did you mean boxwright {near[0]}?" if near else "see boxwright --help"
        raise OperandsError(f"unknown command: {name}", hint=hint)
    return name, verb, rest


def elsewhere(group: str) -> dict[str, str]:
    """Return docker's longer spellings of verbs in a group (``image ls``), as they are said in its help."""
    from boxwright.cli.verbs import MANAGEMENT, SECOND_NAMES, VERBS

    return {
        word: said[:1].lower() + said[1:]
        for word, verb in MANAGEMENT.get(group, {}).items()
        if (said := VERBS[verb.split()[0]].summary) and word not in SECOND_NAMES
    }


def _dispatch(options: dict[str, str], name: str, rest: list[str]) -> int:
    import importlib

    from boxwright.cli.parsing import HelpWanted, Parser
    from boxwright.cli.session import Session

    name, verb, rest = find_verb(name, rest)
    if name in _STARTS_PROGRAMS:
        from boxwright.host.cgroups import hasten_moves

        hasten_moves()
    module: Any = importlib.import_module(f"boxwright.cli.commands.{verb.module}")
    parser = Parser(f"boxwright {name}", description=verb.summary)
    parser.elsewhere = elsewhere(name)
    module.configure(parser)
    try:
        arguments = parser.parse(rest)
    except HelpWanted as wanted:
        sys.stdout.write(wanted.parser.help())
        return 0
    with Session(root=options.get("root"), config=options.get("config")) as session:
        return int(module.run(arguments, session) or 0)


def _help(rest: list[str]) -> int:
    from boxwright.cli.verbs import VERBS

    if rest and not rest[0].startswith("-"):
        return _dispatch({}, rest[0], [*rest[1:], "--help"])
    lines = ["Usage: boxwright [--root DIR] [--config FILE] [--debug] COMMAND", ""]
    lines.append("Builds, runs and shares container images. No daemon.")
    group, column = "", max(map(len, VERBS)) + 2
    for name, verb in VERBS.items():
        if verb.group != group:
            group = verb.group
            lines += ["", f"{group}:"]
        lines.append(f"  {name:<{column}}{verb.summary}")
    lines += ["", "boxwright COMMAND --help shows a command's options."]
    print("\n".join(lines))
    return 0


def _version() -> int:
    from boxwright._version import __version__

    print(f"boxwright version {__version__}")
    return 0
