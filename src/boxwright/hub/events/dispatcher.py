"""Delivers what waits, beside any number of other servers on the same database.

At least once: an event is marked as delivered after the receiver has taken it, and a kill in between delivers it again.
In order: a webhook is served by one thread of one server at a time, and an event that fails holds up those behind it
until it has arrived or is given up.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.hub.db.audit import Actor
from boxwright.hub.db.holders import new_holder
from boxwright.hub.events import schedule, signing
from boxwright.hub.events.addresses import AddressPolicy
from boxwright.hub.events.event import Event
from boxwright.hub.events.formats import render
from boxwright.hub.events.sending import TIMEOUT_SECONDS, Attempt, post
from boxwright.hub.events.store import Delivery, WebhookStore
from boxwright.hub.events.webhook import Keys, Webhook, WebhookUnknown

if TYPE_CHECKING:
    from boxwright.hub.db.database import Database
    from boxwright.hub.events.settings import WebhookSettings
    from boxwright.hub.observe.metrics import Metrics

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_PRUNE_SECONDS = 3600.0
_THREADS = 4
_TURN_SECONDS = 20.0
"""After so long a webhook gives its thread to the next one."""

_LEASE_SECONDS = 4 * TIMEOUT_SECONDS
"""Longer than any attempt takes, with some time to find the name of its host."""

_PATIENCE_SECONDS = 3.0
_NOTHING = 0  # no webhook's number


class Dispatcher:
    """Threads that deliver, from `start` to `stop`."""

    __slots__ = (
        "_counted",
        "_owner",
        "_policy",
        "_poll",
        "_stopped",
        "_store",
        "_threads",
        "_timeout",
        "_turns",
        "_working",
    )

    def __init__(
        self,
        store: WebhookStore,
        policy: AddressPolicy,
        *,
        counted: Callable[[str], object] = lambda result: None,
        poll: float = _POLL_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """`counted` is told how each attempt ended: delivered, retried or failed."""
        self._store = store
        self._policy = policy
        self._counted = counted
        self._poll = poll
        self._timeout = timeout
        self._owner = new_holder()
        self._stopped = threading.Event()
        self._working: set[int] = set()
        self._turns: queue.SimpleQueue[int] = queue.SimpleQueue()
        # Daemons, since a receiver that answers nothing must not hold up the end of the server.
        self._threads = [threading.Thread(target=self._run, name="webhooks", daemon=True)]
        self._threads += [threading.Thread(target=self._serve, name="webhook", daemon=True) for _ in range(_THREADS)]

    def start(self) -> None:
        """Begin. Once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more, and wait a moment for what is under way; what takes longer is delivered again later."""
        self._stopped.set()
        end = time.monotonic() + _PATIENCE_SECONDS
        for _ in range(_THREADS):
            self._turns.put(_NOTHING)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        pruned = 0.0
        while not self._stopped.is_set():
            try:
                if time.monotonic() - pruned > _PRUNE_SECONDS:
                    self._store.prune()
                    pruned = time.monotonic()
                self._hand_out()
            except Exception:
                _log.exception("webhooks")  # a database that is away, say: asked again
            self._stopped.wait(self._poll)

    def _hand_out(self) -> None:
        if len(self._working) < _THREADS:
            for number in self._store.due(2 * _THREADS):
                if number not in self._working and len(self._working) < _THREADS:
                    self._working.add(number)
                    self._turns.put(number)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            number = self._turns.get()
            if number != _NOTHING:
                try:
                    self._take_turn(number)
                except Exception:
                    if not self._stopped.is_set():
                        _log.exception("webhook %d", number)
                finally:
                    self._working.discard(number)

    def _take_turn(self, number: int) -> None:
        """Deliver to one webhook until nothing waits for it, it fails, or its turn is over."""
        if self._store.claim(number, self._owner, _LEASE_SECONDS):
            try:
                self._deliver_all(number)
            finally:
                self._store.release(number, self._owner)

    def _deliver_all(self, number: int) -> None:
        end = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < end and not self._stopped.is_set():
            delivery = self._store.head(number)
            if delivery is None or not self._store.extend(number, self._owner, _LEASE_SECONDS):
                return
            try:
                webhook, keys = self._store.webhook(number), self._store.keys(number)
            except WebhookUnknown:
                return
            attempt = deliver(webhook, keys, delivery.event, self._policy, timeout=self._timeout)
            if not self._noted(webhook, delivery, attempt):
                return

    def _noted(self, webhook: Webhook, delivery: Delivery, attempt: Attempt) -> bool:
        """Write down how an attempt ended; return whether to go on with the next event."""
        if attempt.ok:
            self._store.succeeded(delivery, attempt)
            self._counted("delivered")
            return True
        why = f"{attempt.status}" if attempt.status is not None else attempt.answer
        delay = schedule.delay(delivery.attempts + 1, status=attempt.status, retry_after=attempt.retry_after)
        silent = self._store.failed(delivery, attempt, delay)
        self._counted("retried" if delay is not None else "failed")
        level = logging.INFO if delay is not None else logging.WARNING
        later = f"again in {delay:.0f} s" if delay is not None else "given up"
        _log.log(level, "webhook %d: %s: %s, %s", webhook.id, delivery.event.id, why, later)
        if attempt.status == schedule.GONE:
            self._disable(webhook, f"the receiver answered {schedule.GONE}")
        elif silent > schedule.DISABLE_AFTER:
            self._disable(webhook, f"nothing arrived for {silent / 86400:.0f} days")
        return delay is None and attempt.status != schedule.GONE

    def _disable(self, webhook: Webhook, reason: str) -> None:
        self._store.disable(webhook.id, reason)
        _log.warning("webhook %d is disabled: %s", webhook.id, reason)


def deliver(
    webhook: Webhook, keys: Keys, event: Event, policy: AddressPolicy, *, timeout: float = TIMEOUT_SECONDS
) -> Attempt:
    """Send one event to a webhook, once; write nothing down."""
    now = time.time()
    body = render(event, webhook.format)
    headers = signing.headers(keys.at(now), event.id, int(now), body.content)
    return post(webhook.url, {"Content-Type": body.content_type, **headers}, body.content, policy, timeout=timeout)


def start_dispatcher(db: Database, settings: WebhookSettings, metrics: Metrics) -> Dispatcher:
    """Begin to deliver what a server's settings allow, and count it."""
    store = WebhookStore(db, Actor("server:webhooks"))
    metrics.ask("webhook_backlog", "Deliveries to webhooks that wait.", store.backlog)
    dispatcher = Dispatcher(
        store, AddressPolicy(settings.allow), counted=lambda result: metrics.deliveries.labels(result).inc()
    )
    dispatcher.start()
    return dispatcher
