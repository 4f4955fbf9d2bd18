"""What ``--secret`` and ``--ssh`` give to RUN steps. Values are read when a step needs them, and never shown."""

from __future__ import annotations

from collections.abc import Callable

from boxwright.errors import NotFoundError


class Secret:
    """A value that is in no key, no layer, no history and no file on a disk."""

    __slots__ = ("_read", "id")

    def __init__(self, id: str, read: Callable[[], bytes]) -> None:
        self.id = id
        self._read = read

    def read(self) -> bytes:
        """Return the value as it is now. Raises what keeps it from being had."""
        return self._read()

    def __repr__(self) -> str:
        return f"Secret({self.id!r})"


class SecretNotGiven(NotFoundError):
    """A RUN requires a secret that the command line doesn't give."""

    def __init__(self, id: str) -> None:
        super().__init__(f"secret {id} is required, and not given", hint=f"give it: --secret id={id},src=FILE")
        self.id = id


class AgentNotGiven(NotFoundError):
    """A RUN requires an SSH agent that the command line doesn't forward."""

    def __init__(self, id: str) -> None:
        super().__init__(f'SSH agent "{id}" is required, and not forwarded', hint=f"forward it: --ssh {id}")
        self.id = id
