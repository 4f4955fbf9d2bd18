from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from boxwright.cli import listing
from boxwright.cli.hub.opening import actor, leaf, moment, opened_database
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.accounts.keys import StoredKey


def configure(parser: Parser) -> None:
    leaf(parser, "list", help="list the keys that access tokens are signed with", lists=True)
    rotate = leaf(parser, "rotate", help="make a new key now; servers do it by themselves each month")
    rotate.flag("--revoke", help="forget the others: what they signed is good for a minute more at most")


def run(args: Any, session: Session) -> int:
    from boxwright.hub.extra import need

    need("joserfc")
    with opened_database(args, session) as db:
        from boxwright.hub.accounts.keys import make_key, signing_key
        from boxwright.hub.accounts.signing import SQLKeys

        store = SQLKeys(db, actor())
        if args.verb == "rotate":
            key = make_key(time.time())
            if args.revoke:
                store.replace_keys(key)
            else:
                store.add_key(key)
            print(key.kid)
            return 0
        now, keys = time.time(), store.keys()
        chosen = signing_key(keys, now) if keys else None
        rows = [
            {"Key": one.kid, "Created": moment(one.created), "State": _state(one, chosen)} for one in keys if chosen
        ]
        listing.write(sys.stdout, rows, {name.upper(): name for name in ("Key", "Created", "State")}, args.format)
    return 0


def _state(key: StoredKey, signing: StoredKey) -> str:
    if key == signing:
        return "signs"
    return "will sign" if key.created > signing.created else "verifies"
