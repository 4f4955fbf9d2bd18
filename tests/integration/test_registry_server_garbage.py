"""Garbage is collected while the registry serves, and no push beside it loses anything."""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from boxwright.hub.registry.collector import RegistryMissing, collect_in
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, ServerDied, ServerProcess, serving

DELAY = 1.0


def blobs_on_disk(root: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in root.glob("blobs/sha256/*/*")}


def test_what_nothing_names_goes_and_the_rest_stays(tmp_path: Path) -> None:
    kept, gone = SmallImage.of(b"kept"), SmallImage.of(b"gone")
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.push("a", "kept", kept, [])
        client.push("a", "gone", gone, [])
        assert client.call("DELETE", f"/v2/a/manifests/{digest_of(gone.manifest)}")[0] == 202
        assert collect_in(tmp_path, 3600) == (0, 0, 0)
        time.sleep(0.01)
        released = collect_in(tmp_path, 0.001)
        assert released.released > 0
        time.sleep(0.01)
        collect_in(tmp_path, 0.001)
        names = {digest_of(data) for data in kept.blobs}
        assert blobs_on_disk(tmp_path) == names
        client.verify([f"/v2/a/blobs/{digest}" for digest in names])
        client.push("a", "again", gone, [])
        client.verify([])


def test_a_folder_without_a_registry(tmp_path: Path) -> None:
    with pytest.raises(RegistryMissing):
        collect_in(tmp_path, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_pushes_mounts_deletions_and_collections_at_once(tmp_path: Path) -> None:
    """Few contents, much sharing: each digest is pushed, mounted, deleted, collected and pushed again all the time."""
    images = [SmallImage.of(b"content %d" % number) for number in range(6)]
    end = time.monotonic() + 8
    failures: list[BaseException] = []
    with serving(tmp_path, gc={"delay": f"{DELAY}s", "interval": "20ms"}) as server:

        def repeat(seed: int, act: Callable[[PlainClient, random.Random], None]) -> None:
            chance = random.Random(seed)
            try:
                with PlainClient(server.address) as client:
                    while time.monotonic() < end:
                        act(client, chance)
            except BaseException as error:  # told by the main thread
                failures.append(error)

        def push(client: PlainClient, chance: random.Random) -> None:
            # What a client was told is there has to be there when it names it, as long as it takes less than the delay.
            client.push(f"r{chance.randrange(4)}", f"t{chance.randrange(3)}", chance.choice(images), [])

        def mount(client: PlainClient, chance: random.Random) -> None:
            source, target = (f"r{number}" for number in chance.sample(range(4), 2))
            digest = digest_of(chance.choice(chance.choice(images).blobs))
            status, _ = client.call("POST", f"/v2/{target}/blobs/uploads/?mount={digest}&from={source}")
            assert status in (201, 202)
            if status == 201:
                assert client.call("GET", f"/v2/{target}/blobs/{digest}")[0] == 200

        def delete(client: PlainClient, chance: random.Random) -> None:
            name, image = f"r{chance.randrange(4)}", chance.choice(images)
            assert client.call("DELETE", f"/v2/{name}/manifests/{digest_of(image.manifest)}")[0] in (202, 404)
            time.sleep(0.05)

        acts = [push, push, push, mount, delete, delete]
        threads = [threading.Thread(target=repeat, args=(seed, act)) for seed, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        with PlainClient(server.address) as client:
            client.verify([])
        time.sleep(2 * DELAY + 0.5)
        with PlainClient(server.address) as client:
            client.verify([])
            named = _named(client)
        assert named <= blobs_on_disk(tmp_path)
    time.sleep(0.01)
    for _ in range(2):
        collect_in(tmp_path, 0.005)
        time.sleep(0.01)
    assert blobs_on_disk(tmp_path) == named


def _named(client: PlainClient) -> set[str]:
    """Return the blobs that any manifest names, tagged or not."""
    named = set()
    for name in json.loads(client.call("GET", "/v2/_catalog")[1])["repositories"]:
        for number in range(6):
            image = SmallImage.of(b"content %d" % number)
            if client.call("GET", f"/v2/{name}/manifests/{digest_of(image.manifest)}")[0] == 200:
                named |= {digest_of(data) for data in image.blobs}
    return named


@pytest.mark.slow
def test_killed_at_every_point_of_a_collection(tmp_path: Path) -> None:
    deaths = 0
    for number in range(1, 60):
        with serving(tmp_path) as server, PlainClient(server.address) as client:
            client.push("kept", "latest", SmallImage.of(b"kept"), [])
            gone = SmallImage.of(b"gone")
            client.push("gone", "latest", gone, [])
            assert client.call("DELETE", f"/v2/gone/manifests/{digest_of(gone.manifest)}")[0] == 202
        time.sleep(0.01)
        try:
            server = ServerProcess(tmp_path, crash_at=number, gc={"delay": "5ms", "interval": "1h"})
        except ServerDied as died:
            if died.status != -signal.SIGKILL:
                raise
            deaths += 1
            continue
        try:
            if not _dies_within(server, 0.4):
                break
            deaths += 1
        finally:
            server.kill()
    else:
        pytest.fail("the points never ended")
    assert deaths >= 4
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.verify(["/v2/kept/manifests/latest"])


def _dies_within(server: ServerProcess, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with PlainClient(server.address) as client:
                client.call("GET", "/v2/")
        except (OSError, http.client.HTTPException):
            return True
        time.sleep(0.02)
    return False
