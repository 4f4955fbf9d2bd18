"""Lines → nodes."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.parser import Node, parse_lines
from boxwright.dockerfile.source import DockerfileError, Source


def nodes(text: str) -> tuple[Node, ...]:
    return parse_lines(Source("Dockerfile", text)).nodes


def only(text: str) -> Node:
    (node,) = nodes(text)
    return node


def refusal(text: str) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        parse_lines(Source("Dockerfile", text))
    return caught.value


@pytest.mark.parametrize(
    ("text", "original"),
    [
        ("RUN a", "RUN a"),
        ("  RUN a  ", "RUN a"),
        ("\tRUN\ta", "RUN\ta"),
        ("RUN a\r\n", "RUN a"),
        ("\ufeffRUN a", "RUN a"),
        ("RUN a \\\n b", "RUN a  b"),
        ("RUN a\\\nb", "RUN ab"),
        ("RUN a \\\r\n b\r\n", "RUN a  b"),
        ("RUN a \\  \n b", "RUN a  b"),
        ("RUN a \\\t\n b", "RUN a  b"),
        ("RUN a\\\\\n", "RUN a\\\\"),
        ("RUN a \\", "RUN a"),
        ("RUN a \\\n", "RUN a"),
        ("RUN \\\n a \\\n\\\n b", "RUN  a  b"),
        ("RUN a \\\n# note\n b", "RUN a  b"),
        ("RUN a \\\n   # note \\\n b", "RUN a  b"),
        ("RUN a \\\n\n b", "RUN a  b"),
        ("RUN a \\\n \t \n b", "RUN a  b"),
        ("E hello\\\n\\\nworld", "E helloworld"),
        ('RUN echo "  \\\n  foo  "', 'RUN echo "    foo  "'),
        ("RUN a # no comment", "RUN a # no comment"),
        ("\\\nRUN a", "RUN a"),
    ],
)
def test_lines_join_to_one_instruction(text: str, original: str) -> None:
    assert only(text).original == original


def test_an_escaped_escape_does_not_continue() -> None:
    assert [node.keyword for node in nodes("RUN a\\\\\nUSER b")] == ["RUN", "USER"]


def test_spans_count_blanks_and_comments() -> None:
    spans = [
        (node.keyword, node.span.first, node.span.last)
        for node in nodes("# one\n\nFROM a\nRUN b \\\n  # two\n\n  c\n\nCMD d\n")
    ]
    assert spans == [("FROM", 3, 3), ("RUN", 4, 7), ("CMD", 9, 9)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("RUN a \\\n\n b\nRUN c", [(1, 3)]),
        ("RUN a \\\n# note\n b", []),
        ("RUN a \\\n \n b\nRUN c \\\n\n d", [(1, 3), (4, 6)]),
        ("RUN a \\\n", []),
        ("RUN a \\\n\\\n b", []),
    ],
)
def test_empty_continuation_lines_are_noted(text: str, spans: list[tuple[int, int]]) -> None:
    found = parse_lines(Source("Dockerfile", text)).empty_continuations
    assert [(span.first, span.last) for span in found] == spans


@pytest.mark.parametrize("text", ["", "\n", "   \n\t\n", "# only\n# comments\n", "\\\n", "\ufeff"])
def test_a_file_without_instructions_is_refused(text: str) -> None:
    assert refusal(text).message == "file with no instructions"


def test_a_line_may_have_65535_bytes() -> None:
    assert only("RUN " + "a" * 65531).span.first == 1
    error = refusal("FROM a\nRUN " + "a" * 65532)
    assert (error.message, error.span.first) == (
        "dockerfile line greater than maximum allowed size of 65535",
        2,
    )
    assert refusal("RUN " + "é" * 33000)


@pytest.mark.parametrize(
    ("line", "flags", "arguments"),
    [
        ("COPY --from=a b c", ("--from=a",), ("b", "c")),
        ("COPY  --chown=1:2   --chmod=644  b c", ("--chown=1:2", "--chmod=644"), ("b", "c")),
        ("COPY -- --foo /tmp/", (), ("--foo", "/tmp/")),
        ("COPY --from=a -- b c", ("--from=a",), ("b", "c")),
        ("COPY a --from=b c", (), ("a", "--from=b", "c")),
        ("COPY - a", (), ("-", "a")),
        ('COPY --chown="a b" c d', ("--chown=a b",), ("c", "d")),
        ("COPY --chown='a\\'b' c d", ("--chown=a'b",), ("c", "d")),
        ("COPY --chown=a\\ b c d", ("--chown=a b",), ("c", "d")),
        ("COPY --link= b c", ("--link=",), ("b", "c")),
        ('COPY --from=a ["b c", "d"]', ("--from=a",), ("b c", "d")),
        ("RUN --a", ("--a",), ()),
        ("RUN --a=b\\", ("--a=b",), ()),
        ("RUN ls --all", (), ("ls --all",)),
        ("HEALTHCHECK --interval=5s CMD a --b", ("--interval=5s",), ("CMD", "a --b")),
    ],
)
def test_flags_come_before_arguments(line: str, flags: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    node = only(line)
    assert (node.flags, node.arguments) == (flags, arguments)


@pytest.mark.parametrize(
    ("line", "arguments", "json"),
    [
        ('CMD ["a"]', ("a",), True),
        ('CMD ["a", "b c"]', ("a", "b c"), True),
        ("CMD []", (), True),
        ('CMD [ "a" ]  ', ("a",), True),
        ('CMD ["\\u00e9\\n\\""]', ('é\n"',), True),
        ('CMD ["\\ud83d\\ude00"]', ("😀",), True),
        ('CMD ["\\ud800"]', ("\ufffd",), True),
        ('CMD \\\n["a",\\\n"b"]', ("a", "b"), True),
        ("CMD ['a']", ("['a']",), False),
        ('CMD ["a"', ('["a"',), False),
        ('CMD ["a"] b', ('["a"] b',), False),
        ('CMD ["a",]', ('["a",]',), False),
        ("CMD [NaN]", ("[NaN]",), False),
        ('CMD ["a\tb"]', ('["a\tb"]',), False),
        ('CMD a ["b"]', ('a ["b"]',), False),
        ('CMD {"a": "b"}', ('{"a": "b"}',), False),
        ("CMD", (), False),
        ('ENTRYPOINT ["a"]', ("a",), True),
        ('RUN ["a"]', ("a",), True),
        ('SHELL ["a"]', ("a",), True),
        ('VOLUME ["/a b"]', ("/a b",), True),
        ("VOLUME /a  /b", ("/a", "/b"), False),
        ('VOLUME ["/a" /b', ('["/a"', "/b"), False),
        ('ADD ["a b", "c"]', ("a b", "c"), True),
        ("COPY ['a b', 'c']", ("['a", "b',", "'c']"), False),
        ('HEALTHCHECK CMD ["a", "b"]', ("CMD", "a", "b"), True),
        ("HEALTHCHECK CMD a  b", ("CMD", "a  b"), False),
        ("HEALTHCHECK  NONE", ("NONE",), False),
        ('USER ["a"]', ('["a"]',), False),
        ('EXPOSE ["80"]', ('["80"]',), False),
    ],
)
def test_the_json_form_is_a_whole_array_of_strings(line: str, arguments: tuple[str, ...], json: bool) -> None:
    node = only(line)
    assert (node.arguments, node.json) == (arguments, json)


@pytest.mark.parametrize(
    "line",
    [
        'CMD ["a", 1]',
        "RUN [1]",
        'COPY ["a", null]',
        'CMD [["a"]]',
        'ENTRYPOINT [{"a": "b"}]',
        "CMD [" + "1" * 9000 + "]",
    ],
)
def test_an_array_of_anything_else_is_an_error(line: str) -> None:
    assert refusal(line).message == "when using JSON array syntax, arrays must be comprised of strings only"


def test_hostile_arrays_are_only_errors() -> None:
    assert refusal("CMD " + "[" * 30000 + "]" * 30000)
    assert refusal('CMD ["a\\u0000b"]').message == "an argument can't hold a NUL character"


def test_a_nul_character_is_refused_with_its_line() -> None:
    error = refusal("FROM a\nRUN b\0c")
    assert error.detail == ("Dockerfile:2", "  2 | RUN b\\x00c", "    |      ^^^^")


@pytest.mark.parametrize(
    ("line", "arguments", "legacy"),
    [
        ("ENV a=b", ("a", "b"), False),
        ("ENV a=b c=d", ("a", "b", "c", "d"), False),
        ("ENV a=b=c", ("a", "b=c"), False),
        ("ENV a=", ("a", ""), False),
        ("ENV a=\"b c\" d='e f'", ("a", '"b c"', "d", "'e f'"), False),
        ("ENV a=b\\ c d=e", ("a", "b\\ c", "d", "e"), False),
        ('ENV a="b\\" c" d=e', ("a", '"b\\" c"', "d", "e"), False),
        ("ENV a='b\\' c=d", ("a", "'b\\'", "c", "d"), False),
        ('ENV n="v2a \\\n v2b"', ("n", '"v2a  v2b"'), False),
        ('ENV a="b', ("a", '"b'), False),
        ("ENV a=b\\", ("a", "b"), False),
        ("ENV a b", ("a", "b"), True),
        ("ENV a b c=d", ("a", "b c=d"), True),
        ("ENV a   b  c ", ("a", "b  c"), True),
        ('ENV a "b"', ("a", '"b"'), True),
        ("LABEL a=b", ("a", "b"), False),
        ('LABEL "a b"="c d"', ('"a b"', '"c d"'), False),
        ("LABEL a b", ("a", "b"), True),
        ("ENV", (), False),
        ("ARG a", ("a",), False),
        ("ARG a=1 b", ("a=1", "b"), False),
        ('ARG a="b c"', ('a="b c"',), False),
    ],
)
def test_pairs_keep_their_quotes(line: str, arguments: tuple[str, ...], legacy: bool) -> None:
    node = only(line)
    assert (node.arguments, node.legacy) == (arguments, legacy)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ENV a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        ("LABEL a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'),
        ('ENV a=b "c d"', 'Syntax error - can\'t find = in "\\"c d\\"". Must be of the form: name=value'),
        ("ENV x", "ENV must have two arguments"),
        ("LABEL x", "LABEL must have two arguments"),
    ],
)
def test_bad_pairs_are_refused(line: str, message: str) -> None:
    assert refusal(line).message == message


@pytest.mark.parametrize("keyword", ["run", "Run", "RUN", "rUn"])
def test_keywords_have_no_case(keyword: str) -> None:
    assert only(f"{keyword} a").keyword == "RUN"


@pytest.mark.parametrize(
    "text",
    [
        'RUN ["cat", "<<EOF"]',
        'RUN echo "<<EOF"',
        "RUN echo '<<EOF'",
        "RUN cat <<<EOF",
        "RUN cat<<EOF",
        "RUN echo <<",
        "RUN echo <<-",
        "USER <<EOF",
        "CMD cat <<EOF",
        "ENV a=<<EOF",
        "LABEL a <<EOF",
    ],
)
def test_what_only_looks_like_a_here_document_is_text(text: str) -> None:
    assert len(nodes(text)) == 1


def test_only_real_blanks_part_words() -> None:
    assert only("RUN\v\fa").arguments == ("a",)
    assert only("COPY a\x1cb c").arguments == ("a\x1cb", "c")
    assert only("ENV a=b\u2003c=d").arguments == ("a", "b", "c", "d")
