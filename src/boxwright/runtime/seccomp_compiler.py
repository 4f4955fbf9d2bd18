"""Rules → a program for the kernel's packet filter machine, by libseccomp."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from boxwright.errors import UnavailableError

if TYPE_CHECKING:
    from boxwright.runtime.seccomp import Rule

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE
_BINARY_TREE = 2
_UNKNOWN_CALL = -1  # __NR_SCMP_ERROR
_OPERATORS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}


class _Argument(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class SeccompFailed(UnavailableError):
    """libseccomp refused a rule."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"cannot compile the seccomp filter: {what}: {os.strerror(code)}")


def compile_rules(rules: Sequence[Rule], default_errno: int, architectures: Sequence[str]) -> bytes | None:
    """Return the program, eight bytes an instruction, or None when libseccomp isn't installed.

    `architectures` are libseccomp's names; calls that this libseccomp doesn't know fall to the default.
    Raises SeccompFailed.
    """
    library = _open()
    if library is None:
        return None
    filter_ = library.seccomp_init(_ERRNO | default_errno)
    if not filter_:
        raise SeccompFailed("seccomp_init", errno.ENOMEM)
    try:
        # The tree costs a call a handful of comparisons instead of hundreds. Before 2.5 it isn't there.
        library.seccomp_attr_set(filter_, _OPTIMIZE, _BINARY_TREE)
        for name in architectures:
            token = library.seccomp_arch_resolve_name(name.lower().encode())
            code = library.seccomp_arch_add(filter_, token)
            if code < 0 and code != -errno.EEXIST:
                raise SeccompFailed(name, -code)
        for rule in rules:
            _add(library, filter_, rule)
        return _export(library, filter_)
    finally:
        library.seccomp_release(filter_)


def _open() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = (ctypes.c_uint32,)
    library.seccomp_release.argtypes = (ctypes.c_void_p,)
    library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Argument),
    )
    library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return library


def _add(library: ctypes.CDLL, filter_: int, rule: Rule) -> None:
    action = _ALLOW if rule.errno is None else _ERRNO | rule.errno
    arguments = (_Argument * len(rule.conditions))(
        *(_Argument(each.place, _OPERATORS[each.operator], each.value, each.masked) for each in rule.conditions)
    )
    for name in rule.names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == _UNKNOWN_CALL:
            continue
        code = library.seccomp_rule_add_array(filter_, action, number, len(rule.conditions), arguments)
        # EACCES: the action is the default one already.
        if code < 0 and code != -errno.EACCES:
            raise SeccompFailed(name, -code)


def _export(library: ctypes.CDLL, filter_: int) -> bytes:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with open(fd, "rb") as stream:
        code = library.seccomp_export_bpf(filter_, fd)
        if code < 0:
            raise SeccompFailed("seccomp_export_bpf", -code)
        stream.seek(0)
        return stream.read()
