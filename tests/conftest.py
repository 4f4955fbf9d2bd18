"""For all tests: what their marks ask of the machine; and on a CI machine nothing may be skipped for want of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boxwright.host.trees import remove_tree
from support.postgres import PostgresServer, postgres_server
from support.requirements import require_root, require_runtime

if TYPE_CHECKING:
    from support.scheduling import FolderScheduling

# What a machine is or isn't, whatever is installed on it.
_OF_THE_MACHINE = (
    "OCI_CONFORMANCE does not name",
    "only crun takes a program",
    "we have every capability",
    "does not work on this kernel",
    "no IPv6 here",
    "has no route",
    "needs a network interface besides loopback",
    "not all of its cases were built",
    "a little-endian machine",
    "Debian does not have it",
)


def pytest_configure() -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and so would all commands that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root"):
        require_root()
    if item.get_closest_marker("runtime"):
        require_runtime()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FolderScheduling:
    from support.scheduling import FolderScheduling

    return FolderScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(known in reason for known in _OF_THE_MACHINE):
            report.outcome = "failed"
            report.longrepr = f"skipped on CI, where everything can be installed: {reason}"
    return report


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder for trees that are nested deeper than pytest can clear them away; it goes, and all beside it."""
    folder = tmp_path / "deep"
    folder.mkdir()
    yield folder
    remove_tree(tmp_path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server: ``with postgres.database() as url``."""
    with postgres_server() as server:
        yield server
