from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.engine.remotes import RemoteImage, RemotePlatform

_NOT_HERE = ("annotate", "create", "push", "rm")
_WHY = "nothing is kept here on the way to an index"


def configure(parser: Parser) -> None:
    inspect = parser.command("inspect", help="print an image's manifest, or its index, as a registry has it")
    inspect.flag("-v", "--verbose", help="print its descriptor, too, and of an index every image's")
    inspect.flag("--insecure", help="the registry may speak plain HTTP, or show any certificate")
    inspect.add_argument("name", metavar="NAME[:TAG|@DIGEST]", help="the image")
    for name in _NOT_HERE:
        words = parser.command(name, help=f"not supported: {_WHY}")
        words.add_argument("words", nargs="...", metavar="WORD", help="whatever it would take")


def run(args: Any, session: Session) -> int:
    if args.verb in _NOT_HERE:
        raise UsageError(
            f"manifest {args.verb} is not supported: {_WHY}",
            hint="imagetools create -t NAME SOURCE… makes an index of images that are in a registry",
        )
    from boxwright.oci.reference import Reference

    insecure = (Reference.parse(args.name).domain,) if args.insecure else ()
    registries = session.engine.registries
    if args.verbose:
        document: Any = _verbose(registries.look(args.name, insecure=insecure))
    else:
        document = json.loads(registries.raw_manifest(args.name, insecure=insecure))
    print(json.dumps(document, indent="\t", ensure_ascii=False))
    return 0


def _verbose(image: RemoteImage) -> Any:
    from boxwright.oci.manifest import Manifest

    if isinstance(image.root, Manifest):
        return _entry(image.reference.familiar(), image.images[0])
    repository = image.reference.familiar_repository
    return [_entry(f"{repository}@{each.descriptor.digest}", each) for each in image.images]


def _entry(name: str, each: RemotePlatform) -> dict[str, Any]:
    """Return what docker's ``manifest inspect -v`` has of one image."""
    from base64 import b64encode

    from boxwright.oci import media

    descriptor = each.descriptor if each.descriptor.platform else each.descriptor._replace(platform=each.platform)
    entry: dict[str, Any] = {"Ref": name, "Descriptor": descriptor.to_json()}
    if each.manifest is not None:
        document = json.loads(each.manifest.raw)
        if each.manifest.media_type == media.DOCKER_MANIFEST:
            entry["SchemaV2Manifest"] = document
        else:
            entry |= {"Raw": b64encode(each.manifest.raw).decode(), "OCIManifest": document}
    return entry
