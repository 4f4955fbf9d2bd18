"""Images described in Python: the Dockerfile that says the same, and the places that messages point at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from boxwright import Expand, Image, Mount
from boxwright.dockerfile.instructions import Env
from boxwright.dockerfile.source import DockerfileError, Source
from boxwright.dockerfile.stages import load
from boxwright.engine.described.assembly import NotWritable, assemble
from boxwright.engine.described.image import InvalidDescription

HERE = "test_described_image.py"
START = Image.from_("busybox")

# how it is said in Python, and in a Dockerfile
CASES: list[tuple[Callable[[Image], Image], str]] = [
    (lambda i: i.run("echo $HOME"), "RUN echo $HOME"),
    (lambda i: i.run(["echo", "$HOME", 'a "b"']), 'RUN ["echo", "$HOME", "a \\"b\\""]'),
    (lambda i: i.run("  make  "), "RUN make"),
    (lambda i: i.run("\n    a\n      b\n    "), "RUN <<'EOF'\na\n  b\nEOF"),
    (lambda i: i.run("cat <<EOF\nx\nEOF"), "RUN <<'EOF2'\ncat <<EOF\nx\nEOF\nEOF2"),
    (lambda i: i.run("cat <<EOF"), "RUN <<'EOF'\ncat <<EOF\nEOF"),
    (lambda i: i.run("echo \\"), "RUN <<'EOF'\necho \\\nEOF"),
    (lambda i: i.run('["a"]'), "RUN <<'EOF'\n[\"a\"]\nEOF"),
    (lambda i: i.run("--x"), "RUN <<'EOF'\n--x\nEOF"),
    (lambda i: i.copy("a", "/b"), "COPY a /b"),
    (lambda i: i.copy(["a b", "c"], "/$d/"), 'COPY ["a b", "c", "/\\\\$d/"]'),
    (lambda i: i.copy("a", "/b", chown="1:2", chmod=0o755), "COPY --chown=1:2 --chmod=0755 a /b"),
    (lambda i: i.copy("a", "/b", from_="debian"), "COPY --from=debian a /b"),
    (lambda i: i.copy("a*", Expand("/$X")), 'COPY ["a*", "/$X"]'),
    (lambda i: i.add("https://example.com/x", "/x"), "ADD https://example.com/x /x"),
    (lambda i: i.env(A="1", B="a b", C='"\\$'), 'ENV A=1 B="a b" C="\\"\\\\\\$"'),
    (lambda i: i.env({"A": ""}), 'ENV A=""'),
    (lambda i: i.env(PATH=Expand("/opt/bin:$PATH")), 'ENV PATH="/opt/bin:$PATH"'),
    (lambda i: i.env(A=Expand('say "$X" \\$Y \\')), 'ENV A="say \\"$X\\" \\$Y \\\\"'),
    (lambda i: i.label({"org.example.a-b": "é"}), 'LABEL org.example.a-b="é"'),
    (lambda i: i.arg("A"), "ARG A"),
    (lambda i: i.arg("A", "b c"), 'ARG A="b c"'),
    (lambda i: i.workdir("/a b"), 'WORKDIR "/a b"'),
    (lambda i: i.user("app:app"), "USER app:app"),
    (lambda i: i.volume("/a", "/b"), "VOLUME /a /b"),
    (lambda i: i.volume("/a b"), 'VOLUME ["/a b"]'),
    (lambda i: i.expose(80, "53/udp"), "EXPOSE 80 53/udp"),
    (lambda i: i.stopsignal("SIGQUIT"), "STOPSIGNAL SIGQUIT"),
    (lambda i: i.stopsignal(9), "STOPSIGNAL 9"),
    (lambda i: i.shell("/bin/bash", "-c"), 'SHELL ["/bin/bash", "-c"]'),
    (lambda i: i.cmd("serve --all"), "CMD serve --all"),
    (lambda i: i.cmd("--all"), "CMD -- --all"),
    (lambda i: i.cmd([]), "CMD []"),
    (lambda i: i.entrypoint(["serve"]), 'ENTRYPOINT ["serve"]'),
    (lambda i: i.healthcheck(None), "HEALTHCHECK NONE"),
    (
        lambda i: i.healthcheck(["true"], interval=1.5, timeout="1m", retries=3),
        'HEALTHCHECK --interval=1.5s --timeout=1m --retries=3 CMD ["true"]',
    ),
    (
        lambda i: i.onbuild(lambda each: each.copy(".", "/src").run("make\nmake install")),
        "ONBUILD COPY . /src\nONBUILD RUN <<'EOF'\nmake\nmake install\nEOF",
    ),
]


@pytest.mark.parametrize(("described", "written"), CASES, ids=[case[1] for case in CASES])
def test_a_call_says_what_an_instruction_says(described: Callable[[Image], Image], written: str) -> None:
    image = described(START)
    assert image.dockerfile() == f"FROM busybox\n{written}\n"
    meant = load(Source("Dockerfile", image.dockerfile())).stages[0].instructions
    assert [each._replace(span=None) for each in assemble(image).value().stages[0].instructions] == [
        each._replace(span=None) for each in meant
    ]


MOUNTS = [
    (Mount.cache("/root/.cache", sharing="locked"), "type=cache,target=/root/.cache,sharing=locked"),
    (Mount.bind("/src", source="a"), "type=bind,target=/src,source=a"),
    (Mount.bind("/src", from_="debian", writable=True), "type=bind,target=/src,from=debian,readwrite=true"),
    (Mount.tmpfs("/t", size=1024), "type=tmpfs,target=/t,size=1024"),
    (Mount.secret("key", env="KEY", required=True), "type=secret,id=key,env=KEY,required=true"),
    (Mount.secret("key", target="/k", mode=0o400), "type=secret,id=key,target=/k,mode=0400"),
    (Mount.ssh(), "type=ssh"),
    (Mount.bind("/a,b"), 'type=bind,"target=/a,b"'),
]


@pytest.mark.parametrize(("mount", "text"), MOUNTS, ids=[text for _, text in MOUNTS])
def test_a_mount_is_written_as_a_flag(mount: Mount, text: str) -> None:
    assert "".join(str(part) for part in mount.parts()) == text


def test_images_that_are_named_become_stages_once() -> None:
    tools = Image.from_("debian").run("install tools")
    built = Image.from_(tools, name="built").run("make")
    image = Image.from_("scratch").copy("/a", "/a", from_=built).copy("/t", "/t", from_=tools)
    assert image.dockerfile() == (
        "FROM debian AS stage-0\nRUN install tools\n\n"
        "FROM stage-0 AS built\nRUN make\n\n"
        "FROM scratch\nCOPY --from=built /a /a\nCOPY --from=stage-0 /t /t\n"
    )


def test_two_descriptions_that_say_the_same_are_one_stage() -> None:
    image = Image.from_("scratch")
    for _ in range(2):
        image = image.copy("/a", "/a", from_=Image.from_("debian").run("make"))
    assert image.dockerfile().count("FROM debian") == 1


def test_a_stage_never_hides_an_image_of_its_name() -> None:
    built = Image.from_("busybox", name="debian").run("make")
    image = Image.from_("debian").copy("/a", "/a", from_=built)
    assert "FROM busybox AS debian-2\n" in image.dockerfile()
    assert assemble(image).value().stages[1].from_.image == "debian"


def test_a_long_chain_of_descriptions() -> None:
    image = Image.from_("busybox")
    for number in range(2000):
        image = Image.from_(image).label({"n": str(number)})
    assert len(assemble(image).value().stages) == 2001


def test_an_image_does_not_change() -> None:
    image = START.run("a")
    image.run("b")
    assert image.dockerfile() == "FROM busybox\nRUN a\n"


def test_an_error_points_at_the_python_line() -> None:
    with pytest.raises(DockerfileError) as caught:
        START.copy("a", "/b", chmod="9999").dockerfile()
    assert caught.value.span.source.name.endswith(HERE)
    assert 'START.copy("a", "/b", chmod="9999")' in caught.value.detail[1]


def test_a_call_over_several_lines_is_shown_whole() -> None:
    image = START.run(
        """
        set -e
        make
        """
    )
    span = assemble(image).value().stages[0].instructions[0].span
    assert span.last - span.first == 5


def test_a_description_made_where_no_lines_are_is_shown_by_its_instruction() -> None:
    names: dict[str, Image] = {}
    exec("from boxwright import Image\nimage = Image.from_('busybox').run('make')", names)
    span = assemble(names["image"]).value().stages[0].instructions[0].span
    assert span.excerpt()[1:2] == ("  1 | RUN make",)


def test_what_no_line_can_hold_is_built_but_not_written() -> None:
    image = START.env(A="one\ntwo")
    env = assemble(image).value().stages[0].instructions[0]
    assert isinstance(env, Env)
    assert env.pairs == (("A", '"one\ntwo"'),)
    with pytest.raises(NotWritable) as caught:
        image.dockerfile()
    assert 'START.env(A="one\\ntwo")' in caught.value.detail[1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: START.run(""),
        lambda: START.cmd('["a"]'),
        lambda: START.cmd("[1]"),
        lambda: START.env({"A=B": "c"}),
        lambda: START.arg("A B"),
        lambda: START.expose("80 && x"),
        lambda: START.copy("a", "b", from_="0"),
        lambda: START.onbuild(lambda image: image.copy("a", "b", from_=START)),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(wrong: Callable[[], Image]) -> None:
    with pytest.raises(InvalidDescription):
        wrong()


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_what_is_no_text_is_refused_with_its_place(value: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        assemble(START.env(A=value))
    assert caught.value.span.source.name.endswith(HERE)
