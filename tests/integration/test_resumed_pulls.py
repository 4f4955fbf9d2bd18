"""Large layers that come in several goes: over several connections, and in several pulls; and from mirrors."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.errors import UnavailableError
from boxwright.host.paths import Path as HostPath
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote import parallel
from boxwright.remote.client import RegistryClient
from boxwright.remote.connect import connect
from boxwright.remote.download import WrongBlob
from boxwright.remote.hosts import HostSettings, Mirror
from boxwright.remote.progress import Event, LayerBytes, PlaceFailed
from boxwright.remote.retry import RetryPolicy
from integration.remote_servers import QUICK, Asked, BreakingLine, Reply, SmallServer, certificate
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving

_NOISE = random.Random(3).randbytes(6 << 20)
_IMAGE = SmallImage.of(_NOISE)
_BLOB = Descriptor("application/octet-stream", Digest.of(_NOISE), len(_NOISE))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "registry") as process:
        with PlainClient(process.address) as client:
            client.push("ada/web", "1", _IMAGE, [])
        yield process.address


@pytest.fixture
def open_engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def open_one(**settings: object) -> Engine:
        engines.append(Engine(Settings(root=tmp_path / "store")._replace(**settings)))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


def _blob_server(asked: Asked) -> Reply:
    """Answer as a registry that gives parts of its one blob."""
    if "/blobs/" not in asked.path:
        return Reply()
    wanted = asked.headers.get("Range")
    if not wanted:
        return Reply(200, {}, _NOISE)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, end = int(first), int(last or len(_NOISE) - 1)
    headers = {"Content-Range": f"bytes {start}-{end}/{len(_NOISE)}"}
    return Reply(206, headers, _NOISE[start : end + 1])


def _read(client: RegistryClient, position: int = 0) -> bytes:
    stream = parallel.download(client.session, "a", _BLOB, position=position)
    try:
        return b"".join(iter(lambda: stream.read(300_000), b""))
    finally:
        stream.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PARALLEL_BYTES", 1 << 20)
    monkeypatch.setattr(parallel, "_PART_BYTES", 700_000)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("position", [0, 1_234_567])
def test_parts_come_in_their_order(position: int) -> None:
    with SmallServer(_blob_server) as server:
        with RegistryClient(server.domain, insecure=True, policy=QUICK, connections=3) as client:
            assert _read(client, position) == _NOISE[position:]
        ranges = [asked.headers["Range"] for asked in server.asked if "/blobs/" in asked.path]
        assert len(ranges) == -(-(len(_NOISE) - position) // 700_000)
        assert len({asked.connection for asked in server.asked}) > 2


@pytest.mark.usefixtures("small_parts")
def test_parts_survive_a_line_that_breaks() -> None:
    with SmallServer(_blob_server) as server, BreakingLine(server.domain, 900_000, 500_000, 1_200_000) as line:
        with RegistryClient(line.domain, insecure=True, policy=QUICK, connections=3) as client:
            assert _read(client) == _NOISE
        assert line.broken == 3


@pytest.mark.usefixtures("small_parts")
def test_a_registry_without_parts_is_read_once() -> None:
    with SmallServer(lambda asked: Reply(200, {}, _NOISE if "/blobs/" in asked.path else b"")) as server:
        with RegistryClient(server.domain, insecure=True, policy=QUICK, connections=3) as client:
            assert _read(client) == _NOISE
        assert len([asked for asked in server.asked if "/blobs/" in asked.path]) == 1


@pytest.mark.usefixtures("small_parts")
def test_a_part_that_is_longer_than_it_was_asked_for_is_refused() -> None:
    def answer(asked: Asked) -> Reply:
        reply = _blob_server(asked)
        return reply._replace(body=reply.body + b"x") if reply.status == 206 else reply

    with SmallServer(answer) as server:
        client = RegistryClient(server.domain, insecure=True, policy=QUICK, connections=3)
        with client, pytest.raises(WrongBlob, match="more than was asked for"):
            _read(client)


def test_a_pull_is_taken_up_by_the_next(
    server: str, open_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    delay = RetryPolicy.delay  # short waits for whatever policy
    monkeypatch.setattr(RetryPolicy, "delay", lambda policy, failures, wish=None: delay(QUICK, failures, wish))
    heard: list[Event] = []
    engine = open_engine()
    name = "ada/web:1"
    # Each connection breaks, and soon there is no patience left.
    with BreakingLine(server, 2 << 20, *[100_000] * 9) as line, pytest.raises(UnavailableError):
        engine.pull(f"{line.domain}/{name}", sink=heard.append)
    (left,) = os.listdir(engine.store.layout.ingest)
    size = os.stat(os.path.join(engine.store.layout.ingest, left)).st_size
    assert size >= 1 << 20
    heard.clear()
    engine.pull(f"{server}/{name}", sink=heard.append)
    first = next(event for event in heard if isinstance(event, LayerBytes))
    assert first.done > size
    assert os.listdir(engine.store.layout.ingest) == []


def test_a_pull_that_was_killed_is_taken_up(server: str, open_engine: Callable[..., Engine]) -> None:
    engine = open_engine()
    store, name = engine.store, f"{server}/ada/web:1"
    argv = [sys.executable, "-m", "boxwright", "--root", str(engine.settings.root)]
    with subprocess.Popen([*argv, "pull", "-q", "--limit-rate", "4m", name], stdout=subprocess.DEVNULL) as killed:
        while not (sizes := [os.stat(store.layout.ingest / name).st_size for name in os.listdir(store.layout.ingest)]):
            time.sleep(0.01)
        while max(sizes) < 3 << 19:
            time.sleep(0.01)
            sizes = [os.stat(store.layout.ingest / name).st_size for name in os.listdir(store.layout.ingest)]
        killed.kill()
    heard: list[Event] = []
    engine.pull(name, sink=heard.append)
    assert next(event for event in heard if isinstance(event, LayerBytes)).done > 3 << 19
    assert os.listdir(store.layout.ingest) == []


def test_mirrors_are_asked_first(server: str, tmp_path: Path, open_engine: Callable[..., Engine]) -> None:
    with serving(tmp_path / "mirror") as mirror, SmallServer(lambda asked: Reply(404)) as empty:
        with PlainClient(mirror.address) as client:
            client.push("hub/ada/web", "1", _IMAGE, [])
        host = HostSettings((Mirror(empty.domain), Mirror(mirror.address, "hub/")))
        engine = open_engine(registries={"registry.invalid": host})
        heard: list[Event] = []
        pulled = engine.pull("registry.invalid/ada/web:1", sink=heard.append)
        assert pulled.digest == digest_of(_IMAGE.manifest)
        (failed,) = [event for event in heard if isinstance(event, PlaceFailed)]
        assert empty.domain in failed.why
        assert not any("authorization" in asked.headers for asked in empty.asked)
        tags = engine.inspect("registry.invalid/ada/web:1")["RepoDigests"]
        assert tags == [f"registry.invalid/ada/web@{pulled.digest}"]


def test_a_cache_of_ours_is_a_mirror_of_many(server: str, tmp_path: Path, open_engine: Callable[..., Engine]) -> None:
    upstream = {"prefix": "elsewhere", "url": f"http://{server}", "ns": ["registry.invalid"]}
    with serving(tmp_path / "cache", **{"[upstream]": upstream}) as cache:
        for mirror in (Mirror(cache.address), Mirror(cache.address, "elsewhere/")):
            engine = open_engine(registries={"registry.invalid": HostSettings((mirror,))})
            pulled = engine.pull("registry.invalid/ada/web:1")
            assert pulled.digest == digest_of(_IMAGE.manifest)


def test_without_a_good_mirror_the_registry_is_asked(server: str, open_engine: Callable[..., Engine]) -> None:
    with SmallServer(lambda asked: Reply(500)) as broken:
        engine = open_engine(registries={server: HostSettings((Mirror(broken.domain),))})
        heard: list[Event] = []
        assert engine.pull(f"{server}/ada/web:1", sink=heard.append).status == "downloaded"
        assert any(isinstance(event, PlaceFailed) for event in heard)


def test_an_authority_of_one_registry(tmp_path: Path) -> None:
    path = certificate(tmp_path, "server", address="127.0.0.2")
    key = path.with_suffix(".key")
    tls = {"cert": str(path), "key": str(key)}
    with serving(tmp_path / "registry", server={"addr": "127.0.0.2:0"}, tls=tls) as process:
        host = HostSettings(ca=HostPath(path))
        with connect(process.address, {}, host=host) as client:
            client.ping()
            assert client.session.endpoint().url == f"https://{process.address}"


def test_a_rate_is_kept(server: str, open_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[int] = []
    monkeypatch.setattr("boxwright.remote.limiter.Limiter.passed", lambda self, count: passed.append(count))
    engine = open_engine(limit_rate=1 << 20)
    engine.pull(f"{server}/ada/web:1")
    assert sum(passed) > len(_IMAGE.layer)
    assert max(passed) <= (1 << 20) / 10
    passed.clear()
    engine.registries.copy(f"{server}/ada/web:1", f"{server}/eva/web:1")
    engine.tag(f"{server}/ada/web:1", f"{server}/new/web:1")
    engine.push(f"{server}/new/web:1", compression="zstd:3", force_compression=True)
    assert sum(passed) > len(_NOISE) // 2
