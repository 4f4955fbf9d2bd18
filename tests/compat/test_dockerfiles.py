"""The same Dockerfiles through docker's two builders and ours: the images are the same in all that counts.

BuildKit is the one to follow, also where docker's classic builder makes something else. What differs on purpose stands
in ``differences.toml`` with the reason, and must differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from compat.build_case import HERE, Case, corpus_cases, load_cases
from compat.builders import Results
from compat.comparison import Declared, Difference, compare, describe, load_declared
from support.image_archive import ArchivedImage

pytestmark = [
    pytest.mark.peer,
    pytest.mark.root,
    pytest.mark.runtime,
    pytest.mark.slow,
    pytest.mark.timeout(900),  # the first test waits for all builds
]

_STARTED = time.time() - 1
_CASES = load_cases("dockerfiles") + corpus_cases(failing=False)
_DECLARED = load_declared(HERE / "differences.toml")


def _image(results: Results, builder: str, case: Case) -> ArchivedImage | None:
    built = results.get((builder, case.name))
    return built.image if built is not None else None


def _facts(results: Results, builder: str, case: Case) -> dict[str, Any]:
    built = results[builder, case.name]
    assert built.image is not None, f"{builder} failed:\n{built.log}"
    return describe(built.image, _STARTED)


def _undeclared(case: Case, differences: Mapping[str, Difference]) -> dict[str, Difference]:
    return {
        what: values
        for what, values in differences.items()
        if not any(entry.covers(case.name, what, values) for entry in _DECLARED)
    }


def _told(case: Case, results: Results, differences: Mapping[str, Difference]) -> str:
    """Return the differences as text, with what the classic builder has to say."""
    classic = _facts(results, "classic", case) if case.classic else {}
    return "\n".join(
        f"{what}\n  buildkit:  {theirs}\n  boxwright: {ours}\n  classic:   {classic.get(what, '-')}"
        for what, (theirs, ours) in differences.items()
    )


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_as_buildkit_builds(case: Case, results: Results) -> None:
    if case.classic:
        _facts(results, "classic", case)
    differences = _undeclared(case, compare(_facts(results, "buildkit", case), _facts(results, "boxwright", case)))
    assert not differences, _told(case, results, differences)


@pytest.mark.parametrize("entry", _DECLARED, ids=lambda entry: f"{entry.case}-{entry.what}")
def test_declared_differences_are_there(entry: Declared, results: Results) -> None:
    concerned = [case for case in _CASES if fnmatchcase(case.name, entry.case)]
    assert concerned, "there is no such case"
    built = [case for case in concerned if all(_image(results, builder, case) for builder in ("buildkit", "boxwright"))]
    found = False
    for case in built:
        ours = _facts(results, "boxwright", case)
        differences = compare(_facts(results, "buildkit", case), ours)
        covered = {what for what, values in differences.items() if entry.covers(case.name, what, values)}
        found = found or bool(covered)
        if covered and _image(results, "classic", case) and entry.as_classic is not None:
            classic = compare(_facts(results, "classic", case), ours)
            assert entry.as_classic is covered.isdisjoint(classic), _told(case, results, differences)
    if not found and len(built) < len(concerned):
        pytest.skip("not all of its cases were built")
    assert found, "it no longer differs"
