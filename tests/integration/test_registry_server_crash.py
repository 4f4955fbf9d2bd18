"""kill -9 at any point: nothing acknowledged is lost, and no manifest lacks a blob."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from support.registry_kit import SmallImage
from support.registry_process import PlainClient, ServerDied, ServerProcess, serving

_MAX_POINTS = 200


@pytest.mark.slow
def test_every_point_of_a_push(tmp_path: Path) -> None:
    """Each server dies one step later in a push than the one before, all of them in the same folder."""
    acknowledged: list[str] = []
    deaths = 0
    for number in range(1, _MAX_POINTS):
        image = SmallImage.of(b"content of push %d\n" % number)
        mine: list[str] = []
        try:
            server = ServerProcess(tmp_path, crash_at=number)
        except ServerDied as died:
            if died.status != -signal.SIGKILL:
                raise
            continue  # it was still making the folder
        with PlainClient(server.address) as client:
            try:
                client.verify(acknowledged)  # it dies here when what it tends at its start is slow
                client.push(f"repo{number}", "latest", image, mine)
            except (http.client.HTTPException, OSError):
                deaths += 1
                status, stderr = server.wait()
                assert (status, "killed at point" in stderr) == (-signal.SIGKILL, True)
                acknowledged += mine
                continue
            finally:
                server.kill()
        break
    else:
        pytest.fail("the points never ended")
    assert deaths > 12
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.verify(acknowledged)
        again: list[str] = []
        for older in range(1, number + 1):
            client.push(f"repo{older}", "latest", SmallImage.of(b"content of push %d\n" % older), again)
        client.verify(again)


@pytest.mark.slow
def test_killed_under_load(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for round_ in range(4):
        with serving(tmp_path) as server:
            with PlainClient(server.address) as client:
                client.verify(acknowledged)
            threads = [
                threading.Thread(target=_push_until_it_dies, args=(server.address, f"r{round_}w{worker}", acknowledged))
                for worker in range(4)
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.4 + 0.15 * round_)
            os.kill(server.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    assert acknowledged
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.verify(acknowledged)


def _push_until_it_dies(address: str, prefix: str, acknowledged: list[str]) -> None:
    with PlainClient(address) as client:
        for number in range(10_000):
            mine: list[str] = []
            try:
                client.push(f"{prefix}/{number % 5}", f"t{number}", SmallImage.of(os.urandom(200_000)), mine)
            except (http.client.HTTPException, OSError):
                return
            finally:
                acknowledged.extend(mine)
