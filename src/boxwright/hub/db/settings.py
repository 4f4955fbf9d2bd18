"""What the database can be told, as a section of the configuration file: [database]."""

from __future__ import annotations

from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple


class DatabaseSettings(NamedTuple):
    """[database]: where everything but the bytes of blobs is."""

    url: str | None = None
    """``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``; None: SQLite in the server's folder."""


def read_database(section: Section) -> DatabaseSettings:
    """Raises InvalidSetting."""
    return DatabaseSettings(section.text("url", None))
