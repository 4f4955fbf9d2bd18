"""The keys that leave a container without stopping it. Pure."""

from __future__ import annotations

from boxwright.errors import InvalidError

DEFAULT = "ctrl-p,ctrl-q"

# ctrl- with these is a control character too.
_CONTROLS = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


class InvalidKeys(InvalidError):
    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid detach keys {text!r}",
            hint="keys look like ctrl-p,ctrl-q: letters, or ctrl- with one of a-z@[\\]^_",
        )
        self.text = text


def parse_keys(text: str) -> bytes:
    """Return the bytes that a terminal sends for ``ctrl-p,ctrl-q``; empty text is no keys. Raises InvalidKeys."""
    sequence = bytearray()
    for key in text.split(",") if text else ():
        name = key.removeprefix("ctrl-")
        if len(name) != 1 or not name.isascii():
            raise InvalidKeys(text)
        if name == key:
            sequence += name.encode()
        elif "a" <= name.lower() <= "z":
            sequence.append(ord(name.lower()) - ord("a") + 1)
        elif name in _CONTROLS:
            sequence.append(_CONTROLS[name])
        else:
            raise InvalidKeys(text)
    return bytes(sequence)


class KeyWatch:
    """Finds the sequence in what is typed, and holds its beginning back until it is clear what it is."""

    __slots__ = ("_held", "_sequence")

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = b""

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """Return what may go on to the program, and whether the sequence is complete; what follows it is dropped."""
        if not self._sequence:
            return typed, False
        text = self._held + typed
        place = text.find(self._sequence)
        if place >= 0:
            self._held = b""
            return text[:place], True
        # The longest end of the text that the sequence begins with.
        length = next(n for n in range(len(self._sequence) - 1, -1, -1) if text.endswith(self._sequence[:n]))
        self._held = text[len(text) - length :]
        return text[: len(text) - length], False
