from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser, UsageError, key_values
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.description = (
        "Signs what a name stands for in its registry, by its digest, as cosign does: the signature is kept beside the"
        " image. Keys are cosign's; their password is COSIGN_PASSWORD, or asked for."
    )
    parser.add_argument("--key", metavar="FILE", help="the private key")
    parser.add_argument("--generate-key", metavar="NAME", help="make a new pair of keys instead: NAME.key and NAME.pub")
    parser.repeated("-a", "--annotation", metavar="NAME=VALUE", help="say this, too, in the signature")
    parser.flag("-r", "--recursive", help="sign each image of an index, too")
    parser.add_argument(
        "--as",
        choices=("both", "bundle", "tag"),
        default="both",
        dest="form",
        help="keep it as a sigstore bundle that refers to the image, in cosign's older tag, or as both (both)",
    )
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("image", nargs="?", metavar="NAME[:TAG|@DIGEST]", help="the image, in its registry")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import keys

    if args.generate_key:
        if args.key or args.image:
            raise UsageError("--generate-key signs nothing", hint="sign in a second command")
        for path in keys.write_pair(args.generate_key):
            print(f"wrote  {path}")
        return 0
    if not args.key or not args.image:
        raise UsageError("an image and a --key to sign it with are needed", hint="see boxwright sign --help")
    signed = session.engine.registries.sign(
        args.image,
        keys.private_key(args.key),
        annotations=key_values(args.annotation),
        form=args.form,
        recursive=args.recursive,
        insecure=args.insecure_registry,
    )
    for each in signed:
        print(f"{'signed' if each.fresh else 'was signed'}  {each.reference.familiar()}")
    return 0
