"""``registry inspect``: what a registry has under a name, without pulling it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.engine.remotes import RemoteImage, RemotePlatform
    from boxwright.oci.manifest import Descriptor


def declare(group: Parser) -> None:
    command = group.command("inspect", help="show what a registry has under a name: platforms, layers, referrers")
    command.flag("--raw", help="print the manifest or index as it is there, byte for byte")
    command.flag("--config", help="print the image's configuration as it is there")
    command.add_argument("--format", metavar="TEMPLATE", help="json, or a Go template")
    command.add_argument("--platform", metavar="OS/ARCH", help="one image of an index")
    command.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    command.add_argument("image", metavar="NAME[:TAG|@DIGEST]", help="the image")


def run(args: Any, session: Session) -> int:
    registries = session.engine.registries
    if args.raw + args.config + bool(args.format) > 1:
        raise UsageError("--raw, --config and --format each print another thing", hint="choose one")
    insecure = args.insecure_registry
    if args.raw:
        raw = registries.raw_manifest(args.image, platform=args.platform, insecure=insecure)
        sys.stdout.buffer.write(raw)
        return 0
    image = registries.look(args.image, platform=args.platform, insecure=insecure)
    if args.config:
        if image.config is None:
            there = ", ".join(str(each.platform) for each in image.images if each.platform)
            raise UsageError(f"{args.image} is an index of several images", hint=f"choose a --platform: {there}")
        sys.stdout.buffer.write(image.config + b"\n")
    elif args.format == "json":
        print(json.dumps(_document(image), indent=4, ensure_ascii=False))
    elif args.format:
        from boxwright.cli.template import Template

        print(Template(args.format).render(_document(image)))
    else:
        _summary(image)
    return 0


def _document(image: RemoteImage) -> dict[str, Any]:
    """Return everything as data: what templates and ``--format json`` see."""
    return {
        "Name": image.reference.familiar(),
        "Digest": str(image.root.digest),
        "MediaType": image.root.media_type,
        "ManifestSize": len(image.root.raw),
        "Annotations": dict(image.root.annotations),
        "Platforms": [_platform(each) for each in image.images],
        "Referrers": [_referrer(each) for each in image.referrers],
        "Manifest": json.loads(image.root.raw),
        "Config": json.loads(image.config) if image.config is not None else None,
    }


def _platform(each: RemotePlatform) -> dict[str, Any]:
    layers = each.manifest.layers if each.manifest else ()
    return {
        "Platform": str(each.platform) if each.platform else "",
        "Digest": str(each.descriptor.digest),
        "MediaType": each.descriptor.media_type,
        "Size": each.size,
        "Layers": [
            {"Digest": str(layer.digest), "Size": layer.size, "MediaType": layer.media_type} for layer in layers
        ],
    }


def _referrer(each: Descriptor) -> dict[str, Any]:
    return {
        "Digest": str(each.digest),
        "ArtifactType": each.artifact_type or "",
        "MediaType": each.media_type,
        "Size": each.size,
        "Annotations": dict(each.annotations),
    }


def _summary(image: RemoteImage) -> None:
    from boxwright.cli import human, table

    out = sys.stdout
    out.write(f"{image.reference.familiar()}\n")
    _fields(out, dict(_facts(image)))
    single = image.images[0].manifest if len(image.images) == 1 else None
    if single is None:
        rows = [
            [
                str(each.platform) if each.platform else each.descriptor.artifact_type or "-",
                each.descriptor.digest.short,
                human.size(each.size, 3) if each.size is not None else "not there",
                str(len(each.manifest.layers)) if each.manifest else "-",
            ]
            for each in image.images
        ]
        out.write("\n")
        table.write(out, ["PLATFORM", "DIGEST", "SIZE", "LAYERS"], rows)
    elif single.layers:
        out.write("\n")
        rows = [[layer.digest.short, human.size(layer.size, 3), layer.media_type] for layer in single.layers]
        table.write(out, ["LAYER", "SIZE", "TYPE"], rows)
    if image.root.annotations:
        out.write("\nannotations\n")
        _fields(out, image.root.annotations)
    if image.referrers:
        out.write("\n")
        rows = [[each.artifact_type or "-", each.digest.short] for each in image.referrers]
        table.write(out, ["REFERRED TO BY", "DIGEST"], rows)


def _facts(image: RemoteImage) -> Iterator[tuple[str, str]]:
    from boxwright.cli import human

    yield "digest", str(image.root.digest)
    yield "type", image.root.media_type
    artifact = getattr(image.root, "artifact_type", None)
    if artifact:
        yield "artifact", str(artifact)
    sizes = [each.size for each in image.images if each.size is not None]
    if len(image.images) != 1:
        yield "size", f"{human.spaced_size(sum(sizes))} in {len(image.images)} images"
        return
    (each,) = image.images
    if each.platform:
        yield "platform", str(each.platform)
    yield "size", human.spaced_size(each.size or 0)
    config = image.image_config
    if config is None:
        return
    if config.created:
        yield "created", f"{human.timestamp(config.created)} ({human.ago(config.created)})"
    run = config.config
    words = {"entrypoint": run.entrypoint, "command": run.cmd}
    yield from ((name, json.dumps(list(value), ensure_ascii=False)) for name, value in words.items() if value)
    texts = {"user": run.user, "directory": run.working_dir, "ports": ", ".join(run.exposed_ports)}
    yield from ((name, value) for name, value in texts.items() if value)


def _fields(out: Any, fields: Mapping[str, str]) -> None:
    from boxwright.cli import human

    width = max(map(len, fields)) + 2
    for name, value in fields.items():
        # A registry's text ends on a terminal here.
        clean = "".join(char if char.isprintable() else " " for char in human.without_colours(str(value)))
        out.write(f"  {name.ljust(width)}{clean}\n")
