"""Which images may be pulled and run: the policy of signatures, applied.

An image is checked by the digest that its content is then taken from, before anything has its name. What was verified
is remembered with the keys that signed it, so that running it later asks no registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boxwright.engine.clients import client as client_of
from boxwright.engine.settings import Settings
from boxwright.host.paths import Path
from boxwright.oci.digest import Digest
from boxwright.oci.reference import InvalidReference, Reference
from boxwright.store import verified
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient, Resolved
    from boxwright.signing.policy import Policy, Rule
    from boxwright.store.images import ImageRecord


def approver(
    store: Store, settings: Settings, client: RegistryClient, reference: Reference, path: str
) -> Callable[[Resolved], None] | None:
    """Return what a pull of `reference` has to ask before it brings anything in; None without a policy.

    The signatures are looked for at `client`, in its repository `path`. What is returned raises RefusedByPolicy.
    """
    if settings.policy is None:
        return None
    policy = _load(settings.policy)
    rule = policy.rule(reference.repository)

    def approve(resolved: Resolved) -> None:
        digests = [resolved.digest, resolved.manifest.digest]
        _decide(store, policy, rule, reference, digests, lambda: (client, path))

    return approve


def admit(store: Store, settings: Settings, name: str, *, insecure: tuple[str, ...] = ()) -> None:
    """Make sure that an image of the store may be run under a name, or under its ID.

    Images that were made on this machine, and are known to no registry under that name, may. Raises RefusedByPolicy,
    and what finding the image raises.
    """
    if settings.policy is None:
        return
    from boxwright.signing.policy import RefusedByPolicy

    record = store.images.find(name)
    origins = store.images.repo_digests(record.id)
    if (named := _named(store, name, record)) is not None:
        origins = [origin for origin in origins if origin.repository == named.repository]
    policy = _load(settings.policy)
    refusal: RefusedByPolicy | None = None
    for origin in origins:
        try:
            _admit_from(store, settings, policy, origin, record, insecure)
        except RefusedByPolicy as error:
            refusal = error
        else:
            return  # it is what a repository has that is trusted
    if refusal is not None:
        raise refusal


def _named(store: Store, name: str, record: ImageRecord) -> Reference | None:
    """Return the reference that a name is, None when it is an ID."""
    try:
        reference = Reference.parse(name)
    except InvalidReference:
        return None
    found = store.images.resolve(reference)
    return reference if found is not None and found.id == record.id else None


def _admit_from(
    store: Store,
    settings: Settings,
    policy: Policy,
    origin: Reference,
    record: ImageRecord,
    insecure: tuple[str, ...],
) -> None:
    assert origin.digest is not None, "it is a repository's digest"
    digests = [origin.digest, *([record.manifest.digest] if record.manifest else [])]
    rule = policy.rule(origin.repository)
    if rule.action == "verify" and _remembered(store, rule, digests):
        return
    with client_of(settings, origin, insecure) as client:
        _decide(store, policy, rule, origin, digests, lambda: (client, origin.path))


def _remembered(store: Store, rule: Rule, digests: Sequence[Digest]) -> bool:
    known = {key for digest in digests for key in verified.keys_of(store.database, digest)}
    return len(known & {key.fingerprint for key in rule.keys}) >= rule.threshold


def _decide(
    store: Store,
    policy: Policy,
    rule: Rule,
    reference: Reference,
    digests: Sequence[Digest],
    place: Callable[[], tuple[RegistryClient, str]],
) -> None:
    """Let an image pass, whose manifest or index has one of `digests`, or raise RefusedByPolicy."""
    from boxwright.signing.policy import RefusedByPolicy

    name = reference.familiar()
    if rule.action == "allow":
        return
    if rule.action == "refuse":
        raise RefusedByPolicy(name, f"nothing is allowed from {reference.familiar_repository}", policy.path)
    from boxwright.engine.signing import find_signatures, signers_among

    client, path = place()
    distinct = list(dict.fromkeys(digests))
    found = find_signatures(client, path, distinct)
    signers = signers_among(found, rule.keys, distinct, {})
    if len(signers) < rule.threshold:
        wanted = f"{rule.threshold} of {len(rule.keys)} keys" if len(rule.keys) > 1 else rule.keys[0].name
        why = f"{len(found)} signatures are there" if found else "it has no signature"
        raise RefusedByPolicy(name, f"it has to be signed by {wanted}, and {why}", policy.path)
    for digest in distinct:
        verified.remember(store.database, digest, [signer.key.fingerprint for signer in signers])


def _load(path: Path) -> Policy:
    from boxwright.signing.policy import load_policy

    return load_policy(path)
