"""Builds whose commands really run: the builder, the runtime and the network behind the engine."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.build.failure import BuildFailed
from boxwright.build.progress import Event, StepOutput
from boxwright.build.request import BuildResult
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.engine.wanted import Build
from boxwright.layer.diff import write_layer
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
    assert caught.value.detail[0] == "Dockerfile:3"


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        ("", "0:0 0,10"),
        ("root", "0:0 0,10"),
        ("0", "0:0 0,10"),
        ("ada", "1000:1001 10,1001"),
        ("1000", "1000:1001 10,1001"),
        ("ada:wheel", "1000:10 10"),
        ("ada:77", "1000:77 77"),
        ("1234", "1234:0 0"),
        ("1042:1043", "1042:1043 1043"),
        ("root:ada", "0:1001 1001"),
    ],
)
def test_whose_command_it_is(site: Site, user: str, seen: str) -> None:
    switch = f"USER {user}\n" if user else ""
    site.build(
        f'FROM base\n{switch}RUN echo "$(id -u):$(id -g) $(id -G | tr " " "\\n" | sort -n | tr "\\n" ,)"\n',
        no_cache=True,
    )
    assert site.said() == [seen + ","]


def test_numbers_need_no_accounts_and_names_come_from_the_image_of_that_moment(site: Site) -> None:
    bare = "FROM scratch\nCOPY --from=base /bin /bin\n"
    site.build(f"{bare}USER 1042:1043\nRUN echo $(id -u):$(id -g)\nUSER 7\nRUN echo $(id -u):$(id -g)\n")
    assert site.said() == ["1042:1043", "7:0"]
    site.build(
        "FROM base\nUSER late\nUSER root\nRUN echo late:x:55:66::/:/bin/sh >> /etc/passwd\nUSER late\n"
        "RUN echo $(id -u):$(id -g)\n"
    )
    assert site.said() == ["55:66"]


def test_entrypoint_and_health_check_of_the_image_have_no_part_in_a_command(site: Site) -> None:
    site.build('FROM base\nENTRYPOINT ["/nowhere"]\nHEALTHCHECK CMD exit 1\nCMD ["-x"]\nRUN echo ran\n', no_cache=True)
    assert site.said() == ["ran"]


# ---- what a layer holds: commands on /d/{a,b}, /e/x and /f → the members of the next layer

LAYERS: list[tuple[str, list[str]]] = [
    ("true", []),
    ("echo x > /tmp/new && rm /tmp/new", ["tmp/"]),
    ("mkdir /n && echo x > /n/x && rm -r /n", []),
    ("rm /f", [".wh.f"]),
    ("rm -r /d", [".wh.d"]),
    ("rm /d/a", ["d/", "d/.wh.a"]),
    ("rm -r /d && echo x > /d", ["d"]),
    ("rm /f && mkdir /f", ["f/", "f/.wh..wh..opq"]),  # the kernel marks it, though there is nothing to hide
    ("rm -r /d && mkdir /d && echo c > /d/c", ["d/", "d/.wh..wh..opq", "d/c"]),
    ("rm -r /d && ln -s e /d", ["d"]),
    ("echo more >> /d/a", ["d/", "d/a"]),
    ("chmod 600 /d/a", ["d/", "d/a"]),
    ("touch -d @1000 /e", ["e/"]),
    ("mv /d/a /e/a", ["d/", "d/.wh.a", "e/", "e/a"]),
    ("mv /e /moved", [".wh.e", "moved/", "moved/x"]),
    ("ln /d/a /d/z", ["d/", "d/a", "d/z"]),
    ("cat /d/a /proc/self/status > /dev/null; ls -R /d /sys/class > /dev/null", []),
    ("echo x > /dev/shm/x; echo x > /dev/null", []),
]
_SCENE = "FROM base\nRUN mkdir /d /e && echo a > /d/a && echo b > /d/b && echo x > /e/x && echo f > /f\n"


@pytest.mark.parametrize(("command", "members"), LAYERS, ids=[case[0] for case in LAYERS])
def test_the_members_of_a_layer(site: Site, command: str, members: list[str]) -> None:
    layer = site.build(f"{_SCENE}RUN {command}\n").layers[-1]
    stream = io.BytesIO()
    write_layer(layer, stream.write)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        assert [member.name + "/" * member.isdir() for member in tar] == members


def test_what_a_later_command_removes_stays_in_the_layer_below(site: Site) -> None:
    base = site.build("FROM base\n")
    image = site.build("FROM base\nRUN dd if=/dev/zero of=/big bs=1024 count=512 2> /dev/null\nRUN rm /big\n")
    assert image.view.lookup("/big") is None
    assert image.record.size >= base.record.size + 512 * 1024


def test_what_a_command_writes_to_a_volume_is_in_the_image(site: Site) -> None:
    image = site.build("FROM base\nVOLUME /v\nRUN mkdir -p /v && echo kept > /v/f\nRUN echo more >> /v/f\n")
    assert image.read("/v/f") == "kept\nmore\n"


def test_changes_of_the_files_that_are_lent_are_not_kept(site: Site) -> None:
    image = site.build("FROM base\nRUN echo 10.0.0.1 mine >> /etc/hosts; echo search x >> /etc/resolv.conf; true\n")
    assert image.view.lookup("/etc/hosts") is None
    assert image.view.lookup("/etc/resolv.conf") is None


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
