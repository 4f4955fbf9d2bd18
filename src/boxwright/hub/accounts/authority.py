"""The registry's authority where there are accounts: access tokens of the issuer, and plain Basic credentials."""

from __future__ import annotations

import math
from collections.abc import Mapping

from boxwright.hub.accounts.bearer import BearerTokens
from boxwright.hub.accounts.challenge import challenge, realm
from boxwright.hub.accounts.logins import Logins, TooManyAttempts
from boxwright.hub.accounts.oidc.logins import NoAccount
from boxwright.hub.accounts.permits import LoginPermit, Rights, TokenPermit
from boxwright.hub.accounts.personal import is_token
from boxwright.hub.accounts.scopes import scope_of
from boxwright.hub.registry.access import PULL, Need, Origin, Permit
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.htpasswd import parse_basic
from boxwright.remote.provider import ProviderFailed


class AccountAuthority:
    """An `Authority`. Without credentials nobody gets in: anonymous callers, too, fetch a token first.

    So clients learn from the first answer that there is something to log in to, and who has no account still pulls
    what is public.
    """

    __slots__ = ("_bearer", "_logins", "_rights")

    def __init__(self, logins: Logins, rights: Rights, bearer: BearerTokens) -> None:
        self._logins = logins
        self._rights = rights
        self._bearer = bearer

    def recall(self, authorization: str | None, origin: Origin) -> Permit | None:
        claims = self._bearer.recall(token) if (token := bearer_token(authorization)) else None
        return None if claims is None else TokenPermit(claims, self._rights)

    def is_slow(self, authorization: str | None) -> bool:
        _, password = parse_basic(authorization)
        return password != b"" and not is_token(password.decode("utf-8", "surrogateescape"))

    def admit(self, authorization: str | None, origin: Origin) -> Permit | None:
        if token := bearer_token(authorization):
            claims = self._bearer.verify(token)
            return None if claims is None else TokenPermit(claims, self._rights)
        if authorization is None and origin.user:
            proven = self._logins.proven(origin.user)
            return None if proven is None else LoginPermit(proven, self._rights)
        user, password = parse_basic(authorization)
        if not user:
            return None
        try:
            login = self._logins.login(user, password.decode("utf-8", "surrogateescape"), origin.address, silent=True)
        except (TooManyAttempts, NoAccount, ProviderFailed) as error:
            raise refusal_of(error) from None
        return None if login is None else LoginPermit(login, self._rights)

    def refusal(
        self, permit: Permit | None, need: Need | None, headers: Mapping[str, str], origin: Origin
    ) -> RegistryError:
        """What somebody else keeps private looks like what does not exist, and the other way round."""
        scope = scope_of(need) if need is not None else None
        if permit is None:
            error = "invalid_token" if bearer_token(headers.get("Authorization")) else ""
            header = challenge(realm(origin), self._bearer.service, scope, error=error)
            return RegistryError("UNAUTHORIZED", "authentication required", headers=[header])
        if isinstance(permit, TokenPermit):
            header = challenge(realm(origin), self._bearer.service, scope, error="insufficient_scope")
            return RegistryError("UNAUTHORIZED", "requested access to the resource is denied", headers=[header])
        if need is not None and need.action == PULL:
            return RegistryError("NAME_UNKNOWN", "no such repository, or none of yours", data={"name": need.repository})
        return RegistryError("DENIED", "requested access to the resource is denied")


def refusal_of(error: TooManyAttempts | NoAccount | ProviderFailed) -> RegistryError:
    """Return the answer to a login that is refused for another reason than a wrong secret."""
    if isinstance(error, NoAccount):
        return RegistryError("UNAUTHORIZED", f"{error.message}; {error.hint}")
    if isinstance(error, ProviderFailed):
        return RegistryError("UNAVAILABLE", error.message)
    return RegistryError("TOOMANYREQUESTS", error.message, headers=[("Retry-After", str(math.ceil(error.seconds)))])


def bearer_token(authorization: str | None) -> str:
    """Return the token of a Bearer Authorization header, "" when it is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
