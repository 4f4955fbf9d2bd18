"""Whatever the text, a Dockerfile is parsed or refused with its place, and what is parsed keeps its promises."""

from __future__ import annotations

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.lint.rule import Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.parse import Parsed, parse
from boxwright.dockerfile.parser import parse_lines
from boxwright.dockerfile.source import DockerfileError, Source, UnsupportedSyntax
from boxwright.dockerfile.stages import assemble, dependencies, resolve_bases
from boxwright.dockerfile.words import WordError, process_word, process_words

KEYWORDS = [
    "FROM", "MAINTAINER", "RUN", "CMD", "ENTRYPOINT", "LABEL", "ENV", "EXPOSE", "ADD", "COPY", "VOLUME", "USER",
    "WORKDIR", "ARG", "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL", "COPPY", "run",
]  # fmt: skip
PIECES = [
    "a", "b=c", "=", "'", '"', "\\", "`", "$A", "${A:-b}", "${", "}", '["a"]', '["a", "b"]', "[", "]", "--from=0", "--",
    "--platform=x", "--chmod=644", "--x", "AS", "NONE", "CMD", "80", "8000-8002/udp", "#", "<<", "EOF", "é", "\\\n",
    " \\ \n", "\\\n\n", "\\\n# c\n", "\t", " ", "\x1c", "\r", "/",
]  # fmt: skip
lines = st.builds(
    lambda word, rest: word + " " + "".join(rest),
    st.sampled_from(KEYWORDS),
    st.lists(st.sampled_from(PIECES), max_size=8),
)
dockerfiles = st.one_of(
    st.text(),
    st.lists(lines, max_size=6).map("\n".join),
    st.lists(lines, max_size=6).map(lambda body: "\n".join(["# escape=`", "FROM a AS b", *body])),
    st.lists(lines, max_size=6).map(lambda body: "\n".join(["FROM a AS b", *body])),
)


def parsed(text: str) -> Parsed | None:
    try:
        return parse(Source("Dockerfile", text))
    except (DockerfileError, UnsupportedSyntax) as error:
        place = error
    assert place.detail
    assert place.detail[0] == f"Dockerfile:{place.span.first}"
    assert place.message
    assert "\n" not in place.message
    return None


@settings(max_examples=800)
@given(dockerfiles)
@example("FROM a\nRUN \\")
@example("\\\n\\\n")
@example("ONBUILD ONBUILD")
def test_any_text_is_parsed_or_refused_with_its_place(text: str) -> None:
    result = parsed(text)
    if result is None:
        return
    count = len(result.source.lines())
    last = 0
    for instruction in result.instructions:
        assert last < instruction.span.first <= instruction.span.last <= count
        last = instruction.span.last
        assert instruction.original


@settings(max_examples=400)
@given(dockerfiles)
def test_a_joined_line_parses_to_the_same_node(text: str) -> None:
    try:
        lines = parse_lines(Source("Dockerfile", text))
    except (DockerfileError, UnsupportedSyntax):
        return
    escape = lines.directives.escape
    head = "# escape=`\n" if escape == "`" else ""
    for node in lines.nodes:
        assume(not node.original.endswith(escape))
        (again,) = parse_lines(Source("Dockerfile", head + node.original)).nodes
        assert again._replace(span=node.span) == node


@settings(max_examples=400)
@given(dockerfiles)
def test_what_follows_parsing_fails_only_with_a_place(text: str) -> None:
    result = parsed(text)
    if result is None:
        return
    try:
        dockerfile = assemble(result)
        lint(Subject(dockerfile), Check(experimental_all=True), asked=True)
        for instruction in result.instructions:
            expand(instruction, {"A": "a"}, dockerfile.directives.escape)
        dependencies(dockerfile, resolve_bases(dockerfile, {}))
    except DockerfileError as error:
        place = error
    else:
        return
    assert place.detail[0].startswith("Dockerfile:")


@settings(max_examples=500)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_a_word_is_processed_or_refused(text: str) -> None:
    try:
        value = process_word(text, {"A": "a b", "B": ""}).value
        words = process_words(text, {"A": "a b", "B": ""}).values
    except WordError:
        return
    assert all(words)
    if not any(char in value for char in "'\"$\\"):
        assert process_word(value, {}).value == value
        assert process_words(value, {}).values == words or "'" in text or '"' in text or "\\" in text


@given(st.text())
def test_a_quoted_word_comes_back(text: str) -> None:
    quoted = '"' + "".join("\\" + char if char in '"$\\' else char for char in text) + '"'
    assert process_word(quoted, {}).value == text
    if "'" not in text:
        assert process_word(f"'{text}'", {}).value == text


@given(st.text(alphabet="ab/.", max_size=20), st.text(alphabet="ab/.", max_size=4))
def test_trimming_does_what_python_does(value: str, part: str) -> None:
    env = {"X": value, "P": part}
    assert process_word("${X#$P}", env).value == value.removeprefix(part)
    assert process_word("${X%$P}", env).value == value.removesuffix(part)
    assert process_word("${X##*$P}", env).value == (value.rpartition(part)[2] if part else "")
    assert process_word("${X#*$P}", env).value == (value.partition(part)[2] if part and part in value else value)
    assert process_word("${X%%$P*}", env).value == (value.partition(part)[0] if part else "")
    if part:
        assert process_word("${X//$P/-}", env).value == value.replace(part, "-")
        assert process_word("${X/$P/-}", env).value == value.replace(part, "-", 1)
