from __future__ import annotations

import json
import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError, key_values
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    create = parser.command(
        "create",
        help="let a name of a registry stand for several images there: one for each platform",
        description="Makes an index of images that are in registries, and gives it names. What isn't in the"
        " repository of a name yet is copied there first.",
    )
    create.repeated("-t", "--tag", metavar="NAME", help="a name for the index; may be given several times")
    create.flag("--append", help="keep the images that the name has, but for the platforms that come anew")
    create.repeated("--annotation", metavar="KEY=VALUE", help="annotate the index")
    create.flag("--dry-run", help="print the index, and change nothing")
    create.flag("-q", "--quiet", help="print only the names")
    create.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    create.refused("-f", "--file", why="sources are given as names")
    create.add_argument("sources", nargs="+", metavar="SOURCE", help="an image or index in a registry")
    inspect = parser.command("inspect", help="show what a name of a registry stands for")
    inspect.flag("--raw", help="print the manifest or index as it is there, byte for byte")
    inspect.refused("--format", why="registry inspect has templates")
    inspect.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    inspect.add_argument("name", metavar="NAME[:TAG|@DIGEST]", help="the image or index")


def run(args: Any, session: Session) -> int:
    return _create(args, session) if args.verb == "create" else _inspect(args, session)


def _create(args: Any, session: Session) -> int:
    from boxwright.cli.transfers import Progress

    if not args.tag and not args.dry_run:
        raise UsageError("an index needs a name", hint="--tag NAME, or --dry-run to see it")
    with Progress(quiet=args.quiet or args.dry_run) as progress:
        made = session.engine.registries.make_index(
            args.tag or args.sources[:1],
            args.sources,
            append=args.append,
            annotations=key_values(args.annotation),
            dry_run=args.dry_run,
            insecure=args.insecure_registry,
            sink=progress,
        )
    if args.dry_run:
        print(json.dumps(json.loads(made.root.raw), indent=2))
    for reference in made.references:
        print(reference.familiar() if args.quiet else f"created  {reference.familiar()}@{made.root.digest}")
    return 0


def _inspect(args: Any, session: Session) -> int:
    registries = session.engine.registries
    if args.raw:
        sys.stdout.buffer.write(registries.raw_manifest(args.name, insecure=args.insecure_registry))
        return 0
    image = registries.look(args.name, insecure=args.insecure_registry)
    print(f"Name:      {image.reference.familiar()}")
    print(f"MediaType: {image.root.media_type}")
    print(f"Digest:    {image.root.digest}")
    if len(image.images) == 1 and image.images[0].descriptor.digest == image.root.digest:
        return 0
    print("\nManifests:")
    for each in image.images:
        print(f"  Name:      {image.reference.familiar_repository}@{each.descriptor.digest}")
        print(f"  MediaType: {each.descriptor.media_type}")
        if each.platform is not None:
            print(f"  Platform:  {each.platform}")
        print()
    return 0
