"""What happens to content over time, in a database: tag history and undo, tags that may not move, quotas."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text

from boxwright.hub.db import tags
from boxwright.hub.db.database import Database
from boxwright.hub.db.metadata import Requirements
from boxwright.hub.db.quotas import QuotaExceeded, Quotas, Usage
from boxwright.hub.db.scopes import InvalidScope, parse_scope, scopes_of
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables.registry import repository
from boxwright.hub.db.tags import (
    ImmutableRule,
    ImmutableRules,
    ManifestGone,
    NothingToUndo,
    TagHistory,
    TagImmutable,
    TagUnknown,
)
from support.content import d, push
from support.hub_kit import BY


def where(store: SQLMetadata, tag: str = "latest") -> str | None:
    found = store.manifest("ada/tools", tag)
    return None if found is None else found.content.decode()


def bytes_of(db: Database, name: str) -> int:
    with db.read() as c:
        return int(c.execute(select(repository.c.bytes).where(repository.c.name == name)).scalar_one())


# -- history


def test_every_move_of_a_tag_is_remembered(db: Database, store: SQLMetadata) -> None:
    push(store, "1", "latest", "other")
    push(store, "2", "latest")
    push(store, "2", "latest")
    store.remove_tag("ada/tools", "latest")
    push(store, "1", "latest")
    store.remove_manifest("ada/tools", d("1"))
    found = TagHistory(db, BY).changes("ada/tools", "latest")
    assert [(one.action, one.previous, one.digest) for one in reversed(found)] == [
        ("push", None, d("1")),
        ("push", d("1"), d("2")),
        ("delete", d("2"), None),
        ("push", None, d("1")),
        ("delete", d("1"), None),
    ]
    assert [one.action for one in TagHistory(db, BY).changes("ada/tools", "other")] == ["delete", "push"]
    for repo, tag in (("ada/tools", "never"), ("nowhere", "latest")):
        with pytest.raises(TagUnknown):
            TagHistory(db, BY).changes(repo, tag)


def test_a_change_is_forgotten_with_the_transaction_that_failed(db: Database, store: SQLMetadata) -> None:
    push(store, "1", "latest")
    ImmutableRules(db, BY).add(ImmutableRule("", "v*"))
    push(store, "1", "v1")
    with pytest.raises(TagImmutable):
        push(store, "2", "latest", "v1")
    assert len(TagHistory(db, BY).changes("ada/tools", "latest")) == 1
    assert where(store) == "1"


def test_undo_goes_back_step_by_step_and_to_any_change(db: Database, store: SQLMetadata) -> None:
    history = TagHistory(db, BY)
    for content in "123":
        push(store, content, "latest")
    store.remove_tag("ada/tools", "latest")
    seen = []
    for _ in range(4):
        history.undo("ada/tools", "latest")
        seen.append(where(store))
    assert seen == ["3", "2", "1", None]
    with pytest.raises(NothingToUndo):
        history.undo("ada/tools", "latest")
    second = next(one for one in history.changes("ada/tools", "latest") if one.digest == d("2"))
    done = history.undo("ada/tools", "latest", to=second.id)
    assert (where(store), done.action) == ("2", "undo")
    push(store, "4", "latest")
    assert history.undo("ada/tools", "latest").digest == d("2")
    assert history.undo("ada/tools", "latest").digest == d("1")
    with pytest.raises(TagUnknown):
        history.undo("ada/tools", "latest", to=10**6)
    with pytest.raises(TagUnknown):
        history.undo("ada/tools", "never")


def test_undo_needs_the_manifest(db: Database, store: SQLMetadata) -> None:
    push(store, "1", "latest")
    push(store, "2", "latest")
    store.remove_manifest("ada/tools", d("1"))
    with pytest.raises(ManifestGone) as raised:
        TagHistory(db, BY).undo("ada/tools", "latest")
    assert raised.value.digest == d("1")
    assert where(store) == "2"


def test_only_the_last_changes_are_remembered(
    db: Database, store: SQLMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "KEPT", 3)
    push(store, "0", "other")
    for number in range(6):
        push(store, str(number), "latest")
    changes = TagHistory(db, BY).changes("ada/tools", "latest")
    assert [one.digest for one in changes] == [d("5"), d("4"), d("3")]
    assert len(TagHistory(db, BY).changes("ada/tools", "other")) == 1
    for expected in ("4", "3"):
        TagHistory(db, BY).undo("ada/tools", "latest")
        assert where(store) == expected


# -- immutable tags


@pytest.mark.parametrize("scope", ["", "ada/", "ada/tools"])
def test_an_immutable_tag_stays(db: Database, store: SQLMetadata, scope: str) -> None:
    rules = ImmutableRules(db, BY)
    rule = ImmutableRule(scope, "v[0-9]*")
    push(store, "1", "v1", "latest")
    rules.add(rule)
    rules.add(rule)
    push(store, "1", "v1")
    push(store, "2", "latest", "v2", "vx")
    for attempt in (
        lambda: push(store, "2", "v1"),
        lambda: store.remove_tag("ada/tools", "v1"),
        lambda: store.remove_manifest("ada/tools", d("1")),
        lambda: TagHistory(db, BY).undo("ada/tools", "v1"),
    ):
        with pytest.raises(TagImmutable, match="v1 of ada/tools is immutable"):
            attempt()
    assert where(store, "v1") == "1"
    push(store, "2", "v1", repo="other/tools") if scope else None
    assert rules.rules() == [rule]
    assert rules.remove(rule)
    assert not rules.remove(rule)
    push(store, "2", "v1")


def test_an_immutable_rule_of_elsewhere_does_not_apply(db: Database, store: SQLMetadata) -> None:
    for scope in ("ada/tool", "ada/tools/", "ad", "bob/"):
        ImmutableRules(db, BY).add(ImmutableRule(scope, "*"))
    push(store, "1", "latest")
    push(store, "2", "latest")


# -- quotas


def test_the_bytes_of_a_repository_are_counted(db: Database, store: SQLMetadata) -> None:
    store.add_blob("ada/tools", d("a"), 7)
    store.add_blob("ada/tools", d("a"), 7)
    store.add_blob("ada/tools", d("b"), 5)
    store.mount_blob("ada/more", d("a"), "ada/tools")
    store.mount_blob("ada/more", d("a"), None)
    assert (bytes_of(db, "ada/tools"), bytes_of(db, "ada/more")) == (12, 7)
    store.remove_blob("ada/tools", d("b"))
    assert bytes_of(db, "ada/tools") == 7
    store.release_blobs(store.unneeded_blobs(4e9, limit=9, last=None), 4e9)
    assert (bytes_of(db, "ada/tools"), bytes_of(db, "ada/more")) == (0, 0)


@pytest.mark.parametrize("scope", ["", "ada/", "ada/tools"])
def test_what_is_more_than_the_quota_is_refused(db: Database, store: SQLMetadata, scope: str) -> None:
    quotas = Quotas(db, BY)
    quotas.set(scope, 5)
    quotas.set(scope, 10)
    store.add_blob("ada/tools", d("a"), 7)
    with pytest.raises(QuotaExceeded) as raised:
        store.add_blob("ada/tools", d("b"), 4)
    assert raised.value.usage == Usage(scope, 10, 7)
    assert "7 B of 10 B, 3 B left, 4 B more needed" in raised.value.message
    assert store.blob_size("ada/tools", d("b")) is None
    store.add_blob("ada/tools", d("a"), 7)
    store.add_blob("ada/tools", d("c"), 3)
    with pytest.raises(QuotaExceeded):
        store.check_room("ada/tools", 1)
    store.check_room("ada/tools", 0)
    assert quotas.usages() == [Usage(scope, 10, 10)]
    if scope != "":
        store.check_room("adam/tools", 100)
        store.add_blob("bob/tools", d("b"), 100)
        if scope == "ada/tools":
            store.add_blob("ada/more", d("x"), 100)
        with pytest.raises(QuotaExceeded):
            store.mount_blob("ada/tools", d("b"), "bob/tools")
    assert quotas.remove(scope)
    assert not quotas.remove(scope)
    store.check_room("ada/tools", 10**12)


def test_deleting_a_manifest_says_what_comes_free(store: SQLMetadata) -> None:
    for name, size in (("own", 1), ("shared", 10), ("elsewhere", 100), ("named", 1000)):
        store.add_blob("ada/tools", d(name), size)
    store.mount_blob("bob/x", d("elsewhere"), "ada/tools")
    push(store, "1", "latest", needs=Requirements((d("own"), d("shared"), d("elsewhere"))))
    push(store, "2", needs=Requirements((d("shared"), d("named"))))
    assert store.remove_manifest("ada/tools", d("1")) == 1
    assert store.remove_manifest("ada/tools", d("2")) == 1010
    assert store.remove_manifest("ada/tools", d("2")) is None


def test_the_sizes_of_older_repositories_are_counted_when_the_schema_is_upgraded(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from boxwright.hub.db import migrations

    with closing(Database(f"sqlite:///{tmp_path}/registry.db")) as db:
        with db.write() as c:
            for table in reversed(db_tables(c)):
                c.execute(text(f"DROP TABLE {table}"))
            c.execute(text("PRAGMA user_version = 0"))
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        with db.write() as c:
            config.attributes["connection"] = c
            command.upgrade(config, "0006")
            c.execute(text("INSERT INTO repository (name) VALUES ('a'), ('b')"))
            c.execute(text("INSERT INTO blob VALUES ('x', 7, 1.0), ('y', 5, 1.0)"))
            c.execute(text("INSERT INTO repository_blob VALUES (1, 'x', 1.0), (1, 'y', 1.0)"))
            command.upgrade(config, "head")
        assert (bytes_of(db, "a"), bytes_of(db, "b")) == (12, 0)


def db_tables(c: object) -> list[str]:
    from boxwright.hub.db.tables import metadata

    return [table.name for table in metadata.sorted_tables] + ["alembic_version"]


# -- scopes


def test_scopes() -> None:
    assert scopes_of("a/b/c") == ["", "a/", "a/b/", "a/b/c"]
    assert scopes_of("a") == ["", "a"]
    assert [parse_scope(text) for text in ("*", "ada/", "ada/*", "ada/tools")] == ["", "ada/", "ada/", "ada/tools"]
    for bad in ("", "/", "Ada", "ada//", "a*", "*/x"):
        with pytest.raises(InvalidScope):
            parse_scope(bad)
