"""What the benchmark has every tool do."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple


class ToolFailed(Exception):
    """A tool could not do its work: nothing to compare with."""


class Tool(NamedTuple):
    """A program with docker's verbs."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    plain_http: tuple[str, ...] = ()
    """What push and pull need to speak plain HTTP to loopback."""

    def __call__(self, *words: str, cwd: Path | None = None, stdin: Path | None = None) -> float:
        """Run a command, and return the seconds that it took. Raises ToolFailed."""
        with open(stdin or os.devnull, "rb") as source:
            began = time.perf_counter()
            done = subprocess.run(
                [*self.argv, *words],
                cwd=cwd,
                env={**os.environ, **self.env},
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            took = time.perf_counter() - began
        if done.returncode:
            tail = done.stdout.decode(errors="replace")[-2000:]
            raise ToolFailed(f"{self.name}: {' '.join(words)} exited with {done.returncode}\n{tail}")
        return took


class Bench:
    """What the workloads share."""

    def __init__(self, work: Path, base: Path, registry: str, files: int) -> None:
        self.work = work
        self.base = base
        self.registry = registry
        self.files = files
        self.pushed: dict[str, str] = {}
        self._done: set[tuple[str, str]] = set()
        self._tree: Path | None = None
        self._assets: Path | None = None

    @property
    def tree(self) -> Path:
        """A context of many small files in nested folders, made when first needed."""
        if self._tree is None:
            self._tree = self.work / "tree"
            source = random.Random(4)
            words = [source.randbytes(6).hex() for _ in range(4000)]
            for number in range(self.files):
                folder = self._tree / f"package{number % 101}" / f"lib{number % 11}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"file{number}.js").write_text("\n".join(source.choices(words, k=source.randint(50, 700))))
            (self._tree / "Dockerfile").write_text("FROM bench-base\nCOPY . /app\nRUN ls /app | wc -l\n")
        return self._tree

    @property
    def assets(self) -> Path:
        """A context of 2 GB in 20,000 files, which are copied by one COPY; made when first needed."""
        if self._assets is None:
            self._assets = self.work / "assets"
            source = random.Random(5)
            for number in range(20_000):
                folder = self._assets / "data" / f"part{number % 150}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"file{number}").write_bytes(source.randbytes(100_000))
            (self._assets / "Dockerfile").write_text("FROM bench-base\nCOPY . /app\n")
        return self._assets

    def once(self, tool: Tool, workload: Callable[..., float]) -> bool:
        """Whether this is the first time that a tool comes to a workload."""
        place = (tool.name, workload.__name__)
        first = place not in self._done
        self._done.add(place)
        return first

    def folder(self, *lines: str) -> Path:
        """Return a new context with only this Dockerfile in it."""
        folder = Path(tempfile.mkdtemp(dir=self.work))
        (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        return folder

    def unseen(self, tool: Tool, ref: str) -> None:
        """Make `ref` an image whose one layer nobody has seen: the base with a random file in it."""
        path = self.work / "unseen.tar"
        shutil.copyfile(self.base, path)
        with tarfile.open(path, "a") as archive:
            member = tarfile.TarInfo("unseen")
            member.size = 16
            archive.addfile(member, BytesIO(os.urandom(16)))
        tool("import", "-", ref, stdin=path)
        path.unlink()


def steps(tool: Tool, bench: Bench) -> float:
    """20 RUN steps, nothing cached"""
    lines = [f"RUN echo {number} > /file{number}" for number in range(20)]
    folder = bench.folder("FROM bench-base", f"ENV ROUND={random.random()}", *lines)
    return tool("build", "-t", "bench-steps", ".", cwd=folder)


def cached(tool: Tool, bench: Bench) -> float:
    """The same 20 steps, all cached"""
    folder = bench.folder("FROM bench-base", *(f"RUN echo {number} > /kept{number}" for number in range(20)))
    tool("build", "-t", "bench-cached", ".", cwd=folder)
    return tool("build", "-t", "bench-cached", ".", cwd=folder)


def copy_cold(tool: Tool, bench: Bench) -> float:
    """COPY of 20,000 small files, nothing cached"""
    (bench.tree / "stamp").write_text(str(random.random()))
    return tool("build", "-t", "bench-copy", ".", cwd=bench.tree)


def copy_cached(tool: Tool, bench: Bench) -> float:
    """The same COPY, nothing changed"""
    tool("build", "-t", "bench-copy", ".", cwd=bench.tree)
    return tool("build", "-t", "bench-copy", ".", cwd=bench.tree)


def stages(tool: Tool, bench: Bench) -> float:
    """Four stages of one second each, gathered by a fifth"""
    salt = random.random()
    lines = [f"FROM bench-base AS s{number}\nRUN sleep 1; echo {salt} > /out{number}" for number in range(4)]
    lines += ["FROM bench-base", *(f"COPY --from=s{number} /out{number} /out{number}" for number in range(4))]
    return tool("build", "-t", "bench-stages", ".", cwd=bench.folder(*lines))


def changed(tool: Tool, bench: Bench) -> float:
    """COPY of 2 GB in 20,000 files, one of which changed"""
    stamp = bench.assets / "stamp"
    for _ in range(2):  # the first build of each tool copies everything
        stamp.write_text(str(random.random()))
        took = tool("build", "-t", "bench-changed", ".", cwd=bench.assets)
    return took


def diamond(tool: Tool, bench: Bench) -> float:
    """40 stages in a diamond, 38 of them side by side for five seconds"""
    salt = random.random()
    lines = [f"FROM bench-base AS top\nENV SALT={salt}"]
    lines += [f"FROM top AS s{number}\nRUN sleep 5; echo {number} $SALT > /out{number}" for number in range(38)]
    lines += ["FROM top", *(f"COPY --from=s{number} /out{number} /out{number}" for number in range(38))]
    return tool("build", "-t", "bench-diamond", ".", cwd=bench.folder(*lines))


def lines(tool: Tool, bench: Bench) -> float:
    """1,000 COPY lines in ten stages, nothing cached"""
    instructions = []
    for stage in range(10):  # no peer takes more than 127 layers on each other
        instructions.append(f"FROM scratch AS s{stage}")
        instructions += [f"COPY f{number % 50} /d{number}/" for number in range(stage * 100, stage * 100 + 99)]
        if stage:
            instructions.append(f"COPY --from=s{stage - 1} / /")
    folder = bench.folder(*instructions)
    for number in range(50):
        (folder / f"f{number}").write_text(str(random.random()))
    return tool("build", "-t", "bench-lines", ".", cwd=folder)


def push(tool: Tool, bench: Bench) -> float:
    """Push of a new layer of 170 MB"""
    ref = f"{bench.registry}/bench/{tool.name}:{random.randrange(10**9)}"
    bench.unseen(tool, ref)
    took = tool("push", *tool.plain_http, ref)
    bench.pushed[tool.name] = ref
    return took


def pull(tool: Tool, bench: Bench) -> float:
    """Pull of it, nothing kept"""
    ref = bench.pushed[tool.name]
    tool("rmi", "-f", ref)
    return tool("pull", *tool.plain_http, ref)


def zstd(tool: Tool, bench: Bench) -> float:
    """Export of a layer of 1 GB, packed by zstd"""
    if bench.once(tool, zstd):
        folder = bench.folder("FROM bench-base", "COPY data /data")
        source = random.Random(6)
        words = [source.randbytes(6).hex().encode() for _ in range(4000)]
        for number in range(200):
            (folder / "data").mkdir(exist_ok=True)
            (folder / "data" / f"file{number}").write_bytes(b" ".join(source.choices(words, k=400_000))[: 5 << 20])
        tool("build", "-t", "bench-zstd", ".", cwd=folder)
        shutil.rmtree(folder)
    target = bench.work / f"zstd-{tool.name}"
    if tool.name == "podman":
        took = tool("push", "--format", "oci", "--compression-format", "zstd", "bench-zstd", f"oci-archive:{target}")
    else:
        folder = bench.folder("FROM bench-zstd")
        took = tool("build", "-o", f"type=oci,compression=zstd,dest={target}", ".", cwd=folder)
    target.unlink()
    return took


def memory(tool: Tool, bench: Bench) -> float:
    """Memory of a push of a layer of 10 GB, in MB"""
    ref = f"{bench.registry}/bench/memory:{random.randrange(10**9)}"
    lines = f"RUN echo {random.random()} > /stamp && truncate -s 10G /zeros"
    tool("build", "-t", ref, ".", cwd=bench.folder("FROM bench-base", lines))
    process = subprocess.Popen([*tool.argv, "push", *tool.plain_http, ref], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ToolFailed(f"{tool.name}: push exited with {process.returncode}")
    tool("rmi", "-f", ref)
    return usage.ru_maxrss * 1024 / 1e6


def run(tool: Tool, bench: Bench) -> float:
    """run --rm IMAGE true, bridge network"""
    return statistics.median(tool("run", "--rm", "bench-base", "true") for _ in range(5))


def run_nonet(tool: Tool, bench: Bench) -> float:
    """run --rm --network none IMAGE true"""
    return statistics.median(tool("run", "--rm", "--network", "none", "bench-base", "true") for _ in range(5))


def execute(tool: Tool, bench: Bench) -> float:
    """exec CONTAINER true"""
    tool("run", "-d", "--name", "bench-exec", "bench-base", "sleep", "600")
    took = statistics.median(tool("exec", "bench-exec", "true") for _ in range(5))
    tool("rm", "-f", "bench-exec")
    return took


def parallel(tool: Tool, bench: Bench) -> float:
    """20 times run -d at once, bridge network"""
    names = [f"bench-parallel-{number}" for number in range(20)]
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [*tool.argv, "run", "-d", "--name", name, "bench-base", "sleep", "600"],
            env={**os.environ, **tool.env},
            stdout=subprocess.DEVNULL,
        )
        for name in names
    ]
    failed = sum(process.wait() != 0 for process in running)
    took = time.perf_counter() - began
    tool("rm", "-f", *names)
    if failed:
        raise ToolFailed(f"{tool.name}: {failed} of 20 containers did not start")
    return took


def save(tool: Tool, bench: Bench) -> float:
    """save of an image of 170 MB"""
    target = bench.work / "saved.tar"
    target.unlink(missing_ok=True)
    return tool("save", "-o", str(target), "bench-base")


def load(tool: Tool, bench: Bench) -> float:
    """load of it, nothing kept"""
    bench.unseen(tool, "bench-load")
    target = bench.work / "to-load.tar"
    target.unlink(missing_ok=True)
    tool("save", "-o", str(target), "bench-load")
    tool("rmi", "-f", "bench-load")
    return tool("load", "-i", str(target))


class Asked(NamedTuple):
    """What we ask of ourselves."""

    most: float
    """To the fastest peer; with no peer, in the workload's own unit."""
    peers: tuple[str, ...] | None = None
    """Those that are measured; None: all."""


_BUILDKIT = ("buildkit",)
_PODMAN = ("podman",)

# The workloads in the order in which they run. Where only BuildKit is compared, others take minutes.
WORKLOADS: dict[Callable[[Tool, Bench], float], Asked] = {
    steps: Asked(0.15),
    cached: Asked(1.0),
    copy_cold: Asked(0.25),
    copy_cached: Asked(0.5),
    stages: Asked(0.65),
    changed: Asked(0.5, _BUILDKIT),
    diamond: Asked(1.0, _BUILDKIT),
    lines: Asked(1.0, _BUILDKIT),
    zstd: Asked(1.0, _PODMAN),
    memory: Asked(150, ()),
    push: Asked(0.4),
    pull: Asked(0.3),
    run: Asked(0.4),
    run_nonet: Asked(0.5),
    execute: Asked(1.0),
    parallel: Asked(0.5),
    save: Asked(0.5),
    load: Asked(0.4),
}
