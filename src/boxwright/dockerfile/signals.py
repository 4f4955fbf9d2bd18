"""Names and numbers of Linux signals, as STOPSIGNAL knows them."""

from __future__ import annotations

from boxwright.errors import InvalidError

_RTMIN, _RTMAX = 34, 64
# Linux's generic numbers; the architectures that differ (alpha, mips, sparc) are none that images are built for here.
_NUMBERS = {
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9,
    "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17,
    "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26,
    "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31, "RTMIN": _RTMIN, "RTMAX": _RTMAX,
}  # fmt: skip


class InvalidSignal(InvalidError):
    """Text that names no signal."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid signal: {text[:100]}", hint="a signal is a number from 1 to 64, or a name such as SIGTERM or QUIT"
        )
        self.text = text


def signal_number(text: str) -> int:
    """Return the number of ``9``, ``KILL``, ``sigkill`` or ``SIGRTMIN+3``. Raises InvalidSignal."""
    if text.isascii() and text.isdecimal():
        number = int(text[:9])
        if not 1 <= number <= _RTMAX:
            raise InvalidSignal(text)
        return number
    name = text.upper().removeprefix("SIG")
    if name in _NUMBERS:
        return _NUMBERS[name]
    base, sign, offset = name[:5], name[5:6], name[6:]
    if offset.isascii() and offset.isdecimal() and len(offset) <= 2:
        number = {"RTMIN+": _RTMIN + int(offset), "RTMAX-": _RTMAX - int(offset)}.get(base + sign, 0)
        if _RTMIN <= number <= _RTMAX:
            return number
    raise InvalidSignal(text)
