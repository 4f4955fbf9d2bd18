"""Measures the registry beside distribution (Debian's docker-registry): the same calls, in turns, in one run.

tools/bench_registry.py            every workload, three rounds
tools/bench_registry.py --write    docs/benchmarks-registry.md anew
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import os
import platform
import shutil
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from bench_peers import OURS, distribution, own_registry

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks-registry.md"
_BLOB = 1 << 30
_PIECE = 1 << 20
_LAYERS = 10
_LAYER = 4 << 20
_CLIENTS = 16
_CALLS = 2000
_TAGS = 100_000
_PAGE = 1000
_Call: TypeAlias = Callable[[http.client.HTTPConnection, int], None]
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Server(NamedTuple):
    """A registry that runs."""

    name: str
    address: str
    pid: int
    root: Path
    """Where it keeps everything."""

    def multiply(self, repository: str, tag: str, others: Iterable[str]) -> None:
        """Give what `tag` points at many further tags, past the protocol, which would take minutes for it."""
        if self.name == OURS:
            with contextlib.closing(sqlite3.connect(self.root / "registry.db")) as database, database:
                database.executemany(
                    "INSERT INTO tag (repository_id, name, manifest_id, updated)"
                    " SELECT tag.repository_id, ?, manifest_id, updated FROM tag"
                    " JOIN repository ON repository.id = repository_id WHERE repository.name = ? AND tag.name = ?",
                    ((other, repository, tag) for other in others),
                )
            return
        tags = self.root / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        link = (tags / tag / "current" / "link").read_bytes()
        for other in others:
            (tags / other / "current").mkdir(parents=True)
            (tags / other / "current" / "link").write_bytes(link)

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.address, timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def resident(self) -> int:
        """Return the most memory that it ever had, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0


class Bench:
    """What the workloads share: contents, and what was pushed where."""

    def __init__(self) -> None:
        self.piece = os.urandom(_PIECE)
        digest = hashlib.sha256()
        for _ in range(_BLOB // _PIECE):
            digest.update(self.piece)
        self.blob = f"sha256:{digest.hexdigest()}"
        self.layers = [os.urandom(_LAYER) for _ in range(_LAYERS)]
        self._done: set[tuple[str, str]] = set()

    def first(self, server: Server, what: str) -> bool:
        """Whether something has not been prepared on this server yet."""
        if (server.name, what) in self._done:
            return False
        self._done.add((server.name, what))
        return True

    def prepare(self, server: Server) -> None:
        """Push an image of ten layers, once for each server."""
        if self.first(server, "image"):
            connection = server.connect()
            descriptors = [_push(connection, "image", layer) for layer in [b"{}", *self.layers]]
            _tag(connection, "image", "latest", _manifest(descriptors[0], descriptors[1:]))
            connection.close()


def put(server: Server, bench: Bench, repository: str = "") -> float:
    """PUT of a blob of 1 GiB, one stream"""
    connection = server.connect()
    began = time.perf_counter()
    location = _begin(connection, repository or f"put{time.time_ns()}")
    mark = "&" if "?" in location else "?"
    connection.putrequest("PUT", f"{location}{mark}digest={bench.blob}")
    connection.putheader("Content-Length", str(_BLOB))
    connection.putheader("Content-Type", "application/octet-stream")
    connection.endheaders()
    for _ in range(_BLOB // _PIECE):
        connection.send(bench.piece)
    _read(connection, 201)
    took = time.perf_counter() - began
    connection.close()
    return took


def get(server: Server, bench: Bench) -> float:
    """GET of a blob of 1 GiB, one stream"""
    connection = server.connect()
    if bench.first(server, "blob"):
        put(server, bench, "big")
    began = time.perf_counter()
    connection.request("GET", f"/v2/big/blobs/{bench.blob}")
    response = connection.getresponse()
    buffer = bytearray(_PIECE)
    while response.readinto(buffer):
        pass
    took = time.perf_counter() - began
    connection.close()
    return took


def manifests(server: Server, bench: Bench) -> float:
    """HEAD and GET of a manifest, 2,000 of each"""
    bench.prepare(server)

    def ask(connection: http.client.HTTPConnection, number: int) -> None:
        method = "HEAD" if number % 2 else "GET"
        connection.request(method, "/v2/image/manifests/latest", headers={"Accept": _MANIFEST})
        _read(connection, 200)

    return _at_once(server, 4, 2 * _CALLS // 4, ask)


def pulls(server: Server, bench: Bench) -> float:
    """16 clients at once pull an image of ten layers of 4 MiB"""
    bench.prepare(server)
    paths = [f"/v2/image/blobs/{_digest(layer)}" for layer in bench.layers]

    def pull(connection: http.client.HTTPConnection, _: int) -> None:
        connection.request("GET", "/v2/image/manifests/latest", headers={"Accept": _MANIFEST})
        _read(connection, 200)
        buffer = bytearray(_PIECE)
        for path in paths:
            connection.request("GET", path)
            response = connection.getresponse()
            while response.readinto(buffer):
                pass

    return _at_once(server, _CLIENTS, 1, pull)


def tags(server: Server, bench: Bench) -> float:
    """A walk over 100,000 tags in pages of 1,000"""
    connection = server.connect()
    if bench.first(server, "tags"):
        _tag(connection, "tags", "v0", _manifest(_push(connection, "tags", b"{}"), []))
        server.multiply("tags", "v0", (f"v{number}" for number in range(1, _TAGS)))
    began = time.perf_counter()
    target = f"/v2/tags/tags/list?n={_PAGE}"
    seen = 0
    while target:
        connection.request("GET", target)
        response = connection.getresponse()
        seen += len(json.loads(response.read())["tags"])
        target = (response.headers.get("Link") or "").partition("<")[2].partition(">")[0]
    took = time.perf_counter() - began
    connection.close()
    if seen != _TAGS:
        sys.exit(f"{server.name} has {seen} tags")
    return took


# With the ratio to distribution's time that we ask of ourselves.
WORKLOADS: dict[Callable[[Server, Bench], float], float] = {
    put: 1 / 3,
    get: 1 / 1.2,
    manifests: 1 / 2,
    pulls: 1 / 1.5,
    tags: 1 / 10,  # distribution 2.8 has no pages: it answers with everything at once, and 3 takes seconds
}


def _at_once(server: Server, clients: int, calls: int, call: _Call) -> float:
    """Return the seconds that clients need for so many calls each, on a connection and in a process of its own."""
    start, ready = multiprocessing.Event(), multiprocessing.Barrier(clients + 1)

    def work() -> None:
        connection = server.connect()
        ready.wait()
        start.wait()
        for number in range(calls):
            call(connection, number)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work) for _ in range(clients)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    start.set()
    for process in processes:
        process.join()
    took = time.perf_counter() - began
    if any(process.exitcode for process in processes):
        sys.exit(f"a client of {server.name} failed")
    return took


def _begin(connection: http.client.HTTPConnection, repository: str) -> str:
    connection.request("POST", f"/v2/{repository}/blobs/uploads/")
    return _read(connection, 202).headers["Location"]


def _push(connection: http.client.HTTPConnection, repository: str, data: bytes) -> dict[str, object]:
    """Push a small blob and return its descriptor."""
    location = _begin(connection, repository)
    mark = "&" if "?" in location else "?"
    connection.request("PUT", f"{location}{mark}digest={_digest(data)}", data)
    _read(connection, 201)
    return {"mediaType": "application/octet-stream", "digest": _digest(data), "size": len(data)}


def _tag(connection: http.client.HTTPConnection, repository: str, tag: str, raw: bytes) -> None:
    connection.request("PUT", f"/v2/{repository}/manifests/{tag}", raw, {"Content-Type": _MANIFEST})
    _read(connection, 201)


def _manifest(config: dict[str, object], layers: list[dict[str, object]]) -> bytes:
    config = {**config, "mediaType": "application/vnd.oci.image.config.v1+json"}
    layers = [{**layer, "mediaType": "application/vnd.oci.image.layer.v1.tar"} for layer in layers]
    document = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
    return json.dumps(document).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _read(connection: http.client.HTTPConnection, status: int) -> http.client.HTTPResponse:
    response = connection.getresponse()
    content = response.read()
    if response.status != status:
        sys.exit(f"{status} was expected, {response.status} came: {content[:500]!r}")
    return response


def page(results: dict[str, dict[str, float]], memory: dict[str, int], rounds: int) -> str:
    """Return the table of a run, as the documentation has it."""
    lines = [
        "# The registry, measured",
        "",
        f"Medians of {rounds} rounds in one run of `tools/bench_registry.py`, both registries taking turns, in",
        "seconds: distribution as Debian packages it, and `boxwright registry serve`, each on a folder of one disk,",
        f"over loopback, with the clients on the same machine: a shared virtual one with {os.cpu_count()} processors,",
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}.",
        "",
        "| | distribution | boxwright | ratio | asked |",
        "|---|---|---|---|---|",
    ]
    for workload, asked in WORKLOADS.items():
        row = results.get(workload.__name__)
        if row:
            theirs, ours = row["distribution"], row[OURS]
            lines.append(f"| {workload.__doc__} | {theirs:.3f} | {ours:.3f} | {ours / theirs:.2f} | ≤ {asked:.2f} |")
    if tags.__name__ in results:
        note = "The tags of distribution 2.8 come at once, since it has no pages; see docs/design/registry.md for 3.1."
    else:
        note = ""
    sizes = {name: size / 1e6 for name, size in memory.items()}
    lines.append(f"| Most memory, MB | {sizes['distribution']:.0f} | {sizes[OURS]:.0f} | | ≤ 150 |")
    return "\n".join([*lines, *(["", note] if note else [])]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true", help="write the page in docs")
    options = parser.parse_args()
    if shutil.which("docker-registry") is None:
        sys.exit("there is nothing to compare with: docker-registry is not installed")
    only = set(filter(None, options.only.split(",")))
    work = Path(tempfile.mkdtemp(prefix="boxwright-bench-", dir="/var/tmp"))
    try:
        with contextlib.ExitStack() as stack:
            servers = [
                Server("distribution", *stack.enter_context(distribution(work)), work / "distribution"),
                Server(OURS, *stack.enter_context(own_registry(work)), work / "registry"),
            ]
            bench = Bench()
            results: dict[str, dict[str, float]] = {}
            for workload in WORKLOADS:
                if only and workload.__name__ not in only:
                    continue
                times: dict[str, list[float]] = {server.name: [] for server in servers}
                for _ in range(options.rounds):
                    for server in servers:
                        times[server.name].append(workload(server, bench))
                row = results[workload.__name__] = {name: statistics.median(taken) for name, taken in times.items()}
                print(f"{workload.__name__:12}" + "".join(f"{name:>14} {took:7.3f}" for name, took in row.items()))
            text = page(results, {server.name: server.resident() for server in servers}, options.rounds)
        print("\n" + text)
        if options.write:
            PAGE.write_text(text)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
