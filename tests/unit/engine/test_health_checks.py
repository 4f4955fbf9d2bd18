"""Health checks: which one a container has, and what its results make of it."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.engine.containers.health import after, merged
from boxwright.oci.config import Healthcheck

_SECOND = 1_000_000_000
_IMAGE = Healthcheck(("CMD", "true"), interval=5 * _SECOND, retries=4)


@pytest.mark.parametrize(
    ("image", "own", "check"),
    [
        (None, None, None),
        (_IMAGE, None, _IMAGE),
        (None, _IMAGE, _IMAGE),
        (None, Healthcheck((), retries=3), None),  # numbers without a test are no check
        (_IMAGE, Healthcheck(("NONE",)), None),
        (Healthcheck(("NONE",)), None, None),
        (Healthcheck(("NONE",)), Healthcheck(("CMD", "x")), Healthcheck(("CMD", "x"))),
        (_IMAGE, Healthcheck((), timeout=_SECOND), _IMAGE._replace(timeout=_SECOND)),
        (_IMAGE, Healthcheck(("CMD", "x"), retries=1), _IMAGE._replace(test=("CMD", "x"), retries=1)),
    ],
)
def test_the_check_of_a_container(
    image: Healthcheck | None, own: Healthcheck | None, check: Healthcheck | None
) -> None:
    assert merged(image, own) == check


@pytest.mark.parametrize(
    ("codes", "age", "status", "streak"),
    [
        ([], 0, "starting", 0),
        ([0], 0, "healthy", 0),
        ([1], 20, "starting", 1),
        ([1, 1], 20, "unhealthy", 2),
        ([-1, -1, -1], 20, "unhealthy", 3),
        ([1, 1, 1], 5, "starting", 0),  # before the end of its start period
        ([0, 1, 1], 5, "unhealthy", 2),  # it had started
        ([1, 1, 0, 1], 20, "healthy", 1),
    ],
)
def test_results(codes: list[int], age: float, status: str, streak: int) -> None:
    check = Healthcheck(("CMD", "true"), retries=2, start_period=10 * _SECOND)
    health: dict[str, Any] = {"Status": "starting", "FailingStreak": 0, "Log": []}
    for code in codes:
        health = after(health, check, {"ExitCode": code}, age)
    assert (health["Status"], health["FailingStreak"], len(health["Log"])) == (status, streak, len(codes))


def test_five_results_are_kept() -> None:
    health: dict[str, Any] = {}
    for number in range(9):
        health = after(health, Healthcheck(("CMD", "true"), retries=3), {"ExitCode": 0, "Output": str(number)}, 0)
    assert [result["Output"] for result in health["Log"]] == ["4", "5", "6", "7", "8"]
