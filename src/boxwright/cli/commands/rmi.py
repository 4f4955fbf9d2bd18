from __future__ import annotations

from typing import Any

from boxwright.cli.each import each
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-f", "--force", help="remove it although it has several names or a stopped container uses it")
    parser.flag("--no-prune", help="keep untagged parents")
    parser.refused("--platform", why="an image here is for one platform")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="name or ID of an image")


def run(args: Any, session: Session) -> int:
    def remove(image: str) -> None:
        for event in session.engine.remove_image(image, force=args.force, prune=not args.no_prune):
            print(event)

    return each(args.images, remove, missing_is_fine=args.force)
