"""[limits]: what strangers may hold and send."""

from __future__ import annotations

from boxwright.hub.configfile import Section
from boxwright.oci.manifest import MAX_MANIFEST_BYTES
from boxwright.values import NamedTuple


class LimitSettings(NamedTuple):
    """A client is a user, or an address where nobody has to log in; trusted proxies stand for their clients."""

    connections: int = 1000
    """At once, over all."""
    connections_per_client: int = 250
    """At once, from one address that is no proxy of ours."""
    uploads_per_client: int = 500
    """Begun and not ended."""
    manifest: int = MAX_MANIFEST_BYTES
    """Bytes."""
    blob: int | None = None
    """Bytes; None: what the storage holds."""


DEFAULT_LIMITS = LimitSettings()


def read_limits(section: Section) -> LimitSettings:
    """Raises InvalidSetting."""
    default = DEFAULT_LIMITS
    return LimitSettings(
        connections=section.number("connections", default.connections, least=1),
        connections_per_client=section.number("connections-per-client", default.connections_per_client, least=1),
        uploads_per_client=section.number("uploads-per-client", default.uploads_per_client, least=1),
        # Less than this no registry may refuse (distribution-spec, "Pushing Manifests").
        manifest=section.size("manifest", default.manifest, least=MAX_MANIFEST_BYTES),
        blob=section.size("blob", default.blob),
    )
