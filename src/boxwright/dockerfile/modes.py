"""Symbolic modes, as chmod understands them: ``u+rwX``, ``go=``, ``a-w,u=rw,g=u``, ``+x``.

A clause names whose permissions it changes (``u``, ``g``, ``o``, ``a`` for all), and how: ``+`` adds, ``-`` removes,
``=`` sets. ``X`` is ``x`` for directories and for what somebody may execute already, ``s`` is set-user-ID or
set-group-ID, ``t`` the sticky bit, which is nobody's in particular; ``u``, ``g`` and ``o`` behind the sign stand for
the permissions that these have. Where nobody is named, it is all: the result depends on no umask of anybody's.
"""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_OWN = {"u": 0o4700, "g": 0o2070, "o": 0o0007, "a": 0o7777}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}
_ANY_EXECUTE = 0o111


def is_mode(text: str) -> bool:
    """Whether a text is a symbolic mode."""
    return all(_CLAUSE.fullmatch(clause) for clause in text.split(","))


def change_mode(text: str, mode: int, *, directory: bool) -> int:
    """Return permission bits as a symbolic mode, which `text` must be, changes them."""
    original = mode
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(text)
        who, actions = match.groups()
        affected = 0
        for letter in who or "a":
            affected |= _OWN[letter]
        for sign, permissions in _ACTION.findall(actions):
            bits = _bits(permissions, mode, execute=directory or bool(original & _ANY_EXECUTE)) & affected
            if sign == "+":
                mode |= bits
            elif sign == "-":
                mode &= ~bits
            else:
                mode = mode & ~affected | bits
    return mode


def _bits(permissions: str, mode: int, *, execute: bool) -> int:
    if permissions in _SHIFTS:
        copied = mode >> _SHIFTS[permissions] & 0o7
        return copied * _ANY_EXECUTE  # the same three bits for each of the three
    bits = 0
    for letter in permissions:
        if letter != "X":
            bits |= _BITS[letter]
        elif execute:
            bits |= _BITS["x"]
    return bits
