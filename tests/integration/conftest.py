"""What the integration tests share: when they can't run, and a small root file system to run things in."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.bootstrap.busybox import is_static
from boxwright.host import process
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle, Layers
from boxwright.runtime.conmon import Monitoring
from boxwright.runtime.container import ExitLost
from boxwright.runtime.files import Files, hosts
from boxwright.runtime.foreground import run_foreground
from boxwright.runtime.oci_runtime import OciRuntime
from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.preparation import mount_rootfs, write_config
from boxwright.runtime.scaffolding import Scaffolding
from support.cli import Boxwright
from support.requirements import require_peer, require_runtime

_IDS = itertools.count()


@pytest.fixture(scope="session")
def busybox() -> str:
    """The path of a busybox that needs no libraries."""
    path = process.find("busybox")
    if path is None:
        pytest.skip("needs busybox-static")
    if not is_static(path):
        pytest.skip("needs a static busybox")
    return path


@pytest.fixture(scope="session")
def rootfs(busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with busybox in /bin; read-only by agreement, as all tests share it."""
    root = tmp_path_factory.mktemp("busybox")
    for name in ("bin", "etc", "tmp", "root", "home/ada"):
        (root / name).mkdir(parents=True)
    os.chmod(root / "tmp", 0o1777)
    shutil.copy2(busybox, root / "bin/busybox")
    for applet in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nada:x:1000:1001:Ada:/home/ada:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nada:x:1001:\nwheel:x:10:root,ada\n")
    return root


@pytest.fixture
def mounts() -> Iterator[PrivateMounts]:
    with PrivateMounts() as private:
        yield private


@pytest.fixture(scope="session")
def state() -> Iterator[str]:
    """The directory where runtimes keep what runs: short, since sockets lie beside it."""
    path = tempfile.mkdtemp(prefix="boxwright-test-", dir="/run" if os.access("/run", os.W_OK) else None)
    yield path
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(f"{path}.consoles", ignore_errors=True)


@pytest.fixture(params=["crun", "runc"])
def runtime(request: pytest.FixtureRequest, state: str) -> OciRuntime:
    """Each runtime in turn."""
    if not process.find(request.param):
        pytest.skip(f"needs {request.param}")
    return OciRuntime.find(f"{state}/{request.param}", request.param)


class Output(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Sandbox:
    """A container on the busybox root file system, and what tests do with it."""

    def __init__(self, directory: Path, rootfs: Path, runtime: OciRuntime, mounts: PrivateMounts) -> None:
        self.directory = directory
        self.bundle = Bundle(str(directory), f"test-{os.getpid()}-{next(_IDS)}")
        self.upper = directory / "upper"
        self.cache = directory.parent / "seccomp"
        self.runtime = runtime
        self.mounts = mounts
        for name in ("upper", "work"):
            (directory / name).mkdir()
        self.layers = Layers([str(rootfs)], str(self.upper), str(directory / "work"))
        self.files = Files(hosts=hosts(), hostname="box\n")

    def run(self, *argv: str, **options: object) -> Output:
        """Run to the end on the fast path."""
        self.prepare(*argv, **options)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = run_foreground(
                self.runtime, self.mounts, self.bundle, argv[0], stdout=out.fileno(), stderr=err.fileno()
            )
            out.seek(0)
            err.seek(0)
            return Output(code, out.read().decode(), err.read().decode())

    def prepare(self, *argv: str, **options: object) -> Scaffolding:
        chosen = ContainerOptions(argv=argv)._replace(**options)
        self.mounts.call(mount_rootfs, self.bundle, self.layers)
        return self.mounts.call(
            write_config,
            self.bundle,
            chosen,
            self.files,
            annotate=self.runtime.kind == "crun",
            cache=self.cache,
        )

    def create(self, *argv: str, how: Monitoring | None = None, **options: object) -> None:
        """Create it under conmon."""
        chosen = ContainerOptions(argv=argv)._replace(**options)
        container.create(
            self.runtime,
            self.mounts,
            self.bundle,
            self.layers,
            chosen,
            self.files,
            how or Monitoring(tty=chosen.tty, stdin=chosen.stdin),
            cache=self.cache,
        )

    def start(self) -> None:
        self.runtime.start(self.mounts, self.bundle.id)

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def remove(self) -> None:
        if (self.directory / "config.json").exists():
            self.runtime.delete(self.mounts, self.bundle.id, force=True)
            if (self.directory / "conmon.pid").exists():
                try:
                    container.wait(self.bundle, 10)
                except ExitLost:
                    pass  # it never ran, or the test saw to that


@pytest.fixture
def make_sandbox(
    tmp_path: Path, rootfs: Path, runtime: OciRuntime, mounts: PrivateMounts
) -> Iterator[Callable[[], Sandbox]]:
    made: list[Sandbox] = []

    def make() -> Sandbox:
        directory = tmp_path / f"box{len(made)}"
        directory.mkdir()
        made.append(Sandbox(directory, rootfs, runtime, mounts))
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.remove()


@pytest.fixture
def sandbox(make_sandbox: Callable[[], Sandbox]) -> Sandbox:
    return make_sandbox()


@pytest.fixture(scope="session")
def busybox_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with an image called busybox, made of the host's own by the command itself."""
    require_runtime()
    require_peer("busybox")
    home = tmp_path_factory.mktemp("bootstrap")
    maker = Boxwright(home / "root", home)
    maker.ok("bootstrap", "busybox")
    maker.ok("save", "-o", home / "busybox.tar", "busybox")
    return home / "busybox.tar"


@pytest.fixture(scope="module")
def boxwright(busybox_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxwright]:
    """The command, on a store that has the image busybox; it leaves nothing behind on the machine."""
    home = tmp_path_factory.mktemp("cli")
    command = Boxwright(home / "root", home)
    command.ok("load", "-i", busybox_archive)
    yield command
    left = command.take_down()
    assert not left, left


@pytest.fixture
def no_containers(boxwright: Boxwright) -> Iterator[None]:
    """What a test leaves running goes before the next one of its module comes."""
    yield
    ids = boxwright.ok("ps", "-aq").split()
    if ids:
        boxwright.ok("rm", "-f", "-v", *ids)
