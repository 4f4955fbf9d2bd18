"""Whatever the values of a described image, they mean themselves, in what is built and in the Dockerfile."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright import Expand, Image
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.instructions import Copy, Env, Label, Run, User, Volume, Workdir
from boxwright.dockerfile.script import resolve
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import load
from boxwright.engine.described.assembly import NotWritable, assemble

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.lists(
        st.sampled_from(
            ["'", '"', "\\", "$", "${X}", "$X", "`", " ", "\n", "\r", "\t", "#", "<<EOF", "EOF", "--", "[", "]", ","]
        ),
        min_size=1,
        max_size=8,
    ).map("".join),
)
words = texts.filter(lambda text: "\0" not in text)


@settings(max_examples=400, deadline=None)
@given(words, words)
def test_values_survive(one: str, two: str) -> None:
    image = (
        Image.from_("scratch")
        .env(A=one, B=two)
        .label(L=one)
        .volume(f"/{one}/", f"/{two}/")  # blanks around a path are none of it
        .user(two)
        .workdir(one)
        .copy([one], two, chown=one, from_="x")
        .run([one, two])
    )
    value = assemble(image).value()
    values = [value]
    try:
        values.append(load(Source("Dockerfile", image.dockerfile())))
    except NotWritable:
        assert "\n" in one + two or "\r" in one + two
    for dockerfile in values:
        for instruction in dockerfile.stages[0].instructions:
            # Nothing expands, though everything is set.
            meant = expand(instruction, {"X": "expanded"}).instruction
            match meant:
                case Env():
                    assert meant.pairs == (("A", one), ("B", two))
                case Label():
                    assert meant.pairs == (("L", one),)
                case Volume():
                    assert meant.paths == (f"/{one}/", f"/{two}/")
                case User():
                    assert meant.user == two
                case Workdir():
                    assert meant.path == one
                case Copy():
                    assert (meant.sources, meant.destination, meant.chown) == ((one,), two, one)
                case Run():
                    assert meant.command.argv == (one, two)


@settings(max_examples=400, deadline=None)
@given(words.filter(lambda text: text.strip(" \t\r\n") and not text.startswith("#!")))
def test_a_command_reaches_the_shell_as_it_is(command: str) -> None:
    image = Image.from_("scratch").run(command)
    meant = []
    for dockerfile in (assemble(image).value(), load(Source("Dockerfile", image.dockerfile()))):
        run = dockerfile.stages[0].instructions[0]
        assert isinstance(run, Run)
        *shell, text = resolve(run, ("sh", "-c"), "/run").argv
        assert shell == ["sh", "-c"]
        meant.append(text)
    assert meant[0] == meant[1]
    if "\n" not in command:
        assert "".join(meant[0].split()) == "".join(command.split())


@given(words)
def test_a_text_that_expands_is_one_word(text: str) -> None:
    image = Image.from_("scratch").env(A=Expand("<$X>" + text.replace("$", "").replace("\\", "")))
    env = assemble(image).value().stages[0].instructions[0]
    assert isinstance(env, Env)
    expected = "<value>" + text.replace("$", "").replace("\\", "")
    assert expand(env, {"X": "value"}).instruction.pairs == (("A", expected),)
