"""Logins: a name and a password or a token in, an account and what limits it out."""

from __future__ import annotations

import logging
from typing import Protocol

from boxwright.errors import UnavailableError
from boxwright.hub.accounts.directory import USER, AccountExists, Directory
from boxwright.hub.accounts.names import InvalidName, is_login
from boxwright.hub.accounts.oidc.logins import IdentityLogins, NoAccount
from boxwright.hub.accounts.oidc.tokens import is_id_token
from boxwright.hub.accounts.passwords import Passwords
from boxwright.hub.accounts.personal import is_token
from boxwright.hub.accounts.roles import UNLIMITED, Limit, Standing
from boxwright.hub.accounts.throttle import Throttle
from boxwright.hub.accounts.tokens import PERSONAL, REFRESH, Token, Tokens
from boxwright.hub.db.audit import FAILURE, Actor, AuditLog
from boxwright.values import NamedTuple

_log = logging.getLogger(__name__)


class TooManyAttempts(UnavailableError):
    """Wrong passwords came too often; `seconds` from now another one is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many failed logins, try again later")
        self.seconds = seconds


class PasswordFile(Protocol):
    """Users that are kept elsewhere."""

    def check_password(self, user: str, password: bytes) -> bool:
        """Whether this is the user's password. For a thread: it may take long."""

    def mark(self, user: str) -> str | None:
        """Return what changes when the user's password does, and does not tell it; None when there is no such user."""


class Login(NamedTuple):
    """Somebody who has shown who they are."""

    standing: Standing
    limit: Limit = UNLIMITED
    token: int | None = None
    """The id of the token that was used in place of a password."""
    expires: float | None = None
    """Until when it holds, as far as it was shown by something that ends."""
    how: str = "with a password"
    basis: str | None = None
    """The mark of the password in a file that was used."""


class Logins:
    """Checks names with passwords or tokens. Methods are for threads: they take the time of a slow hash.

    A failure looks the same whatever was wrong, and takes the same time for a name that nobody has.
    """

    __slots__ = ("_audit", "_directory", "_file", "_identities", "_passwords", "_throttle", "_tokens")

    def __init__(
        self,
        directory: Directory,
        tokens: Tokens,
        passwords: Passwords,
        throttle: Throttle,
        audit: AuditLog,
        *,
        file: PasswordFile | None = None,
        identities: IdentityLogins | None = None,
    ) -> None:
        """`file`: further users; one gets an account, without a password in it, when it first logs in.

        `identities`: whoever shows an ID token of a provider in place of a password, under whatever name.
        """
        self._directory = directory
        self._tokens = tokens
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._file = file
        self._identities = identities

    def login(self, name: str, secret: str, address: str, *, silent: bool = False) -> Login | None:
        """Return who this is; None when the secret is wrong. Raises TooManyAttempts, NoAccount, ProviderFailed.

        With `silent` a success is not noted in the audit log: it comes with every request.
        """
        if is_token(secret):
            token = self._tokens.find(secret)
            ours = token is not None and token.kind == PERSONAL and token.account == name
            found = self._of(token) if token is not None and ours else None
        elif self._identities is not None and is_id_token(secret):
            found = self._by_identity(self._identities, name, secret, address)
        else:
            self._wait(name, address)
            found = self._by_password(name, secret)
            if found is not None:
                self._throttle.succeeded(name, address)
        if found is None:
            self._failed(name, address)
        elif not silent:
            self._audit.record(Actor(found.standing.name, address), "login", "", detail=found.how)
        return found

    def proven(self, name: str) -> Login | None:
        """Return the login of somebody whom a certificate proves; None when there is no such account."""
        standing = self._directory.standing(name) if is_login(name) else None
        return None if standing is None else Login(standing)

    def refresh(self, secret: str, address: str) -> Login | None:
        """Return whose a refresh token is; None when it is none. Raises TooManyAttempts."""
        token = self._tokens.find(secret)
        found = self._of(token) if token is not None and token.kind == REFRESH and self._holds(token) else None
        if found is None:
            self._failed("", address)
        return found

    def _holds(self, token: Token) -> bool:
        """Whether what a login rests on is as it was: who was taken out of the file does not stay in by it."""
        return token.basis is None or (self._file is not None and self._file.mark(token.account) == token.basis)

    def _wait(self, name: str, address: str) -> None:
        if (seconds := self._throttle.wait(_counted(name), address)) > 0:
            raise TooManyAttempts(seconds)

    def _by_identity(self, identities: IdentityLogins, name: str, token: str, address: str) -> Login | None:
        try:
            proven = identities.prove(token, address)
        except NoAccount as error:
            self._failed(name, address, f"no account for {error.identity.subject} of {error.identity.issuer}")
            raise
        standing = self._directory.standing(proven.account) if proven is not None else None
        if proven is None or standing is None:
            return None
        return Login(standing, expires=proven.until, how="with an ID token")

    def _failed(self, name: str, address: str, why: str = "") -> None:
        # A right token is never kept waiting, since it cannot be guessed. A wrong one is, since it makes us write.
        self._wait(name, address)
        self._throttle.failed(_counted(name), address)
        self._audit.record(Actor(name, address), "login", "", outcome=FAILURE, detail=why)

    def _of(self, token: Token) -> Login | None:
        standing = self._directory.standing(token.account)
        return None if standing is None else Login(standing, token.limit, token.id, token.expires, "with a token")

    def _by_password(self, name: str, password: str) -> Login | None:
        found = self._directory.find(name) if is_login(name) else None
        kept = found.password if found is not None and found.kind == USER else None
        verdict = self._passwords.verify(kept, password)
        if verdict.right and verdict.renewed is not None and kept is not None:
            self._directory.renew_password(name, kept, verdict.renewed)
        basis = None
        if not verdict.right:
            if self._file is None:
                return None
            # Asked also for those who have a password of their own, which counts alone: or its time would tell who has
            # one. The mark is read first: of a password that is changed meanwhile, it is the old one's.
            basis = self._file.mark(name)
            in_file = self._file.check_password(name, password.encode("utf-8", "surrogateescape"))
            if not in_file or kept is not None or not (self._adopt(name) if found is None else found.kind == USER):
                return None
        standing = self._directory.standing(name)
        return None if standing is None else Login(standing, basis=basis)

    def _adopt(self, name: str) -> bool:
        """Give a user of the file an account."""
        try:
            self._directory.add_user(name, None, Actor("", "htpasswd"))
        except InvalidName as error:
            _log.warning("a user of the htpasswd file cannot have an account: %s", error)
            return False
        except AccountExists:
            pass  # made by another request, a moment ago
        return True


def _counted(name: str) -> str:
    """Return the name under which failures are counted: what cannot be a login is one name, however it is spelled."""
    return name if is_login(name) else "?"
