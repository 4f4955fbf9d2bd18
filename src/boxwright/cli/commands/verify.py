from __future__ import annotations

import json
from typing import Any

from boxwright.cli.parsing import Parser, key_values
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.description = (
        "Verifies that keys have signed what a name stands for in its registry. Reads cosign's signatures."
    )
    parser.repeated("--key", metavar="FILE", help="a public key; without any, those that the policy names count")
    parser.add_argument(
        "--threshold", metavar="N", type=int, default=1, help="how many of the keys must have signed (1)"
    )
    parser.repeated("-a", "--annotation", metavar="NAME=VALUE", help="what the signature must say, too")
    parser.add_argument("--format", choices=("json",), help="json: the digest and its signers as data")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("image", metavar="NAME[:TAG|@DIGEST]", help="the image, in its registry")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import keys

    wanted, threshold = [keys.public_key(path) for path in args.key], args.threshold
    if not wanted:
        wanted, threshold = _of_policy(args.image, session)
    found = session.engine.registries.verify(
        args.image,
        wanted,
        annotations=key_values(args.annotation),
        threshold=threshold,
        insecure=args.insecure_registry,
    )
    if args.format:
        signers = [
            {"Key": signer.key.name, "Fingerprint": signer.key.fingerprint, "Annotations": dict(signer.annotations)}
            for signer in found.signers
        ]
        print(
            json.dumps({"Name": found.reference.familiar(), "Digest": str(found.digest), "Signers": signers}, indent=4)
        )
        return 0
    print(f"verified  {found.reference.familiar().partition('@')[0]}@{found.digest}")
    for signer in found.signers:
        said = "".join(f"  {name}={value}" for name, value in sorted(signer.annotations.items()))
        print(f"  signed by {signer.key.name}{_printable(said)}")
    return 0


def _of_policy(image: str, session: Session) -> tuple[list[Any], int]:
    from boxwright.cli.parsing import UsageError
    from boxwright.oci.reference import Reference
    from boxwright.signing.policy import load_policy

    path = session.settings.policy
    if path is None:
        raise UsageError("a --key to verify with is needed", hint="or a policy: docs/how-to/sign-images.md")
    rule = load_policy(path).rule(Reference.parse(image).repository)
    if not rule.keys:
        raise UsageError(f"the policy names no keys for {image}", hint="give a --key")
    return list(rule.keys), rule.threshold


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
