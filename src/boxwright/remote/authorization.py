"""How a registry learns who asks: basic authentication, and docker's token flow (distribution docs, spec/auth)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlencode, urlsplit

from boxwright.remote.challenge import Challenge, Scope, merge_scopes, parse_scopes
from boxwright.remote.credentials import Credential, Keychain
from boxwright.remote.exchange import Exchange
from boxwright.remote.failure import MAX_ERROR_BODY, RegistryBroken, failure_of, nonsense, wrong_credentials
from boxwright.remote.headers import origin_of, with_query
from boxwright.remote.transport import Request
from boxwright.values import NamedTuple

CLIENT_ID = "boxwright"

_MAX_TOKEN_REPLY = 1 << 20
# A token of no stated or a shorter life counts as this long (distribution docs, spec/auth/token.md).
_SHORTEST_LIFE = 60.0
_LEEWAY = 10.0


class Token(NamedTuple):
    """An access token, and the seconds that it lives; a refresh token where one was asked for."""

    value: str
    seconds: float
    refresh_token: str = ""


def parse_token(body: bytes) -> Token | None:
    """Parse a token server's reply; None when there is no usable token in it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    value = document.get("token") or document.get("access_token")
    # It goes into a header: nothing that could end the line.
    if not isinstance(value, str) or not value.isascii() or any(char <= " " or char == "\x7f" for char in value):
        return None
    seconds, refresh = document.get("expires_in"), document.get("refresh_token")
    lifetime = float(seconds) if isinstance(seconds, (int, float)) and 0 < seconds < 1e9 else 0.0
    return Token(value, max(lifetime, _SHORTEST_LIFE), refresh if isinstance(refresh, str) else "")


class _Held(NamedTuple):
    header: str
    expires: float


class Authorizer:
    """Answers one registry's challenges, and keeps the tokens. Threads may share it.

    `verify` is whether the registry's certificate has to be good; then tokens are fetched over TLS only.
    """

    def __init__(
        self,
        domain: str,
        keychain: Keychain,
        exchange: Exchange,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._domain = domain
        self._keychain = keychain
        self._exchange = exchange
        self._clock = clock
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._registry_url = ""
        self._verify = True
        self._credential: Credential | None = None
        self._credential_known = False
        self._held: dict[frozenset[Scope], _Held] = {}

    @property
    def challenge(self) -> Challenge | None:
        """The challenge that is answered, None when the registry never sent one that we understand."""
        return self._challenge

    def learn(self, challenges: Iterable[Challenge], registry_url: str, *, verify: bool) -> None:
        """Take note of what the registry at `registry_url` asks for, without answering yet."""
        with self._lock:
            self._registry_url = registry_url
            self._verify = verify
            self._challenge = _best(challenges) or self._challenge

    def header(self, scopes: Iterable[Scope]) -> str | None:
        """Return an ``Authorization`` value for a request that needs `scopes`, None when there is nothing to say.

        Raises AccessDenied when the token server refuses the credentials, RegistryBroken, ConnectionFailed.
        """
        with self._lock:
            return self._header(merge_scopes(scopes), None)

    def answer(self, challenges: Iterable[Challenge], scopes: Iterable[Scope], refused: str | None) -> str | None:
        """Return another ``Authorization`` value after `refused` got status 401, None when there is none to try.

        Raises as `header`.
        """
        key = merge_scopes(scopes)
        with self._lock:
            challenge = _best(challenges)
            if challenge is None:
                return None
            self._challenge = challenge
            held = self._held.get(key)
            if held and held.header != refused and not challenge.insufficient:
                return held.header  # another thread was here first
            self._held.pop(key, None)
            header = self._header(key, challenge)
            return header if header != refused else None

    def refresh_token(self) -> str:
        """Trade the keychain's password for an identity token, empty when the server gives none: what a login keeps.

        Raises as `header`.
        """
        with self._lock:
            if self._challenge is None or self._challenge.scheme != "bearer":
                return ""
            return self._fetch(self._challenge, frozenset(), offline=True).refresh_token

    def _header(self, key: frozenset[Scope], fresh: Challenge | None) -> str | None:
        challenge = fresh or self._challenge
        if challenge is None:
            return None
        credential = self._known_credential()
        if challenge.scheme == "basic":
            return credential.basic() if credential and credential.username else None
        if credential and credential.registry_token:
            return f"Bearer {credential.registry_token}"
        held = self._held.get(key)
        if held is None or held.expires <= self._clock():
            # What the registry named in its challenge counts beside what we think that we need.
            asked = key | parse_scopes(fresh.parameters.get("scope", "")) if fresh else key
            began = self._clock()
            token = self._fetch(challenge, merge_scopes(asked))
            held = self._held[key] = _Held(f"Bearer {token.value}", began + token.seconds - _LEEWAY)
        return held.header

    def _known_credential(self) -> Credential | None:
        if not self._credential_known:
            self._credential = self._keychain.get(self._domain)
            self._credential_known = True
        return self._credential

    def _fetch(self, challenge: Challenge, scopes: frozenset[Scope], *, offline: bool = False) -> Token:
        what = f"get a token for {self._domain}"
        realm = challenge.parameters["realm"]
        verify = self._trust(realm, what)
        credential = self._known_credential()
        request = _token_request(realm, challenge.parameters.get("service", ""), scopes, credential, offline=offline)
        response = self._exchange.send(request._replace(verify=verify), what)
        if response.status != 200:
            failure = failure_of(self._domain, what, response.status, response.body(MAX_ERROR_BODY))
            if response.status in (400, 401) and credential is not None:
                raise wrong_credentials(failure)
            raise failure
        token = parse_token(response.body(_MAX_TOKEN_REPLY))
        if token is None:
            raise nonsense(self._domain, what, response.status, f"{urlsplit(realm).netloc} sent no token")
        return token

    def _trust(self, realm: str, what: str) -> bool:
        """Return whether the realm's certificate has to be good. Raises RegistryBroken for a realm not to be asked."""
        target, registry = origin_of(realm), origin_of(self._registry_url)
        if target is None:
            raise nonsense(self._domain, what, 401, "its realm is no http or https URL")
        if self._verify and target.scheme != "https":
            raise RegistryBroken(
                self._domain, what, 401, (), f"cannot {what}: it wants the password sent to plain {realm[:200]}", None
            )
        return self._verify or registry is None or target.host != registry.host


def _best(challenges: Iterable[Challenge]) -> Challenge | None:
    """Choose what to answer: a token where there is a realm to ask, else a password."""
    found = None
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
        if challenge.scheme == "basic" and found is None:
            found = challenge
    return found


def _token_request(
    realm: str, service: str, scopes: frozenset[Scope], credential: Credential | None, *, offline: bool
) -> Request:
    texts = sorted(map(str, scopes))
    if credential and credential.identity_token:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": CLIENT_ID,
            "scope": " ".join(texts),
            "refresh_token": credential.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, headers, urlencode(form).encode())
    url = with_query(realm, service=service) if service else realm
    for text in texts:
        url = with_query(url, scope=text)
    if offline:
        url = with_query(url, offline_token="true", client_id=CLIENT_ID)
    if credential and credential.username:
        return Request("GET", with_query(url, account=credential.username), {"Authorization": credential.basic()})
    return Request("GET", url)
