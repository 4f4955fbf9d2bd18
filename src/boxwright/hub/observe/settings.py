"""How a server is observed, as sections of the configuration file: [log], [metrics]."""

from __future__ import annotations

from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")


class LogSettings(NamedTuple):
    """[log]: how a server tells what it does."""

    format: str = "text"
    """One of FORMATS."""
    level: str = "info"
    """The least important of LEVELS that is written."""
    access: bool = True
    """Whether requests are logged, at level info."""


class MetricsSettings(NamedTuple):
    """[metrics]: where the numbers are."""

    address: str | None = ""
    """``host:port`` of a server of their own; "" for ``/metrics`` beside the registry, None for nowhere."""


def read_log(section: Section) -> LogSettings:
    """Raises InvalidSetting."""
    default = LogSettings()
    return LogSettings(
        format=section.text("format", default.format, choices=FORMATS),
        level=section.text("level", default.level, choices=LEVELS),
        access=section.flag("access", default.access),
    )


def read_metrics(section: Section) -> MetricsSettings:
    """Raises InvalidSetting."""
    return MetricsSettings(address_or_off(section.text("addr", "")))


def address_or_off(text: str) -> str | None:
    """Return an address; None for ``off``."""
    return None if text == "off" else text
