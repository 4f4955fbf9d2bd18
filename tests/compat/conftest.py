"""Peers as witnesses: docker's daemon, and a base image that all of them have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.build_case import Case
from compat.builders import Results, build_all
from support.boxwright_command import Boxwright
from support.docker_daemon import Docker, docker_daemon
from support.podman import Podman, own_podman
from support.requirements import require_root, require_runtime

OWN_IMAGES = ("ada/mixed:a", "ada/mixed:b")
_OWN_IMAGES = r"""
FROM busybox AS a
RUN mkdir -p /d/sub && echo one > /d/one && ln /d/one /d/hard && ln -s one /d/soft && echo gone > /d/gone \
 && mkfifo /d/pipe && mknod /d/null c 1 3 && cp /d/one /d/suid && chown 5:6 /d/suid && chmod 4755 /d/suid \
 && n=$(printf '%0150d' 0) && touch "/d/$n" "/d/ünï code"
RUN rm /d/gone && rm -r /d/sub && mkdir /d/sub && echo x > /d/sub/x
COPY --chown=7:8 file /copied/
ENV A=1
LABEL with="some words"
EXPOSE 80
FROM a AS b
RUN echo two > /two
ENTRYPOINT ["cat"]
CMD ["/two"]
"""


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
def own_images(boxwright: Boxwright, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The names of two images of ours that share layers, with some of everything in them."""
    context = tmp_path_factory.mktemp("context")
    (context / "file").write_text("from the context\n")
    (context / "Dockerfile").write_text(_OWN_IMAGES)
    for name in OWN_IMAGES:
        boxwright.run("build", "--network", "none", "-t", name, "--target", name[-1], str(context))
    return OWN_IMAGES


@pytest.fixture
def podman() -> Iterator[Podman]:
    """A podman without any images."""
    with own_podman() as podman:
        yield podman


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
