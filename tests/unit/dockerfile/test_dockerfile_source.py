"""Places and the errors that show them."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.source import DockerfileError, Source, Span

TEXT = "FROM debian\nRUN one\nCOPPY a b\nRUN two \\\n  three\nCMD four\n"


def span(first: int, last: int | None = None, text: str = TEXT) -> Span:
    return Span(Source("Dockerfile", text), first, last or first)


def test_an_error_shows_its_place_and_what_is_wrong() -> None:
    error = DockerfileError("unknown instruction: COPPY", span(3), mark="COPPY", hint="write COPY")
    assert error.detail == ("Dockerfile:3", "  3 | COPPY a b", "    | ^^^^^")
    assert (error.message, error.hint) == ("unknown instruction: COPPY", "write COPY")


@pytest.mark.parametrize(
    ("place", "mark", "context", "lines"),
    [
        (span(2), None, 0, ["  2 | RUN one", "    | ^^^^^^^"]),
        (span(2), "one", 0, ["  2 | RUN one", "    |     ^^^"]),
        (span(2), "absent", 0, ["  2 | RUN one", "    | ^^^^^^^"]),
        (span(2), None, 1, ["  1 | FROM debian", "  2 | RUN one", "    | ^^^^^^^", "  3 | COPPY a b"]),
        (span(4, 5), None, 0, ["  4 | RUN two \\", "    | ^^^^^^^^^", "  5 |   three"]),
        (span(4, 5), "three", 0, ["  4 | RUN two \\", "  5 |   three", "    |   ^^^^^"]),
        (span(6), None, 2, ["  4 | RUN two \\", "  5 |   three", "  6 | CMD four", "    | ^^^^^^^^"]),
        (span(1, text="\tRUN\tx"), "x", 0, ["  1 |     RUN    x", "    |            ^"]),
        (span(1, text="a\x1b[31mb"), "b", 0, ["  1 | a\\x1b[31mb", "    |          ^"]),
        (span(1, text=""), None, 0, []),
        (span(1, text="\n"), None, 0, ["  1 |"]),
    ],
)
def test_excerpt(place: Span, mark: str | None, context: int, lines: list[str]) -> None:
    assert place.excerpt(mark=mark, context=context) == (f"Dockerfile:{place.first}", *lines)


def test_numbers_line_up() -> None:
    place = span(10, text="\n".join(f"line{number}" for number in range(1, 12)))
    assert place.excerpt(context=1)[1:] == ("   9 | line9", "  10 | line10", "     | ^^^^^^", "  11 | line11")


def test_long_places_and_lines_are_cut() -> None:
    text = "\n".join(["RUN " + "a" * 500, *["b"] * 99])
    lines = span(1, 100, text).excerpt()
    assert len(lines) == 15
    assert lines[-1] == "      | …"
    assert max(map(len, lines)) <= 170


def test_a_source_is_short_in_a_traceback() -> None:
    assert repr(Source("Dockerfile", "x" * 1000)) == "Source('Dockerfile', 1000 characters)"


def test_bytes_are_utf8() -> None:
    assert Source.decode("Dockerfile", "FROM é".encode()).text == "FROM é"
    with pytest.raises(DockerfileError, match="not UTF-8") as caught:
        Source.decode("Dockerfile", b"FROM a\nRUN caf\xe9\n")
    assert caught.value.detail == ("Dockerfile:2", "  2 | RUN caf\ufffd", "    |        ^")
    with pytest.raises(DockerfileError) as caught:
        Source.decode("Dockerfile", "FROM a".encode("utf-16"))
    assert caught.value.hint == "it was saved as UTF-16: save it as UTF-8"
