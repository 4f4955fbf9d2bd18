"""What clients are to tell their users: Warning headers (distribution-spec "Warnings")."""

from __future__ import annotations

from boxwright.errors import InvalidError

MAX_NOTICE = 1000
"""Characters. The specification has room for 4096 bytes in all warnings of an answer."""


class InvalidNotice(InvalidError):
    """Text that cannot be shown in one line."""

    def __init__(self) -> None:
        super().__init__(f"a notice is one line of printable ASCII of at most {MAX_NOTICE} characters")


def warning(text: str) -> tuple[str, str]:
    """Return the header that says `text`. Raises InvalidNotice."""
    if not (0 < len(text) <= MAX_NOTICE and text.isascii() and text.isprintable()):
        raise InvalidNotice
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return "Warning", f'299 - "{quoted}"'
