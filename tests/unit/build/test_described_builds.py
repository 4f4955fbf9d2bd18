"""Images described in Python, built: the same images, out of the same cache, as those of their Dockerfiles."""

from __future__ import annotations

import pytest

from boxwright import Expand, Image
from boxwright.build.failure import BuildFailed
from boxwright.engine.described.assembly import assemble
from support.building import Built, Workbench

DOCKERFILE = """\
FROM scratch AS tools
RUN write /tool t
FROM scratch
ARG WHO=ada
ENV GREETING="hello $WHO" PATH=/bin
WORKDIR /app
COPY --from=tools /tool /bin/tool
COPY --chmod=0600 a.txt b.txt ./
RUN env /env GREETING
LABEL org.example.name="a \\"b\\""
HEALTHCHECK --interval=30s CMD true
ONBUILD RUN make
EXPOSE 80
USER ada
CMD ["serve", "$x"]
"""
TOOLS = Image.from_("scratch", name="tools").run("write /tool t")
IMAGE = (
    Image.from_("scratch")
    .arg("WHO", "ada")
    .env(GREETING=Expand("hello $WHO"), PATH="/bin")
    .workdir("/app")
    .copy("/tool", "/bin/tool", from_=TOOLS)
    .copy(["a.txt", "b.txt"], "./", chmod=0o600)
    .run("env /env GREETING")
    .label({"org.example.name": 'a "b"'})
    .healthcheck("true", interval=30)
    .onbuild(lambda image: image.run("make"))
    .expose(80)
    .user("ada")
    .cmd(["serve", "$x"])
)
FILES = {"a.txt": "a", "b.txt": "b"}


def build(bench: Workbench, image: Image) -> Built:
    return bench.build("", dockerfile=assemble(image).value(), epoch=0)


def test_the_image_and_the_cache_are_those_of_the_dockerfile(bench: Workbench) -> None:
    first = bench.build(DOCKERFILE, FILES, epoch=0)
    second = build(bench, IMAGE)
    assert second.id == first.id
    assert all(second.cached())
    assert second.read("/env") == "hello ada"


def test_the_dockerfile_that_is_written_builds_the_same(bench: Workbench) -> None:
    bench.write(FILES)
    first = build(bench, IMAGE)
    second = bench.build(IMAGE.dockerfile(), epoch=0)
    assert second.id == first.id
    assert all(second.cached())


def test_values_are_literal(bench: Workbench) -> None:
    value = "one\ntwo \"$HOME\" '${X:-y}' \\ `z` \\$"
    built = build(bench, Image.from_("scratch").env(V=value).label(L=value).workdir("/$d").volume(value).user(value))
    assert built.config.config.env_map()["V"] == value
    assert built.config.config.labels == {"L": value}
    assert built.config.config.working_dir == "/$d"
    assert built.config.config.volumes == (value,)
    assert built.config.config.user == value


def test_a_failed_step_shows_the_python_line(bench: Workbench) -> None:
    image = Image.from_("scratch").run("exit 7")
    with pytest.raises(BuildFailed) as caught:
        build(bench, image)
    assert "test_described_builds.py:" in caught.value.detail[0]
    assert any('Image.from_("scratch").run("exit 7")' in line for line in caught.value.detail)
