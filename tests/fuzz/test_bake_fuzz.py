"""A short run of the fuzzer, always the same one."""

from __future__ import annotations

import random

from fuzz.fuzz_bake import NAMES, SEEDS, exercise, run


def test_seeds_are_answered() -> None:
    for text in SEEDS:
        for name in NAMES:
            exercise(text, name)


def test_mutated_texts_are_answered() -> None:
    assert run(random.Random(4), rounds=3000) == 3000
