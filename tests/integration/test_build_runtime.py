"""Builds whose commands really run: the builder, the runtime and the network behind the engine."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.build.failure import BuildFailed
from boxwright.build.progress import Event, StepOutput
from boxwright.build.request import BuildResult
from boxwright.engine.building import Build
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.store.fsck import check
from support.building import Built

pytestmark = [pytest.mark.root, pytest.mark.runtime]


class Site:
    """An engine with an image of busybox called ``base``, and a context."""

    def __init__(self, engine: Engine, context: Path) -> None:
        self.engine = engine
        self.context = context
        self.events: list[Event] = []
        self.result: BuildResult | None = None

    def build(self, dockerfile: str, **options: object) -> Built:
        self.events = []
        (self.context / "Dockerfile").write_text(dockerfile)
        wanted = Build(context=str(self.context), network="none")._replace(**options)
        result = self.engine.build(wanted, self.events.append)
        return Built(self.engine.store, result, self.events)

    def said(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, StepOutput)]


@pytest.fixture(scope="module")
def engine(rootfs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    tar = subprocess.run(
        ["tar", "-C", str(rootfs), "-c", "bin", "etc", "home", "root", "tmp"], check=True, capture_output=True
    ).stdout
    with Engine(Settings(tmp_path_factory.mktemp("engine"), environ={})) as engine:
        engine.import_image(io.BytesIO(tar), name="base")
        yield engine


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    return Site(engine, tmp_path)


def test_a_command_changes_files(site: Site) -> None:
    image = site.build("FROM base\nRUN echo one > /f && mkdir -m 1777 /d && rm /etc/group && ln -s f /l\n")
    assert image.read("/f") == "one\n"
    assert image.mode("/d") == 0o1777
    assert image.view.lookup("/etc/group") is None
    link = image.view.lookup("/l", follow=False)
    assert link is not None
    assert link.target == "f"


def test_nothing_of_the_scaffolding_is_in_a_layer(site: Site) -> None:
    image = site.build("FROM scratch\nCOPY --from=base / /\nRUN true\n")
    assert os.listdir(image.layers[1]) == []


def test_what_a_command_sees(site: Site) -> None:
    site.build(
        'FROM base\nENV A="x y"\nARG B=2\nUSER ada\nWORKDIR /home/ada/w\n'
        'RUN echo "$A|$B|$HOME|$(pwd)|$(id -u):$(id -g):$(id -G)|$(stat -c %u .)"; cat; echo oops >&2\n'
    )
    assert sorted(site.said()) == ["oops", "x y|2|/home/ada|/home/ada/w|1000:1001:1001 10|1000"]


def test_exec_form_and_shell(site: Site) -> None:
    site.build('FROM base\nRUN ["echo", "$HOME"]\nSHELL ["/bin/sh", "-xc"]\nRUN echo shell\n')
    assert sorted(site.said()) == ["$HOME", "+ echo shell", "shell"]


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 7", 7), ("no-such-program", 127), ("sh -c 'kill -9 $$'; exit $?", 137), ("/etc/passwd", 126)],
)
def test_exit_codes(site: Site, command: str, code: int) -> None:
    with pytest.raises(BuildFailed) as caught:
        site.build(f"FROM base\nRUN {command}\n", force_rm=True)
    assert caught.value.exit_code == code
    assert caught.value.container is None


def test_a_failed_step_can_be_looked_into(site: Site) -> None:
    with pytest.raises(BuildFailed) as caught:
        site.build("FROM base\nRUN echo before > /before\nRUN echo left > /left && exit 3\n")
    container, image = caught.value.container, caught.value.image
    assert container is not None
    assert image is not None
    assert ("A", "/left") in site.engine.diff(container.name)
    made = site.engine.commit(container.name)
    assert Built(site.engine.store, BuildResult(made, 0, 0, 0), []).read("/left") == "left\n"
    assert Built(site.engine.store, BuildResult(image, 0, 0, 0), []).read("/before") == "before\n"
    site.engine.remove_container(container.name)


def test_a_user_that_the_image_does_not_know_fails_at_run(site: Site) -> None:
    assert site.build("FROM base\nUSER nobody-here\n").config.config.user == "nobody-here"
    with pytest.raises(Exception, match="nobody-here") as caught:
        site.build("FROM base\nUSER nobody-here\nRUN true\n")
    assert caught.value.detail[0] == "Dockerfile:3"  # type: ignore[attr-defined]


def test_the_second_time_nothing_runs(site: Site) -> None:
    text = "FROM base\nRUN cat /proc/sys/kernel/random/uuid > /when\nRUN cat /when\n"
    first = site.build(text)
    second = site.build(text)
    assert second.id == first.id
    assert site.said() == []
    assert site.build(text, no_cache=True).id != first.id


def test_stages_run_side_by_side_and_meet(site: Site) -> None:
    lines = [f"FROM base AS s{n}\nRUN sleep 0.2; echo {n} > /out{n}\n" for n in range(4)]
    copies = "".join(f"COPY --from=s{n} /out{n} /\n" for n in range(4))
    image = site.build("".join(lines) + "FROM scratch\n" + copies)
    assert image.tree() == {f"/out{n}": f"{n}\n" for n in range(4)}


def test_more_layers_than_a_mount_option_string_holds(site: Site) -> None:
    image = site.build("FROM base\n" + "".join(f"RUN echo {n} >> /f\n" for n in range(130)) + "RUN wc -l < /f\n")
    assert site.said() == ["130"]
    assert len(image.layers) == 132


def test_output_that_is_no_text_and_has_no_end(site: Site) -> None:
    site.build("FROM base\nRUN printf 'a\\377b\\nno end'\n")
    assert site.said() == ["a\ufffdb", "no end"]


def test_the_store_verifies_afterwards(engine: Engine) -> None:
    assert check(engine.store) == []
