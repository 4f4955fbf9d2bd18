"""``# syntax=``: the image of a frontend that BuildKit would have a Dockerfile read by.

All of Docker's own frontends, whatever their version, are what boxwright itself reads. Another one is a program for
another language, so a file that asks for it is refused rather than misread.
"""

from __future__ import annotations

from boxwright.dockerfile.source import Source, Span, UnsupportedSyntax
from boxwright.errors import UnsupportedError

SYNTAX_ARGUMENT = "BUILDKIT_SYNTAX"
"""The build argument that goes before ``# syntax=``."""

_HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")
_OWN = ("docker/dockerfile", "docker/dockerfile-upstream")
_HINT = "only docker/dockerfile is built in, in all its versions: leave the line out if the file is in its language"


class UnknownFrontend(UnsupportedError):
    """The command line asks for a frontend that isn't built in."""

    def __init__(self, image: str) -> None:
        super().__init__(f"BUILDKIT_SYNTAX asks for the frontend {image}, and no frontend is ever loaded", hint=_HINT)
        self.image = image


def check_frontend(source: Source, syntax: str | None, given: str | None) -> None:
    """Check what a Dockerfile (`syntax`) and the command line (`given`) say about the frontend.

    Raises UnsupportedSyntax with the line, UnknownFrontend.
    """
    if given:
        if not is_built_in(given):
            raise UnknownFrontend(given)
    elif syntax and not is_built_in(syntax):
        lines = source.lines()
        number = next((number for number, line in enumerate(lines, 1) if syntax in line), 1)
        raise UnsupportedSyntax(
            f"the file asks for the frontend {syntax}, and no frontend is ever loaded",
            Span(source, number, number),
            mark=syntax,
            hint=_HINT,
        )


def is_built_in(syntax: str) -> bool:
    """Whether the image that a ``# syntax=`` names, in its first word, reads the language that boxwright reads."""
    image = syntax.split(maxsplit=1)[0]
    for host in _HUB:
        image = image.removeprefix(host)
    return image.partition("@")[0].partition(":")[0] in _OWN
