"""Which frontends a Dockerfile may ask for."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.directives import read_directives
from boxwright.dockerfile.frontend import UnknownFrontend, check_frontend
from boxwright.dockerfile.source import Source, UnsupportedSyntax

DIGEST = "sha256:" + "0" * 64


def check(text: str, given: str | None = None) -> None:
    source = Source("Dockerfile", text)
    check_frontend(source, read_directives(source).syntax, given)


@pytest.mark.parametrize(
    "image",
    [
        "docker/dockerfile",
        "docker/dockerfile:1",
        "docker/dockerfile:1.7-labs",
        f"docker/dockerfile:1@{DIGEST}",
        "docker.io/docker/dockerfile:1",
        "docker/dockerfile-upstream:master",
        "docker/dockerfile:1 and more",
    ],
)
def test_dockers_own_are_built_in(image: str) -> None:
    for line in (f"# syntax={image}", f"#!/usr/bin/env build\n# syntax={image}", f"// syntax={image}"):
        check(line + "\nFROM a\n")
    check("FROM a\n", given=image)


@pytest.mark.parametrize("image", ["example.com/docker/dockerfile:1", "tonistiigi/other", "docker/dockerfile2"])
def test_others_are_refused_with_their_line(image: str) -> None:
    with pytest.raises(UnsupportedSyntax, match="no frontend is ever loaded") as caught:
        check(f"#!/x\n# syntax={image}\nFROM a\n")
    assert caught.value.detail[0] == "Dockerfile:2"
    with pytest.raises(UnknownFrontend):
        check("FROM a\n", given=image)


def test_the_command_line_goes_before_the_file() -> None:
    check("# syntax=example.com/other\nFROM a\n", given="docker/dockerfile:1")


def test_a_comment_further_down_asks_for_nothing() -> None:
    check("# hello\n# syntax=example.com/other\nFROM a\n")
