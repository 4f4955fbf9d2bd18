"""Which tags and untagged manifests go by themselves.

A rule names what is kept; whatever else matches it goes. So the worst that a rule can do is seen in a dry run, and a
repository without rules keeps everything. What belongs to an image (signatures, attestations, everything that refers to
it) goes with its image and never before. Immutable tags stay.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, exists, or_, select

from boxwright.errors import InvalidError
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, current_time, insert, retried
from boxwright.hub.db.manifests import drop_manifest
from boxwright.hub.db.repositories import lock_repository
from boxwright.hub.db.scopes import is_within, scope_text, scopes_of
from boxwright.hub.db.tables import life
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tags import RETENTION, Moving, drop_tags
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted
from boxwright.values import NamedTuple

_ATTACHMENT = re.compile(r"(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})(\..+)?", re.ASCII)
"""Tags under which tools keep what belongs to an image: ``sha256-….sig``, and lists of referrers."""

_PAGE = 500
_LIMITS = frozenset({"last", "pushed", "pulled", "untagged"})


class InvalidRule(InvalidError):
    """A rule that keeps nothing, or in a way that nobody can mean."""


class RetentionRule(NamedTuple):
    """What is kept of a scope's tags that match a pattern. Each field may be None; one of them at least isn't."""

    scope: str
    tags: str = "*"
    """A pattern as the shell has it."""
    last: int | None = None
    """Keep so many of those that were pushed last, in each repository."""
    pushed: float | None = None
    """Keep what was pushed in the last so many seconds."""
    pulled: float | None = None
    """Keep what was pulled in the last so many seconds."""
    untagged: float | None = None
    """How many seconds manifests stay that nothing names; None: for ever. The pattern does not matter."""

    def check(self) -> None:
        """Raise InvalidRule."""
        if not self.judges_tags and self.untagged is None:
            raise InvalidRule(
                "a retention rule says what to keep", hint="add --keep-last, --keep-pushed, --keep-pulled or --untagged"
            )
        if any(value is not None and value <= 0 for value in self[2:]):
            raise InvalidRule("a retention rule keeps more than nothing")
        if not self.tags or len(self.tags) > 128:
            raise InvalidRule("a pattern of tags has 1 to 128 characters")

    @property
    def summary(self) -> str:
        """The rule without its scope, on one line; times are in seconds."""
        limits = (
            f"{name} {value:g}" for name, value in self._asdict().items() if name in _LIMITS and value is not None
        )
        return f"{self.tags}: {', '.join(limits)}"

    @property
    def judges_tags(self) -> bool:
        return not (self.last is None and self.pushed is None and self.pulled is None)


class Pruned(NamedTuple):
    """What goes: a tag, or a manifest when `tag` is empty."""

    repository: str
    tag: str
    digest: str
    freed: int = 0
    """Bytes that nothing needs after it; known once it is done."""


class Retention:
    """The rules, and what they do. Methods may be called from any thread."""

    __slots__ = ("_by", "_db")

    def __init__(self, db: Database, by: Actor) -> None:
        """`by`: who makes changes through it, for the audit log."""
        self._db = db
        self._by = by

    @retried
    def set(self, rule: RetentionRule) -> None:
        """Add a rule, in place of one for the same tags of the same scope. Raises InvalidRule."""
        rule.check()
        with self._db.write() as c:
            row = insert(c, life.retention_rule).values(rule._asdict())
            kept = {name: value for name, value in rule._asdict().items() if name not in ("scope", "tags")}
            c.execute(row.on_conflict_do_update(index_elements=["scope", "tags"], set_=kept))
            note(c, self._by, "retention.set", scope_text(rule.scope), detail=rule.summary)

    @retried
    def remove(self, scope: str, tags: str) -> bool:
        """False when there is no such rule."""
        r = life.retention_rule.c
        with self._db.write() as c:
            if not c.execute(delete(life.retention_rule).where(r.scope == scope, r.tags == tags)).rowcount:
                return False
            note(c, self._by, "retention.rm", scope_text(scope), detail=tags)
            return True

    @retried
    def rules(self) -> list[RetentionRule]:
        """Return all of them: by scope, and in the order in which they were added."""
        with self._db.read() as c:
            return _rules(c)

    def prune(self, *, dry_run: bool) -> Iterator[Pruned]:
        """Yield what goes; unless it is a `dry_run`, each has gone by then. One transaction a repository."""
        for name in self._repositories():
            yield from self._prune(name, dry_run)

    @retried
    def _prune(self, name: str, dry_run: bool) -> list[Pruned]:
        with self._db.read() if dry_run else self._db.write() as c:
            known = lock_repository(c, name)
            rules = [rule for rule in _rules(c) if rule.scope in scopes_of(name)]
            if known is None or not rules:
                return []
            plan = _Plan(Moving.of(c, name, known), rules, current_time(c))
            tags, manifests = plan.tags(), plan.manifests()
            if dry_run:
                return [*tags, *manifests]
            gone = plan.carry_out(tags, manifests)
            if gone:
                count = sum(1 for one in gone if one.tag)
                note(c, self._by, "retention.run", name, detail=f"{count} tags, {len(gone) - count} manifests")
            return gone

    def _repositories(self) -> Iterator[str]:
        """Yield the repositories that a rule is about."""
        scopes = {rule.scope for rule in self.rules()}
        last = ""
        while scopes:
            page = self._page(scopes, last)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]

    @retried
    def _page(self, scopes: Iterable[str], last: str) -> list[str]:
        name = t.repository.c.name
        ruled = or_(*(is_within(name, scope) for scope in scopes))
        with self._db.read() as c:
            return list(c.scalars(select(name).where(name > last, ruled).order_by(name).limit(_PAGE)))


def _rules(c: Connection) -> list[RetentionRule]:
    r = life.retention_rule.c
    columns = (r[name] for name in RetentionRule._fields)
    return [RetentionRule(*row) for row in c.execute(select(*columns).order_by(r.scope, r.id))]


class _Plan:
    """What goes of one repository."""

    __slots__ = ("_c", "_known", "_moving", "_now", "_rules")

    def __init__(self, moving: Moving, rules: Sequence[RetentionRule], now: float) -> None:
        self._moving = moving
        self._c = moving.c
        self._known = moving.known
        # The narrowest scope decides.
        self._rules = sorted(rules, key=lambda rule: -len(rule.scope))
        self._now = now

    def tags(self) -> list[Pruned]:
        """Return the tags that no rule keeps."""
        judging = [rule for rule in self._rules if rule.judges_tags]
        seen = dict.fromkeys(judging, 0)
        pruned: list[Pruned] = []
        columns = t.tag.c.name, t.tag.c.updated, t.manifest.c.digest, t.manifest.c.pulled
        rows = (
            select(*columns)
            .join(t.manifest, t.manifest.c.id == t.tag.c.manifest_id)
            .where(t.tag.c.repository_id == self._known)
            .order_by(t.tag.c.updated.desc(), t.tag.c.name.desc())
        )
        for name, pushed, digest, pulled in self._c.execute(rows).all() if judging else ():
            rule = next((one for one in judging if fnmatch.fnmatchcase(name, one.tags)), None)
            if rule is None or _ATTACHMENT.fullmatch(name):
                continue
            seen[rule] += 1
            kept = (
                (rule.last is not None and seen[rule] <= rule.last)
                or (rule.pushed is not None and pushed > self._now - rule.pushed)
                or (rule.pulled is not None and pulled is not None and pulled > self._now - rule.pulled)
            )
            if not kept and not self._moving.holds(name):
                pruned.append(Pruned(self._moving.name, name, digest))
        return pruned

    def manifests(self) -> list[Pruned]:
        """Return the manifests that nothing has named for as long as the rules say."""
        waits = next((rule.untagged for rule in self._rules if rule.untagged is not None), None)
        if waits is None:
            return []
        before = self._now - waits
        m, holder, subject = t.manifest.c, t.manifest.alias(), t.manifest.alias()
        named = exists().where(
            t.manifest_reference.c.digest == m.digest,
            t.manifest_reference.c.manifest_id == holder.c.id,
            holder.c.repository_id == m.repository_id,
        )
        refers = exists().where(subject.c.repository_id == m.repository_id, subject.c.digest == m.subject)
        h = life.tag_history.c
        lately = exists().where(h.repository_id == m.repository_id, h.previous == m.digest, h.at > before)
        found = select(m.digest).where(
            m.repository_id == self._known,
            m.created < before,
            or_(m.pulled.is_(None), m.pulled < before),
            ~exists().where(t.tag.c.manifest_id == m.id),
            *(~named, ~refers, ~lately),
        )
        digests = {*self._c.scalars(found), *self._left_behind(before)}
        return [Pruned(self._moving.name, "", digest) for digest in sorted(digests) if not self._has_held(digest)]

    def _left_behind(self, before: float) -> Iterator[str]:
        """Yield what belonged to an image that was deleted."""
        m = t.manifest.c
        rows = (
            select(t.tag.c.name, m.digest)
            .join(t.manifest, m.id == t.tag.c.manifest_id)
            .where(t.tag.c.repository_id == self._known, t.tag.c.updated < before)
            .where(t.tag.c.name >= "sha256-", t.tag.c.name < "sha513-")
        )
        for name, digest in self._c.execute(rows).all():
            match = _ATTACHMENT.fullmatch(name)
            if match is None or self._moving.holds(name) or self._has_other_tags(digest):
                continue
            image = match[1].replace("-", ":")
            mine = m.repository_id == self._known, m.digest == image
            if self._c.execute(select(m.id).where(*mine)).first() is None:
                yield digest

    def _has_held(self, digest: str) -> bool:
        """Whether something that would go with a manifest is held by a rule."""
        return any(self._moving.holds(name) for name, _ in self._attachments(digest))

    def carry_out(self, tags: Sequence[Pruned], manifests: Sequence[Pruned]) -> list[Pruned]:
        done: list[Pruned] = []
        for one in tags:
            drop_tags(self._moving, t.tag.c.name == one.tag, action=RETENTION)
            outbox.append(self._c, [deleted(one.repository, one.digest, one.tag)])
            done.append(one)
        for one in manifests:
            done += self._drop(one.digest)
        return done

    def _drop(self, digest: str) -> list[Pruned]:
        """Remove a manifest and what belongs to it."""
        attached = [target for _, target in self._attachments(digest)]
        m = t.manifest.c
        referring = select(m.digest).where(m.repository_id == self._known, m.subject == digest)
        attached += self._c.scalars(referring)
        freed = drop_manifest(self._moving, digest, action=RETENTION)
        if freed is None:
            return []
        done = [Pruned(self._moving.name, "", digest, freed)]
        for one in attached:
            if not self._has_other_tags(one):
                done += self._drop(one)
        return done

    def _attachments(self, digest: str) -> list[tuple[str, str]]:
        """Return the tags under which something belongs to a manifest, and where they point."""
        prefix = digest.replace(":", "-")
        rows = (
            select(t.tag.c.name, t.manifest.c.digest)
            .join(t.manifest, t.manifest.c.id == t.tag.c.manifest_id)
            .where(t.tag.c.repository_id == self._known, t.tag.c.name >= prefix, t.tag.c.name < prefix + "/")
        )
        return [(name, target) for name, target in self._c.execute(rows) if _ATTACHMENT.fullmatch(name)]

    def _has_other_tags(self, digest: str) -> bool:
        rows = (
            select(t.tag.c.name)
            .join(t.manifest, t.manifest.c.id == t.tag.c.manifest_id)
            .where(t.manifest.c.repository_id == self._known, t.manifest.c.digest == digest)
        )
        return any(not _ATTACHMENT.fullmatch(name) for name in self._c.scalars(rows))
