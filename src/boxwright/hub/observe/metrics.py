"""What the server counts, for Prometheus.

Every label has a bounded number of values, whatever a stranger sends: kinds of routes, known methods, statuses, names
of operations. Repositories and users are in the log instead.

With several processes on one address (`sharing.share`), each writes its numbers to files in a common folder, and
whichever process is asked adds them up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from boxwright._version import __version__
from boxwright.hub.observe.sharing import is_shared

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series beside each counter, which nobody needs

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)
_OPERATION_BUCKETS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class Gauges(Collector):
    """Numbers that are asked for when somebody scrapes, and are the same whichever process is asked."""

    def __init__(self) -> None:
        self._asked: list[tuple[str, str, Callable[[], float]]] = []

    def add(self, name: str, documentation: str, ask: Callable[[], float]) -> None:
        self._asked.append((name, documentation, ask))

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(name, documentation) for name, documentation, _ in self._asked]

    def collect(self) -> Iterable[Metric]:
        for name, documentation, ask in self._asked:
            try:
                value = ask()
            except Exception as error:  # a database that is away must not take the other numbers with it
                _log.warning("cannot tell %s: %s", name, error)
            else:
                yield GaugeMetricFamily(name, documentation, value=value)


class Metrics:
    """The numbers of one server. Methods may be called from any thread."""

    __slots__ = (
        "_database",
        "_gauges",
        "_operations",
        "_registry",
        "_requests",
        "_storage",
        "_upstream_received",
        "_upstream_requests",
        "deliveries",
        "gc_destroyed",
        "gc_reclaimed",
        "gc_released",
        "gc_runs",
        "gc_seconds",
        "in_flight",
        "received",
        "request_seconds",
        "requests",
        "sent",
    )

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, documentation: str, *labels: str) -> Counter:
            return Counter(f"boxwright_registry_{name}", documentation, labels, registry=registry)

        def histogram(name: str, documentation: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"boxwright_registry_{name}", documentation, labels, registry=registry, buckets=buckets)

        self.requests = counter("requests", "Requests that were answered.", "route", "method", "status")
        self.request_seconds = histogram(
            "request_seconds", "Time from a request's head to its answer.", "route", "method", buckets=_REQUEST_BUCKETS
        )
        self.received = counter("received_bytes", "Bytes of requests' bodies.", "route")
        self.sent = counter("sent_bytes", "Bytes of answers' bodies.", "route")
        self.in_flight = Gauge(
            "boxwright_registry_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.gc_runs = counter("gc_runs", "Collections of garbage.", "result")
        self.gc_seconds = histogram("gc_seconds", "Time of a collection.", buckets=_REQUEST_BUCKETS)
        self.gc_released = counter("gc_released_blobs", "Blobs that left a repository.")
        self.gc_destroyed = counter("gc_destroyed_blobs", "Blobs whose bytes left the storage.")
        self.gc_reclaimed = counter("gc_reclaimed_bytes", "Bytes that left the storage.")
        self._storage = histogram(
            "storage_seconds", "Time of a call of the blob storage.", "operation", buckets=_OPERATION_BUCKETS
        )
        database = histogram("database_seconds", "Time of a transaction.", "kind", buckets=_OPERATION_BUCKETS)
        self._database = {kind: database.labels(kind) for kind in ("read", "write")}
        self.deliveries = counter("webhook_deliveries", "Attempts to deliver events.", "result")
        self._upstream_requests = counter("upstream_requests", "Questions to other registries.", "upstream", "result")
        self._upstream_received = counter("upstream_received_bytes", "Bytes of blobs from there.", "upstream")
        self._requests: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter, Counter]] = {}
        self._operations: dict[str, Histogram] = {}
        self._gauges = Gauges()
        if not is_shared():
            ProcessCollector(registry=registry)  # memory, processor time and open files of the one process
        build = "boxwright_build_info"
        Gauge(build, "1, with the version.", ("version",), registry=registry, multiprocess_mode="max").labels(
            __version__
        ).set(1)

    def request(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count one request. `route` is a kind of routes, never a path."""
        key = route, method if method in _METHODS else _OTHER, status
        counted = self._requests.get(key)
        if counted is None:
            counted = self._requests[key] = self._labelled(*key)
        requests, histogram, bytes_in, bytes_out = counted
        requests.inc()
        histogram.observe(seconds)
        if received:
            bytes_in.inc(received)
        if sent:
            bytes_out.inc(sent)

    def _labelled(self, route: str, method: str, status: int) -> tuple[Counter, Histogram, Counter, Counter]:
        name = route or "none"
        return (
            self.requests.labels(name, method, str(status)),
            self.request_seconds.labels(name, method),
            self.received.labels(name),
            self.sent.labels(name),
        )

    def time_storage(self, operation: str) -> AbstractContextManager[object]:
        """Time a call of the storage for the block."""
        histogram = self._operations.get(operation)
        if histogram is None:
            histogram = self._operations[operation] = self._storage.labels(operation)
        return histogram.time()

    def observe_transaction(self, kind: str, seconds: float) -> None:
        """Count a transaction: `kind` is read or write."""
        self._database[kind].observe(seconds)

    def asked_upstream(self, upstream: str, result: str) -> None:
        """Count a question to another registry."""
        self._upstream_requests.labels(upstream, result).inc()

    def received_from_upstream(self, upstream: str, size: int) -> None:
        """Count bytes of a blob from another registry."""
        self._upstream_received.labels(upstream).inc(size)

    def ask(self, name: str, documentation: str, ask: Callable[[], float]) -> None:
        """Show a number that is asked for when somebody scrapes. `ask` is called in a thread, and may take long."""
        self._gauges.add(f"boxwright_registry_{name}", documentation, ask)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format. For a thread."""
        asked = CollectorRegistry()
        asked.register(self._gauges)
        counted = self._registry
        if is_shared():
            from prometheus_client.multiprocess import MultiProcessCollector

            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call] # the package has types in part
        return generate_latest(counted) + generate_latest(asked)
