"""The bounded door from the event loop to threads: everything that waits for a disk or hashes passes here."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Workers:
    """Two small pools, so that a question to the metadata never queues behind hashing.

    `metadata` answers questions of milliseconds, `bytes` moves and hashes content.
    """

    __slots__ = ("_bytes", "_metadata")

    def __init__(self, *, metadata: int = 4, content: int = 8) -> None:
        self._metadata = ThreadPoolExecutor(metadata, "registry-metadata")
        self._bytes = ThreadPoolExecutor(content, "registry-bytes")

    def ask(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> asyncio.Future[_R]:
        """Run a short call that reads or writes metadata."""
        return _submit(self._metadata, call, *args, **kwargs)

    def move(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> asyncio.Future[_R]:
        """Run a call that reads, writes or hashes content."""
        return _submit(self._bytes, call, *args, **kwargs)

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._bytes.shutdown()
        self._metadata.shutdown()


def _submit(
    pool: ThreadPoolExecutor, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> asyncio.Future[_R]:
    # With its context: what a thread logs belongs to the request that gave it its work.
    context = contextvars.copy_context()
    return asyncio.wrap_future(pool.submit(lambda: context.run(call, *args, **kwargs)))
