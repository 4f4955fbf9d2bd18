"""The use-case of mirroring: bringing repositories to what other repositories have."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from boxwright.engine.mirroring.ends import End, Ends, Repository, parse_place
from boxwright.engine.mirroring.rules import Plan, Rule
from boxwright.engine.mirroring.throttle import ThrottledSource
from boxwright.engine.settings import Settings
from boxwright.errors import BoxwrightError, CancelledError, ConflictError, UnavailableError
from boxwright.oci.digest import Digest
from boxwright.remote.client import NoMatchingPlatform
from boxwright.remote.copying import Copied, copy_image, wanted_digest
from boxwright.remote.ends import Source
from boxwright.remote.failure import NotInRegistry
from boxwright.remote.limiter import Limiter
from boxwright.remote.progress import Notice
from boxwright.remote.referrers import is_fallback_tag
from boxwright.values import NamedTuple

Status = Literal["copied", "up to date", "deleted", "passed over", "failed"]


class NothingThere(ConflictError):
    """A source without a single tag, where what it lacks was to be deleted: more likely a mistake than a wish."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no tags, so nothing is deleted", hint="is it the right name?")


class Outcome(NamedTuple):
    """What became of one tag, or of a repository that could not be looked at."""

    source: str
    destination: str
    """With the tag, where there is one."""
    status: Status
    """With a dry run, what would become of it. ``passed over``: it has no image for the platforms that are wanted."""
    digest: Digest | None = None
    sent: int = 0
    """Bytes of blobs that went over the line."""
    there: int = 0
    """Bytes of blobs that the destination had."""
    referrers: int = 0
    error: BoxwrightError | None = None


class Summary(NamedTuple):
    """All of it."""

    copied: int
    current: int
    """How many tags were as they should be."""
    deleted: int
    passed: int
    failed: int
    sent: int
    there: int


def mirror(
    settings: Settings,
    plan: Plan,
    *,
    dry_run: bool = False,
    told: Callable[[Outcome], object] = lambda outcome: None,
    notice: Callable[[Notice], object] | None = None,
) -> Summary:
    """Do what a plan says. `told` hears of each tag when it is done, `notice` of each repetition and warning; from
    any thread.

    What fails does not stop the rest: it is counted. An interruption stops everything; done again, a mirror goes on
    where it was. Of a repository of which anything failed nothing is deleted. Raises InvalidError.
    """
    places = [(rule, parse_place(rule.source), parse_place(rule.destination)) for rule in plan.rules]
    limiter = Limiter(plan.rate) if plan.rate is not None else None
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        told(outcome)

    with Ends(settings, notice) as ends, ThreadPoolExecutor(plan.parallel, "mirror") as pool:
        try:
            begun: list[_Pair] = []
            for rule, source, destination in places:
                try:
                    pairs = ends.pairs(source, destination, rule.insecure)
                except (BoxwrightError, OSError) as error:
                    tell(Outcome(source.text, destination.text, "failed", error=_as_ours(error)))
                    continue
                for here, there in pairs:
                    begun.append(_Pair(rule, here, there, limiter, tell, dry_run=dry_run))
                    begun[-1].begin(pool)
            for pair in begun:
                pair.finish()
            if not dry_run and any(outcome.status == "deleted" for outcome in outcomes):
                for folder in ends.folders():
                    folder.collect()
        except BaseException:
            ends.cancel()
            pool.shutdown(cancel_futures=True)
            raise
    return _summed(outcomes)


class _Pair:
    """Two repositories, of which the second is to be like the first."""

    __slots__ = ("_dry_run", "_here", "_jobs", "_rule", "_source", "_tell", "_there", "_wanted")

    def __init__(
        self,
        rule: Rule,
        here: Repository,
        there: Repository,
        limiter: Limiter | None,
        tell: Callable[[Outcome], object],
        *,
        dry_run: bool,
    ) -> None:
        self._rule = rule
        self._here = here
        self._there = there
        self._source: Source = here.end if limiter is None else ThrottledSource(here.end, limiter)
        self._tell = tell
        self._dry_run = dry_run
        self._wanted: list[str] | None = None
        self._jobs: list[Future[bool]] = []

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Find out what is meant, and have it brought."""
        try:
            tags = list(self._here.end.tags(self._here.reference.path))
            if self._rule.delete and not tags:
                raise NothingThere(self._here.name)
        except CancelledError:
            raise
        except (BoxwrightError, OSError) as error:
            self._tell(Outcome(self._here.name, self._there.name, "failed", error=_as_ours(error)))
            return
        self._wanted = self._rule.tags.choose(tags)
        self._jobs = [pool.submit(self._bring_and_tell, tag) for tag in self._wanted]

    def finish(self) -> None:
        """Wait for all that was begun, and delete what isn't meant."""
        failed = [job for job in self._jobs if not job.result()]
        if self._rule.delete and not failed and self._wanted is not None:
            self._delete(set(self._wanted))

    def _bring_and_tell(self, tag: str) -> bool:
        outcome = self._bring(tag)
        self._tell(outcome)
        return outcome.status != "failed"

    def _bring(self, tag: str) -> Outcome:
        origin = self._here.reference._replace(tag=tag)
        destination = self._there.reference._replace(tag=tag)
        outcome = Outcome(f"{self._here.name}:{tag}", f"{self._there.name}:{tag}", "copied")
        try:
            if self._dry_run:
                digest = wanted_digest(self._source, origin, self._rule.platforms)
                there = self._there.end.resolve(destination)
                same = there is not None and there.digest == digest
                return outcome._replace(digest=digest, status="up to date" if same else "copied")
            copied: Copied = copy_image(
                self._source,
                self._there.end,
                origin,
                destination,
                platforms=self._rule.platforms,
                referrers=self._rule.referrers,
            )
        except CancelledError:
            raise
        except NoMatchingPlatform:
            return outcome._replace(status="passed over")
        except (BoxwrightError, OSError) as error:
            return outcome._replace(status="failed", error=_as_ours(error))
        return outcome._replace(
            status=copied.status,
            digest=copied.digest,
            sent=copied.sent,
            there=copied.there,
            referrers=copied.referrers,
        )

    def _delete(self, wanted: set[str]) -> None:
        end: End = self._there.end
        path = self._there.reference.path
        try:
            surplus = [tag for tag in end.tags(path) if tag not in wanted and not is_fallback_tag(tag)]
        except NotInRegistry:
            return
        except (BoxwrightError, OSError) as error:
            self._tell(Outcome(self._here.name, self._there.name, "failed", error=_as_ours(error)))
            return
        for tag in surplus:
            outcome = Outcome(self._here.name, f"{self._there.name}:{tag}", "deleted")
            try:
                if not self._dry_run:
                    end.delete(path, tag)
            except NotInRegistry:
                continue  # somebody else was quicker
            except (BoxwrightError, OSError) as error:
                outcome = outcome._replace(status="failed", error=_as_ours(error))
            self._tell(outcome)


def _as_ours(error: BoxwrightError | OSError) -> BoxwrightError:
    if isinstance(error, BoxwrightError):
        return error
    where = f"{error.filename}: " if error.filename else ""
    return UnavailableError(f"{where}{(error.strerror or str(error)).lower()}")


def _summed(outcomes: list[Outcome]) -> Summary:
    def count(status: Status) -> int:
        return sum(outcome.status == status for outcome in outcomes)

    return Summary(
        copied=count("copied"),
        current=count("up to date"),
        deleted=count("deleted"),
        passed=count("passed over"),
        failed=count("failed"),
        sent=sum(outcome.sent for outcome in outcomes),
        there=sum(outcome.there for outcome in outcomes),
    )
