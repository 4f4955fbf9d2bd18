"""The issuer of docker's token protocol: GET and POST /token, and the keys that its tokens are signed with.

GET is what docker calls "token authentication": Basic credentials or none, ``scope`` any number of times. POST is its
OAuth 2.0 form: a password or a refresh token in the body, scopes between spaces. Both answer with the same document. A
scope that the caller does not have is left out of the token, never an error: the registry says later what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from boxwright.hub.accounts.authority import refusal_of
from boxwright.hub.accounts.bearer import BearerTokens
from boxwright.hub.accounts.challenge import KEYS_PATH, TOKEN_PATH
from boxwright.hub.accounts.keys import KeyRing
from boxwright.hub.accounts.logins import Login, Logins, TooManyAttempts
from boxwright.hub.accounts.oidc.exchange import GRANT, Exchange
from boxwright.hub.accounts.oidc.logins import NoAccount
from boxwright.hub.accounts.oidc.tokens import is_id_token
from boxwright.hub.accounts.permits import Rights, may_list
from boxwright.hub.accounts.personal import is_token
from boxwright.hub.accounts.roles import NOBODY
from boxwright.hub.accounts.scopes import CATALOG_NAME, CATALOG_TYPE, REPOSITORY, Scope, granted, parse_scopes
from boxwright.hub.accounts.tokens import Tokens
from boxwright.hub.db.audit import FAILURE, Actor, AuditLog
from boxwright.hub.registry.access import EVERYTHING
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.htpasswd import parse_basic
from boxwright.hub.registry.routes import is_name
from boxwright.hub.registry.workers import Workers
from boxwright.remote.provider import ProviderFailed
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.hub.registry.application import Handler

_MAX_FORM = 64 << 10
_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
_ANYBODY = Login(NOBODY)


class Wish(NamedTuple):
    """What a client asks the issuer for."""

    user: str = ""
    password: str = ""
    refresh: str = ""
    scopes: tuple[str, ...] = ()
    offline: bool = False
    """Whether a refresh token is wanted."""
    client: str = ""
    oauth: bool = False
    """Whether it is the form of OAuth 2.0, whose answer says what was granted."""


class Issuer:
    """The endpoints of the issuer."""

    __slots__ = ("_audit", "_bearer", "_exchange", "_logins", "_rights", "_ring", "_tokens", "_workers")

    def __init__(
        self,
        logins: Logins,
        rights: Rights,
        tokens: Tokens,
        bearer: BearerTokens,
        ring: KeyRing,
        audit: AuditLog,
        workers: Workers,
        exchange: Exchange | None = None,
    ) -> None:
        """`exchange` is for users of an OpenID provider."""
        self._exchange = exchange
        self._logins = logins
        self._rights = rights
        self._tokens = tokens
        self._bearer = bearer
        self._ring = ring
        self._audit = audit
        self._workers = workers

    @property
    def endpoints(self) -> dict[str, Mapping[str, Handler]]:
        """Path → method → handler, as the application takes them."""
        own: dict[str, Mapping[str, Handler]] = {
            TOKEN_PATH: {"GET": self.get, "POST": self.post},
            KEYS_PATH: {"GET": self.keys},
        }
        return own if self._exchange is None else {**own, **self._exchange.endpoints}

    async def get(self, call: Call) -> Reply:
        """Answer docker's form."""
        user, password = parse_basic(call.headers.get("Authorization"))
        wish = Wish(
            user=user,
            password=password.decode("utf-8", "surrogateescape"),
            scopes=tuple(call.target.every("scope")),
            offline=call.target.first("offline_token") in ("true", "1"),
            client=call.target.first("client_id") or "",
        )
        return await self._run(wish, call)

    async def post(self, call: Call) -> Reply:
        """Answer the form of OAuth 2.0 (RFC 6749 §4.3, §6)."""
        raw = await call.body.read(_MAX_FORM)
        if raw is None:
            raise RegistryError("SIZE_INVALID", f"a token request has at most {_MAX_FORM} bytes", status=413)
        try:
            pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise RegistryError("UNSUPPORTED", "the body is no form", status=400) from None
        form = dict(pairs)
        grant = form.get("grant_type", "")
        if grant == GRANT and self._exchange is not None:
            wish = Wish(password=self._exchange.token_of(pairs))
            return await self._workers.check(self._trade, self._exchange, wish, pairs, call.origin.address)
        if grant not in ("password", "refresh_token"):
            raise RegistryError("UNSUPPORTED", "grant_type is neither password nor refresh_token", status=400)
        wish = Wish(
            user=form.get("username", "") if grant == "password" else "",
            password=form.get("password", "") if grant == "password" else "",
            refresh=form.get("refresh_token", "") if grant == "refresh_token" else "",
            scopes=(form.get("scope", ""),),
            offline=form.get("access_type") == "offline",
            client=form.get("client_id", ""),
            oauth=True,
        )
        if grant == "refresh_token" and not wish.refresh:
            raise RegistryError("UNSUPPORTED", "refresh_token is missing", status=400)
        return await self._run(wish, call)

    async def keys(self, call: Call) -> Reply:
        """Show what tokens can be verified with (RFC 7517)."""
        public = await self._workers.ask(self._ring.public)
        return Reply(200, [_HEADERS[0], ("Cache-Control", "max-age=60")], json.dumps(public).encode())

    async def _run(self, wish: Wish, call: Call) -> Reply:
        slow = wish.password != "" and not is_token(wish.password)
        run = self._workers.check if slow else self._workers.ask
        return await run(self._answer, wish, call.origin.address)

    def _answer(self, wish: Wish, address: str) -> Reply:
        login = self._login(wish, address)
        scopes = self._granted(login, parse_scopes(wish.scopes), address)
        issued = self._bearer.issue(login.standing.name, scopes)
        answer: dict[str, object] = {
            "token": issued.token,
            "access_token": issued.token,
            "expires_in": int(issued.lifetime),
            "issued_at": datetime.fromtimestamp(issued.issued, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if wish.oauth:
            answer["scope"] = " ".join(map(str, scopes))
            answer["token_type"] = "Bearer"
        if wish.refresh:
            answer["refresh_token"] = wish.refresh
        elif wish.offline and login.standing.name:
            answer["refresh_token"] = self._tokens.create_refresh(
                login.standing.name,
                wish.client or "a client",
                limit=login.limit,
                parent=login.token,
                until=login.expires,
                basis=login.basis,
            )
        return Reply(200, _HEADERS, json.dumps(answer).encode())

    def _trade(self, exchange: Exchange, wish: Wish, form: list[tuple[str, str]], address: str) -> Reply:
        """Answer an ID token with a personal access token."""
        if not is_id_token(wish.password):
            raise RegistryError("UNAUTHORIZED", "subject_token is no ID token")
        return exchange.answer(self._login(wish, address), form, address)

    def _login(self, wish: Wish, address: str) -> Login:
        try:
            if wish.refresh:
                login = self._logins.refresh(wish.refresh, address)
            elif wish.user or wish.password:
                login = self._logins.login(wish.user, wish.password, address)
            else:
                return _ANYBODY
        except (TooManyAttempts, NoAccount, ProviderFailed) as error:
            raise refusal_of(error) from None
        if login is None:
            raise RegistryError("UNAUTHORIZED", "incorrect username or password")
        return login

    def _granted(self, login: Login, asked: list[Scope], address: str) -> list[Scope]:
        """Return what of the scopes the caller gets."""
        names = [one.name for one in asked if one.type == REPOSITORY and is_name(one.name)]
        allowed = self._rights.actions(login.standing, names, login.limit)
        scopes = []
        for one in asked:
            if one.type == REPOSITORY:
                actions = granted(one.actions, allowed.get(one.name, frozenset()))
            elif (one.type, one.name) == (CATALOG_TYPE, CATALOG_NAME) and may_list(login.limit):
                actions = one.actions & {EVERYTHING}
            else:
                actions = frozenset()
            if actions:
                scopes.append(one._replace(actions=actions))
            self._note(login, one, actions, address)
        return scopes

    def _note(self, login: Login, asked: Scope, actions: frozenset[str], address: str) -> None:
        # Anonymous callers who get what everybody gets are not worth a line, and must not be able to make us write.
        name = login.standing.name
        if name:
            by, outcome = Actor(name, address), {} if actions else {"outcome": FAILURE}
            self._audit.record(
                by, "token.issue", f"{asked.type}:{asked.name}", detail=_detail(asked, actions), **outcome
            )


def _detail(asked: Scope, actions: frozenset[str]) -> str:
    wanted, got = ",".join(sorted(asked.actions)), ",".join(sorted(actions))
    return got if asked.actions == actions else f"{got or 'nothing'} of {wanted}"
