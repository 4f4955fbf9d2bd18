"""Nodes → instructions."""

from __future__ import annotations

import pytest

from boxwright.dockerfile import instructions as ins
from boxwright.dockerfile.parse import parse, parse_trigger
from boxwright.dockerfile.source import DockerfileError, Source, UnsupportedSyntax


def parse_one(line: str) -> ins.Instruction:
    (instruction,) = parse(Source("Dockerfile", line)).instructions
    return instruction


def fields(line: str) -> tuple[object, ...]:
    """Return the keyword and the fields that are the instruction's own."""
    instruction = parse_one(line)
    return (ins.keyword(instruction), *instruction[:-2])


def refusal(text: str) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        parse(Source("Dockerfile", text))
    return caught.value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("FROM scratch", ("FROM", "scratch", None, None)),
        ("FROM a AS b", ("FROM", "a", "b", None)),
        ("FROM a as Build-1_x.y", ("FROM", "a", "build-1_x.y", None)),
        ("FROM --platform=$BUILDPLATFORM a:1@sha256:0 AS b", ("FROM", "a:1@sha256:0", "b", "$BUILDPLATFORM")),
        ("MAINTAINER Ada <ada@example.org>", ("MAINTAINER", "Ada <ada@example.org>")),
        ("RUN a  b", ("RUN", ins.Command(("a  b",), True), (), (), None, None)),
        ('RUN ["a", "b c"]', ("RUN", ins.Command(("a", "b c"), False), (), (), None, None)),
        ("RUN", ("RUN", ins.Command((), True), (), (), None, None)),
        ("CMD", ("CMD", ins.Command((), True))),
        ("CMD []", ("CMD", ins.Command((), False))),
        ("CMD ['a']", ("CMD", ins.Command(("['a']",), True))),
        ("ENTRYPOINT", ("ENTRYPOINT", ins.Command((), True))),
        ('ENTRYPOINT ["a"]', ("ENTRYPOINT", ins.Command(("a",), False))),
        ("LABEL a=b c=d", ("LABEL", (("a", "b"), ("c", "d")), False)),
        ("ENV a b c=d", ("ENV", (("a", "b c=d"),), True)),
        ("ENV a=b a=c", ("ENV", (("a", "b"), ("a", "c")), False)),
        ("EXPOSE 80 8000-8010/udp $P", ("EXPOSE", ("80", "8000-8010/udp", "$P"))),
        ("ADD a b c", ("ADD", ("a", "b"), "c", None, None, False, (), None, None, None, ())),
        (
            "ADD --chown=1:2 --chmod=0644 a b",
            ("ADD", ("a",), "b", "1:2", "0644", False, (), None, None, None, ()),
        ),
        (
            "ADD --link --exclude=a --exclude=!b --checksum=$C --keep-git-dir --unpack=false a b",
            ("ADD", ("a",), "b", None, None, True, ("a", "!b"), "$C", True, False, ()),
        ),
        ("COPY a b", ("COPY", ("a",), "b", None, None, None, False, False, (), ())),
        (
            "COPY --from=X --chown=u --chmod=$M a b",
            ("COPY", ("a",), "b", "X", "u", "$M", False, False, (), ()),
        ),
        (
            "COPY --link=false --parents --exclude=*.o --chmod=u+x a b",
            ("COPY", ("a",), "b", None, None, "u+x", False, True, ("*.o",), ()),
        ),
        ('COPY ["a b", "c d/"]', ("COPY", ("a b",), "c d/", None, None, None, False, False, (), ())),
        (
            "COPY 100%.txt ünïcode /",
            ("COPY", ("100%.txt", "ünïcode"), "/", None, None, None, False, False, (), ()),
        ),
        ("VOLUME /a /b", ("VOLUME", ("/a", "/b"))),
        ('VOLUME [" /a b "]', ("VOLUME", ("/a b",))),
        ("VOLUME []x", ("VOLUME", ("[]x",))),
        ("USER a:b", ("USER", "a:b")),
        ("USER <<X", ("USER", "<<X")),
        ("WORKDIR /a b", ("WORKDIR", "/a b")),
        ("ARG a", ("ARG", (ins.ArgValue("a", None),))),
        ("ARG a=", ("ARG", (ins.ArgValue("a", ""),))),
        ("ARG a=1 b", ("ARG", (ins.ArgValue("a", "1"), ins.ArgValue("b", None)))),
        ("ONBUILD RUN a \\\n b", ("ONBUILD", "RUN a  b")),
        ("onbuild  copy --from=x a b", ("ONBUILD", "copy --from=x a b")),
        ("STOPSIGNAL SIGTERM", ("STOPSIGNAL", "SIGTERM")),
        ("STOPSIGNAL 9", ("STOPSIGNAL", "9")),
        ("STOPSIGNAL $S", ("STOPSIGNAL", "$S")),
        ("HEALTHCHECK none", ("HEALTHCHECK", ("NONE",), 0, 0, 0, 0, 0)),
        ("HEALTHCHECK CMD a b", ("HEALTHCHECK", ("CMD-SHELL", "a b"), 0, 0, 0, 0, 0)),
        ('HEALTHCHECK cmd ["a", "b"]', ("HEALTHCHECK", ("CMD", "a", "b"), 0, 0, 0, 0, 0)),
        (
            "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=1h --start-interval=500ms --retries=3 CMD a",
            ("HEALTHCHECK", ("CMD-SHELL", "a"), 90 * 10**9, 1500 * 10**6, 3600 * 10**9, 500 * 10**6, 3),
        ),
        ("HEALTHCHECK --interval=0 --retries=0 CMD a", ("HEALTHCHECK", ("CMD-SHELL", "a"), 0, 0, 0, 0, 0)),
        ("HEALTHCHECK --interval=1ms CMD a", ("HEALTHCHECK", ("CMD-SHELL", "a"), 10**6, 0, 0, 0, 0)),
        ('SHELL ["/bin/bash", "-c"]', ("SHELL", ("/bin/bash", "-c"))),
    ],
)
def test_instruction_has_fields(line: str, expected: tuple[object, ...]) -> None:
    assert fields(line) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a on b", "FROM requires either one or three arguments"),
        ("FROM a AS b c", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1",
            'invalid name for build stage: "1", name can\'t start with a number or contain symbols',
        ),
        (
            "FROM a AS b$c",
            'invalid name for build stage: "b$c", name can\'t start with a number or contain symbols',
        ),
        ("FROM a AS Scratch", '"scratch" is the name of the empty image and can\'t name a build stage'),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ("LABEL", "LABEL requires at least one argument"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =v", "ENV names can not be blank"),
        ("LABEL a=b =v", "LABEL names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("ARG =v", "ARG names can not be blank"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("ADD", "ADD requires at least two arguments"),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            'COPY ["a"]',
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("COPY --from=$X a b", "variable expansion is not supported for --from"),
        ("COPY --from= a b", "missing a value on flag: from"),
        (
            "COPY --chmod=64a a b",
            "invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777",
        ),
        (
            "ADD --chmod=10000 a b",
            "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777",
        ),
        ("COPY --chmod=u+q a b", "invalid chmod parameter: 'u+q'. it should be octal string and between 0 and 07777"),
        ("ADD --parents a b", "unknown flag: --parents"),
        ("COPY --link= a b", "expected boolean value for flag link, not ''"),
        ("COPY a <<EOF\nEOF", "COPY cannot accept a here-document as a destination"),
        ("VOLUME", "VOLUME requires at least one argument"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ('VOLUME ["/a", " "]', "VOLUME specified can not be an empty string"),
        ("USER", "USER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("STOPSIGNAL SIGFOO", "invalid signal: SIGFOO"),
        ("STOPSIGNAL 0", "invalid signal: 0"),
        ("STOPSIGNAL 65", "invalid signal: 65"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD " * 5000 + "RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD from a", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD MAINTAINER a", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("ONBUILD COPPY a b", "unknown instruction: COPPY (did you mean COPY?)"),
        ("ONBUILD ENV x", "ENV must have two arguments"),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
        ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK RUN a", 'Unknown type "RUN" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --interval=1us CMD a", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --timeout=-1s CMD a", 'Interval "timeout" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=30 CMD a", "--interval: missing unit in duration '30'"),
        ("HEALTHCHECK --start-period=soon CMD a", "--start-period: invalid duration 'soon'"),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        ("HEALTHCHECK --retries=two CMD a", "--retries is not a number: two"),
        ("HEALTHCHECK --retries=99999999999 CMD a", "--retries is not a number: 99999999999"),
        ("SHELL", "SHELL requires at least one argument"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("SHELL /bin/bash -c", "SHELL requires the arguments to be in JSON form"),
    ],
)
def test_instruction_is_refused(line: str, message: str) -> None:
    assert refusal(line).message == message


@pytest.mark.parametrize(
    ("line", "message", "mark"),
    [
        ("COPY --frm=a b c", "unknown flag: --frm (did you mean --from?)", "--frm"),
        ("COPY --chwon=a b c", "unknown flag: --chwon (did you mean --chown?)", "--chwon"),
        ("COPY --zzz b c", "unknown flag: --zzz", "--zzz"),
        ("ADD --from=a b c", "unknown flag: --from", "--from"),
        ("FROM --plattform=a b", "unknown flag: --plattform (did you mean --platform?)", "--plattform"),
        ("ENV --x a=b", "unknown flag: --x", "--x"),
        ("CMD --help", "unknown flag: --help", "--help"),
        ("HEALTHCHECK --intervall=1s CMD a", "unknown flag: --intervall (did you mean --interval?)", "--intervall"),
        ("COPY --from=a --from=b c d", "duplicate flag specified: from", "--from"),
        ("COPY --from b c", "missing a value on flag: from", "--from"),
        ("FROM --platform a", "missing a value on flag: platform", "--platform"),
    ],
)
def test_flag_is_refused(line: str, message: str, mark: str) -> None:
    error = refusal(line)
    assert error.message == message
    assert error.detail[-1].strip("| ") == "^" * len(mark)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ONBUILD RUN --device=a=b c", "RUN --device is not supported yet"),
    ],
)
def test_flags_of_buildkit_are_refused_as_not_supported_yet(line: str, message: str) -> None:
    with pytest.raises(UnsupportedSyntax) as caught:
        parse(Source("Dockerfile", "FROM a\n" + line))
    assert caught.value.message == message
    assert caught.value.detail[0] == "Dockerfile:2"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("FROM a\n\n# note\nCOPPY b c", "unknown instruction: COPPY (did you mean COPY?)", 4),
        ("FORM a", "unknown instruction: FORM (did you mean FROM?)", 1),
        ("FROM a\nentrypiont b", "unknown instruction: entrypiont (did you mean ENTRYPOINT?)", 2),
        ("FROM a\nRUN b &&\n  c d", "unknown instruction: c", 3),
        ("FROM a\n\x1c", "unknown instruction: \x1c", 2),
    ],
)
def test_unknown_instructions_get_a_suggestion_and_a_line(text: str, message: str, line: int) -> None:
    error = refusal(text)
    assert (error.message, error.span.first) == (message, line)


def test_commands_resolve_with_the_shell_of_their_line() -> None:
    assert ins.Command(("a b",), True).resolve(("/bin/sh", "-c")) == ("/bin/sh", "-c", "a b")
    assert ins.Command((), True).resolve(("/bin/sh", "-c")) == ("/bin/sh", "-c", "")
    assert ins.Command(("a", "b"), False).resolve(("/bin/sh", "-c")) == ("a", "b")


def test_an_instruction_keeps_its_text_and_place() -> None:
    instruction = parse(Source("Dockerfile", "FROM a\n  run b \\\n  c\n")).instructions[1]
    assert instruction.original == "run b   c"
    assert (instruction.span.first, instruction.span.last) == (2, 3)


def test_triggers_of_an_image_are_parsed_with_their_origin() -> None:
    trigger = parse_trigger("COPY . /src", "ONBUILD of golang:onbuild")
    assert isinstance(trigger, ins.Copy)
    assert str(trigger.span) == "ONBUILD of golang:onbuild:1"
    with pytest.raises(DockerfileError, match="isn't allowed as an ONBUILD trigger"):
        parse_trigger("FROM a", "x")
    with pytest.raises(DockerfileError, match="unknown instruction"):
        parse_trigger("", "x")
