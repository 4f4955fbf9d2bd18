from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.hub.opening import audited, opened_database, opened_storage
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    parser.add_argument("--storage", metavar="URL", help="where the blobs are, if not where the folder says")


def run(args: Any, session: Session) -> int:
    with opened_database(args, session) as db, opened_storage(args, session) as storage:
        from boxwright.hub.rescue.rebuilding import Rebuilder

        done = Rebuilder(storage, db, lambda line: print(line, file=sys.stderr)).rebuild()
        found = f"{done.repositories} repositories, {done.manifests} manifests, {done.tags} tags, {done.blobs} blobs"
        audited(db, "hub.rebuild-index", found)
    print(found)
    if done.lost or done.incomplete:
        print(f"{done.lost} lost, {done.incomplete} incomplete")
    return 1 if done.lost else 0
