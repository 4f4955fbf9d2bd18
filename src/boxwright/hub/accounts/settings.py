"""What a hub with accounts can be told: the section [accounts] of the configuration file."""

from __future__ import annotations

import re

from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple

LEAST_LIFETIME = 60.0
"""Clients take what says less for this all the same (distribution "Token Authentication")."""

_SERVICE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class AccountSettings(NamedTuple):
    """[accounts]: how tokens are issued."""

    enabled: bool = False
    """Whether there are accounts at all. It is no key of the file: that is the difference of the two commands."""
    service: str = "boxwright"
    """The name of the hub in its tokens. Hubs that share a database share it, too."""
    token_lifetime: float = 300.0
    """Seconds for which an access token is good."""
    audit_keep: float = 90 * 86400.0
    """Seconds for which entries of the audit log are kept."""


def read_accounts(section: Section) -> AccountSettings:
    """Raises InvalidSetting."""
    default = AccountSettings()
    service = section.text("service", default.service)
    if not _SERVICE.fullmatch(service):
        raise section.error("service", "is of letters, digits and ._:-")
    lifetime = section.duration("token-lifetime", default.token_lifetime)
    if not LEAST_LIFETIME <= lifetime <= 86400:
        raise section.error("token-lifetime", "is at least 60s and at most 24h")
    return AccountSettings(
        service=service, token_lifetime=lifetime, audit_keep=section.duration("audit-keep", default.audit_keep)
    )
