"""Here-documents: which words start one, which lines are its body, and what a RUN makes of it."""

from __future__ import annotations

import pytest

from boxwright.dockerfile import instructions as ins
from boxwright.dockerfile.heredoc import Heredoc, Marker
from boxwright.dockerfile.parse import parse, parse_trigger
from boxwright.dockerfile.parser import Node, parse_lines
from boxwright.dockerfile.script import Resolved, Script, resolve, summary
from boxwright.dockerfile.source import DockerfileError, Source

SHELL = ("/bin/sh", "-c")


def nodes(text: str) -> tuple[Node, ...]:
    return parse_lines(Source("Dockerfile", text)).nodes


def run(text: str) -> ins.Run:
    instruction = parse(Source("Dockerfile", text)).instructions[-1]
    assert isinstance(instruction, ins.Run)
    return instruction


@pytest.mark.parametrize(
    ("line", "marker"),
    [
        ("RUN <<EOF", Marker("EOF", "<<EOF", 0, False, True)),
        ("run cat <<-EOF > /f", Marker("EOF", "<<-EOF", 0, True, True)),
        ("RUN cat 3<<'EOF'", Marker("EOF", "3<<'EOF'", 3, False, False)),
        ('RUN cat <<"EOF"', Marker("EOF", '<<"EOF"', 0, False, False)),
        ("RUN cat <<E'O'F", Marker("EOF", "<<E'O'F", 0, False, False)),
        ("RUN cat <<\\EOF", Marker("EOF", "<<\\EOF", 0, False, False)),
        ("RUN --network=none <<EOF", Marker("EOF", "<<EOF", 0, False, True)),
        ("RUN a \\\n  # why\n  <<EOF", Marker("EOF", "<<EOF", 0, False, True)),
        ("COPY <<EOF /f", Marker("EOF", "<<EOF", 0, False, True)),
        ("ADD a <<EOF /f", Marker("EOF", "<<EOF", 0, False, True)),
        ("ONBUILD RUN <<EOF", Marker("EOF", "<<EOF", 0, False, True)),
    ],
)
def test_a_word_of_a_shell_form_starts_a_here_document(line: str, marker: Marker) -> None:
    first, last = nodes(f"{line}\nbody $x\nEOF\nUSER me\n")
    assert first.heredocs == (Heredoc(marker, "body $x\n"),)
    assert last.arguments == ("me",)


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("RUN <<EOF\nEOF", [""]),
        ("RUN <<EOF\n\n# kept\n a \\\n EOF\nEOF \nEOF", ["\n# kept\n a \\\n EOF\nEOF \n"]),
        ("RUN <<A cat <<B\n1\nA\n2\nB", ["1\n", "2\n"]),
        ("RUN <<A <<A\n1\nA\n2\nA", ["1\n", "2\n"]),
        ("RUN <<A <<B\nB\nA\nB", ["B\n", ""]),
        ("RUN <<EOF\r\na\r\n\r\n b\r\r\nEOF\r\n", ["a\n\n b\r\n"]),
        ("RUN <<EOF\na\r\nEOF\r\n", ["a\r\n"]),
        ("RUN <<EOF\n\ta\n\tEOF\nEOF", ["\ta\n\tEOF\n"]),
        ("RUN <<-EOF\n\ta\n\t\tEOF", ["a\n"]),
        ("RUN <<-EOF\n\t\ta\n\n b\tc\n\t \td\nEOF", ["a\n\n b\tc\n \td\n"]),
        ("RUN <<'E F'\na\nE F", ["a\n"]),
        ("RUN <<EOF\n" + "x" * 70_000 + "\nEOF", ["x" * 70_000 + "\n"]),
    ],
)
def test_a_body_ends_at_a_line_that_is_just_its_name(text: str, bodies: list[str]) -> None:
    (node,) = nodes(text)
    assert [heredoc.content for heredoc in node.heredocs] == bodies


def test_a_span_covers_the_bodies_and_later_lines_keep_their_numbers() -> None:
    first, second = nodes("\nRUN a \\\n <<EOF\nx\nEOF\n\nFOO bar")
    assert (first.span.first, first.span.last) == (2, 5)
    assert (second.span.first, second.span.last) == (7, 7)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("RUN <<EOF", "EOF"),
        ("RUN <<EOF\necho\n", "EOF"),
        ("RUN <<EOF\necho\n\tEOF", "EOF"),
        ("RUN <<A <<B\nA\n", "B"),
        ("ONBUILD COPY <<E /f\n", "E"),
    ],
)
def test_a_body_without_an_end_is_an_error(text: str, name: str) -> None:
    with pytest.raises(DockerfileError, match="unterminated heredoc <<") as caught:
        nodes("FROM a\n" + text)
    assert caught.value.hint == f"end it with a line that is just {name}"
    assert caught.value.detail[-1].endswith("^" * (2 + len(name)))


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("RUN <<EOF\na\nb\nEOF", ("/bin/sh", "-c", "a\nb\n")),
        ("RUN <<-EOF\n\ta\n\tEOF", ("/bin/sh", "-c", "a\n")),
        ("RUN <<'EOF'\na $b\nEOF", ("/bin/sh", "-c", "a $b\n")),
        ("RUN python3 <<EOF\nprint(1)\nEOF", ("/bin/sh", "-c", "python3 <<EOF\nprint(1)\nEOF")),
        ("RUN cat <<-'EOF' > /f\n\ta\n\tEOF", ("/bin/sh", "-c", "cat <<-'EOF' > /f\n\ta\nEOF")),
        ("RUN <<A cat 3<<B\n1\nA\n2\nB", ("/bin/sh", "-c", "<<A cat 3<<B\n1\nA\n2\nB")),
        ("RUN <<EOF bash\n#!x\nEOF", ("/bin/sh", "-c", "<<EOF bash\n#!x\nEOF")),
        ("RUN a", ("/bin/sh", "-c", "a")),
        ('RUN ["a", "<<b"]', ("a", "<<b")),
    ],
)
def test_a_body_or_the_line_with_its_bodies_goes_to_the_shell(text: str, argv: tuple[str, ...]) -> None:
    assert resolve(run("FROM a\n" + text), SHELL, "/s") == Resolved(argv)


@pytest.mark.parametrize(
    ("marker", "end", "name"), [("<<EOF", "EOF", "EOF"), ("<<'a b/../c'", "a b/../c", "a_b____c"), ("<<..", "..", "__")]
)
def test_a_body_that_names_its_interpreter_becomes_a_file(marker: str, end: str, name: str) -> None:
    text = f"RUN {marker}\n#!/usr/bin/env python3\nprint(1)\n{end}"
    script = Script(name, "#!/usr/bin/env python3\nprint(1)\n")
    assert resolve(run("FROM a\n" + text), SHELL, "/s") == Resolved(("/bin/sh", "-c", f"/s/{name}"), script)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RUN <<EOF\n\n  apt-get update\napt-get install\nEOF", "RUN <<EOF (apt-get update…)"),
        ("RUN <<EOF\ntrue\nEOF", "RUN <<EOF (true)"),
        ("RUN <<EOF\nEOF", "RUN <<EOF ()"),
        ("RUN cat <<EOF\na\nEOF", "RUN cat <<EOF"),
        ("RUN true", "RUN true"),
    ],
)
def test_a_step_is_told_by_how_its_body_begins(text: str, told: str) -> None:
    assert summary(run("FROM a\n" + text)) == told


def test_a_trigger_keeps_its_bodies_until_it_fires() -> None:
    text = "FROM a\nONBUILD RUN cat <<-A <<'B'\n\t1 $x\n\tA\n2\nB\nUSER me"
    _, onbuild, user = parse(Source("Dockerfile", text)).instructions
    assert isinstance(onbuild, ins.Onbuild)
    assert onbuild.trigger == "RUN cat <<-A <<'B'\n\t1 $x\nA\n2\nB"
    assert isinstance(user, ins.User)
    fired = parse_trigger(onbuild.trigger, "ONBUILD of a")
    assert isinstance(fired, ins.Run)
    assert [heredoc.raw for heredoc in fired.heredocs] == ["\t1 $x\n", "2\n"]
    assert (fired.span.first, fired.span.last) == (1, 5)


def test_a_trigger_is_one_instruction() -> None:
    with pytest.raises(DockerfileError, match="more than one instruction"):
        parse_trigger("RUN <<A\n1\nA\nRUN b", "ONBUILD of a")
    with pytest.raises(DockerfileError, match="unterminated"):
        parse_trigger("RUN <<A\n1\n", "ONBUILD of a")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("RUN cat << EOF", "<<EOF"),
        ("COPY <<- 'EOF' /x", "<<-'EOF'"),
        ("RUN <<EOF\nEOF", None),
        ("CMD cat << EOF", None),
    ],
)
def test_a_blank_behind_the_mark_is_pointed_out_where_it_shows(line: str, word: str | None) -> None:
    with pytest.raises(DockerfileError, match="unknown instruction: HELLO") as caught:
        parse(Source("Dockerfile", f"FROM a\n{line}\nHELLO there\nEOF"))
    hint = caught.value.hint
    assert hint == (word and f"in line 2 there is a blank behind <<: a here-document begins with {word}")
