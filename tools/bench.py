"""Measures boxwright beside docker's two builders and podman: the same work, in turns, in one run.

Machines differ and are shared, so only ratios of one run mean anything. Each workload is done once a round by every
tool, one after the other, and the medians are compared. What a tool needs (a base image, a registry that speaks plain
HTTP, a dockerd on a socket of its own) is started here and taken down again.

    tools/bench.py                     all workloads, three rounds, every peer that is installed
    tools/bench.py --only run,steps    some of them
    tools/bench.py --write             docs/benchmarks.md anew
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
OURS = "boxwright"
_BRIDGE = "bwbench0"


class Tool(NamedTuple):
    """A program with docker's verbs."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    plain_http: tuple[str, ...] = ()
    """What push and pull need to speak plain HTTP to loopback."""

    def __call__(self, *words: str, cwd: Path | None = None, stdin: Path | None = None) -> float:
        """Run a command, and return the seconds that it took. Ends the benchmark when it fails."""
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
            sys.exit(f"{self.name}: {' '.join(words)} exited with {done.returncode}\n{tail}")
        return took


class Bench:
    """What the workloads share."""

    def __init__(self, work: Path, base: Path, registry: str, files: int) -> None:
        self.work = work
        self.base = base
        self.registry = registry
        self.files = files
        self.pushed: dict[str, str] = {}
        self._tree: Path | None = None

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
        sys.exit(f"{tool.name}: {failed} of 20 containers did not start")
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


# The workloads in the order in which they run, with the ratio to the fastest peer that we ask of ourselves.
WORKLOADS: dict[Callable[[Tool, Bench], float], float] = {
    steps: 0.15,
    cached: 1.0,
    copy_cold: 0.25,
    copy_cached: 0.5,
    stages: 0.65,
    push: 0.4,
    pull: 0.3,
    run: 0.4,
    run_nonet: 0.5,
    execute: 1.0,
    parallel: 0.5,
    save: 0.5,
    load: 0.4,
}


@contextlib.contextmanager
def dockerd(work: Path) -> Iterator[list[Tool]]:
    """Start a dockerd that shares nothing with one that may be there, and yield its two builders."""
    client = shutil.which("docker", path="/usr/bin:/usr/local/bin")
    server = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if client is None or server is None:
        print("docker is not installed: left out")
        yield []
        return
    home = work / "docker"
    home.mkdir()
    address = f"unix://{home}/socket"
    # A bridge of its own: docker0 may belong to another dockerd, and starting a second one takes it away.
    subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", "172.31.240.1/24", "dev", _BRIDGE], check=True)
    subprocess.run(["ip", "link", "set", _BRIDGE, "up"], check=True)
    with open(home / "log", "wb") as log:
        daemon = subprocess.Popen(
            [
                *(server, "-H", address, "--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
                *("--pidfile", str(home / "pid"), "--bridge", _BRIDGE),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            if subprocess.run([client, "-H", address, "version"], capture_output=True).returncode == 0:
                break
            if daemon.poll() is not None:
                print("dockerd does not start here: left out")
                yield []
                return
            time.sleep(0.2)
        argv = (client, "-H", address)
        yield [Tool("docker", argv, {"DOCKER_BUILDKIT": "0"}), Tool("buildkit", argv, {"DOCKER_BUILDKIT": "1"})]
    finally:
        daemon.terminate()
        daemon.wait()
        subprocess.run(["ip", "link", "del", _BRIDGE], check=False)


@contextlib.contextmanager
def podman(work: Path) -> Iterator[list[Tool]]:
    """Yield podman on a storage of its own, with docker's habit of caching steps."""
    program = shutil.which("podman")
    if program is None:
        print("podman is not installed: left out")
        yield []
        return
    config = work / "containers.conf"
    config.write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\n'
    )
    argv = (program, "--root", str(work / "podman"), "--runroot", str(work / "podman-run"))
    tool = Tool("podman", argv, {"BUILDAH_LAYERS": "true", "CONTAINERS_CONF": str(config)}, ("--tls-verify=false",))
    try:
        yield [tool]
    finally:
        subprocess.run([*argv, "system", "reset", "--force"], capture_output=True, env={**os.environ, **tool.env})


@contextlib.contextmanager
def boxwright(work: Path) -> Iterator[list[Tool]]:
    """Yield the installed boxwright on a store of its own."""
    tool = Tool(OURS, (str(Path(sys.executable).with_name("boxwright")), "--root", str(work / "boxwright")))
    try:
        yield [tool]
    finally:
        subprocess.run([*tool.argv, "network", "prune"], capture_output=True)


@contextlib.contextmanager
def registry(work: Path) -> Iterator[str]:
    """Start a registry that everyone pushes to: Debian's docker-registry, else boxwright's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    server = shutil.which("docker-registry")
    if server:
        config = work / "registry.yml"
        config.write_text(
            f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {work}/registry\nhttp:\n  addr: {address}\n"
        )
        argv = [server, "serve", str(config)]
    else:
        program = str(Path(sys.executable).with_name("boxwright"))
        argv = [program, "registry", "serve", "--addr", address, "--root", str(work / "registry")]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(address.split(":"), timeout=1):  # type: ignore[arg-type]
                break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def base_tar(work: Path) -> Path:
    """Return the root file system that all tools start from: a minimal Debian."""
    kept = Path("/var/tmp/boxwright-bench-base.tar")
    if not kept.exists():
        from boxwright.bootstrap import debian
        from boxwright.host import paths

        folder = work / "base"
        folder.mkdir()
        print("making a base image", flush=True)
        shutil.move(debian.bootstrap(debian.host_suite(), paths.Path(folder)).tar, kept)
    return kept


def measure(tools: list[Tool], bench: Bench, rounds: int, only: set[str]) -> dict[str, dict[str, float]]:
    """Return workload → tool → median seconds, telling each row as it is done."""
    for tool in tools:
        tool("import", "-", "bench-base", stdin=bench.base)
    results: dict[str, dict[str, float]] = {}
    for workload in WORKLOADS:
        name = workload.__name__
        if only and name not in only:
            continue
        times: dict[str, list[float]] = {tool.name: [] for tool in tools}
        for _ in range(rounds):
            for tool in tools:
                times[tool.name].append(workload(tool, bench))
        results[name] = {tool: statistics.median(values) for tool, values in times.items()}
        print(f"{name:12}" + "".join(f"{tool:>11} {value:7.3f}" for tool, value in results[name].items()), flush=True)
    return results


def page(results: dict[str, dict[str, float]], rounds: int) -> str:
    """Return the table of a run, as the documentation has it."""
    peers = [tool for tool in next(iter(results.values())) if tool != OURS]
    asked = {workload.__name__: ratio for workload, ratio in WORKLOADS.items()}
    told = {workload.__name__: str(workload.__doc__) for workload in WORKLOADS}
    lines = [
        "# Benchmarks",
        "",
        f"Medians of {rounds} rounds in one run of `make bench`, all tools taking turns, in seconds; the last columns",
        "are boxwright's share of the time of the fastest other tool, and what is asked of it. Only the ratios say",
        f"much: the machine is a shared virtual one with {os.cpu_count()} processors,",
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.",
        "",
        f"| | {' | '.join(peers)} | boxwright | ratio | asked |",
        f"|---|{'---|' * (len(peers) + 3)}",
    ]
    for name, row in results.items():
        best = min(row[peer] for peer in peers) if peers else row[OURS]
        cells = [f"{row[peer]:.3f}" for peer in peers]
        lines.append(
            f"| {told[name]} | {' | '.join(cells)}{' | ' if cells else ''}{row[OURS]:.3f} | "
            f"{row[OURS] / best:.2f} | ≤ {asked[name]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("the benchmark runs containers and a dockerd of its own: run it as root")
    work = Path(tempfile.mkdtemp(prefix="boxwright-bench-", dir="/var/tmp"))
    try:
        with contextlib.ExitStack() as stack:
            bench = Bench(work, base_tar(work), stack.enter_context(registry(work)), options.files)
            tools = [tool for start in (dockerd, podman, boxwright) for tool in stack.enter_context(start(work))]
            results = measure(tools, bench, options.rounds, set(filter(None, options.only.split(","))))
        text = page(results, options.rounds)
        print("\n" + text)
        if options.write:
            PAGE.write_text(text)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
