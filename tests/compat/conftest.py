"""Peers as witnesses: docker's daemon, and a base image that all of them have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.build_case import Case
from compat.builders import Boxwright, Results, build_all
from support.docker_daemon import Docker, docker_daemon
from support.requirements import require_root, require_runtime


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root"):
        require_root()
    if item.get_closest_marker("runtime"):
        require_runtime()


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A daemon of the session's own."""
    with docker_daemon() as docker:
        yield docker


@pytest.fixture(scope="session")
def boxwright(tmp_path_factory: pytest.TempPathFactory) -> Boxwright:
    """The command, and busybox in its store."""
    boxwright = Boxwright(tmp_path_factory.mktemp("boxwright"))
    boxwright.run("bootstrap", "busybox")
    return boxwright


@pytest.fixture(scope="session")
def base(docker: Docker, boxwright: Boxwright, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image that docker and boxwright both have."""
    archive: Path = tmp_path_factory.mktemp("base") / "busybox.tar"
    boxwright.run("save", "-o", str(archive), "busybox")
    docker.run("load", "-i", str(archive))
    archive.unlink()
    return "busybox"


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest,
    docker: Docker,
    boxwright: Boxwright,
    base: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Results:
    """What each builder made of each case that the session's tests are about."""
    cases: dict[str, Case] = {}
    for item in request.session.items:
        callspec = getattr(item, "callspec", None)
        case = callspec.params.get("case") if callspec is not None else None
        if isinstance(case, Case):
            assert cases.setdefault(case.name, case) == case, f"two cases are called {case.name}"
    return build_all(list(cases.values()), docker, boxwright, tmp_path_factory.mktemp("contexts"))
