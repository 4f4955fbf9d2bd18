from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boxwright.cli.hub.opening import actor
from boxwright.cli.hub.serving import configure_root, root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.events.store import Delivery, WebhookStore
    from boxwright.hub.events.webhook import Webhook

_SHOWN = 60
"""Characters of an answer in a table."""


def configure(parser: Parser) -> None:
    add = parser.command("add", help="tell a URL what happens, and print the secret that its messages are signed with")
    add.add_argument("url", metavar="URL", help="where to send messages")
    add.add_argument("--repository", metavar="NAME", help="only what happens in this repository")
    add.add_argument("--namespace", metavar="NAME", help="only what happens in the repositories below NAME/")
    add.repeated("--event", metavar="EVENT", dest="events", help="only these: push, delete, mount; may be repeated")
    add.add_argument("--tag", metavar="PATTERN", default="", help="only tags like this: v*, or 1.[0-9]")
    add.add_argument(
        "--format",
        choices=("json", "dockerhub", "distribution"),
        default="json",
        help="body: boxwright's own (json), Docker Hub's, or the notifications of distribution",
    )
    add.add_argument("--secret-file", metavar="FILE", help="sign with the secret in FILE (whsec_…), not with a new one")
    listing = parser.command("list", help="list webhooks")
    remove = parser.command("rm", help="forget a webhook, with what waits for it")
    enable = parser.command("enable", help="deliver to a webhook again, that was disabled")
    disable = parser.command("disable", help="stop delivering to a webhook; what happens meanwhile is not kept for it")
    rotate = parser.command("rotate", help="sign with a new secret and print it; for a day the old one signs, too")
    rotate.add_argument("--secret-file", metavar="FILE", help="the new secret is in FILE")
    test = parser.command("test", help="send a ping now, and say what came back")
    log = parser.command("log", help="list deliveries to a webhook, the last one first")
    log.add_argument("--limit", metavar="N", type=int, default=20, help="at most so many (20)")
    log.flag("--failed", help="only those that were given up")
    again = parser.command("redeliver", help="deliver again what was given up")
    again.repeated(
        "--delivery", metavar="N", dest="deliveries", help="this one, also when it had arrived; may be repeated"
    )
    for one in (listing, log):
        one.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")
    for one in (remove, enable, disable, rotate, test, log, again):
        one.add_argument("number", metavar="WEBHOOK", type=int, help="its number, as in the list")
    for one in (add, listing, remove, enable, disable, rotate, test, log, again):
        configure_root(one)
    test.add_argument("--config", metavar="FILE", help="the server's settings: what [webhooks] allows")


def run(args: Any, session: Session) -> int:
    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.events.store import WebhookStore
    from boxwright.hub.extra import need

    need("sqlalchemy", "alembic")
    folder = root(args, session)
    if args.database is None:
        folder.mkdir(parents=True, exist_ok=True)
    db = Database(args.database or default_url(folder))
    try:
        return _RUN[args.verb](args, WebhookStore(db, actor()))
    finally:
        db.close()


def _add(args: Any, store: WebhookStore) -> int:
    from boxwright.errors import InvalidError
    from boxwright.hub.events import webhook as hooks
    from boxwright.hub.registry.routes import is_name

    if args.repository and args.namespace:
        raise InvalidError("both --repository and --namespace", hint="a webhook is about one of them, or everything")
    name = args.repository or args.namespace or ""
    if name and not is_name(name):
        raise InvalidError(f"invalid name {name[:100]!r}", hint="a name looks like ada/tools, or ada")
    secret = _secret(args)
    events = [event for text in args.events for event in text.split(",")]
    made = store.add(
        hooks.Webhook(
            0,
            name + "/" if args.namespace else name,
            hooks.check_url(args.url),
            args.format,
            hooks.check_actions(events),
            hooks.check_pattern(args.tag),
        ),
        secret,
    )
    print(f"webhook {made.id} added for {made.scope_text}")
    print(secret)
    return 0


def _list(args: Any, store: WebhookStore) -> int:
    from boxwright.cli import listing

    rows = [
        {
            "ID": one.id,
            "Scope": one.scope_text,
            "Events": ",".join(one.actions),
            "Tags": one.tags or "*",
            "Form": one.format,
            "State": _state(one),
            "URL": one.url,
        }
        for one in store.webhooks()
    ]
    columns = ("ID", "Scope", "Events", "Tags", "Form", "State", "URL")
    listing.write(sys.stdout, rows, {name.upper(): name for name in columns}, args.format)
    return 0


def _state(webhook: Webhook) -> str:
    if not webhook.active:
        return f"disabled: {webhook.reason}" if webhook.reason else "disabled"
    return "failing" if webhook.failing_since is not None else "active"


def _remove(args: Any, store: WebhookStore) -> int:
    store.remove(args.number)
    return 0


def _enable(args: Any, store: WebhookStore) -> int:
    store.set_active(args.number, True)
    return 0


def _disable(args: Any, store: WebhookStore) -> int:
    store.set_active(args.number, False)
    return 0


def _rotate(args: Any, store: WebhookStore) -> int:
    secret = _secret(args)
    store.rotate(args.number, secret)
    print(secret)
    return 0


def _test(args: Any, store: WebhookStore) -> int:
    from boxwright.hub.events.addresses import AddressPolicy
    from boxwright.hub.events.dispatcher import deliver
    from boxwright.hub.events.event import ping
    from boxwright.hub.settings import load_settings

    settings = load_settings(Path(args.config) if args.config else None)
    webhook, keys = store.webhook(args.number), store.keys(args.number)
    attempt = deliver(webhook, keys, ping(webhook.scope.rstrip("/")), AddressPolicy(settings.webhooks.allow))
    status = f"answered {attempt.status}" if attempt.status is not None else "failed"
    print(f"{webhook.url} {status} after {attempt.seconds:.2f} s{_below(attempt.answer)}")
    return 0 if attempt.ok else 1


def _log(args: Any, store: WebhookStore) -> int:
    from boxwright.cli import listing

    found = store.deliveries(args.number, state="failed" if args.failed else None, limit=args.limit)
    columns = ("ID", "Event", "What", "State", "Attempts", "Last", "Status", "Answer")
    listing.write(sys.stdout, [_logged(one) for one in found], {name.upper(): name for name in columns}, args.format)
    return 0


def _logged(delivery: Delivery) -> dict[str, Any]:
    from boxwright.hub.observe.logs import printable, timestamp

    event = delivery.event
    name = event.repository + (f":{event.tag}" if event.tag else f"@{event.digest[:19]}" if event.digest else "")
    answer = printable(delivery.answer.strip())
    return {
        "ID": delivery.id,
        "Event": event.id,
        "What": f"{event.action} {name}",
        "State": delivery.state,
        "Attempts": delivery.attempts,
        "Last": "-" if delivery.tried is None else timestamp(delivery.tried),
        "Status": "-" if delivery.status is None else delivery.status,
        "Answer": answer if len(answer) <= _SHOWN else answer[: _SHOWN - 1] + "…",
        "Body": delivery.answer,
    }


def _redeliver(args: Any, store: WebhookStore) -> int:
    from boxwright.cli.parsing import UsageError

    try:
        chosen = [int(text) for text in args.deliveries]
    except ValueError:
        raise UsageError("--delivery takes a number", hint="hub webhook log shows them") from None
    count = store.redeliver(args.number, chosen)
    print(f"{count} deliveries begun again")
    return 0


_RUN = {
    "add": _add,
    "list": _list,
    "rm": _remove,
    "enable": _enable,
    "disable": _disable,
    "rotate": _rotate,
    "test": _test,
    "log": _log,
    "redeliver": _redeliver,
}


def _secret(args: Any) -> str:
    from boxwright.hub.events import signing

    if args.secret_file is None:
        return signing.new_secret()
    return signing.check_secret(Path(args.secret_file).read_text().strip())


def _below(answer: str) -> str:
    from boxwright.hub.observe.logs import printable

    return "\n  " + printable(answer[:200].strip()) if answer.strip() else ""
