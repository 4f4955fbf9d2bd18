"""The three builders: docker's BuildKit, docker's classic one, and boxwright."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from compat.build_case import Case
from support.boxwright_command import Boxwright
from support.docker_daemon import Docker
from support.file_server import file_server
from support.image_archive import ArchivedImage, read_docker_archive

BUILDERS = ("buildkit", "classic", "boxwright")
_AT_ONCE = 4


class Built(NamedTuple):
    """What a builder made of a case: an image, or what it said."""

    image: ArchivedImage | None
    log: str


Results = dict[tuple[str, str], Built]
"""By builder's and case's name."""


def build_all(cases: list[Case], docker: Docker, boxwright: Boxwright, scratch: Path) -> Results:
    """Build every case with every builder that can, a few at a time; ``{url}`` in their options is a web server's."""
    jobs = [(builder, case) for case in cases for builder in BUILDERS]
    jobs = [(builder, case) for builder, case in jobs if builder != "classic" or case.classic]
    for case in cases:
        case.make_context(scratch / case.name)

    def build(job: tuple[str, Case]) -> subprocess.CompletedProcess[str]:
        builder, case = job
        # Caches don't look at times, and so would give one case the files of another.
        options = [
            "build",
            "--no-cache",
            "--network",
            "none",
            "-t",
            _tag(builder, case),
            *(option.replace("{url}", url) for option in case.options),
            ".",
        ]
        where = scratch / case.name
        if builder == "boxwright":
            return boxwright.run(*options, check=False, cwd=where)
        kind = str(int(builder == "buildkit"))
        return docker.run(*options, check=False, cwd=where, DOCKER_BUILDKIT=kind, BUILDKIT_PROGRESS="plain")

    with file_server() as url, ThreadPoolExecutor(_AT_ONCE) as pool:
        done = dict(zip(jobs, pool.map(build, jobs), strict=True))
    images: dict[str, ArchivedImage] = {}
    for tool in (docker, boxwright):
        tags = [
            _tag(builder, case)
            for (builder, case), end in done.items()
            if end.returncode == 0 and (builder == "boxwright") == (tool is boxwright)
        ]
        if tags:
            archive = scratch / "images.tar"
            tool.run("save", "-o", str(archive), *tags)
            images.update(read_docker_archive(archive))
            archive.unlink()
    return {
        (builder, case.name): Built(images.get(_tag(builder, case)), end.stdout + end.stderr)
        for (builder, case), end in done.items()
    }


def _tag(builder: str, case: Case) -> str:
    return f"{builder}/{case.name}:latest"
