"""A server that is observed: ids of requests, the access log, metrics, health."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from boxwright.hub.observe.health import Health
from boxwright.hub.observe.observer import Observer
from boxwright.hub.observe.settings import LogSettings
from boxwright.hub.registry.collector import Collected
from support.registry_kit import Registry, SmallImage, digest_of, registry

IMAGE = SmallImage.of()


def observed(
    scenario: Callable[[Registry, Observer], Coroutine[Any, Any, None]],
    capture: pytest.CaptureFixture[str],
    **options: Any,
) -> list[dict[str, Any]]:
    """Run a scenario and return the lines of its log."""

    async def main() -> None:
        made: list[Observer] = []

        def make(workers: Any) -> Observer:
            made.append(Observer(LogSettings("json"), workers, **options))
            return made[0]

        async with registry(observe=make) as client:
            await scenario(client, made[0])
            await asyncio.sleep(0)  # what is counted after an answer
        made[0].close()

    asyncio.run(main())
    return [json.loads(line) for line in capture.readouterr().err.splitlines()]


async def numbers(client: Registry) -> dict[str, float]:
    """Return every sample of /metrics."""
    answer = await client("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.body.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_every_answer_has_an_id_which_is_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    ids: list[str] = []

    async def scenario(client: Registry, _: Observer) -> None:
        await client.push_image("a/b", "v1", IMAGE)
        for method, target in (
            ("GET", "/v2/"),
            ("GET", "/v2/a/b/manifests/v1?token=secret"),
            ("HEAD", "/v2/a/b/manifests/v1"),
            ("GET", f"/v2/a/b/blobs/{digest_of(IMAGE.layer)}"),
            ("GET", "/v2/a/b/manifests/none"),
            ("GET", "/nowhere"),
        ):
            answer = await client(method, target, x_request_id="chosen-by-a-stranger")
            ids.append(answer.headers["X-Request-Id"])

    lines = observed(scenario, capfd)[-len(ids) :]
    assert [line["request"] for line in lines] == ids
    assert len({*ids, "chosen-by-a-stranger"}) == len(ids) + 1
    told = [(line["method"], line["route"], line["repository"], line["status"], line["sent"]) for line in lines]
    assert told == [
        ("GET", "ping", "", 200, 2),
        ("GET", "manifest", "a/b", 200, len(IMAGE.manifest)),
        ("HEAD", "manifest", "a/b", 200, 0),
        ("GET", "blob", "a/b", 200, len(IMAGE.layer)),
        ("GET", "manifest", "a/b", 404, told[4][4]),
        ("GET", "", "", 404, told[5][4]),
    ]
    assert lines[1]["path"] == "/v2/a/b/manifests/v1"
    assert lines[0]["client"] == "127.0.0.1"


def test_an_error_in_a_thread_is_logged_with_the_id(capfd: pytest.CaptureFixture[str]) -> None:
    sent: list[str] = []

    async def scenario(client: Registry, observer: Observer) -> None:
        def fail(*_: object, **__: object) -> None:
            logging.getLogger("boxwright.test").warning("about to fail")
            raise ValueError("unforeseen")

        client.application._handlers["tags"] = {"GET": lambda call: observer._workers.ask(fail)}
        answer = await client("GET", "/v2/a/tags/list")
        assert answer.status == 500
        sent.append(answer.headers["X-Request-Id"])

    lines = observed(scenario, capfd)
    assert [line["request"] for line in lines] == sent * 3
    assert [line["level"] for line in lines] == ["warning", "error", "info"]


def test_requests_are_counted_by_kinds_that_nobody_can_multiply(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario(client: Registry, observer: Observer) -> None:
        await client.push_image("a/b", "v1", IMAGE)
        for number in range(20):
            await client("GET", f"/v2/a{number}/manifests/t{number}")
            await client(("SEARCH", "PROPFIND", "MKCOL", "PURGE")[number % 4], f"/v2/a{number}/tags/list")
            await client("GET", f"/x{number}")
        observer.collected(Collected(2, 1, 1000), 0.5)
        observer.collected(None, 0.5)
        found = await numbers(client)
        name = "boxwright_registry_requests_total"
        assert found[f'{name}{{method="GET",route="manifest",status="404"}}'] == 20
        assert found[f'{name}{{method="other",route="tags",status="405"}}'] == 20
        assert found[f'{name}{{method="GET",route="none",status="404"}}'] == 20
        assert found[f'{name}{{method="PUT",route="manifest",status="201"}}'] == 1
        assert found['boxwright_registry_received_bytes_total{route="uploads"}'] == sum(map(len, IMAGE.blobs))
        assert found['boxwright_registry_received_bytes_total{route="manifest"}'] == len(IMAGE.manifest)
        assert found['boxwright_registry_request_seconds_count{method="PUT",route="manifest"}'] == 1
        assert found['boxwright_registry_storage_seconds_count{operation="commit"}'] == 2
        assert found["boxwright_registry_open_uploads"] == 0
        assert found["boxwright_registry_requests_in_flight"] == 0
        assert found['boxwright_registry_gc_runs_total{result="done"}'] == 1
        assert found['boxwright_registry_gc_runs_total{result="failed"}'] == 1
        assert found["boxwright_registry_gc_reclaimed_bytes_total"] == 1000
        await client.start_upload("a/b")
        again = await numbers(client)
        assert again["boxwright_registry_open_uploads"] == 1
        assert len(again) < len(found) + 40

    observed(scenario, capfd)


def test_what_is_not_http_is_a_line_and_not_a_trace(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario(client: Registry, _: Observer) -> None:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(b"GET /v2/ HTTP/1.1\r\nno header\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()

    (line,) = observed(scenario, capfd)
    assert (line["level"], line["message"].partition(":")[0]) == ("info", "not HTTP")
    assert "exception" not in line


def test_metrics_elsewhere_are_not_beside_the_registry(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario(client: Registry, _: Observer) -> None:
        assert (await client("GET", "/metrics")).status == 404
        assert (await client("GET", "/healthz")).status == 200
        assert (await client("POST", "/healthz")).status == 405

    observed(scenario, capfd, apart=True)


def test_ready_says_which_part_is_not(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(client: Registry, observer: Observer) -> None:
        broken = ["disk"]

        def ask() -> None:
            if broken:
                raise OSError("the disk is gone")

        observer.health.check("storage", ask)
        answer = await client("GET", "/readyz")
        assert answer.status == 503
        value = answer.json()
        assert value["status"] == "not ready"
        assert value["checks"]["database"]["ok"]
        assert not value["checks"]["storage"]["ok"]
        assert value["checks"]["storage"]["error"] == "the disk is gone"
        broken.clear()
        assert (await client("GET", "/readyz")).status == 503, "for a second the answer stays"
        observer.health._asked = -10.0
        answer = await client("GET", "/readyz")
        assert (answer.status, answer.json()["status"]) == (200, "ready")

        observer.health.ending = True
        answer = await client("GET", "/readyz")
        assert (answer.status, answer.json()["status"]) == (503, "ending")
        assert (await client("GET", "/healthz")).status == 200

    lines = observed(scenario, capfd)
    assert lines == [], "pages for operators are not logged"


def test_a_part_that_hangs_is_waited_for_once() -> None:
    release, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        release.wait(30)

    async def main() -> None:
        health = Health(timeout=0.05)
        health.check("storage", hang)
        for _ in range(3):
            (check,) = (await health.ready()).values()
            assert not check.ok
            assert check.error.startswith("no answer for")
            health._asked = -10.0
        assert len(asked) == 1
        release.set()
        while not (await health.ready())["storage"].ok:
            health._asked = -10.0

    asyncio.run(main())


def test_a_part_is_always_asked_by_one_thread() -> None:
    threads: set[int] = set()

    async def main() -> None:
        health = Health()
        health.check("database", lambda: threads.add(threading.get_ident()))
        for _ in range(5):
            assert (await health.ready())["database"].ok
            health._asked = -10.0

    asyncio.run(main())
    assert len(threads) == 1, "each thread would have a connection of its own"


def test_silence_below_info_costs_no_access_log(capfd: pytest.CaptureFixture[str]) -> None:
    made = Observer(LogSettings("text", "warning"), None)
    assert made._access is None
    made.close()
