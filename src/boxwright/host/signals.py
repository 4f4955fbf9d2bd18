"""Signals by name and number."""

from __future__ import annotations

import signal

from boxwright.errors import InvalidError


class UnknownSignal(InvalidError):
    def __init__(self, text: str) -> None:
        super().__init__(f"unknown signal {text!r}", hint="a signal is a name such as SIGTERM or HUP, or a number")
        self.text = text


def signal_number(text: str) -> int:
    """Return the number of ``TERM``, ``SIGTERM``, ``15`` or ``RTMIN+3``. Raises UnknownSignal."""
    name = text.strip().upper()
    if name.isdigit():
        if 1 <= int(name) <= signal.SIGRTMAX:
            return int(name)
        raise UnknownSignal(text)
    name = name.removeprefix("SIG")
    base, sign, offset = name.partition("+")
    if not sign:
        base, sign, offset = name.partition("-")
    if base in ("RTMIN", "RTMAX") and (not sign or offset.isdigit()):
        number = getattr(signal, f"SIG{base}") + (int(offset) if "+" in name else -int(offset or 0))
        if signal.SIGRTMIN <= number <= signal.SIGRTMAX:
            return int(number)
        raise UnknownSignal(text)
    found = getattr(signal, f"SIG{name}", None)
    if not isinstance(found, signal.Signals):
        raise UnknownSignal(text)
    return int(found)
