"""What the storage can be told: the section [storage] of the configuration file."""

from __future__ import annotations

from boxwright.hub.configfile import Section
from boxwright.hub.storage.location import InvalidLocation, Location, parse_location
from boxwright.values import NamedTuple


class StorageSettings(NamedTuple):
    """[storage]: where the bytes of blobs are."""

    location: Location | None = None
    """None: the folder that holds everything else."""
    redirect: bool = False
    """Send clients to the object store for the bytes, instead of passing them through the server."""


def read_storage(section: Section) -> StorageSettings:
    """Raises InvalidSetting."""
    text = section.text("url", None)
    try:
        location = None if text is None else parse_location(text)
    except InvalidLocation as error:
        raise section.error("url", f"is an {error.message}", hint=error.hint) from None
    return StorageSettings(location, section.flag("redirect", False))
