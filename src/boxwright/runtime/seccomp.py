"""The filter for system calls: as a section of the OCI spec, and compiled.

A runtime compiles the section anew for every container, which takes twice as long as everything else it does. crun
takes a finished program instead, so the program is compiled once and kept in a file.
"""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.runtime import seccomp_table as table
from boxwright.runtime.capabilities import ALL
from boxwright.runtime.seccomp_table import Comparison
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.host.paths import Path

_EPERM = 1
_ENOSYS = 38
_INSTRUCTION = 8  # bytes

ANNOTATION = "run.oci.seccomp_bpf_data"
"""crun loads the base64 of a program under this name in place of compiling the section."""


class Rule(NamedTuple):
    """`names` answer with `errno`, or are allowed when it is None; only where all `conditions` hold."""

    names: tuple[str, ...]
    errno: int | None = None
    conditions: tuple[Comparison, ...] = ()


def rules(capabilities: Iterable[str], architecture: str) -> list[Rule]:
    """Return the rules for a process that may have `capabilities` (CAP_…) on `architecture` (Go's name)."""
    held = set(capabilities)
    allowed = {*table.ALLOWED, *table.BY_ARCHITECTURE.get(architecture, ())}
    known = {*table.REFUSED}
    for capability, names in table.BY_CAPABILITY.items():
        (allowed if capability in held else known).update(names)
    special = {"clone", "clone3"}
    result = [
        Rule(tuple(sorted(allowed))),
        Rule(tuple(sorted(known - allowed - special)), _EPERM),
        Rule(("socket",), None, (Comparison(0, table.AF_VSOCK, "NE"),)),
        Rule(("socket",), _EPERM, (Comparison(0, table.AF_VSOCK, "EQ"),)),
    ]
    result += [Rule(("personality",), None, (Comparison(0, value, "EQ"),)) for value in table.PERSONALITIES]
    if "clone" not in allowed:
        # On s390 the flags are the second argument.
        flags = 1 if architecture == "s390x" else 0
        result.append(Rule(("clone",), None, (Comparison(flags, table.NEW_NAMESPACES, "MASKED_EQ"),)))
        # Its flags lie in memory, where no filter can look: the C library has to fall back to clone.
        result.append(Rule(("clone3",), _ENOSYS))
    return result


def section(capabilities: Iterable[str], architecture: str) -> dict[str, Any]:
    """Return the ``linux.seccomp`` object of the OCI runtime spec."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _ENOSYS,
        "architectures": [f"SCMP_ARCH_{name}" for name in table.ARCHITECTURES.get(architecture, ())],
        "syscalls": [_to_json(rule) for rule in rules(capabilities, architecture)],
    }


def _to_json(rule: Rule) -> dict[str, Any]:
    value: dict[str, Any] = {"names": list(rule.names), "action": "SCMP_ACT_ALLOW"}
    if rule.errno is not None:
        value.update(action="SCMP_ACT_ERRNO", errnoRet=rule.errno)
    if rule.conditions:
        value["args"] = [
            {"index": each.place, "value": each.value, "valueTwo": each.masked, "op": f"SCMP_CMP_{each.operator}"}
            for each in rule.conditions
        ]
    return value


class Filter(NamedTuple):
    """A filter in both forms. `program` is base64, or None where it can't be compiled."""

    section: dict[str, Any]
    program: str | None


def load(capabilities: Sequence[str], architecture: str, cache: Path | None) -> Filter:
    """Return the filter, compiled through `cache` (a directory, made when missing; None: not compiled).

    The program is only ever given beside the section, never in its place: a runtime that doesn't know the annotation
    then still confines the container. Without libseccomp there is no program.
    """
    source = section(capabilities, architecture)
    if cache is None or architecture not in table.ARCHITECTURES:
        return Filter(source, None)
    # A cached program stands behind the text that it was compiled from, so it can't be mistaken for another's.
    text = json.dumps(source).encode()
    path = f"{cache}/{architecture}-{_bits(capabilities):x}"
    program = _read(path, text)
    if program is None:
        from boxwright.runtime.seccomp_compiler import compile_rules

        program = compile_rules(rules(capabilities, architecture), _ENOSYS, table.ARCHITECTURES[architecture])
        if program is None:
            return Filter(source, None)
        _keep(path, text, program)
    return Filter(source, binascii.b2a_base64(program, newline=False).decode("ascii"))


def _bits(capabilities: Iterable[str]) -> int:
    return sum(1 << ALL.index(name) for name in capabilities)


def _read(path: str, text: bytes) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            found, _, program = stream.read().partition(b"\0")
    except FileNotFoundError:
        return None
    return program if found == text and program and len(program) % _INSTRUCTION == 0 else None


def _keep(path: str, text: bytes, program: bytes) -> None:
    from boxwright.host import durable
    from boxwright.host.paths import Path

    os.makedirs(os.path.dirname(path), exist_ok=True)
    durable.write(Path(path), text + b"\0" + program, mode=0o600, durable=False)
