"""Every verb of `hub` that changes something says so in the audit log, with who and what."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from boxwright.cli.commands import hub
from boxwright.cli.main import main
from boxwright.cli.parsing import Parser
from boxwright.hub.accounts.keys import LEAD_SECONDS, ROTATE_SECONDS, KeyRing
from boxwright.hub.accounts.signing import SQLKeys
from boxwright.hub.db.audit import Actor, AuditLog, Entry
from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.metadata import Manifest, Requirements
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables.registry import repository
from boxwright.hub.events.event import ping
from boxwright.hub.events.sending import Attempt
from boxwright.hub.events.store import WebhookStore
from boxwright.hub.events.webhook import Webhook
from boxwright.oci.digest import Digest
from support.hub_kit import BY

INDEX = "application/vnd.oci.image.index.v1+json"

ANY = ""
"""A target that is made up by the command."""

LOOKING = {
    *("user list", "org list", "org members", "team list", "robot list", "token list", "repo list", "grants"),
    *("audit", "webhook list", "webhook log", "webhook test", "tag history", "immutable list", "retention list"),
    *("quota list", "identity list", "key list", "stats", "serve"),
}
"""Verbs that change nothing; and ``serve``, whose requests have tests of their own."""

CHANGES: list[tuple[str, str, str, str]] = [
    # the verb, its arguments, and what the log has: action and target
    ("user add", "--no-password ada", "user.add", "ada"),
    ("user add", "--no-password bob", "user.add", "bob"),
    ("user passwd", "--password-stdin ada", "user.passwd", "ada"),
    ("user disable", "bob", "user.disabled", "bob"),
    ("user enable", "bob", "user.disabled", "bob"),
    ("user admin", "ada", "user.administrator", "ada"),
    ("user set", "--new-repositories public ada", "user.public", "ada"),
    ("curator", "ada", "user.curator", "ada"),
    ("org add", "--owner ada shop", "org.add", "shop"),
    ("org join", "shop bob", "org.member", "shop"),
    ("org set", "--new-repositories public shop", "org.public", "shop"),
    ("team add", "shop deployers", "team.add", "shop/deployers"),
    ("team join", "shop deployers bob", "team.member", "shop/deployers"),
    ("team leave", "shop deployers bob", "team.member", "shop/deployers"),
    ("robot add", "shop+ci", "robot.add", "shop+ci"),
    ("robot disable", "shop+ci", "robot.disabled", "shop+ci"),
    ("robot enable", "shop+ci", "robot.disabled", "shop+ci"),
    ("token create", "shop+ci pipeline", "token.create", "shop+ci"),
    ("token revoke", "shop+ci pipeline", "token.revoke", "shop+ci"),
    ("identity add", "--issuer https://id.example.com bob id-1", "identity.add", "bob"),
    ("identity rm", "--issuer https://id.example.com id-1", "identity.rm", "bob"),
    ("key rotate", "--revoke", "key.add", ANY),
    ("repo create", "shop/web", "repo.create", "shop/web"),
    ("repo set", "--visibility public shop/web", "repo.public", "shop/web"),
    ("repo set", "--description wares shop/web", "repo.describe", "shop/web"),
    ("grant", "bob write shop/web", "grant.set", "shop/web"),
    ("revoke", "bob shop/web", "grant.revoke", "shop/web"),
    ("quota set", "shop/ 1GB", "quota.set", "shop/"),
    ("quota rm", "shop/", "quota.rm", "shop/"),
    ("immutable add", "* v*", "immutable.add", "*"),
    ("immutable rm", "* v*", "immutable.rm", "*"),
    ("retention set", "--keep-last 1 shop/ pr-*", "retention.set", "shop/"),
    ("retention run", "", "retention.run", "shop/tools"),
    ("retention rm", "shop/ pr-*", "retention.rm", "shop/"),
    ("tag undo", "shop/tools:pr-2", "tag.undo", "shop/tools:pr-2"),
    ("webhook add", "https://example.com/hook", "webhook.add", "webhook 1"),
    ("webhook rotate", "1", "webhook.rotate", "webhook 1"),
    ("webhook disable", "1", "webhook.disable", "webhook 1"),
    ("webhook enable", "1", "webhook.enable", "webhook 1"),
    ("webhook redeliver", "--delivery 1 1", "webhook.redeliver", "webhook 1"),
    ("webhook rm", "1", "webhook.rm", "webhook 1"),
    ("team rm", "shop deployers", "team.rm", "shop/deployers"),
    ("robot rm", "shop+ci", "robot.rm", "shop+ci"),
    ("org leave", "shop bob", "org.member", "shop"),
    ("repo rm", "shop/web", "repo.rm", "shop/web"),
    ("fsck", "--repair", "hub.repair", "hub"),
    ("repo rm", "shop/tools", "repo.rm", "shop/tools"),
    ("org rm", "shop", "org.rm", "shop"),
    ("user rm", "bob", "user.rm", "bob"),
]


def leaves(parser: Parser, name: str = "") -> Iterator[str]:
    for word, (below, _) in parser.commands.items():
        yield from leaves(below, f"{name} {word}".strip())
    if not parser.commands:
        yield name


def test_every_verb_is_in_one_of_the_lists() -> None:
    parser = Parser("boxwright hub")
    hub.configure(parser)
    assert sorted(leaves(parser)) == sorted({verb for verb, *_ in CHANGES} | LOOKING | {"rebuild-index"})


def test_every_change_is_noted_with_who_and_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOXWRIGHT_ROOT", str(tmp_path / "store"))
    root = tmp_path / "hub"
    root.mkdir()
    for number in range(3):
        push(root, f"pr-{number}")

    for verb, words, action, target in CHANGES:
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse"))
        if verb in PREPARED:
            PREPARED[verb](root)
        before = len(entries(root))
        status = main(["hub", *verb.split(), "--root", str(root), *words.split()])
        assert status == 0, (verb, capsys.readouterr())
        noted = entries(root)[before:]
        assert (action, target) in [(one.action, one.target if target else ANY) for one in noted], verb
        assert all(one.actor.startswith("console:") for one in noted), noted


def test_making_the_database_again_is_noted_in_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOXWRIGHT_ROOT", str(tmp_path / "store"))
    assert main(["hub", "rebuild-index", "--root", str(tmp_path)]) == 0
    assert [one.action for one in entries(tmp_path)] == ["hub.rebuild-index"]


def test_what_a_server_does_by_itself_is_noted_as_its_own_doing(tmp_path: Path) -> None:
    """Signing keys that come and go, webhooks that are given up."""
    now = 1_000_000.0
    with closing(Database(default_url(tmp_path))) as db:
        ring = KeyRing(SQLKeys(db), clock=lambda: now)
        for _ in range(3):
            ring.signing()
            now += ROTATE_SECONDS + LEAD_SECONDS
        hooks = WebhookStore(db, Actor("server:webhooks"))
        hooks.disable(hooks.add(Webhook(0, "", "https://example.com/"), "whsec_").id, "nothing arrived")
    noted = [(one.actor, one.action) for one in entries(tmp_path)]
    assert noted == [
        *[("server:keys", "key.add")] * 2,
        ("server:keys", "key.rm"),
        ("server:keys", "key.add"),
        ("server:webhooks", "webhook.add"),
        ("server:webhooks", "webhook.disable"),
    ]


def entries(root: Path) -> list[Entry]:
    with closing(Database(default_url(root))) as db:
        return AuditLog(db).entries(limit=9999)


def push(root: Path, tag: str) -> None:
    raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"tag": tag}}).encode()
    with closing(Database(default_url(root))) as db:
        SQLMetadata(db).put_manifest(
            "shop/tools", Manifest(Digest.of(raw), INDEX, raw), Requirements(), [tag], sparse=False
        )


def give_up_a_delivery(root: Path) -> None:
    with closing(Database(default_url(root))) as db:
        hooks = WebhookStore(db, BY)
        hooks.send(1, ping("shop/web"))
        waiting = hooks.head(1)
        assert waiting is not None
        hooks.failed(waiting, Attempt(None, "nobody there", 0.0), None)


def miscount(root: Path) -> None:
    with closing(Database(default_url(root))) as db, db.write() as connection:
        connection.execute(update(repository).values(bytes=7))


PREPARED = {"webhook redeliver": give_up_a_delivery, "fsck": miscount}
"""Verbs that need something to do."""
