"""``registry rm``: tags and images out of a registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import human
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.engine.remotes import Removal

_SHOWN = 20


def declare(group: Parser) -> None:
    command = group.command(
        "rm",
        help="delete tags and images in a registry",
        description="Deletes a tag, or by its digest an image with all its tags. It says first what goes, and asks.",
    )
    command.flag("-f", "--force", help="do not ask")
    command.flag("--referrers", help="delete what refers to the image, too, and cosign's tags for it")
    command.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    command.add_argument("image", nargs="+", metavar="NAME:TAG|NAME@DIGEST", help="what to delete")


def run(args: Any, session: Session) -> int:
    registries = session.engine.registries
    wanted = [registries.removal(name, insecure=args.insecure_registry) for name in args.image]
    if not args.force and not _confirmed(wanted, with_referrers=args.referrers):
        return 1
    for each in wanted:
        for gone in registries.remove(each, with_referrers=args.referrers, insecure=args.insecure_registry):
            freed = "" if gone.freed is None else f" ({human.size(gone.freed)} will be reclaimed)"
            print(f"deleted  {gone.name}{freed}", flush=True)
    return 0


def _confirmed(wanted: list[Removal], *, with_referrers: bool) -> bool:
    """Say what will be gone, and ask. Without a terminal the answer is what standard input says, else no."""
    for each in wanted:
        for line in _described(each, with_referrers=with_referrers):
            print(line)
    sys.stdout.write("Are you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _described(removal: Removal, *, with_referrers: bool) -> list[str]:
    name = removal.reference.familiar()
    if removal.reference.digest is None:
        return [f"deletes the tag {name}; the image stays under {removal.digest} until the registry collects it"]
    lines = [f"deletes the image {name}"]
    if removal.tags:
        lines.append(f"  and its tags: {_some(removal.tags)}")
    if removal.referrers:
        kinds = [each.artifact_type or "an artifact" for each in removal.referrers]
        what = "and" if with_referrers else "and takes its image away from"
        lines.append(f"  {what} what refers to it: {_some(kinds)}")
    if removal.signature_tags:
        what = "and its signatures" if with_referrers else "its signatures stay (--referrers deletes them)"
        lines.append(f"  {what}: {_some(removal.signature_tags)}")
    return lines


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
