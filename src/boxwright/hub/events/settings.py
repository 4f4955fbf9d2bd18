"""What webhooks can be told, as a section of the configuration file: [webhooks]."""

from __future__ import annotations

from boxwright.errors import InvalidError
from boxwright.hub.configfile import Section
from boxwright.hub.events.addresses import Network, parse_network
from boxwright.values import NamedTuple


class WebhookSettings(NamedTuple):
    """[webhooks]: how events are delivered."""

    deliver: bool = True
    """Whether this server delivers. Events are written in any case; another server, or a later one, delivers them."""
    allow: tuple[Network, ...] = ()
    """Networks besides the public internet that webhooks may point into."""


def read_webhooks(section: Section) -> WebhookSettings:
    """Raises InvalidSetting."""
    networks = []
    for text in section.texts("allow"):
        try:
            networks.append(parse_network(text))
        except InvalidError as error:
            raise section.error("allow", f"has an {error.message}", hint=error.hint) from None
    return WebhookSettings(deliver=section.flag("deliver", True), allow=tuple(networks))
