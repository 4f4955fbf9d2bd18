"""``registry copy``: an image from one registry to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session
from boxwright.cli.transfers import Progress, declare_rate, limit_rate

if TYPE_CHECKING:
    from boxwright.engine.copying import CopiedImage
    from boxwright.oci.reference import Reference


def declare(group: Parser) -> None:
    command = group.command(
        "copy",
        help="copy an image between registries, without pulling it",
        description="Copies an image, or all images of an index, from one registry to another or within one."
        " What is there already isn't sent, and digests stay.",
    )
    command.flag("-q", "--quiet", help="print only the destination's name")
    command.flag("--all", help="copy every platform of an index (as is done without --platform)")
    command.repeated("--platform", metavar="OS/ARCH", help="copy only this platform; may be given several times")
    command.flag("-a", "--all-tags", help="copy every tag of the repository")
    command.flag("--referrers", help="copy what refers to the image, too: signatures, lists of packages, cosign's tags")
    declare_rate(command)
    command.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    command.add_argument("source", metavar="SOURCE", help="a name in a registry")
    command.add_argument("destination", metavar="DESTINATION", help="a name; without a tag it gets the source's")


def run(args: Any, session: Session) -> int:
    limit_rate(args, session)
    platforms = [platform for text in args.platform for platform in text.split(",")]
    if args.all and platforms:
        raise UsageError("--all and --platform contradict each other", hint="leave one out")
    options = {"platforms": platforms, "referrers": args.referrers, "insecure": args.insecure_registry}

    with Progress(quiet=args.quiet) as progress:

        def begin(origin: Reference, destination: Reference) -> None:
            if not args.quiet:
                progress.title(f"copying {origin.familiar()} to {destination.familiar()}")

        registries = session.engine.registries
        if args.all_tags:
            done = registries.copy_tags(args.source, args.destination, sink=progress, begin=begin, **options)
        else:
            if not args.quiet:
                progress.title(f"copying {args.source} to {args.destination}")
            done = [registries.copy(args.source, args.destination, sink=progress, **options)]
    for image in done:
        print(image.destination.familiar() if args.quiet else _said(image))
    return 0


def _said(image: CopiedImage) -> str:
    from boxwright.cli import human

    copied = image.copied
    name = f"{image.destination.familiar().partition('@')[0]}@{copied.digest}"
    if copied.status == "up to date":
        return f"up to date  {name}"
    sizes = f"{human.spaced_size(copied.sent)} sent, {human.spaced_size(copied.there)} were there"
    more = f", {copied.referrers} that refer to it" if copied.referrers else ""
    return f"copied  {name} ({sizes}{more})"
