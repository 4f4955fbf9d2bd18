"""Use-cases of sharing: push, pull, login, logout."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from boxwright.engine.clients import Place, places
from boxwright.engine.clients import client as client_of
from boxwright.engine.settings import Settings
from boxwright.errors import CorruptError, InvalidError, NotFoundError
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.oci.platform import Platform
from boxwright.oci.reference import DEFAULT_DOMAIN, Reference
from boxwright.remote.credential_file import credential_file
from boxwright.remote.credentials import Credential, GivenCredential
from boxwright.remote.keychain import user_keychain
from boxwright.remote.progress import PlaceFailed, Sink, ignore
from boxwright.store.store import Store
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.image.form import Form
    from boxwright.remote.device import Invitation
    from boxwright.remote.pull import PullResult


class NoTags(NotFoundError):
    """A repository of which no image is here."""

    def __init__(self, repository: Reference) -> None:
        super().__init__(f"no image of {repository.familiar()} is here", hint="list what is here: boxwright images")


class Pulled(NamedTuple):
    image: Digest
    digest: Digest
    """What the registry calls it."""
    status: str
    """``downloaded`` or ``up to date``."""
    reference: Reference


class Pushed(NamedTuple):
    reference: Reference
    digest: Digest
    size: int
    """Bytes of the manifest."""
    sent: int
    there: int
    """Bytes of layers that were sent, and of those that the registry had, compressed."""
    descriptor: Descriptor
    """Of the manifest or index."""


def pull(
    store: Store,
    settings: Settings,
    name: str,
    *,
    platform: str | None = None,
    all_platforms: bool = False,
    referrers: bool = False,
    insecure: tuple[str, ...] = (),
    sink: Sink = ignore,
) -> Pulled:
    """Bring an image from its registry into the store: see `boxwright.remote.pull.pull`.

    With `all_platforms`, every image of an index; with `referrers`, what refers to the image's manifest, too, which is
    attached to it here (see `boxwright.engine.attesting`).

    `insecure` are registries (``host:port`` or CIDR), beside those of the settings, that may speak plain HTTP. Raises
    RefusedByPolicy where the settings' policy asks for signatures that aren't there. The mirrors of the settings are
    asked first; signatures have to be where the image is.
    """
    from boxwright.remote.failure import RegistryFailure
    from boxwright.remote.transport import ConnectionFailed

    ref = Reference.parse(name).with_default_tag()
    wanted = Platform.parse(platform) if platform else Platform.of_machine(os.uname().machine)
    for place in places(settings, ref, insecure, sink):
        try:
            result = _pull_from(place, store, settings, ref, wanted, sink, every=all_platforms, referrers=referrers)
        except (RegistryFailure, ConnectionFailed, CorruptError) as error:
            if not place.is_mirror:
                raise
            sink(PlaceFailed(error.message))
        else:
            break
    return Pulled(result.record.id, result.digest, result.status, ref)


def _pull_from(
    place: Place,
    store: Store,
    settings: Settings,
    ref: Reference,
    wanted: Platform,
    sink: Sink,
    *,
    every: bool,
    referrers: bool,
) -> PullResult:
    from boxwright.engine import admission, attaching
    from boxwright.remote import pull as pulling

    with place.client() as client:
        approve = admission.approver(store, settings, client, ref, place.reference.path)
        rootless = os.geteuid() != 0
        try:
            result = pulling.pull(
                client,
                ref,
                store,
                wanted,
                all_platforms=every,
                progress=sink,
                rootless=rootless,
                approve=approve,
                place=place.reference,
            )
            if referrers:
                attaching.bring_referrers(store, client, place.reference.path, result.record)
        except KeyboardInterrupt:
            client.cancel()
            raise
    return result


def remote_tags(settings: Settings, name: str, *, insecure: tuple[str, ...] = ()) -> list[str]:
    """Return every tag of a repository in its registry, in full: what ``pull --all-tags`` brings.

    Without those that stand for what refers to an image. Raises RegistryFailure, ConnectionFailed.
    """
    from boxwright.remote.referrers import is_fallback_tag

    ref = _repository(name)
    with client_of(settings, ref, insecure) as client:
        return [str(ref._replace(tag=tag)) for tag in client.tags(ref.path) if not is_fallback_tag(tag)]


def push(
    store: Store,
    settings: Settings,
    name: str,
    *,
    compression: str | None = None,
    force_compression: bool = False,
    referrers: bool = True,
    insecure: tuple[str, ...] = (),
    sink: Sink = ignore,
) -> Pushed:
    """Send an image to the registry that its name says: see `boxwright.remote.push.push`.

    A tag for several platforms leaves as an index of all of them, in the form that it was built with. `compression`
    (``gzip``, ``zstd`` or ``none``, perhaps with a level: ``zstd:19``) is for layers that were made here; with
    `force_compression` also for those that came compressed. What is attached to the image goes along, unless
    `referrers` is False. Raises ImageNotFound.
    """
    ref = Reference.parse(name)
    if ref.digest is not None:
        raise InvalidError(f"cannot push {name}: a push goes to a tag", hint="name it without the digest")
    ref = ref.with_default_tag()
    record = store.images.find(str(ref))
    publication = store.images.publication(ref)
    images = publication.images or (record.id,)
    form = publication.form
    if compression is not None:
        form = form.compressed(compression)
    if force_compression:
        form = form._replace(force=True)
    index = bool(publication.images)
    return push_images(
        store, settings, ref, images, form, index=index, referrers=referrers, insecure=insecure, sink=sink
    )


def push_images(
    store: Store,
    settings: Settings,
    ref: Reference,
    images: Sequence[Digest],
    form: Form,
    *,
    index: bool,
    by_digest: bool = False,
    referrers: bool = True,
    insecure: tuple[str, ...] = (),
    sink: Sink = ignore,
) -> Pushed:
    """Send images of the store to a tag, or with `by_digest` only to their repository; `index`: as one of them.

    Raises ImageNotFound.
    """
    from boxwright.remote import outgoing
    from boxwright.store.images import ImageNotFound

    with ExitStack() as held:
        going = []
        for id in images:
            record = store.images.get(id)
            if record is None:
                raise ImageNotFound(id)
            going.append(held.enter_context(outgoing.hold(store, record, form, attached=referrers)))
        client = held.enter_context(client_of(settings, ref, insecure, notice=sink))
        from boxwright.remote import push as pushing

        try:
            if index:
                result = pushing.push_index(client, ref, going, by_digest=by_digest, progress=sink)
            else:
                result = pushing.push(client, ref, going[0], by_digest=by_digest, progress=sink)
        except KeyboardInterrupt:
            client.cancel()
            raise
    return Pushed(ref, result.digest, result.size, result.sent, result.there, result.descriptor)


def tags_of(store: Store, name: str) -> list[str]:
    """Return every local tag of a repository, in full: what ``push --all-tags`` sends. Raises NoTags."""
    ref = _repository(name)
    found = sorted(str(tagged) for tagged, _ in store.images.tags() if tagged.repository == ref.repository)
    if not found:
        raise NoTags(ref)
    return found


def _repository(name: str) -> Reference:
    ref = Reference.parse(name)
    if ref.tag or ref.digest:
        raise InvalidError(f"{name} names one tag, and all were asked for", hint="leave the tag out")
    return ref


def login(settings: Settings, server: str, username: str, password: str, *, insecure: tuple[str, ...] = ()) -> str:
    """Make sure that a registry takes the credentials, and keep them as docker does; return a warning, or nothing.

    Raises AccessDenied.
    """
    from boxwright.remote import login as logging_in

    domain = registry_domain(server)
    credential = Credential(username, password)
    with client_of(settings, domain, insecure, GivenCredential(domain, credential)) as client:
        result = logging_in.login(client, credential, credential_file(settings.environ))
    if result.helper:
        return ""
    return f"the login is kept unencrypted in {result.path}; a credential helper would keep it safer"


class LoggedInAs(NamedTuple):
    """Whom a registry takes somebody for."""

    username: str
    seconds: float
    """How long the login is good."""
    warning: str
    """About how it is kept, or nothing."""


def login_through_provider(
    settings: Settings,
    server: str,
    show: Callable[[Invitation], object],
    *,
    can: str = "",
    on: Sequence[str] = (),
    insecure: tuple[str, ...] = (),
) -> LoggedInAs:
    """Log in to a boxwright hub through its OpenID provider, and keep a token of the hub's as `login` keeps a password.

    `show` is told what somebody has to do in a browser; that is waited for. The token is limited to the actions `can`
    (``pull,push``) on the repositories `on`; nothing of the two limits nothing.
    Raises NoProvider, ProviderFailed, LoginRefused, TradeRefused, and what reaching the registry raises.
    """
    import socket

    from boxwright.remote import device, trading
    from boxwright.remote.credentials import NoCredentials
    from boxwright.remote.provider import SILENT_SECONDS, discover
    from boxwright.remote.transport import PooledTransport

    domain = registry_domain(server)
    with client_of(settings, domain, insecure, NoCredentials()) as client:
        place = trading.login_place(client.session)
        transport = PooledTransport(environment=settings.environ, idle_seconds=SILENT_SECONDS)
        try:
            provider = discover(transport, place.issuer)
            token = device.log_in(transport, provider, place.client_id, place.scope, show)
        finally:
            transport.close()
        name = f"boxwright on {socket.gethostname()}"[:100]
        traded = trading.trade(client.session, place, token, name=name, can=can, on=on)
    warning = login(settings, server, traded.username, traded.secret, insecure=insecure)
    return LoggedInAs(traded.username, traded.seconds, warning)


def verify_login(settings: Settings, server: str, *, insecure: tuple[str, ...] = ()) -> None:
    """Make sure that a registry takes the credentials that are kept for it. Raises AccessDenied, also without any."""
    domain = registry_domain(server)
    credential = user_keychain(settings.environ).get(domain) or Credential()
    with client_of(settings, domain, insecure, GivenCredential(domain, credential)) as client:
        client.verify_login(credential)


def logout(settings: Settings, server: str) -> bool:
    """Forget a registry's credentials; return whether there were any."""
    from boxwright.remote import login as logging_in

    return logging_in.logout(registry_domain(server), credential_file(settings.environ))


def stored_username(settings: Settings, server: str) -> str | None:
    """Return the user whose credentials of a registry are kept, if there are any."""
    credential = user_keychain(settings.environ).get(registry_domain(server))
    return credential.username if credential else None


def registry_domain(server: str) -> str:
    """Return the host (and port) of a registry as people write it: a URL's scheme and path don't matter."""
    text = server.strip()
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    domain = text.partition("/")[0]
    if not text:
        return DEFAULT_DOMAIN
    if domain in ("index.docker.io", "registry-1.docker.io"):
        return DEFAULT_DOMAIN
    if not domain:
        raise InvalidError(f"invalid registry {server!r}", hint="a registry looks like registry.example.com:5000")
    return domain
