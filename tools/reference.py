"""Makes docs/reference/commands.md from the parsers themselves; with --check, says whether it is up to date."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from boxwright.cli.parsing import Parser
from boxwright.cli.verbs import MANAGEMENT, VERBS

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"
_INTRODUCTION = """# Commands

Made from the code by `make docs`. `boxwright COMMAND --help` shows the same.

Before the command go `--root DIR` (the store; `BOXWRIGHT_ROOT`), `--config FILE` (`BOXWRIGHT_CONFIG`) and `--debug`.
A boolean option may be spelled out: `--rm=false`. Exit codes are docker's: 125 when boxwright itself failed before a
program ran, 126 when the program can't be executed, 127 when it isn't there, else the program's own; 1 for other
failures, 130 after Ctrl-C.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    group = ""
    for name, verb in VERBS.items():
        if verb.group != group:
            group = verb.group
            parts.append(f"## {group}\n")
        module = importlib.import_module(f"boxwright.cli.commands.{verb.module}")
        parser = Parser(f"boxwright {name}", description=verb.summary)
        module.configure(parser)
        parts.append(_command(name, verb.summary, parser))
    return "\n".join(parts)


def _command(name: str, summary: str, parser: argparse.ArgumentParser) -> str:
    lines = [f"### {name}\n", f"{summary}.\n"]
    longer = [
        f"`{group} {word}`" for group, words in MANAGEMENT.items() for word, verb in words.items() if verb == name
    ]
    if longer:
        lines.append(f"Also {', '.join(longer)}.\n")
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    lines += _usage(parser)
    for action in groups:
        for sub in action.choices.values():
            lines += [f"#### {sub.prog.removeprefix('boxwright ')}\n", *_usage(sub)]
    return "\n".join(lines)


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    lines = ["```text", _plain_usage(parser), "```\n"]
    rows = [_row(action) for action in parser._actions if _is_shown(action)]
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    refused: dict[str, list[str]] = {}
    for action in parser._actions:
        why = getattr(action, "why", None)
        if why is not None:
            refused.setdefault(why, []).append(f"`{action.option_strings[-1]}`")
    lines += [f"Known from docker and refused, since {why}: {', '.join(names)}.\n" for why, names in refused.items()]
    return lines


def _plain_usage(parser: argparse.ArgumentParser) -> str:
    if parser.usage:
        return str(parser.usage)
    operands = []
    for action in parser._actions:
        if action.option_strings:
            continue
        name = str(action.metavar or action.dest)
        if action.nargs in ("?",):
            name = f"[{name}]"
        elif action.nargs in ("+",):
            name = f"{name}..."
        elif action.nargs in ("...",):
            name = f"[{name}...]"
        operands.append(name)
    return " ".join([parser.prog, "[OPTIONS]", *operands])


def _is_shown(action: argparse.Action) -> bool:
    return (
        bool(action.option_strings)
        and action.help not in (None, argparse.SUPPRESS)
        and action.option_strings[0] != "--help"
    )


def _row(action: argparse.Action) -> str:
    value = ""
    if action.nargs != 0:
        shown = action.metavar or (",".join(map(str, action.choices)) if action.choices else action.dest.upper())
        value = f" {shown}"
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    text = f"{names}{f' `{value.strip()}`' if value else ''}".replace("|", "\\|")
    return f"| {text} | {str(action.help).replace('|', chr(92) + '|')} |"


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        return int(not TARGET.exists() or TARGET.read_text() != text)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    print(f"wrote {TARGET.relative_to(Path.cwd()) if TARGET.is_relative_to(Path.cwd()) else TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
