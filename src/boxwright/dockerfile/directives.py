"""Parser directives: the comments at the very top of a Dockerfile that mean something.

A directive must stand before any other comment, blank line or instruction; the first line that is none ends the scan.
"""

from __future__ import annotations

from boxwright.dockerfile.blanks import BLANKS
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.values import NamedTuple

CHECK_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument that goes before ``# check=``."""

_KNOWN = ("escape", "syntax", "check")
_ESCAPES = ("\\", "`")
_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


class Check(NamedTuple):
    """``# check=skip=RULE,RULE;error=true``: warnings the author doesn't want, and whether the rest are errors."""

    skip: frozenset[str] = frozenset()
    """Names of rules, in lower case."""
    skip_all: bool = False
    error: bool = False
    experimental: frozenset[str] = frozenset()
    """Rules to ask that are not asked otherwise, in lower case."""
    experimental_all: bool = False


class Directives(NamedTuple):
    """What the top of a Dockerfile says about the rest of it. `syntax` is for `frontend`, which never loads one."""

    escape: str = "\\"
    syntax: str | None = None
    check: Check = Check()


def read_directives(source: Source) -> Directives:
    """Return the directives of a Dockerfile. Raises DockerfileError for one that is repeated or has no sense."""
    lines = source.lines()
    found = _scan(source, lines, 0, "#")
    escape = "\\"
    if "escape" in found:
        escape, span = found["escape"]
        if escape not in _ESCAPES:
            raise DockerfileError(f"invalid escape token '{escape}' does not match ` or \\", span, mark=escape)
    if not found and lines and lines[0].startswith("#!"):
        # A Dockerfile may be a script that builds itself: what is addressed to other readers may follow the shebang,
        # while `escape` belongs to the lines proper, for which the shebang is a comment like any other.
        found = _scan(source, lines, 1, "#")
    start = 1 if lines and lines[0].startswith("#!") else 0
    syntax = found.get("syntax") or _scan(source, lines, start, "//").get("syntax")
    check = found.get("check")
    return Directives(escape, syntax[0] if syntax else None, parse_check(*check) if check else Check())


def _scan(source: Source, lines: list[str], start: int, comment: str) -> dict[str, tuple[str, Span]]:
    found: dict[str, tuple[str, Span]] = {}
    for number in range(start, len(lines)):
        line = lines[number].strip(BLANKS)
        name, _, value = line.removeprefix(comment).partition("=")
        name, value = name.strip(BLANKS).lower(), value.strip(BLANKS)
        if not line.startswith(comment) or name not in _KNOWN or not value:
            break
        span = Span(source, number + 1, number + 1)
        if name in found:
            raise DockerfileError(f"only one {name} parser directive can be used", span)
        found[name] = (value, span)
    return found


def parse_check(text: str, span: Span) -> Check:
    """Read what stands behind ``# check=``. Raises DockerfileError."""
    check = Check()
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), value.strip().lower()
        rules = frozenset(filter(None, (rule.strip() for rule in value.split(","))))
        every = value == "all"
        match name if equals else "":
            case "skip":
                check = check._replace(skip=frozenset() if every else rules, skip_all=every)
            case "experimental":
                check = check._replace(experimental=frozenset() if every else rules, experimental_all=every)
            case "error":
                if value not in _BOOLEANS:
                    raise DockerfileError(f"check option error must be true or false, not {value!r}", span, mark=part)
                check = check._replace(error=_BOOLEANS[value])
            case _:
                raise DockerfileError(
                    f"invalid check option {part!r}", span, mark=part, hint="write # check=skip=RULE,RULE;error=true"
                )
    return check
