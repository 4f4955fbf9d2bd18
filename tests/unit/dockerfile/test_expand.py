"""Which fields expand, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from boxwright.dockerfile.expand import Expanded, expand, resolve_arg
from boxwright.dockerfile.instructions import Arg, Copy, Instruction
from boxwright.dockerfile.parse import parse
from boxwright.dockerfile.source import DockerfileError, Source

ENV = {"A": "one", "B": "two words", "E": "", "P": "3000 4000/udp", "S": "QUIT", "M": "755", "abc": "hello"}


def instruction(line: str) -> Instruction:
    return parse(Source("Dockerfile", line)).instructions[0]


COPY_FLAGS = (False, False, (), ())
"""What COPY has without flags and here-documents."""


def expanded(line: str, env: Mapping[str, str] = ENV) -> tuple[object, ...]:
    return tuple(expand(instruction(line), env).instruction[:-2])


def refusal(line: str, env: Mapping[str, str] = ENV) -> DockerfileError:
    parsed = instruction(line)
    with pytest.raises(DockerfileError) as caught:
        expand(parsed, env)
    return caught.value


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("ENV $A=$B", ((("one", "two words"),), False)),
        ("ENV abc=bye def=$abc", ((("abc", "bye"), ("def", "hello")), False)),
        ('ENV n="v2a \\\n v2b"', ((("n", "v2a  v2b"),), False)),
        ("ENV name='a\\'b''", ((("name", "a\\b"),), False)),
        ('ENV name="a\\\'b"', ((("name", "a\\'b"),), False)),
        ("ENV a b $A", ((("a", "b one"),), True)),
        ("LABEL \"$A.$B\"='$A'", ((("one.two words", "$A"),), False)),
        ("ADD $A/x '$A' /$E", (("one/x", "$A"), "/", None, None, False, (), None, None, None, ())),
        ("ADD --checksum=$A --exclude=$A a b", (("a",), "b", None, None, False, ("one",), "one", None, None, ())),
        ("COPY --chown=$A:$A --chmod=$M $A ./", (("one",), "./", None, "one:one", "755", *COPY_FLAGS)),
        ('COPY ["$B", "/d d/"]', (("two words",), "/d d/", None, None, None, *COPY_FLAGS)),
        ("WORKDIR /path/$UNSET", ("/path/",)),
        ("WORKDIR $B/x", ("two words/x",)),
        ("USER ${A:-root}:$E", ("one:",)),
        ("VOLUME /$A $B", (("/one", "two words"),)),
        ('VOLUME ["/$A"]', (("/one",),)),
        ("STOPSIGNAL SIG$S", ("SIGQUIT",)),
        ("FROM --platform=$A debian:$A AS x", ("debian:one", "x", "one")),
        ("EXPOSE $P", (("3000/tcp", "4000/udp"),)),
        ("EXPOSE 2375 80", (("80/tcp", "2375/tcp"),)),
        ("EXPOSE 80/TCP 80 80/udp", (("80/tcp", "80/udp"),)),
        ("EXPOSE 8000-8010/udp", (tuple(f"{port}/udp" for port in range(8000, 8011)),)),
        ("EXPOSE 9-11", (("9/tcp", "10/tcp", "11/tcp"),)),
        (
            "EXPOSE 8080:80 127.0.0.1:1:2 [::1]:3:4/sctp 5-6:7-8 9-10:11",
            (("2/tcp", "4/sctp", "7/tcp", "8/tcp", "11/tcp", "80/tcp"),),
        ),
        ("EXPOSE $UNSET", ((),)),
    ],
)
def test_fields_expand(line: str, fields: tuple[object, ...]) -> None:
    assert expanded(line) == fields


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Hello ${A}!\n", "Hello one!\n"),
        ("'$A' \"$B\"\n", "'one' \"two words\"\n"),
        ("\\\n", "\n"),
        ("\\\\\n", "\\\n"),
        ("\\$A\n", "$A\n"),
        ("it's\n", "it's\n"),
        ("$UNSET.\n", ".\n"),
    ],
)
def test_the_body_of_a_here_document_expands_with_its_quotes(body: str, text: str) -> None:
    copy = expand(instruction(f"COPY <<EOF /f\n{body}EOF"), ENV).instruction
    assert isinstance(copy, Copy)
    assert copy.heredocs[0].content == text


@pytest.mark.parametrize("marker", ["<<'EOF'", '<<"EOF"', "<<E'O'F"])
def test_the_body_of_a_quoted_here_document_is_left_alone(marker: str) -> None:
    copy = expand(instruction(f"COPY {marker} /f\n\\$A '$B'\nEOF"), ENV).instruction
    assert isinstance(copy, Copy)
    assert copy.heredocs[0].content == "\\$A '$B'\n"


def test_tabs_are_dropped_before_a_body_expands() -> None:
    copy = expand(instruction("COPY <<-EOF /f\n\t$T\n\tEOF"), {"T": "\tx"}).instruction
    assert isinstance(copy, Copy)
    assert copy.heredocs[0].content == "\tx\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN echo $A '",
        "CMD echo $A",
        'ENTRYPOINT ["$A"]',
        "HEALTHCHECK CMD $A",
        'SHELL ["$A"]',
        "ONBUILD RUN $A",
        "MAINTAINER $A",
        "ARG $A=$A",
    ],
)
def test_texts_for_others_do_not_expand(line: str) -> None:
    parsed = instruction(line)
    assert expand(parsed, ENV) == Expanded(parsed)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "ENV name='a\\'b'",
            "failed to process \"'a\\'b'\": unexpected end of statement while looking for matching single-quote",
        ),
        ("WORKDIR ${A", "failed to process \"${A\": syntax error: missing '}'"),
        ("USER ${U:?who}", 'failed to process "${U:?who}": U: who'),
        ("EXPOSE ${U:?which}", 'failed to process "${U:?which}": U: which'),
        ("VOLUME $E", "VOLUME specified can not be an empty string"),
        ("STOPSIGNAL $A", "invalid signal: one"),
        ("COPY --chmod=$A a b", "invalid chmod parameter: 'one'. it should be octal string and between 0 and 07777"),
        ("FROM $E", "base name ($E) should not be blank"),
        ("EXPOSE $A", "invalid containerPort: one"),
        ("EXPOSE 65536", "invalid containerPort: 65536"),
        ("EXPOSE 80-70", "invalid containerPort: 80-70"),
        ("EXPOSE 1-2-3", "invalid containerPort: 1-2-3"),
        ("EXPOSE 80/icmp", "invalid proto: icmp"),
        ("EXPOSE /tcp", "no port specified: /tcp<empty>"),
        ("EXPOSE 1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("EXPOSE x:80", "invalid hostPort: x"),
        ("EXPOSE 1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3"),
    ],
)
def test_a_value_may_turn_out_wrong(line: str, message: str) -> None:
    error = refusal(line)
    assert error.message == message
    assert error.detail[0] == "Dockerfile:1"


def test_variables_are_reported() -> None:
    result = expand(instruction("COPY $A/$X ${Y:-y} $X $A/"), ENV)
    assert (result.used, result.unset) == (("A",), ("X",))
    assert expand(instruction("EXPOSE $P $Q"), ENV)[1:] == (("P",), ("Q",))


def test_the_escape_token_is_obeyed() -> None:
    assert expand(instruction("WORKDIR c:\\dir`$A"), ENV, "`").instruction[0] == "c:\\dir$A"


def values(line: str, **scopes: Mapping[str, str]) -> list[tuple[str, str | None]]:
    parsed = instruction(line)
    assert isinstance(parsed, Arg)
    result = resolve_arg(parsed, scopes.get("env", {}), scopes.get("given", {}), scopes.get("inherited", {}))
    return [(value.name, value.default) for value in result.instruction.values]


@pytest.mark.parametrize(
    ("line", "scopes", "expected"),
    [
        ("ARG FOO", {}, [("FOO", None)]),
        ("ARG FOO=", {}, [("FOO", "")]),
        ('ARG FOO=""', {}, [("FOO", "")]),
        ("ARG FOO=\"''\"", {}, [("FOO", "''")]),
        ("ARG FOO=1", {}, [("FOO", "1")]),
        ("ARG FOO=1", {"given": {"FOO": "2"}}, [("FOO", "2")]),
        ("ARG FOO", {"given": {"FOO": "2"}}, [("FOO", "2")]),
        ("ARG FOO", {"inherited": {"FOO": "3"}}, [("FOO", "3")]),
        ("ARG FOO=1", {"inherited": {"FOO": "3"}}, [("FOO", "1")]),
        ("ARG FOO", {"given": {"FOO": "2"}, "inherited": {"FOO": "3"}}, [("FOO", "2")]),
        ("ARG FOO=$A", {"env": {"A": "x"}}, [("FOO", "x")]),
        ("ARG a=1 b=$a c", {}, [("a", "1"), ("b", "1"), ("c", None)]),
        ("ARG a=1 b=$a", {"given": {"a": "2"}}, [("a", "2"), ("b", "2")]),
        ("ARG a b=$a", {"inherited": {"a": "3"}}, [("a", "3"), ("b", "3")]),
        ("ARG BAR=${FOO:?msg}", {"given": {"BAR": "1"}}, [("BAR", "1")]),
    ],
)
def test_an_arg_takes_its_value_from_the_nearest_source(
    line: str, scopes: dict[str, Mapping[str, str]], expected: list[tuple[str, str | None]]
) -> None:
    assert values(line, **scopes) == expected


def test_a_default_that_insists_fails_only_when_it_is_needed() -> None:
    with pytest.raises(DockerfileError, match="FOO: msg"):
        values("ARG BAR=${FOO:?msg}")
