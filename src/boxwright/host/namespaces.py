"""Mounts that nobody else sees, and that vanish with whoever made them.

A thread can have a mount namespace of its own. What it mounts is seen by the programs it starts and by nothing else;
the kernel takes it all down when the last of them is gone, kill -9 included, so there is never anything to clean up.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar

from boxwright.errors import DeniedError, UnavailableError
from boxwright.host import cgroups, syscalls

P = ParamSpec("P")
T = TypeVar("T")


class NamespaceDenied(DeniedError):
    """This user may not have a mount namespace."""

    def __init__(self) -> None:
        super().__init__("not allowed to create a mount namespace", hint="run it as root")


class NoRootMount(UnavailableError):
    """The root directory is not the root of a mounted file system, as in a chroot."""

    def __init__(self) -> None:
        super().__init__(
            "the root directory is no mount point, so containers cannot have mounts of their own here",
            hint="in a chroot, use pivot_root, a container or systemd-nspawn instead",
        )


class PrivateMounts:
    """A thread with a mount namespace of its own, that runs one function after another.

    Started by `begin` or the first `call`, ended by `close` (or the end of the process). A program started inside keeps
    the namespace, with its mounts, for as long as it lives. Mounts and unmounts of the host show up inside, never the
    reverse. The v2 tree of hybrid cgroups is hidden, see `cgroups.are_hybrid`.
    """

    __slots__ = ("_entry", "_jobs", "_lock", "_thread", "_waiting")

    def __init__(self) -> None:
        self._jobs: deque[_Job | None] = deque()
        self._waiting = threading.Semaphore(0)  # counts the jobs; the queue module would be another import
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._entry: _Job | None = None  # of a thread that has just begun and must not be given anything yet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Start the thread without waiting for its namespace, which takes two milliseconds. Idempotent.

        A refusal is raised by the first `call`.
        """
        with self._lock:
            self._begin()

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, or raise what it raises, after running it inside.

        Calls from several threads queue up, so nothing that waits for long belongs in here: start a program inside and
        wait for it outside. A call from inside runs at once. Raises NamespaceDenied.
        """
        if threading.current_thread() is self._thread:
            return function(*args, **kwargs)
        with self._lock:
            self._begin()
            self._enter()
        result: T = self._submit(function, *args, **kwargs)
        return result

    def close(self) -> None:
        """End the thread; the mounts go with it unless a program still uses them. Idempotent."""
        with self._lock:
            thread, self._thread, self._entry = self._thread, None, None
        if thread is not None:
            self._put(None)
            thread.join()

    def _begin(self) -> None:
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._serve, name="private-mounts", daemon=True)
        self._thread.start()
        self._entry = _Job(_enter, (), {})
        self._put(self._entry)

    def _enter(self) -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        try:
            entry.outcome()
        except BaseException:
            # Nothing may ever run in a thread that still shares the host's mounts.
            thread, self._thread = self._thread, None
            self._put(None)
            if thread is not None:
                thread.join()
            raise

    def _submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        job = _Job(function, args, kwargs)
        self._put(job)
        return job.outcome()

    def _put(self, job: _Job | None) -> None:
        self._jobs.append(job)
        self._waiting.release()

    def _serve(self) -> None:
        while True:
            self._waiting.acquire()
            job = self._jobs.popleft()
            if job is None:
                return
            job.run()


class _Job:
    __slots__ = ("args", "done", "error", "function", "kwargs", "result")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.result = self.function(*self.args, **self.kwargs)
        except BaseException as error:  # whatever it is, it belongs to the caller
            self.error = error
        finally:
            self.done.release()

    def outcome(self) -> Any:
        """Wait for the end of `run`, and return or raise what came of it."""
        self.done.acquire()
        if self.error is not None:
            raise self.error
        return self.result


def _enter() -> None:
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    except PermissionError:
        raise NamespaceDenied from None
    # Directory and mask are the thread's own now. What it starts may live long and must not keep our caller's directory
    # busy; what it makes has the usual modes, whatever the caller's are.
    os.chdir("/")
    os.umask(0o022)
    # Slave, not private: an unmount on the host must reach us, or our copy would keep the file system busy.
    try:
        syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_SLAVE)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NoRootMount from None
        raise
    if cgroups.are_hybrid():
        syscalls.umount(cgroups.UNIFIED, syscalls.MNT_DETACH)
