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
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench_peers import OURS, boxwright, dockerd, podman, registry
from bench_workloads import WORKLOADS, Bench, Tool, ToolFailed

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"


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
    for workload, asked in WORKLOADS.items():
        name = workload.__name__
        if only and name not in only:
            continue
        takers = [tool for tool in tools if asked.peers is None or tool.name in (*asked.peers, OURS)]
        times: dict[str, list[float]] = {tool.name: [] for tool in takers}
        for _ in range(rounds):
            for tool in takers:
                try:
                    times[tool.name].append(workload(tool, bench))
                except ToolFailed as error:
                    if tool.name == OURS:
                        raise
                    print(error)
        results[name] = {tool: statistics.median(values) for tool, values in times.items() if values}
        print(f"{name:12}" + "".join(f"{tool:>11} {value:7.3f}" for tool, value in results[name].items()), flush=True)
    return results


def page(results: dict[str, dict[str, float]], rounds: int) -> str:
    """Return the table of a run, as the documentation has it."""
    peers = [tool for tool in max(results.values(), key=len) if tool != OURS]
    asked = {workload.__name__: asked for workload, asked in WORKLOADS.items()}
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
        alone = asked[name].peers == ()
        best = min((row[peer] for peer in peers if peer in row), default=row[OURS])
        cells = [f"{row[peer]:.3f}" if peer in row else "" for peer in peers]
        ratio, most = ("", f"{asked[name].most:g}") if alone else (f"{row[OURS] / best:.2f}", f"{asked[name].most:.2f}")
        lines.append(f"| {' | '.join((told[name], *cells, f'{row[OURS]:.3f}', ratio, f'≤ {most}'))} |")
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
