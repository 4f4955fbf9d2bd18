"""Makes docs/reference/commands.md and lint.md from the code; with --check, says whether they are up to date."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import rule_page
from boxwright.cli.help import usage
from boxwright.cli.parsing import Option, Parser
from boxwright.cli.verbs import MANAGEMENT, VERBS

DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "reference"
_INTRODUCTION = """# Commands

Made from the code by `make docs`. `boxwright COMMAND --help` shows the same.

Before the command go `--root DIR` (the store; `BOXWRIGHT_ROOT`), `--config FILE` (`BOXWRIGHT_CONFIG`) and `--debug`.
A boolean option may be spelled out: `--rm=false`. Exit codes are docker's: 125 for a wrong option, and when boxwright
itself failed before a program ran, 126 when the program can't be executed, 127 when it isn't there, else the program's
own; 1 for other failures, 130 after Ctrl-C.
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


def _command(name: str, summary: str, parser: Parser) -> str:
    lines = [f"### {name}\n", f"{summary}.\n"]
    longer = [
        f"`{group} {word}`"
        for group, words in MANAGEMENT.items()
        for word, verb in words.items()
        if verb.split()[0] == name
    ]
    if longer:
        lines.append(f"Also {', '.join(longer)}.\n")
    lines += _usage(parser)
    for sub in list(parser.family())[1:]:
        if not sub.commands:
            lines += [f"#### {sub.prog.removeprefix('boxwright ')}\n", *_usage(sub)]
    return "\n".join(lines)


def _usage(parser: Parser) -> list[str]:
    lines = ["```text", usage(parser), "```\n"]
    rows = [_row(option) for option in parser.options if option.help is not None and option.kind != "help"]
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    refused: dict[str, list[str]] = {}
    for option in parser.options:
        if option.why:
            refused.setdefault(option.why, []).append(f"`{option.names[-1]}`")
    lines += [f"Known from docker and refused, since {why}: {', '.join(names)}.\n" for why, names in refused.items()]
    return lines


def _row(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    text = f"{names} `{option.metavar}`" if option.takes_value else names
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (text, option.help or "")) + " |"


def main() -> int:
    pages = {DIRECTORY / "commands.md": page(), DIRECTORY / "lint.md": rule_page.page()}
    if "--check" in sys.argv:
        return int(any(not path.exists() or path.read_text() != text for path, text in pages.items()))
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for path, text in pages.items():
        path.write_text(text)
        print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
