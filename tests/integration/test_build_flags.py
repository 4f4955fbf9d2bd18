"""``build --secret``, ``--ssh``, ``--allow`` and the limits of steps, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def folder(tmp_path: Path, dockerfile: str) -> Path:
    context = tmp_path / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM busybox\n{dockerfile}\n")
    (tmp_path / "secret").write_text("s3cr3t")
    return context


def test_secrets_and_limits_reach_the_step(boxwright: Boxwright, tmp_path: Path) -> None:
    context = folder(
        tmp_path,
        "RUN --network=none --mount=type=secret,id=a --mount=type=secret,id=b,env=B"
        " wc -c < /run/secrets/a && echo ${#B} &&"
        " cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null || true",
    )
    flags = ("--secret", f"id=a,src={tmp_path}/secret", "--secret=id=b,env=PATH", "-m", "64m", "--memory-swap=-1")
    result = boxwright("build", "--no-cache", "--progress=plain", *flags, "-c", "512", context)
    assert result.code == 0, result.err
    assert "| 6\n" in result.err
    assert f"| {64 << 20}\n" in result.err


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--secret", "id=a,src=/none/such"), 1, "secret a: there is no file /none/such"),
        (("--secret", "a"), 1, "invalid secret 'a'"),
        (("--ssh", "default=/none"), 1, "--ssh default: /none: no such file or directory"),
        (("--allow", "everything"), 1, "unknown entitlement 'everything'"),
        (("--memory-swap", "1g"), 1, "a limit of memory and swap together needs one of memory"),
        (("--cgroup-parent", "/x"), 125, "--cgroup-parent is not supported: steps have a group of their own"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_runs(
    boxwright: Boxwright, tmp_path: Path, flags: tuple[str, ...], code: int, words: str
) -> None:
    result = boxwright("build", *flags, folder(tmp_path, "RUN true"))
    assert (result.code, words in result.err) == (code, True), result.err
    assert "[1/" not in result.err


def test_what_a_step_cached_is_build_cache(boxwright: Boxwright, tmp_path: Path) -> None:
    def caches() -> tuple[int, str]:
        lines = boxwright.ok("system", "df", "--format", "{{json .}}").splitlines()
        (row,) = (row for row in map(json.loads, lines) if row["Type"] == "Build Cache")
        return int(row["TotalCount"]), row["Size"]

    boxwright.ok("builder", "prune", "-f")
    dd = "dd if=/dev/zero of=/c/file bs=1k count=512 2> /dev/null"
    boxwright.ok("build", "-q", folder(tmp_path, f"RUN --network=none --mount=type=cache,target=/c {dd}"))
    count, _ = caches()
    assert count == 2  # the step, and what it cached
    assert "reclaimed space: 5" in boxwright.ok("builder", "prune", "-f")  # hundred kilobytes
    assert caches() == (0, "0B")
