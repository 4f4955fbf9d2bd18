"""Several processes and several servers that share one database and one storage."""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.nginx import balancing
from support.postgres import PostgresServer
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, ServerDied, ServerProcess, serving
from support.s3 import s3_server


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def eventually(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """The section of the configuration."""
    if request.param == "sqlite":
        yield {}
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield {"url": url}


@contextmanager
def two_servers(root: Path, database: dict[str, object]) -> Iterator[tuple[ServerProcess, PlainClient, PlainClient]]:
    """The first of two servers, and a client of each."""
    with (
        serving(root, database=database) as one,
        serving(root, database=database) as two,
        PlainClient(one.address) as first,
        PlainClient(two.address) as second,
    ):
        yield one, first, second


def test_an_upload_goes_on_in_another_server(tmp_path: Path, database: dict[str, object]) -> None:
    pieces = [os.urandom(1 << 20) for _ in range(4)]
    whole = b"".join(pieces)
    with two_servers(tmp_path, database) as (_, first, second):
        assert first.call("POST", "/v2/a/blobs/uploads/")[0] == 202
        location = first.location
        for number, piece in enumerate(pieces):
            client = (first, second, second, first)[number]
            span = f"{number << 20}-{((number + 1) << 20) - 1}"
            assert client.call("PATCH", location, piece, Content_Range=span)[0] == 202
            assert second.call("GET", location)[0] == 204
        assert second.call("PUT", f"{location}?digest={digest_of(whole)}")[0] == 201
        assert first.call("GET", f"/v2/a/blobs/{digest_of(whole)}") == (200, whole)
        assert first.call("GET", location)[0] == 404
        assert first.call("PATCH", location, b"x")[0] == 404


def test_an_upload_goes_on_at_once_when_the_server_that_had_it_was_killed(
    tmp_path: Path, database: dict[str, object]
) -> None:
    data = os.urandom(3 << 20)
    with two_servers(tmp_path, database) as (one, first, second):
        assert first.call("POST", "/v2/a/blobs/uploads/")[0] == 202
        location = first.location
        connection = http.client.HTTPConnection(one.address)
        connection.putrequest("PATCH", location)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data[: 2 << 20])

        def received() -> int:
            """Held by the one, and what it has is told by the other one."""
            assert second.call("GET", location)[0] == 204
            return int(second.range.removeprefix("0-")) + 1

        eventually(lambda: received() >= 1 << 20)
        one.send_signal(signal.SIGKILL)
        one.wait()
        connection.close()
        at = received()
        assert second.call("PATCH", location, data[at:], Content_Range=f"{at}-{len(data) - 1}")[0] == 202
        assert second.call("PUT", f"{location}?digest={digest_of(data)}")[0] == 201
        assert second.call("GET", f"/v2/a/blobs/{digest_of(data)}") == (200, data)


def test_processes_of_one_server_share_an_address_and_are_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, server={"processes": 2}) as server:
        first = children(server.pid)
        assert len(first) == 2
        acknowledged: list[str] = []
        for number in range(12):  # each connection goes to some process
            with PlainClient(server.address) as client:
                client.push("a", f"t{number}", SmallImage.of(b"%d" % number), acknowledged)
        with PlainClient(server.address) as client:
            client.verify(acknowledged)
        os.kill(first[0], signal.SIGKILL)
        eventually(lambda: len(children(server.pid)) == 2 and first[0] not in children(server.pid))
        for _ in range(8):
            with PlainClient(server.address) as client:
                assert client.call("GET", "/v2/a/manifests/t3")[0] == 200
        server.send_signal(signal.SIGTERM)
        status, stderr = server.wait()
        assert status == 0
        assert stderr.count("replaced") == 1
        for pid in first:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def test_the_processes_end_with_their_parent(tmp_path: Path) -> None:
    with serving(tmp_path, server={"processes": 3}) as server:
        pids = children(server.pid)
        server.send_signal(signal.SIGKILL)

        def ended() -> bool:
            return not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids)

        eventually(ended)


def test_an_address_of_a_server_with_several_processes_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path / "a", server={"processes": 2}) as server:
        for processes in (1, 2):
            with pytest.raises(ServerDied) as died:
                ServerProcess(tmp_path / "b", server={"addr": server.address, "processes": processes})
            assert "AddressInUse" in str(died.value)


def test_a_database_that_cannot_be_had_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(ServerDied) as died:
        ServerProcess(tmp_path, server={"processes": 2}, database={"url": f"postgresql://x@/x?host={tmp_path}"})
    assert str(died.value).count("DatabaseUnavailable: the database failed") == 1


@pytest.mark.slow
def test_a_server_behind_a_balancer_is_killed_in_the_middle_of_pushes(tmp_path: Path, postgres: PostgresServer) -> None:
    """Clients try again, and whatever was acknowledged is whole.

    The servers are as on two machines: they have nothing in common but a database and a bucket.
    """
    acknowledged: list[str] = []
    failures: list[BaseException] = []
    retries: list[int] = []
    killed = threading.Event()
    rounds = 4

    def pushes(number: int, address: str) -> None:
        chosen = random.Random(number)
        try:
            for round_ in range(rounds):
                image = SmallImage.of(chosen.randbytes(200_000))
                for attempt in range(30):
                    mine: list[str] = []
                    try:
                        with PlainClient(address) as client:
                            client.push(f"repo{number}", f"t{round_}", image, mine)
                        acknowledged.extend(mine)
                        break
                    except (http.client.HTTPException, OSError, AssertionError):
                        # What was accepted before it broke off counts, too.
                        acknowledged.extend(mine)
                        retries.append(attempt)
                        time.sleep(0.1)
                else:
                    raise TimeoutError(f"push {number} never succeeded")
                if round_ == 1:
                    killed.wait(30)
        except BaseException as error:
            failures.append(error)

    with ExitStack() as stack:
        url = stack.enter_context(postgres.database())
        options = {"database": {"url": url}, "storage": {"url": stack.enter_context(s3_server()).location()}}
        servers = [stack.enter_context(serving(tmp_path / machine, **options)) for machine in ("one", "two")]
        address = stack.enter_context(balancing(tmp_path / "nginx", [one.address for one in servers]))
        threads = [threading.Thread(target=pushes, args=(number, address)) for number in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(acknowledged) > 12)
        os.kill(servers[0].pid, signal.SIGKILL)
        killed.set()
        for thread in threads:
            thread.join()
        assert not failures
        with PlainClient(address) as client:
            client.verify(acknowledged)
            for number in range(4):
                assert client.call("GET", f"/v2/repo{number}/manifests/t{rounds - 1}")[0] == 200
