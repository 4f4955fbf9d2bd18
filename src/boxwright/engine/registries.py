"""What can be done in registries without the store: `Engine.registries`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from boxwright.engine import remotes
from boxwright.engine.settings import Settings

if TYPE_CHECKING:
    from boxwright.engine.copying import CopiedImage, CopyOptions
    from boxwright.engine.indexing import MadeIndex
    from boxwright.engine.mirroring.mirror import Outcome, Summary
    from boxwright.engine.mirroring.rules import Plan
    from boxwright.engine.signing import Form, Signed, Verified
    from boxwright.oci.reference import Reference
    from boxwright.remote.progress import Notice, Sink
    from boxwright.signing.keys import PrivateKey, PublicKey


class Registries:
    """Looking, copying and deleting in registries.

    Everywhere, `insecure` are registries (``host:port`` or CIDR), beside those of the settings, that may speak plain
    HTTP. Every method raises RegistryFailure when a registry refuses, and ConnectionFailed when it isn't reached.
    """

    __slots__ = ("_settings",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def repositories(
        self, domain: str, *, prefix: str = "", last: str = "", limit: int | None = None, insecure: Sequence[str] = ()
    ) -> list[str]:
        """See `boxwright.engine.remotes.repositories`."""
        return remotes.repositories(
            self._settings, domain, prefix=prefix, last=last, limit=limit, insecure=tuple(insecure)
        )

    def search(self, term: str, *, limit: int = 25, insecure: Sequence[str] = ()) -> list[remotes.FoundRepository]:
        """See `boxwright.engine.remotes.search`."""
        return remotes.search(self._settings, term, limit=limit, insecure=tuple(insecure))

    def tags(
        self,
        repository: str,
        *,
        match: str | None = None,
        last: str = "",
        limit: int | None = None,
        order: remotes.TagOrder | None = None,
        reverse: bool = False,
        digests: bool = False,
        insecure: Sequence[str] = (),
    ) -> list[remotes.TagRow]:
        """See `boxwright.engine.remotes.tags`."""
        return remotes.tags(
            self._settings,
            repository,
            match=match,
            last=last,
            limit=limit,
            order=order,
            reverse=reverse,
            digests=digests,
            insecure=tuple(insecure),
        )

    def look(self, name: str, *, platform: str | None = None, insecure: Sequence[str] = ()) -> remotes.RemoteImage:
        """See `boxwright.engine.remotes.look`."""
        return remotes.look(self._settings, name, platform=platform, insecure=tuple(insecure))

    def raw_manifest(self, name: str, *, platform: str | None = None, insecure: Sequence[str] = ()) -> bytes:
        """See `boxwright.engine.remotes.raw_manifest`."""
        return remotes.raw_manifest(self._settings, name, platform=platform, insecure=tuple(insecure))

    def removal(self, name: str, *, insecure: Sequence[str] = ()) -> remotes.Removal:
        """See `boxwright.engine.remotes.removal`."""
        return remotes.removal(self._settings, name, insecure=tuple(insecure))

    def remove(
        self, wanted: remotes.Removal, *, with_referrers: bool = False, insecure: Sequence[str] = ()
    ) -> list[remotes.Removed]:
        """See `boxwright.engine.remotes.remove`."""
        return remotes.remove(self._settings, wanted, with_referrers=with_referrers, insecure=tuple(insecure))

    def copy(self, source: str, destination: str, **options: Unpack[CopyOptions]) -> CopiedImage:
        """See `boxwright.engine.copying.copy_image`."""
        from boxwright.engine import copying

        return copying.copy_image(self._settings, source, destination, **options)

    def copy_tags(
        self,
        source: str,
        destination: str,
        *,
        begin: Callable[[Reference, Reference], object] = lambda origin, destination: None,
        **options: Unpack[CopyOptions],
    ) -> list[CopiedImage]:
        """See `boxwright.engine.copying.copy_tags`."""
        from boxwright.engine import copying

        return copying.copy_tags(self._settings, source, destination, begin=begin, **options)

    def make_index(
        self,
        destinations: Sequence[str],
        sources: Sequence[str],
        *,
        append: bool = False,
        annotations: Mapping[str, str] | None = None,
        dry_run: bool = False,
        insecure: Sequence[str] = (),
        sink: Sink | None = None,
    ) -> MadeIndex:
        """See `boxwright.engine.indexing.make_index`."""
        from boxwright.engine import indexing
        from boxwright.remote.progress import ignore

        return indexing.make_index(
            self._settings,
            destinations,
            sources,
            append=append,
            annotations=annotations,
            dry_run=dry_run,
            insecure=insecure,
            sink=sink or ignore,
        )

    def mirror(
        self,
        plan: Plan,
        *,
        dry_run: bool = False,
        told: Callable[[Outcome], object] = lambda outcome: None,
        notice: Callable[[Notice], object] | None = None,
    ) -> Summary:
        """See `boxwright.engine.mirroring.mirror.mirror`."""
        from boxwright.engine.mirroring import mirror

        return mirror.mirror(self._settings, plan, dry_run=dry_run, told=told, notice=notice)

    def sign(
        self,
        name: str,
        key: PrivateKey,
        *,
        annotations: Mapping[str, str] | None = None,
        form: Form = "both",
        recursive: bool = False,
        insecure: Sequence[str] = (),
    ) -> list[Signed]:
        """See `boxwright.engine.signing.sign`."""
        from boxwright.engine import signing

        return signing.sign(
            self._settings,
            name,
            key,
            annotations=annotations,
            form=form,
            recursive=recursive,
            insecure=tuple(insecure),
        )

    def verify(
        self,
        name: str,
        keys: Sequence[PublicKey],
        *,
        annotations: Mapping[str, str] | None = None,
        threshold: int = 1,
        insecure: Sequence[str] = (),
    ) -> Verified:
        """See `boxwright.engine.signing.verify`."""
        from boxwright.engine import signing

        return signing.verify(
            self._settings, name, keys, annotations=annotations, threshold=threshold, insecure=tuple(insecure)
        )
