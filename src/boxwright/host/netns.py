"""Network namespaces that live as long as somebody holds them, and doing a thing inside one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from boxwright.errors import DeniedError
from boxwright.host import syscalls

T = TypeVar("T")

_OWN = "/proc/thread-self/ns/net"


class NetworkNamespaceDenied(DeniedError):
    """This user may not have a network namespace."""

    def __init__(self) -> None:
        super().__init__("not allowed to create a network namespace", hint="run it as root")


def create_netns() -> int:
    """Return a descriptor of a new network namespace, which has nothing in it but ``lo``, down.

    The kernel takes it down, with every link in it, when the descriptor is closed and no process is inside: nothing is
    left after kill -9. Another process names it by ``namespace_path``. Raises NetworkNamespaceDenied.
    """

    def create() -> int:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNET)
        except PermissionError:
            raise NetworkNamespaceDenied from None
        return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

    return _in_a_thread(create)


def namespace_path(fd: int) -> str:
    """Return a path by which other processes can open the namespace, as long as this one holds the descriptor."""
    return f"/proc/{os.getpid()}/fd/{fd}"


def inside(namespace: int, function: Callable[[], T]) -> T:
    """Return what `function` returns, or raise what it raises, called inside the network namespace of a descriptor.

    A socket that it opens stays in that namespace wherever it is used; so does a process that it starts.
    """

    def enter() -> T:
        syscalls.setns(namespace, syscalls.CLONE_NEWNET)
        return function()

    return _in_a_thread(enter)


def _in_a_thread(function: Callable[[], T]) -> T:
    """Call `function` in a thread of its own.

    A namespace belongs to a thread. One that ends afterwards needs no way back, which a KeyboardInterrupt between
    there and back (only the main thread gets it) could cut off.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # whatever it is, it belongs to the caller
            errors.append(error)

    thread = threading.Thread(target=work, name="netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
