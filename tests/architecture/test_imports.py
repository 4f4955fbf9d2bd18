"""Arrows between the rooms point one way, and the start of the command stays light."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.requirements import require_root, require_runtime

ROOT = Path(__file__).resolve().parents[2]
# What no command that is typed all day may pay for, milliseconds each.
NEVER = {
    "_hashlib",  # OpenSSL
    "argparse",
    "asyncio",
    "dataclasses",
    "email",
    "gettext",
    "hashlib",
    "http",
    "inspect",
    "locale",
    "logging",
    "pathlib",
    "queue",
    "random",
    "secrets",
    "shutil",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "urllib",
    "urllib3",
}
# What a start without work must not pay for.
HEAVY = NEVER | {"ctypes", "json", "socket", "sqlite3", "threading"}
DOCKERFILE = """FROM scratch
ARG VERSION=1
ENV VERSION=$VERSION
WORKDIR /srv
COPY --chown=1:1 a.txt sub ./
COPY . /all
LABEL a=b
CMD ["/srv/a.txt"]
"""


def loaded_by(code: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store, `root`, in which `context` has been built."""
    require_root()
    home = tmp_path_factory.mktemp("imports")
    context = home / "context"
    (context / "sub").mkdir(parents=True)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "a.txt").write_text("a")
    (context / "sub/b.txt").write_text("b")
    for file in (context, *context.rglob("*")):  # what has just changed might change again within a clock's tick
        os.utime(file, (1_700_000_000, 1_700_000_000))
    build = ["--root", str(home / "root"), "build", "-q", "-t", "built", str(context)]
    code = f"from boxwright.cli.main import main; import sys, time; time.sleep(0.2); sys.exit(main({build!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return home


def test_the_rooms_import_in_one_direction() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--config", ROOT / "pyproject.toml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("verb", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(verb: str) -> None:
    loaded = loaded_by(f"from boxwright.cli.main import main\nmain([{verb!r}])")
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert not {name for name in loaded if name.startswith(("boxwright.oci", "boxwright.engine", "boxwright.store"))}


@pytest.mark.parametrize(
    ("words", "code", "foreign"),
    [
        pytest.param(
            ["build", "-t", "built", "CONTEXT"],
            0,
            "ctypes socket select bz2 zlib boxwright.runtime boxwright.network boxwright.remote boxwright.bootstrap"
            " boxwright.image boxwright.layer.writer boxwright.layer.reader boxwright.build.writing"
            " boxwright.store.containers boxwright.store.gc",
            id="build, all from the cache",
        ),
        pytest.param(
            ["images"],
            0,
            "ctypes socket select signal boxwright.runtime boxwright.network boxwright.remote boxwright.build"
            " boxwright.dockerfile boxwright.layer boxwright.image",
            id="images",
        ),
        pytest.param(
            ["ps", "-a"],
            0,
            "ctypes socket signal boxwright.network boxwright.remote boxwright.build boxwright.dockerfile"
            " boxwright.layer boxwright.image boxwright.runtime.spec boxwright.runtime.conmon",
            id="ps",
        ),
        pytest.param(
            ["exec", "nothing", "true"],
            1,
            "socket boxwright.network boxwright.remote boxwright.build boxwright.dockerfile boxwright.layer"
            " boxwright.image boxwright.oci.config boxwright.oci.manifest boxwright.store.images"
            " boxwright.runtime.conmon boxwright.runtime.seccomp",
            id="exec",
        ),
        pytest.param(
            ["run", "--rm", "--network=none", "built"],  # its program is a text, which is found out late
            126,
            "boxwright.remote boxwright.build boxwright.dockerfile boxwright.layer boxwright.image"
            " boxwright.network.network boxwright.host.netlink boxwright.runtime.logs",
            marks=[pytest.mark.root, pytest.mark.runtime],
            id="run",
        ),
    ],
)
def test_each_verb_imports_what_it_needs(used: Path, words: list[str], code: int, foreign: str) -> None:
    if words[0] == "run":
        require_root()
        require_runtime()
    argv = ["--root", str(used / "root"), *(word.replace("CONTEXT", str(used / "context")) for word in words)]
    loaded = loaded_by(f"from boxwright.cli.main import main\nassert main({argv!r}) == {code}")
    forbidden = {*NEVER, *foreign.split()}
    prefixes = tuple(f"{name}." for name in forbidden)
    assert sorted(name for name in loaded if name in forbidden or name.startswith(prefixes)) == []


def test_importing_the_package_imports_no_room() -> None:
    loaded = {name for name in loaded_by("import boxwright") if name.startswith("boxwright.")}
    assert loaded == {"boxwright._version"}


def test_help_starts_nearly_as_fast_as_argparse_alone() -> None:
    command = [sys.executable, "-c", "import sys; from boxwright.cli.main import main; sys.exit(main(['--help']))"]
    bare = [sys.executable, "-c", "import argparse"]

    def once(argv: list[str]) -> float:
        started = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    for argv in (command, bare):
        once(argv)
    ours, theirs = [], []
    for _ in range(15):
        ours.append(once(command))
        theirs.append(once(bare))
    assert statistics.median(ours) < 1.6 * statistics.median(theirs)
