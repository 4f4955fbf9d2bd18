from __future__ import annotations

from typing import Any

from boxwright.cli import human
from boxwright.cli.hub.opening import configure_format, opened_database
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_format(parser)


def run(args: Any, session: Session) -> int:
    with opened_database(args, session) as db:
        from boxwright.hub.db.stats import collect

        found = collect(db)
    if args.format is not None:
        from boxwright.cli.template import Template

        value = {**found._asdict(), "largest": [one._asdict() for one in found.largest]}
        named = {name.title(): part for name, part in value.items()}
        if args.format != "json":
            print(Template(args.format).render(named))
        else:
            import json

            print(json.dumps(value))
        return 0
    for label, count in (
        ("repositories", found.repositories),
        ("tags", found.tags),
        ("manifests", found.manifests),
        ("blobs", found.blobs),
        ("open uploads", found.uploads),
        ("stored", human.size(found.stored)),
        ("saved by sharing", human.size(found.shared)),
        ("garbage", human.size(found.unneeded)),
    ):
        print(f"{label + ':':18}{count}")
    for one in found.largest:
        print(f"{human.size(one.size):>10}  {one.name}")
    return 0
