"""Connecting a terminal, or pipes, to a container: ``run`` in the foreground, ``attach``, ``logs``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from boxwright.engine.containers import lifecycle, starting
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import ConflictError, InvalidError, UnsupportedError
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime import container, keys
from boxwright.runtime.bundle import Bundle
from boxwright.store.containers import ContainerRecord
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.runtime.attach import Attachment, Outcome

_ALL = frozenset({"stdin", "stdout", "stderr"})


class MainThreadOnly(UnsupportedError):
    """Something passes on the signals that we get, which only the main thread gets."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is for the main thread: it passes signals on", hint="start it, and read its log")


def require_main_thread(what: str) -> None:
    """Raise MainThreadOnly in any other thread."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        raise MainThreadOnly(what)


class LogLine(NamedTuple):
    """A line that a container printed, with its line end where it has one."""

    time: str
    """RFC 3339, UTC, nine digits."""
    stream: str
    """``stdout`` or ``stderr``."""
    content: bytes


def start_attached(
    wiring: Wiring,
    text: str,
    *,
    streams: frozenset[str] = _ALL,
    signals: bool = True,
    detach_keys: str | None = None,
) -> int:
    """Start a container with our own standard streams connected to it, stay until it ends, return its exit code.

    Returns 0 when the person leaves with `detach_keys`: then the container runs on. Raises MainThreadOnly.
    """
    require_main_thread("attaching to a container")
    record = lifecycle.find(wiring, text)
    sequence = keys.parse_keys(keys.DEFAULT if detach_keys is None else detach_keys)
    connections: list[Attachment] = []
    with ExitStack() as stack:

        def load() -> None:
            import_module("boxwright.runtime.attach")  # 5 ms, in which the runtime works anyway

        def connect(started: ContainerRecord, bundle: Bundle) -> None:
            from boxwright.runtime.attach import Attachment

            connections.append(stack.enter_context(Attachment(bundle)))

        if record.is_running:
            return attach(wiring, text, streams=streams, signals=signals, detach_keys=detach_keys)
        record = starting.start(wiring, record.id, attended=True, meanwhile=load, connect=connect)
        outcome = _forward(wiring, record, connections[0], streams, signals, sequence)
    return 0 if outcome == "detached" else _ended(wiring, record)


def attach(
    wiring: Wiring,
    text: str,
    *,
    streams: frozenset[str] = _ALL,
    signals: bool = True,
    detach_keys: str | None = None,
) -> int:
    """Connect our standard streams to a running container; as `start_attached` otherwise.

    Raises ContainerNotRunning, MainThreadOnly, and ConflictError for a paused one.
    """
    require_main_thread("attaching to a container")
    record = lifecycle.find_running(wiring, text, "attach to")
    if record.state == "paused":
        raise ConflictError(
            f"cannot attach to container {record.name}: it is paused", hint=f"boxwright unpause {record.name}"
        )
    from boxwright.runtime.attach import Attachment

    sequence = keys.parse_keys(keys.DEFAULT if detach_keys is None else detach_keys)
    with Attachment(bundle_of(wiring.store, record.id)) as connection:
        outcome = _forward(wiring, record, connection, streams, signals, sequence)
    return 0 if outcome == "detached" else _ended(wiring, record)


def _ended(wiring: Wiring, record: ContainerRecord) -> int:
    with PrivateMounts() as private:
        private.begin()  # its streams are over, so the end is near
        return lifecycle.ended(wiring, record.id, private=private)


def _forward(
    wiring: Wiring,
    record: ContainerRecord,
    connection: Attachment,
    streams: frozenset[str],
    signals: bool,
    sequence: bytes,
) -> Outcome:
    from boxwright.host import terminal
    from boxwright.runtime import attach as attaching

    options = ContainerConfig.from_json(record.config).options
    bundle = bundle_of(wiring.store, record.id)
    with ExitStack() as stack:
        if options.tty:
            if "stdin" in streams and options.stdin:
                stack.enter_context(terminal.raw(0))
            stack.enter_context(attaching.resized(bundle, 1 if os.isatty(1) else 0))
        process = container.process_of(bundle)
        if signals and process is not None:
            # A terminal in raw mode sends keys, no signals; without one, Ctrl-C reaches us and is passed on.
            stack.enter_context(attaching.proxied(process))
        try:
            return connection.forward(
                0 if "stdin" in streams and options.stdin else None,
                1 if "stdout" in streams else None,
                2 if "stderr" in streams else None,
                detach_keys=sequence if options.tty else b"",
            )
        except KeyboardInterrupt:
            lifecycle.kill(wiring, record.id, "KILL")
            raise


def logs(
    wiring: Wiring,
    text: str,
    *,
    follow: bool = False,
    tail: int | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Iterator[LogLine]:
    """Yield what a container printed, in order; with `follow`, go on until it ends.

    `since` and `until` are RFC 3339 times, seconds since the epoch, or spans back from now (``10m``).
    """
    from boxwright.runtime.logs import format_time, read_log

    record = lifecycle.find(wiring, text)
    bundle = bundle_of(wiring.store, record.id)
    lines = read_log(
        bundle.path("log"),
        tail=tail,
        since=_moment("--since", since),
        until=_moment("--until", until),
        follow=(lambda: _may_write(bundle)) if follow else None,
    )
    for line in lines:
        yield LogLine(format_time(line.nanoseconds), line.stream, line.text)


def _may_write(bundle: Bundle) -> bool:
    return container.process_of(bundle) is not None


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    from boxwright.engine import filters

    try:
        return filters.moment(text, time.time_ns())
    except ValueError:
        hint = "it takes 2026-01-31T10:00:00Z, seconds, or a span: 10m"
        raise InvalidError(f"invalid {name} {text!r}", hint=hint) from None
