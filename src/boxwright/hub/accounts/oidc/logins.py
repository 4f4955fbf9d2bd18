"""An ID token in, an account out."""

from __future__ import annotations

import time
from collections.abc import Callable

from boxwright.errors import ConflictError, DeniedError, InvalidError
from boxwright.hub.accounts.oidc.identities import Identities
from boxwright.hub.accounts.oidc.identity import Identity
from boxwright.hub.accounts.oidc.settings import OIDCSettings
from boxwright.hub.accounts.oidc.teams import GroupTeams
from boxwright.hub.accounts.oidc.tokens import IDTokens
from boxwright.hub.db.audit import Actor
from boxwright.values import NamedTuple


class NoAccount(DeniedError):
    """A provider knows somebody whom the hub does not."""

    def __init__(self, identity: Identity, why: str) -> None:
        command = f"boxwright hub identity add --issuer {identity.issuer} NAME {identity.subject}"
        super().__init__(
            f"you are {identity.subject!r} of {identity.issuer}, and that is no account here: {why}",
            hint=f"somebody who administers this hub can say whose it is: {command}",
        )
        self.identity = identity


class Proven(NamedTuple):
    """The account that an ID token proves."""

    account: str
    until: float
    """When what is got with it ends."""


class IdentityLogins:
    """Logins with ID tokens of one provider. Methods may be called from any thread, and may wait for the provider."""

    __slots__ = ("_clock", "_identities", "_settings", "_teams", "_tokens")

    def __init__(
        self,
        settings: OIDCSettings,
        tokens: IDTokens,
        identities: Identities,
        teams: GroupTeams | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._identities = identities
        self._teams = teams
        self._clock = clock

    def prove(self, token: str, address: str) -> Proven | None:
        """Return whose an ID token is; None when it proves nothing. Raises NoAccount, ProviderFailed.

        Who has no account gets one, where the settings say so; and teams follow groups.
        """
        identity = self._tokens.verify(token)
        if identity is None:
            return None
        account = self._identities.account(identity.issuer, identity.subject)
        if account is None:
            account = self._adopt(identity, address)
        if self._teams is not None and identity.groups is not None:
            self._teams.follow(account, identity.groups, Actor("server:oidc", address))
        return Proven(account, self._clock() + self._settings.lifetime)

    def _adopt(self, identity: Identity, address: str) -> str:
        if not self._settings.create:
            raise NoAccount(identity, "none is made at the first login")
        if not identity.username:
            raise NoAccount(identity, f"the token has no {self._settings.username_claim}")
        try:
            return self._identities.adopt(identity, Actor("server:oidc", address))
        except (InvalidError, ConflictError) as error:
            raise NoAccount(identity, error.message) from None
