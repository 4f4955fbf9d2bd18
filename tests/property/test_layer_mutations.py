"""Damaged archives, always the same ones: a short run of the fuzzer."""

from __future__ import annotations

import random

import pytest

from boxwright.host.trees import remove_tree
from fuzz.fuzz_tar import check, corpus, mutated


@pytest.mark.parametrize("index", range(len(corpus())))
def test_damaged_archives_end_in_our_own_errors_and_touch_nothing_outside(index, tmp_path):
    random_ = random.Random(index)
    seed = corpus()[index]
    for number in range(60):
        directory = tmp_path / str(number)
        directory.mkdir()
        check(mutated(seed, random_), directory)
        remove_tree(directory)  # whatever modes it has, which pytest would stumble over


def test_the_corpus_itself_is_understood(tmp_path):
    for number, data in enumerate(corpus()):
        directory = tmp_path / str(number)
        directory.mkdir()
        check(data, directory)
        remove_tree(directory)
