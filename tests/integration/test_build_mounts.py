"""What RUN has beyond a command: here-documents, mounts, secrets, agents, networks and entitlements."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from boxwright.build.failure import BuildFailed
from boxwright.build.plan import NotAllowed
from boxwright.build.progress import Event, StepDone, StepOutput
from boxwright.build.request import BuildResult
from boxwright.build.runner import StepLimits
from boxwright.build.secrets import AgentNotGiven, SecretNotGiven
from boxwright.build.trees import SourceNotFound
from boxwright.engine.baseimages import LayoutNotFound
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.engine.steps import CannotRun, memory_directory
from boxwright.engine.wanted import Build
from boxwright.errors import InvalidError, UnavailableError
from boxwright.host import emulation
from boxwright.image.oci_layout import ImageNotInLayout
from boxwright.store.fsck import check
from support.building import Built

pytestmark = [pytest.mark.root, pytest.mark.runtime]

SECRET = "s3cr3t-of-the-test"


class Site:
    """An engine with an image of busybox called ``base``, and a context."""

    def __init__(self, engine: Engine, context: Path) -> None:
        self.engine = engine
        self.context = context
        self.events: list[Event] = []
        self.result: BuildResult | None = None

    def build(self, dockerfile: str, **options: object) -> Built:
        self.events = []
        (self.context / "Dockerfile").write_text(f"FROM base\n{dockerfile}")
        wanted = Build(context=str(self.context), network="none")._replace(**options)
        self.result = self.engine.build(wanted, self.events.append)
        return Built(self.engine.store, self.result, self.events)

    def said(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, StepOutput)]

    def ran(self) -> list[bool]:
        """Tell for each step but FROM whether it was done, not answered by the cache."""
        return [not event.cached for event in self.events if isinstance(event, StepDone)][1:]


@pytest.fixture(scope="module", params=["crun", "runc"])
def engine(rootfs: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Engine]:
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    tar = subprocess.run(
        ["tar", "-C", str(rootfs), "-c", "bin", "etc", "home", "root", "tmp"], check=True, capture_output=True
    ).stdout
    settings = Settings(tmp_path_factory.mktemp("engine"), runtime=request.param, environ={"TOKEN": SECRET})
    with Engine(settings) as engine:
        engine.import_image(io.BytesIO(tar), name="base")
        yield engine
        memory = memory_directory(engine.wiring)
        if memory != engine.wiring.run_directory:
            assert list((Path(memory) / "steps").glob("*")) == []
            shutil.rmtree(memory)


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/b.txt").write_text("b\n")
    return Site(engine, tmp_path)


def added(built: Built) -> list[str]:
    """Return everything that the layers above the base have."""
    return sorted(
        os.path.relpath(os.path.join(directory, name), layer)
        for layer in built.layers[1:]
        for directory, folders, files in os.walk(layer)
        for name in (*folders, *files)
    )


# -- here-documents


def test_a_body_is_run_by_the_shell_whose_last_command_counts(site: Site) -> None:
    site.build("RUN <<EOF\nx=$(echo one)\nfalse\necho $x two\nEOF")
    assert site.said() == ["one two"]


def test_a_body_is_run_by_whatever_shell_is_set(site: Site) -> None:
    site.build('SHELL ["/bin/awk"]\nRUN <<EOF\nBEGIN { print 6 * 7 }\nEOF')
    assert site.said() == ["42"]


def test_a_body_that_names_its_interpreter_is_a_program(site: Site) -> None:
    built = site.build('USER ada\nRUN <<EOF\n#!/bin/awk -f\nBEGIN { print ENVIRON["PWD"] }\nEOF')
    assert site.said() == ["/"]
    assert added(built) == []
    site.build("USER ada\nRUN <<EOF\n#!/bin/awk -f\nBEGIN { print 2 }\nEOF")
    assert site.said() == ["2"], "what is in the script is in the key"


def test_several_bodies_reach_the_shell_that_knows_them(site: Site) -> None:
    site.build("ARG x=1\nRUN cat <<A <<-'B' - /dev/fd/3 3<<C\nlost\nA\n\tquoted $x\n\tB\nexpanded $x\nC")
    assert site.said() == ["quoted $x", "expanded 1"]


def test_a_body_that_fails_is_shown_whole_and_its_container_kept(site: Site) -> None:
    with pytest.raises(BuildFailed) as caught:
        site.build("RUN <<EOF\necho x > /made\nexit 3\nEOF\nUSER root")
    failure = caught.value
    shown = [line.strip() for line in failure.detail]
    assert failure.exit_code == 3
    assert [line for line in shown if "|" in line][1:6] == ["2 | RUN <<EOF", "| ^^^^^^^^^", *_lines(3)]
    assert failure.container is not None
    upper = site.engine.store.containers.directory(failure.container.id) / "upper"
    assert (Path(upper) / "made").read_text() == "x\n"


def _lines(first: int) -> list[str]:
    return [f"{first} | echo x > /made", f"{first + 1} | exit 3", f"{first + 2} | EOF"]


def test_a_trigger_fires_with_its_body_and_its_mounts(site: Site, engine: Engine) -> None:
    site.build("ONBUILD RUN --mount=target=/c <<EOF\ncat /c/a.txt\nEOF", tags=("mother",))
    (site.context / "Dockerfile").write_text("FROM mother")
    site.events = []
    engine.build(Build(context=str(site.context), network="none"), site.events.append)
    assert site.said() == ["a"]


# -- bind mounts


def test_the_context_is_seen_as_roots_and_without_what_is_ignored(site: Site) -> None:
    os.chown(site.context / "a.txt", 1234, 1234)
    (site.context / ".dockerignore").write_text("src\nDockerfile")
    built = site.build("WORKDIR /w\nRUN --mount=target=. stat -c '%n %u' * && ! touch x")
    assert site.said()[0] == "a.txt 0"
    assert len(site.said()) == 2
    assert added(built) == ["w"]


def test_only_what_is_bound_counts(site: Site) -> None:
    text = "RUN --mount=source=src,target=/s cat /s/b.txt"
    site.build(text)
    (site.context / "a.txt").write_text("other\n")
    site.build(text)
    assert site.ran() == [False]
    (site.context / "src/b.txt").write_text("new\n")
    site.build(text)
    assert site.said() == ["new"]


def test_what_is_written_to_a_mount_is_thrown_away(site: Site) -> None:
    built = site.build(
        "RUN --mount=target=/c,rw echo x > /c/new\nRUN --mount=target=/c,source=src,rw ls /c && rm /c/b.txt"
    )
    assert site.said() == ["b.txt"]
    assert added(built) == []
    assert sorted(os.listdir(site.context)) == ["Dockerfile", "a.txt", "src"]
    (site.context / "src/b.txt").write_text("new\n")
    site.build("RUN --mount=target=/c,source=src,rw cat /c/b.txt")
    assert site.said() == ["new"]


def test_a_stage_and_an_image_are_seen_as_they_are(site: Site) -> None:
    other = (
        "FROM base AS other\nRUN mkdir -p /d/e && echo 1 > /d/e/f && chown 7:8 /d/e/f && ln -s /d /link\nFROM base\n"
    )
    (site.context / "Dockerfile").write_text("")
    built = site.build(
        other
        + "RUN --mount=from=other,source=/link/e/f,target=/g stat -c '%u:%g' /g\n"
        + "RUN --mount=from=other,source=d,target=/x ! touch /x/new && ls /x/e\n"
        + "RUN --mount=from=base,target=/x,rw rm -r /x/bin && ls -d /x/home"
    )
    assert [line for line in site.said() if "Read-only" not in line] == ["7:8", "f", "/x/home"]
    assert added(built) == []
    assert [finding for finding in check(site.engine.store, deep=True) if finding.severity == "damage"] == []


def test_a_mount_inside_of_another_one_has_a_place(site: Site) -> None:
    site.build(
        "FROM base AS other\nRUN mkdir /o && touch /o/p\nFROM base\n"
        "RUN --mount=type=cache,target=/c/deep/er --mount=target=/c --mount=from=other,source=/o,target=/c/o"
        " touch /c/deep/er/x && ls /c /c/o\n"
        "RUN --mount=from=other,target=/u --mount=type=tmpfs,target=/u/new/t touch /u/new/t/x && ls /u/o\n"
        "RUN --mount=target=/c --mount=type=secret,id=s,target=/c/src/deep/secret wc -c < /c/src/deep/secret",
        secrets=("id=s,env=TOKEN",),
    )
    assert site.said()[-1] == str(len(SECRET))
    assert "p" in site.said()


def test_a_link_in_a_mount_leads_to_no_place_of_the_host(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (site.context / "link").symlink_to(outside)
    with suppress(UnavailableError):  # crun refuses it, runc follows it inside of the container
        site.build(
            f"FROM base AS other\nRUN ln -s {outside} /link\nFROM base\n"
            "RUN --mount=target=/c --mount=type=tmpfs,target=/c/link/t"
            " --mount=from=other,target=/u --mount=type=tmpfs,target=/u/link/t true"
        )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("text", ["--mount=source=none,target=/x", "--mount=from=base,source=/none,target=/x"])
def test_a_source_that_is_not_there_is_named(site: Site, text: str) -> None:
    with pytest.raises(SourceNotFound, match="none: not found") as caught:
        site.build(f"RUN {text} true")
    assert any("Dockerfile:2" in line for line in caught.value.detail)


# -- caches


def test_a_cache_outlives_the_build_and_is_in_no_layer(site: Site) -> None:
    text = "RUN --mount=type=cache,id=outlives,target=/c/d echo x >> /c/d/log && wc -l < /c/d/log"
    built = site.build(text)
    assert added(built) == []
    site.build(text)
    assert site.ran() == [False]
    site.build(text, no_cache=True)
    assert site.said() == ["2"]
    site.build("RUN --mount=type=cache,id=outlives,target=/else,sharing=locked cat /else/log")
    assert site.said() == ["x", "x"]
    assert check(site.engine.store) == []


def test_a_cache_has_the_owner_and_the_content_that_it_is_to_have(site: Site) -> None:
    site.build(
        "FROM base AS other\nRUN mkdir /o && echo 1 > /o/f && chown -R 5:6 /o\nFROM base\n"
        "RUN --mount=type=cache,id=own,target=/c,uid=7,gid=8,mode=0700 stat -c '%u:%g %a' /c && touch /c/x\n"
        "RUN --mount=type=cache,id=own,target=/c ls /c\n"
        "RUN --mount=type=cache,id=own,target=/c,from=other,source=/o stat -c '%u:%g' /c /c/f && echo 2 > /c/f\n"
        "RUN --mount=type=cache,id=own,target=/c,from=other,source=/o cat /c/f\n"
        "RUN --mount=type=cache,id=own,target=/c,ro ! touch /c/x 2> /dev/null"
    )
    assert site.said() == ["7:8 700", "5:6", "5:6", "2"]


def test_nobody_else_has_a_cache_that_is_locked(site: Site) -> None:
    """Each of two stages side by side would see the other's mark if both had it at once."""
    take = (
        "RUN --mount=type=cache,id=lock,target=/c,sharing=locked"
        " test ! -e /c/mark && touch /c/mark && sleep 0.3 && rm /c/mark"
    )
    site.build(
        f"FROM base AS one\nRUN echo 1\n{take}\nRUN touch /one\nFROM base AS two\nRUN echo 2\n{take}\nRUN touch /two\n"
        "FROM base\nCOPY --from=one /one /\nCOPY --from=two /two /"
    )


def test_two_that_want_a_cache_for_themselves_have_two(site: Site) -> None:
    """Both wait for the other's mark, in a directory that they share, and find nothing in their own."""
    take = (
        "RUN --mount=type=cache,id=meet,target=/m --mount=type=cache,id=private,target=/c,sharing=private"
        " touch /m/{me} && while test ! -e /m/{other}; do sleep 0.05; done && test ! -e /c/mark && touch /c/mark"
        " && touch /{me}"
    )
    site.build(
        f"FROM base AS one\n{take.format(me='one', other='two')}\nFROM base AS two\n"
        f"{take.format(me='two', other='one')}\nFROM base\nCOPY --from=one /one /\nCOPY --from=two /two /"
    )
    assert sorted(cache.instance for cache in site.engine.store.cache_mounts.list() if cache.key.id == "private") == [
        0,
        1,
    ]


# -- memory, secrets, agents


def test_memory_is_as_large_as_it_is_said_to_be(site: Site) -> None:
    built = site.build("RUN --mount=type=tmpfs,target=/t,size=64k ! dd if=/dev/zero of=/t/x bs=1k count=128")
    assert any("No space left" in line for line in site.said())
    assert added(built) == []


def test_a_secret_is_there_for_one_command_and_nowhere_else(site: Site, engine: Engine) -> None:
    file = site.context.parent / f"{site.context.name}.secret"
    file.write_text(SECRET)
    built = site.build(
        "RUN --mount=type=secret,id=a stat -c '%a %u' /run/secrets/a && cmp /run/secrets/a /run/secrets/a"
        " && wc -c < /run/secrets/a\n"
        "RUN --mount=type=secret,id=a,target=/x/y,mode=0444,uid=3 stat -c '%a %u' /x/y"
        " && ! (echo > /x/y) 2> /dev/null\n"
        "RUN --mount=type=secret,id=b,env=B,required echo ${#B} ${#TOKEN}\n"
        'RUN test ! -e /run/secrets && test -z "$B"',
        secrets=(f"id=a,src={file}", "id=b,env=TOKEN"),
    )
    assert site.said() == ["400 0", str(len(SECRET)), "444 3", f"{len(SECRET)} 0"]
    assert added(built) == []
    found = subprocess.run(["grep", "-rl", SECRET, engine.store.layout.root, "/run/boxwright"], capture_output=True)
    assert found.stdout == b""


def test_another_value_of_a_secret_changes_nothing(site: Site) -> None:
    file = site.context.parent / f"{site.context.name}.secret"
    text = "RUN --mount=type=secret,id=other cat /run/secrets/other > /dev/null"
    for value in ("1", "2"):
        file.write_text(value)
        site.build(text, secrets=(f"id=other,src={file}",))
    assert site.ran() == [False]
    site.build(
        text.replace("id=other ", "id=other,target=/y ").replace("/run/secrets/other", "/y"),
        secrets=(f"id=other,src={file}",),
    )
    assert site.ran() == [True]


def test_a_secret_that_is_not_given_is_missed_only_when_it_is_required(site: Site) -> None:
    site.build("RUN --mount=type=secret,id=none ! test -e /run/secrets/none")
    with pytest.raises(SecretNotGiven) as caught:
        site.build("RUN --mount=type=secret,id=none,required true")
    assert caught.value.hint == "give it: --secret id=none,src=FILE"
    assert any("Dockerfile:2" in line for line in caught.value.detail)
    with pytest.raises(AgentNotGiven):
        site.build("RUN --mount=type=ssh,required true")


def test_an_agent_has_a_socket_that_is_the_steps_own(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        built = site.build(
            "RUN --mount=type=ssh test -S /run/buildkit/ssh_agent.0 && stat -c '%a %u' $SSH_AUTH_SOCK\n"
            "USER ada\nRUN --mount=type=ssh,uid=1000 --mount=type=ssh,id=b,target=/x"
            " test -w $SSH_AUTH_SOCK && ! test -w /x && test -S /x\n"
            'RUN --mount=type=ssh,id=c test -z "$SSH_AUTH_SOCK"',
            ssh=(f"default={path}", f"b={path}"),
        )
    assert site.said() == ["600 0"]
    assert added(built) == []


# -- networks and entitlements


def test_a_command_may_do_without_a_network_and_only_by_leave_with_the_hosts(site: Site) -> None:
    site.build("RUN --network=none ls /sys/class/net", network="default")
    assert site.said() == ["lo"]
    with pytest.raises(NotAllowed, match="the entitlement network") as caught:
        site.build("RUN --network=host true")
    assert "--allow network.host" in str(caught.value.hint)
    site.build("RUN --network=host readlink /proc/self/ns/net", allow=("network.host",))
    assert site.said() == [os.readlink("/proc/self/ns/net")]


def test_a_command_may_do_everything_only_by_leave(site: Site) -> None:
    text = "RUN --security=insecure mount -t tmpfs none /tmp && grep CapEff /proc/self/status"
    with pytest.raises(NotAllowed, match="the entitlement security"):
        site.build(text)
    site.build(text, allow=("security.insecure",))
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    assert site.said()[0].split()[1] == own.split()[1]
    with pytest.raises(BuildFailed):
        site.build(text.replace("insecure", "sandbox"))


def test_limits_hold_for_a_command_and_are_in_no_key(site: Site) -> None:
    text = "RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null || true"
    site.build(text, limits=StepLimits(memory=64 << 20))
    assert site.said() == [str(64 << 20)]
    site.build(text, limits=StepLimits(memory=32 << 20))
    assert site.ran() == [False]
    with pytest.raises(InvalidError, match="needs one of memory"):
        site.build(text, limits=StepLimits(memory_swap=1 << 30))


def test_a_named_context_is_mounted(site: Site, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "f").write_text("from lib")
    contexts = {"lib": str(tmp_path / "lib"), "none": "docker-image://scratch", "other": "docker-image://base"}
    text = (
        "RUN --mount=from=lib,target=/m --mount=from=none,target=/n --mount=from=other,source=bin,target=/o"
        " cp /m/f /out && ls -A /n >> /out && test -e /o/busybox\n"
    )
    assert site.build(text, contexts=contexts).read("/out") == "from lib"
    site.build(text, contexts=contexts)
    assert site.ran() == [False]
    (tmp_path / "lib" / "f").write_text("changed")
    assert site.build(text, contexts=contexts).read("/out") == "changed"


def test_an_oci_layout_is_a_base(site: Site, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    (site.context / "Dockerfile").write_text("FROM base\nENV MADE=1\n")
    outputs = (f"type=oci,dest={layout},tar=false",)
    site.engine.build(Build(context=str(site.context), outputs=outputs, tags=("made:1",)))
    (site.context / "Dockerfile").write_text("FROM made\n")
    for value in (f"oci-layout://{layout}", f"oci-layout://{layout}:1"):
        result = site.engine.build(Build(context=str(site.context), contexts={"made": value}))
        assert Built(site.engine.store, result, []).config.config.env_map()["MADE"] == "1"
    with pytest.raises(ImageNotInLayout, match="no image for 2 in the layout"):
        site.engine.build(Build(context=str(site.context), contexts={"made": f"oci-layout://{layout}:2"}))
    with pytest.raises(LayoutNotFound, match="no OCI layout at /nowhere"):
        site.engine.build(Build(context=str(site.context), contexts={"made": "oci-layout:///nowhere:1"}))


# -- other machines


def test_a_command_for_another_machine_needs_an_emulator(site: Site, tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(emulation.probe("s390x") or b"")
    os.chmod(tmp_path / "program", 0o755)
    text = 'FROM --platform=linux/s390x scratch\nCOPY program /\nRUN ["/program"]\n'
    if emulation.can_run("s390x"):
        assert str(site.build(text).config.platform) == "linux/s390x"
        return
    with pytest.raises(CannotRun, match="a command for linux/s390x cannot be run here: this machine is linux/") as told:
        site.build(text)
    assert "4 | RUN" in "\n".join(told.value.detail)
    assert site.build(text.partition("RUN")[0]).files() == ["/program"], "files can be put together for any machine"


def test_the_name_of_the_host_that_commands_see(site: Site) -> None:
    site.build("RUN hostname; env | grep -c HOSTNAME; true")
    assert site.said() == ["buildkitsandbox", "0"]
    site.build("RUN hostname", build_args={"BUILDKIT_SANDBOX_HOSTNAME": "forge"})
    assert site.said() == ["forge"]
    site.build("RUN hostname", build_args={"BUILDKIT_SANDBOX_HOSTNAME": "other"})
    assert site.said() == ["other"]
    with pytest.raises(InvalidError, match="invalid BUILDKIT_SANDBOX_HOSTNAME"):
        site.build("RUN hostname", build_args={"BUILDKIT_SANDBOX_HOSTNAME": "a\nb"})
