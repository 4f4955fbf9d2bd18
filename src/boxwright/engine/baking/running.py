"""All targets at once: each begins when those that it needs are there; the first that fails ends all."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from boxwright.bake.selection import Selection, links
from boxwright.bake.targets import Target
from boxwright.build.product import Product
from boxwright.build.progress import Sink
from boxwright.build.request import BuildResult
from boxwright.build.together import Together
from boxwright.engine.baking.jobs import Means, job
from boxwright.engine.baking.telling import Telling
from boxwright.engine.building import build, trim
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.fetched import Fetched
from boxwright.engine.outputs import spec
from boxwright.engine.privileges import require_root
from boxwright.engine.wanted import Build
from boxwright.errors import BoxwrightError, CancelledError, InvalidError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform

_AT_ONCE = 32
"""How many targets are at work; more would only take turns."""


def run(wiring: Wiring, selection: Selection, means: Means, sink: Sink) -> dict[str, BuildResult]:
    """Build all targets, and return what came of each. For the main thread: Ctrl-C ends all cleanly.

    What targets have in common is done once: the same step on the same files, and a base image that is fetched.
    Outputs of a target follow when it is built, so that those of some may be there although another one failed.
    Raises what `boxwright.engine.building.build` raises, with the name of the target in front.
    """
    require_root("a build")
    targets = selection.targets
    needed = frozenset(link for target in targets.values() for link in links(target))
    jobs = {name: job(target, means, {}, needed=name in needed) for name, target in targets.items()}
    _check_outputs(jobs)
    try:
        with Fetched(wiring.store) as fetched:
            oven = _Oven(wiring, targets, jobs, fetched, sink)
            try:
                return oven.run()
            finally:
                oven.close()
    finally:
        if wiring.settings.build_cache_limit is not None:
            trim(wiring.store, wiring.settings.build_cache_limit)


def _check_outputs(jobs: Mapping[str, Build]) -> None:
    """Raises InvalidError when several targets want the standard output."""
    writing = [name for name, wanted in jobs.items() if spec.to_stdout(map(spec.parse, wanted.outputs)) is not None]
    if len(writing) > 1:
        raise InvalidError(f"{' and '.join(writing)} both write to the standard output", hint="add dest=FILE to one")


class _Oven:
    """One run. Targets are taken in order by several threads: what a target waits for has been taken before it."""

    def __init__(
        self,
        wiring: Wiring,
        targets: Mapping[str, Target],
        jobs: Mapping[str, Build],
        fetched: Fetched,
        sink: Sink,
    ) -> None:
        self._fetched = fetched
        self._wiring = wiring
        self._targets = targets
        self._jobs = jobs
        self._telling = Telling(sink)
        self._together = Together(wiring.settings.max_parallelism)
        self._lease = wiring.store.leases.hold()
        self._lock = threading.Lock()
        self._waiting = iter(tuple(targets))
        self._ends = {name: threading.Event() for name in targets}
        self._images: dict[str, Mapping[Platform, Digest]] = {}
        self._results: dict[str, BuildResult] = {}
        self._errors: list[BaseException] = []

    def run(self) -> dict[str, BuildResult]:
        if len(self._targets) == 1:
            self._work()
        else:
            threads = [
                threading.Thread(target=self._work, name=f"boxwright-bake-{number}", daemon=True)
                for number in range(min(len(self._targets), _AT_ONCE))
            ]
            for thread in threads:
                thread.start()
            try:
                self._wait()
            except BaseException:  # Ctrl-C comes to the main thread alone
                self._together.cancelled.set()
                self._wait()
                raise
        if self._errors:
            # What stopped the others goes before their having been stopped.
            raise min(self._errors, key=lambda error: isinstance(error, CancelledError))
        return {name: self._results[name] for name in self._targets}

    def close(self) -> None:
        self._lease.release()

    def _wait(self) -> None:
        # Not by joining their threads: see `boxwright.build.execute.Execution`.
        for end in self._ends.values():
            end.wait()

    def _work(self) -> None:
        while True:
            with self._lock:
                name = next(self._waiting, None)
            if name is None:
                return
            try:
                self._bake(name)
            except BaseException as error:
                # One target's end with an error is the end of all.
                self._together.cancelled.set()
                if isinstance(error, BoxwrightError) and not isinstance(error, CancelledError):
                    error.message = f"{name}: {error.message}"
                self._errors.append(error)
                if len(self._targets) == 1:
                    raise
            finally:
                self._ends[name].set()

    def _bake(self, name: str) -> None:
        wanted = links(self._targets[name])
        for link in wanted:
            self._ends[link].wait()
        if self._together.cancelled.is_set():
            return
        images = {link: self._images[link] for link in wanted}
        built = self._jobs[name]._replace(results=images)
        sink = self._telling.of(name)
        result = build(self._wiring, built, sink, together=self._together, hold=self._hold, fetched=self._fetched)
        self._images[name] = _by_platform(built, result)
        self._results[name] = result

    def _hold(self, product: Product) -> None:
        """Keep an image until all is over: a target that needs it may not have begun."""
        self._lease.add("image", product.id)
        if product.chain is not None:
            self._lease.add("snapshot", product.chain)


def _by_platform(built: Build, result: BuildResult) -> dict[Platform, Digest]:
    if not built.platform:
        return {Platform.of_machine(os.uname().machine): result.image}
    platforms = dict.fromkeys(Platform.parse(each) for each in built.platform.split(","))
    return dict(zip(platforms, result.images or (result.image,), strict=True))
