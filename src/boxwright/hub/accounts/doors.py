"""What decides who comes into a server: nobody's list, a file of users, or accounts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError
from boxwright.hub.accounts.oidc.settings import NO_OIDC, OIDCSettings
from boxwright.hub.accounts.settings import AccountSettings
from boxwright.hub.extra import need
from boxwright.hub.registry.access import Authority, Members
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.hub.accounts.house import House
    from boxwright.hub.accounts.passwords import Passwords
    from boxwright.hub.db.database import Database
    from boxwright.hub.registry.application import Handler
    from boxwright.hub.registry.htpasswd import HtpasswdCredentials
    from boxwright.hub.registry.workers import Workers


class Access(NamedTuple):
    """What the application is given, and the accounts, where there are any."""

    authority: Authority | None
    endpoints: Mapping[str, Mapping[str, Handler]]
    house: House | None = None


def check_accounts(settings: AccountSettings, oidc: OIDCSettings) -> None:
    """Raise HubExtraMissing for a package that accounts need, InvalidError for settings of accounts without any."""
    if oidc != NO_OIDC and not oidc.issuer:
        raise InvalidError("there are settings in [oidc], and no issuer", hint='issuer = "https://id.example.com"')
    if settings.enabled:
        need("argon2", "joserfc", "bcrypt")
    elif settings != AccountSettings():
        raise InvalidError("there are settings in [accounts]", hint="boxwright hub serve is what has accounts")
    elif oidc.issuer:
        raise InvalidError("there are settings in [oidc]", hint="boxwright hub serve is what has accounts")


def open_access(
    database: Database,
    workers: Workers,
    settings: AccountSettings,
    credentials: HtpasswdCredentials | None,
    *,
    is_open: Callable[[str], bool] | None = None,
    passwords: Passwords | None = None,
    oidc: OIDCSettings = NO_OIDC,
) -> Access:
    """Return who may come in. With accounts, the users of the file are further users of the hub.

    `is_open`: whether a repository may be pulled by everybody, whatever is known of it. `passwords` None hashes them as
    is good now. `oidc`: whose users may log in as well.
    """
    if not settings.enabled:
        return Access(None if credentials is None else Members(credentials), {})
    from boxwright.hub.accounts.authority import AccountAuthority
    from boxwright.hub.accounts.bearer import BearerTokens
    from boxwright.hub.accounts.house import House
    from boxwright.hub.accounts.issuer import Issuer
    from boxwright.hub.accounts.keys import KeyRing
    from boxwright.hub.accounts.logins import Logins
    from boxwright.hub.accounts.permits import Rights
    from boxwright.hub.accounts.signing import SQLKeys

    house = House(database, passwords, audit_seconds=settings.audit_keep)
    identities = exchange = None
    if oidc.issuer:
        from boxwright.hub.accounts.challenge import TOKEN_PATH
        from boxwright.hub.accounts.oidc.exchange import Exchange
        from boxwright.hub.accounts.oidc.keys import ProviderKeys, fetcher
        from boxwright.hub.accounts.oidc.logins import IdentityLogins
        from boxwright.hub.accounts.oidc.teams import GroupTeams
        from boxwright.hub.accounts.oidc.tokens import IDTokens

        keys = ProviderKeys(oidc.issuer, fetcher(oidc.issuer))
        groups: dict[str, set[str]] = {}
        for one in oidc.teams:
            groups.setdefault(one.team, set()).add(one.group)
        teams = GroupTeams(database, groups) if groups else None
        identities = IdentityLogins(oidc, IDTokens(oidc, keys), house.identities, teams)
        exchange = Exchange(oidc, house.tokens, TOKEN_PATH)
    checks = house.directory, house.tokens, house.passwords, house.throttle, house.audit
    logins = Logins(*checks, file=credentials, identities=identities)
    rights = Rights(house.directory, house.repositories, house.audit, is_open=is_open)
    ring = KeyRing(SQLKeys(database))
    bearer = BearerTokens(ring, settings.service, lifetime=settings.token_lifetime)
    issuer = Issuer(logins, rights, house.tokens, bearer, ring, house.audit, workers, exchange)
    return Access(AccountAuthority(logins, rights, bearer), issuer.endpoints, house)


def first_steps(
    database: Database, settings: AccountSettings, credentials: HtpasswdCredentials | None, *, root: Path | None
) -> str:
    """Return what somebody who has just started the server should know: lines, each after a line break.

    `root` is the folder that the database is in; None: the database has a URL of its own.
    """
    from boxwright.hub.accounts.house import House

    if not settings.enabled or House(database).has_users():
        return ""
    option, place = ("--database", database.name) if root is None else ("--root", str(root.absolute()))
    where = f"{option} {shlex.quote(place)}"
    # Users of the file have their passwords there.
    how = "--admin" if credentials is None else "--admin --no-password"
    return f"\nnobody has an account yet; make the first administrator: boxwright hub user add {where} NAME {how}"
