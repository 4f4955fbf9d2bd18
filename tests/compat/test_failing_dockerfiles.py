"""Dockerfiles that must not build: ours says so in words like docker's, and at the same line.

Where one of docker's builders takes such a file all the same, the case tells (``accepted_by``); no other may.
"""

from __future__ import annotations

import re

import pytest

from compat.build_case import Case, corpus_cases, load_cases
from compat.builders import BUILDERS, Results

pytestmark = [
    pytest.mark.peer,
    pytest.mark.root,
    pytest.mark.runtime,
    pytest.mark.slow,
    pytest.mark.timeout(900),  # the first test waits for all builds
]

_CASES = load_cases("failing") + corpus_cases(failing=True)
_LINE = re.compile(r"(?:parse error (?:on )?line |\bDockerfile:)(\d+)")


def _lines(log: str) -> set[int]:
    return {int(number) for number in _LINE.findall(log)}


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_it_fails_at_its_line_in_dockers_words(case: Case, results: Results) -> None:
    built = {builder: results[builder, case.name] for builder in BUILDERS if (builder, case.name) in results}
    accepted = {builder for builder, result in built.items() if result.image is not None}
    # Whether BuildKit 20.10 takes a malformed pattern depends on what builds before this one have left in its cache.
    assert accepted <= set(case.accepted_by), "\n".join(built[builder].log for builder in accepted)
    ours = built.pop("boxwright").log
    assert "a bug in boxwright" not in ours, ours
    assert _lines(ours) == ({case.line} if case.line is not None else set()), ours
    theirs = [result.log for builder, result in built.items() if builder not in accepted]
    # docker 20.10 tells the line of what it cannot parse, and of nothing else.
    assert all(_lines(log) <= {case.line} for log in theirs), theirs
    for word in case.words:
        assert word.lower() in ours.lower(), ours
        assert any(word.lower() in log.lower() for log in theirs), theirs
