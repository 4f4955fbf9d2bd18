"""The bounded door from the event loop to threads: everything that waits for a disk or hashes passes here."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from boxwright.hub.registry.errors import RegistryError

MAX_CHECKS = 64
"""Passwords that wait to be looked at; who comes then is told to come again."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Workers:
    """Small pools, so that a question to the metadata never queues behind hashing, nor content behind passwords.

    `metadata` answers questions of milliseconds, `bytes` moves and hashes content, `checks` waits for hashes that are
    slow on purpose.
    """

    __slots__ = ("_bytes", "_checks", "_metadata", "_waiting")

    def __init__(self, *, metadata: int = 4, content: int = 8, checks: int = 2) -> None:
        self._checks = ThreadPoolExecutor(checks, "registry-checks")
        self._waiting = 0
        self._metadata = ThreadPoolExecutor(metadata, "registry-metadata")
        self._bytes = ThreadPoolExecutor(content, "registry-bytes")

    def ask(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> asyncio.Future[_R]:
        """Run a short call that reads or writes metadata."""
        return _submit(self._metadata, call, *args, **kwargs)

    def move(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> asyncio.Future[_R]:
        """Run a call that reads, writes or hashes content."""
        return _submit(self._bytes, call, *args, **kwargs)

    async def check(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run a call that looks at a password. Raises RegistryError when too many wait."""
        if self._waiting >= MAX_CHECKS:
            raise RegistryError("TOOMANYREQUESTS", "too many logins at once", headers=[("Retry-After", "1")])
        self._waiting += 1
        try:
            return await _submit(self._checks, call, *args, **kwargs)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._checks.shutdown()
        self._bytes.shutdown()
        self._metadata.shutdown()


def _submit(
    pool: ThreadPoolExecutor, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> asyncio.Future[_R]:
    # With its context: what a thread logs belongs to the request that gave it its work.
    context = contextvars.copy_context()
    return asyncio.wrap_future(pool.submit(lambda: context.run(call, *args, **kwargs)))
