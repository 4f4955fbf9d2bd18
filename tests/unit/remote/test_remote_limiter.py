from __future__ import annotations

from boxwright.remote.limiter import Limiter


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_pieces_take_as_long_as_they_may() -> None:
    clock = _Clock()
    limiter = Limiter(1000.0, clock=clock, sleep=clock.sleep)
    for count in (100, 500, 0):
        limiter.passed(count)
    assert clock.slept == [0.1, 0.5]


def test_idle_time_is_not_saved_up() -> None:
    clock = _Clock()
    limiter = Limiter(1000.0, clock=clock, sleep=clock.sleep)
    limiter.passed(100)
    clock.now += 3600
    limiter.passed(100)
    assert clock.slept == [0.1, 0.1]


def test_those_who_come_together_wait_behind_each_other() -> None:
    clock = _Clock()
    slept: list[float] = []
    limiter = Limiter(1000.0, clock=clock, sleep=lambda seconds: slept.append(round(seconds, 6)))
    for _ in range(3):
        limiter.passed(100)
    assert slept == [0.1, 0.2, 0.3]


def test_pieces_are_a_tenth_of_a_second() -> None:
    assert (Limiter(1 << 20).piece, Limiter(100).piece) == (104857, 1024)
