"""The build language, case by case: what each Dockerfile gives, or what is said of it and where.

After a wanted change run this file by itself (`PYTHONPATH=tests python tests/corpus/test_corpus.py`): it writes what is
expected anew, for a look at the difference.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.store.store import Store
from support.building import Workbench
from support.corpus import Case, load, show

HERE = Path(__file__).parent
CASES = [case for path in sorted(HERE.glob("*.cases")) for case in load(path)]
ELSEWHERE = {
    52: "integration/test_build_outputs.py",
    53: "compat/test_dockerfiles.py",
    74: "compat/dockerfiles/add-archive-through-links",
    98: "contract/test_layer_contract.py",
    99: "contract/test_layer_contract.py",
    100: "contract/test_layer_contract.py",
    101: "integration/test_build_runtime.py",
    102: "compat/dockerfiles/run-leftovers",
    109: "integration/test_build_command.py",
    110: "integration/test_build_kept.py",
    111: "integration/test_build_command.py",
}
"""Facts that need what runs commands, unpacks layers or prints, and where they are tested."""

BASE = """\
FROM scratch
COPY root /
ENV BASE=yes
CMD ["sh"]
"""
ROOT = {
    "root/etc/passwd": "root:x:0:0::/root:/bin/sh\nada:x:1000:1001::/home/ada:/bin/sh\n",
    "root/etc/group": "root:x:0:\nada:x:1001:\nwheel:x:10:ada\n",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(tmp_path_factory.mktemp("corpus")) as store:
        yield store


def opened(directory: Path) -> Store:
    """Return a store with the image ``busybox``, which has users and no programs."""
    store = Store.open(directory / "root")
    Workbench(store, directory / "base").build(BASE, ROOT, tag="busybox")
    return store


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_gives_what_it_is_known_to_give(case: Case, store: Store, tmp_path: Path) -> None:
    assert outcome(case, store, tmp_path / "context") == case.expect


def outcome(case: Case, store: Store, context: Path) -> str:
    # What one case has built answers no other.
    store.steps.forget([step.key for step in store.steps.list()])
    return show(case, Workbench(store, context))


def test_names_are_names() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(case.about for case in CASES)


def test_every_fact_of_the_list_has_a_case() -> None:
    facts = {int(line.split()[0]) for line in (HERE / "facts.txt").read_text().splitlines() if line[:1].isdigit()}
    covered = {fact for case in CASES for fact in case.facts}
    assert covered <= facts
    assert sorted(facts - covered - ELSEWHERE.keys()) == []
    assert all((HERE.parent / place).exists() for place in ELSEWHERE.values())


def _renew(path: Path, store: Store, contexts: Path) -> None:
    """Write what the cases of a file give as what is expected of them."""
    text = path.read_text(encoding="utf-8")
    head, *parts = text.split("\n=== ")
    renewed = [head]
    for case, part in zip(load(path), parts, strict=True):
        given = part.partition("\n--- expect\n")[0].rstrip("\n")
        renewed.append(f"{given}\n--- expect\n{outcome(case, store, contexts / case.name)}")
    path.write_text("\n=== ".join(renewed).rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, opened(Path(place)) as known:
        for file in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.cases")):
            _renew(file, known, Path(place))
