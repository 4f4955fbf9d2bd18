"""The root of every error that boxwright raises on purpose.

    BoxwrightError
    ├── InvalidError       what was asked is malformed: a reference, a flag, a Dockerfile
    ├── NotFoundError      no such image, container, blob, file
    ├── ConflictError      it exists already, is in use, or is in the wrong state
    ├── DeniedError        credentials or permissions do not allow it
    ├── UnavailableError   something outside cannot be reached or failed: a registry, a runtime, a disk
    ├── UnsupportedError   understood, but not supported here
    ├── CorruptError       stored or received bytes are not what they claim to be
    └── CancelledError     interrupted by the user

Leaves live beside the code that raises them and carry fields; nothing decides by the text of a message.
A face (command line, HTTP) translates the kind exactly once: to an exit code, to a status.
"""

from __future__ import annotations

from collections.abc import Iterable


class BoxwrightError(Exception):
    """Something that a person has to know.

    ``message`` is one line without a trailing full stop and without the word "error"; ``detail`` are further lines
    (a source excerpt, a program's last output), shown as they are; ``hint`` names the next step, or is None.
    """

    def __init__(self, message: str, *, detail: Iterable[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = tuple(detail)
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class InvalidError(BoxwrightError):
    """What was asked is malformed."""


class NotFoundError(BoxwrightError):
    """What was named does not exist."""


class ConflictError(BoxwrightError):
    """It exists already, is in use, or is in a state that does not allow this."""


class DeniedError(BoxwrightError):
    """Credentials or permissions do not allow it."""


class UnavailableError(BoxwrightError):
    """Something that is needed cannot be reached, or failed."""


class UnsupportedError(BoxwrightError):
    """Understood, but not supported (yet, or on this machine)."""


class CorruptError(BoxwrightError):
    """Bytes are not what their digest, size or format says."""


class CancelledError(BoxwrightError):
    """The user interrupted it."""
