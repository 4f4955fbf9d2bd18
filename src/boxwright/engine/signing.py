"""The use-cases of signing what is in a registry, and of verifying it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from boxwright.engine.clients import client as client_of
from boxwright.engine.settings import Settings
from boxwright.errors import DeniedError, InvalidError
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.reference import Reference
from boxwright.signing import signatures
from boxwright.signing.keys import PrivateKey, PublicKey
from boxwright.signing.signatures import MalformedSignature, Signature
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient

Form = Literal["both", "bundle", "tag"]
"""How a signature is kept: as a sigstore bundle that refers to its image, in cosign's tag ``sha256-….sig``, or both."""

# A registry could make us verify without end.
_MAX_SIGNATURES = 200


class Signed(NamedTuple):
    reference: Reference
    digest: Digest
    fresh: bool
    """False: this key had signed it, in the same words, before."""


class Signer(NamedTuple):
    """A key that has signed, and what it said beside the digest."""

    key: PublicKey
    form: Literal["simple", "bundle"]
    annotations: Mapping[str, str]


class Verified(NamedTuple):
    reference: Reference
    digest: Digest
    signers: tuple[Signer, ...]
    """Each key once."""


class NotSigned(DeniedError):
    """An image without the signatures that were asked for."""

    def __init__(self, name: str, digest: Digest, found: int, wanted: int, good: int) -> None:
        if not found:
            why = "it has no signature"
        elif good:
            why = f"{good} of the keys have signed it, and {wanted} are needed"
        else:
            count = "1 signature" if found == 1 else f"{found} signatures"
            why = f"it has {count}, and none by these keys with these annotations"
        super().__init__(f"{name} is not verified: {why}", detail=[f"its digest is {digest}"])
        self.digest = digest


def sign(
    settings: Settings,
    name: str,
    key: PrivateKey,
    *,
    annotations: Mapping[str, str] | None = None,
    form: Form = "both",
    recursive: bool = False,
    insecure: tuple[str, ...] = (),
) -> list[Signed]:
    """Sign what a name stands for in its registry, by its digest; with `recursive` every image of an index, too.

    Idempotent: what this key has signed, with the same `annotations`, it doesn't sign again. Two signers of one image
    that write its tag at the same time may overlook each other; bundles cannot. Raises RegistryFailure,
    ConnectionFailed.
    """
    reference = Reference.parse(name).with_default_tag()
    said = dict(annotations or {})
    with client_of(settings, reference, insecure, purpose="sign") as client:
        root = client.fetch(reference)
        subjects = [root.descriptor]
        if recursive and isinstance(root, Index):
            subjects += [entry for entry in root.manifests if entry.media_type in (*media.MANIFESTS, *media.INDEXES)]
        signed = []
        for subject in subjects:
            fresh = False
            if form != "tag":
                fresh = _sign_bundle(client, reference, subject, key, said)
            if form != "bundle":
                fresh = _sign_tag(client, reference, subject.digest, key, said) or fresh
            signed.append(Signed(reference._replace(digest=subject.digest), subject.digest, fresh))
    return signed


def verify(
    settings: Settings,
    name: str,
    keys: Sequence[PublicKey],
    *,
    annotations: Mapping[str, str] | None = None,
    threshold: int = 1,
    insecure: tuple[str, ...] = (),
) -> Verified:
    """Make sure that `threshold` of `keys` have signed what a name stands for, with `annotations` among theirs.

    Signatures are read wherever they may be: bundles and simple signatures that refer to the image, and cosign's tag.
    Raises NotSigned, RegistryFailure, ConnectionFailed.
    """
    if not 1 <= threshold <= len({key.fingerprint for key in keys}):
        raise InvalidError(f"{threshold} of these keys cannot have signed it", hint="give as many different keys")
    reference = Reference.parse(name).with_default_tag()
    with client_of(settings, reference, insecure, purpose="verify") as client:
        digest = reference.digest or client.fetch(reference).digest
        found = find_signatures(client, reference.path, [digest])
    signers = signers_among(found, keys, [digest], annotations or {})
    if len(signers) < threshold:
        raise NotSigned(reference.familiar(), digest, len(found), threshold, len(signers))
    return Verified(reference, digest, tuple(signers))


def signers_among(
    found: Sequence[Signature], keys: Sequence[PublicKey], digests: Sequence[Digest], annotations: Mapping[str, str]
) -> list[Signer]:
    """Return which of `keys` made one of the signatures found, for one of `digests`; each key once."""
    wanted, signers = frozenset(digests), {}
    for key in keys:
        for signature in found:
            matches = annotations.items() <= signature.annotations.items()
            if matches and key.fingerprint not in signers and signature.is_by(key, wanted):
                signers[key.fingerprint] = Signer(key, signature.form, signature.annotations)
    return list(signers.values())


def find_signatures(client: RegistryClient, path: str, digests: Sequence[Digest]) -> list[Signature]:
    """Return the signatures in a repository that are kept for `digests`, unverified; malformed ones are left out."""
    found: list[Signature] = []
    for digest in digests:
        for signature in _each_signature(client, path, digest):
            found.append(signature)
            if len(found) >= _MAX_SIGNATURES:
                return found
    return found


def _each_signature(client: RegistryClient, path: str, digest: Digest) -> Iterator[Signature]:
    from boxwright.remote import referrers
    from boxwright.remote.failure import NotInRegistry

    for entry in referrers.listed(client, path, digest):
        if entry.artifact_type not in (signatures.BUNDLE_TYPE, signatures.SIMPLE_ARTIFACT):
            continue
        try:
            manifest = client.fetch(Reference(client.domain, path, None, entry.digest), entry)
        except NotInRegistry:
            continue  # the list may be older than a deletion
        if isinstance(manifest, Manifest):
            yield from _inside(client, path, manifest)
    tagged = _tagged(client, path, digest)
    if tagged is not None:
        yield from _inside(client, path, tagged)


def _inside(client: RegistryClient, path: str, manifest: Manifest) -> Iterator[Signature]:
    """Yield the signatures that an artifact holds."""
    for layer in manifest.layers:
        if layer.size > signatures.MAX_SIGNATURE_BYTES:
            continue
        try:
            if layer.media_type == signatures.BUNDLE_TYPE:
                yield signatures.parse_bundle(_read(client, path, layer))
            elif layer.media_type == signatures.SIMPLE_TYPE:
                signature = layer.annotations.get(signatures.SIGNATURE_ANNOTATION, "")
                yield signatures.parse_simple(_read(client, path, layer), signature)
        except MalformedSignature:
            continue  # as good as none: another one may be there


def _read(client: RegistryClient, path: str, blob: Descriptor) -> bytes:
    with client.open_blob(path, blob) as stream:
        return stream.read_all()


def _sign_bundle(
    client: RegistryClient, reference: Reference, subject: Descriptor, key: PrivateKey, annotations: dict[str, str]
) -> bool:
    from boxwright.remote import referrers
    from boxwright.store.attachments import Attachment

    there = _each_signature(client, reference.path, subject.digest)
    if _has_signed([each for each in there if each.form == "bundle"], key, subject.digest, annotations):
        return False
    data = signatures.make_bundle(key, subject.digest, annotations)
    content = Descriptor(signatures.BUNDLE_TYPE, Digest.of(data), len(data))
    attachment = Attachment(signatures.BUNDLE_TYPE, content, signatures.BUNDLE_ANNOTATIONS)
    referrers.put(client, reference.path, subject, attachment, data)
    return True


def _sign_tag(
    client: RegistryClient, reference: Reference, digest: Digest, key: PrivateKey, annotations: dict[str, str]
) -> bool:
    """Add a signature to cosign's tag for a digest, which keeps those that are there."""
    import base64

    from boxwright.remote.upload import BytesSource

    path = reference.path
    before = _tagged(client, path, digest)
    layers = before.layers if before is not None else ()
    if before is not None and _has_signed(list(_inside(client, path, before)), key, digest, annotations):
        return False
    claim = signatures.simple_claim(reference.repository, digest, annotations)
    signature = base64.b64encode(key.sign(claim)).decode()
    layer = Descriptor(
        signatures.SIMPLE_TYPE,
        Digest.of(claim),
        len(claim),
        annotations={signatures.SIGNATURE_ANNOTATION: signature},
    )
    config = _config([*layers, layer])
    for data in (claim, config):
        if client.stat_blob(path, Digest.of(data)) is None:
            client.upload(path).send(BytesSource(data, Digest.of(data)))
    described = Descriptor(media.OCI_CONFIG, Digest.of(config), len(config))
    client.put_manifest(path, _signature_tag(digest), Manifest.build(described, [*layers, layer]))
    return True


def _has_signed(found: Sequence[Signature], key: PrivateKey, digest: Digest, annotations: Mapping[str, str]) -> bool:
    digests = frozenset({digest})
    return any(each.annotations == annotations and each.is_by(key.public, digests) for each in found)


def _config(layers: Sequence[Descriptor]) -> bytes:
    """Return the configuration of cosign's signature images, which says nothing."""
    epoch = "0001-01-01T00:00:00Z"
    value: dict[str, Any] = {
        "architecture": "",
        "created": epoch,
        "history": [{"created": epoch} for _ in layers],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [str(layer.digest) for layer in layers]},
        "config": {},
    }
    return json.dumps(value, separators=(",", ":")).encode()


def _signature_tag(digest: Digest) -> str:
    from boxwright.remote.referrers import fallback_tag

    return f"{fallback_tag(digest)}.sig"


def _tagged(client: RegistryClient, path: str, digest: Digest) -> Manifest | None:
    """Return what cosign's tag for a digest names, None when there is none."""
    reference = Reference(client.domain, path, _signature_tag(digest))
    if client.resolve(reference) is None:
        return None
    found = client.fetch(reference)
    return found if isinstance(found, Manifest) else None
