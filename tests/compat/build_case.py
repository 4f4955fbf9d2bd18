"""Cases for builders: in ``dockerfiles/`` all builders make the same image, in ``failing/`` ours must make none.

A case is a build context with two files that are no part of it:

    case.toml     about = what is shown; options = build's options; classic = false where the classic builder can't;
                  of a failing case: line = where, words = what all messages say,
                  accepted_by = builders of docker's that take it all the same
    prepare.py    prepare(context: Path) makes what git can't hold: modes, owners, links, archives, odd names

Contexts are made reproducible: modes 0644 (0755 when executable) and one time for all files that prepare.py hasn't
given another. Each case has a time of its own: BuildKit takes a file for one that it has seen in another context when
name, size and time are equal.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import time
import tomllib
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from support import corpus

HERE = Path(__file__).parent
_SEAL = "seal"
_OWN_FILES = ("case.toml", "prepare.py")


class Case(NamedTuple):
    name: str
    directory: Path
    about: str
    options: tuple[str, ...] = ()
    classic: bool = True
    line: int | None = None
    words: tuple[str, ...] = ()
    accepted_by: tuple[str, ...] = ()
    corpus: corpus.Case | None = None
    """What it was made of, where that is a case of the corpus."""
    seal: bool = False
    """Copy a file at the end: docker 20.10 saves no image that has no layer."""

    @property
    def time(self) -> int:
        """The mtime of the context's files (seconds)."""
        return 1_000_000_000 + crc32(self.name.encode()) % 500_000_000

    @classmethod
    def load(cls, directory: Path) -> Case:
        with open(directory / "case.toml", "rb") as stream:
            values = tomllib.load(stream)
        for name in ("options", "words", "accepted_by"):
            values[name] = tuple(values.get(name, ()))
        return cls(directory.name, directory, **values)

    def make_context(self, target: Path) -> None:
        """Make the build context in `target`, which isn't there yet."""
        if self.corpus is not None:
            target.mkdir()
            self.corpus.write(target)
            if self.seal:
                (target / _SEAL).write_text(self.name)
                with open(target / "Dockerfile", "a") as stream:
                    stream.write(f"COPY {_SEAL} /\n")
            for path in (target, *target.rglob("*")):
                # BuildKit does at once what builds side by side have in common: files that are equal have one time.
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                _set_time(path, 1_000_000_000 + crc32(content) % 500_000_000)
            return
        shutil.copytree(
            self.directory, target, symlinks=True, ignore=shutil.ignore_patterns(*_OWN_FILES, "__pycache__")
        )
        for path in (target, *target.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            _set_time(path, self.time)
        prepare = self.directory / "prepare.py"
        if prepare.exists():
            started = time.time() - 1
            runpy.run_path(str(prepare))["prepare"](target)
            for path in (target, *target.rglob("*")):
                if path.lstat().st_mtime >= started:
                    _set_time(path, self.time)


def _set_time(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds), follow_symlinks=False)


def corpus_cases(*, failing: bool) -> list[Case]:
    """Return the cases of the corpus that docker can build, too: those that give an image, or those that don't."""
    cases = []
    for path in sorted((HERE.parent / "corpus").glob("*.cases")):
        for case in corpus.load(path):
            # Commands of cases are made up, and run nowhere.
            if case.peer or "\n    run [" in case.expect or case.expect.startswith("error:") is not failing:
                continue
            cases.append(_of_corpus(case))
    return cases


def _of_corpus(case: corpus.Case) -> Case:
    options = [word for name, value in case.args for word in ("--build-arg", f"{name}={value}")]
    given = dict(case.options)
    for name, flag in (("target", "--target"), ("file", "-f"), ("platform", "--platform")):
        options += [flag, given[name]] if name in given else []
    for label in filter(None, given.get("labels", "").split(",")):
        options += ["--label", label]
    place = re.search(r"^  Dockerfile:(\d+)", case.expect, re.MULTILINE)
    return Case(
        f"corpus-{case.name}",
        case.source,
        case.about,
        tuple(options),
        classic=False,
        line=int(place[1]) if place and case.expect.startswith("error:") else None,
        corpus=case,
        seal=not re.search(r"^(/|error:)|BASE=yes", case.expect, re.MULTILINE),
    )


def load_cases(folder: str) -> list[Case]:
    """Return the cases of ``dockerfiles`` or ``failing``, by name."""
    return [Case.load(path.parent) for path in sorted((HERE / folder).glob("*/case.toml"))]
