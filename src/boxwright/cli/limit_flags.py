"""The options for what a container may use, which ``run``, ``create`` and ``update`` share."""

from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser, size


def declare(parser: Parser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("-m", "--memory", metavar="SIZE", type=size, help="limit memory: 512m, 1g")
    parser.add_argument("--memory-swap", metavar="SIZE", help="limit memory and swap together; -1: no limit")
    parser.add_argument(
        "--memory-reservation", metavar="SIZE", type=size, help="what it shrinks to when memory is short"
    )
    parser.add_argument("--cpus", metavar="NUMBER", type=float, help="limit processor time: 1.5")
    parser.add_argument("-c", "--cpu-shares", metavar="WEIGHT", type=int, help="relative weight of processor time")
    parser.add_argument("--cpu-period", metavar="MICROSECONDS", type=int, help="how long a period of --cpu-quota is")
    parser.add_argument("--cpu-quota", metavar="MICROSECONDS", type=int, help="processor time in each --cpu-period")
    parser.add_argument("--cpuset-cpus", metavar="LIST", help="run on these processors: 0-2,4")
    parser.add_argument("--cpuset-mems", metavar="LIST", help="use memory of these NUMA nodes")
    parser.add_argument("--pids-limit", metavar="NUMBER", type=int, help="limit the number of processes")


def asked(args: Any) -> dict[str, Any]:
    """Return what the options say, by the names of `CreateContainer`, None where they say nothing.

    Raises InvalidError for a malformed size.
    """
    values = {name: getattr(args, name) or None for name in _PLAIN}
    swap = args.memory_swap
    return {
        **values,
        "pids_limit": args.pids_limit,
        "memory_swap": None if swap is None else -1 if swap == "-1" else size(swap),
    }


_PLAIN = (
    *("memory", "memory_reservation", "cpus", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems"),
)
