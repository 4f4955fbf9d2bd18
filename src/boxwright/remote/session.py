"""Talking to one registry: which way it is reached, as whom, and what its refusals mean."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

from boxwright.errors import UnavailableError
from boxwright.remote.authorization import Authorizer
from boxwright.remote.challenge import Challenge, Scope, parse_challenges
from boxwright.remote.credentials import Credential, Keychain
from boxwright.remote.endpoint import Endpoint, candidates
from boxwright.remote.exchange import Exchange
from boxwright.remote.failure import MAX_ERROR_BODY, RegistryFailure, failure_of, nonsense, wrong_credentials
from boxwright.remote.headers import origin_of, retry_after, warnings, with_query
from boxwright.remote.transport import Body, ConnectionFailed, Request, Response
from boxwright.values import NamedTuple

_PING_STATUSES = frozenset({200, 401, 403})
# How an attempt at TLS ends where nobody speaks it.
_NOT_TLS = frozenset({"plain", "tls", "broken"})


class PlainHttpRegistry(UnavailableError):
    """A registry answers plain HTTP, and nobody allowed that."""

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"cannot reach {domain}: it answers plain HTTP, TLS was expected",
            hint=f"allow it: --insecure-registry {domain}, or insecure-registries in config.toml",
        )
        self.domain = domain


class Ping(NamedTuple):
    endpoint: Endpoint
    status: int
    challenges: tuple[Challenge, ...]


class Session:
    """Requests to one registry, with their scheme, tokens and errors. Threads may share it.

    Nothing is sent before the first request: that one finds out whether the registry speaks TLS, and what it asks for.
    """

    def __init__(
        self,
        domain: str,
        exchange: Exchange,
        keychain: Keychain,
        *,
        insecure: bool,
        connections: int = 1,
        namespace: str = "",
    ) -> None:
        self.domain = domain
        self.connections = connections
        """How many connections one large blob may take."""
        self._namespace = namespace
        self.exchange = exchange
        self.authorizer = Authorizer(domain, keychain, exchange)
        self._insecure = insecure
        self._endpoint: Endpoint | None = None
        self._lock = threading.Lock()

    def endpoint(self) -> Endpoint:
        """Return how the registry is reached, asking it the first time.

        Raises ConnectionFailed, PlainHttpRegistry, RegistryFailure.
        """
        with self._lock:
            if self._endpoint is None:
                ping = self._ping()
                self._endpoint = ping.endpoint
                self.authorizer.learn(ping.challenges, ping.endpoint.url, verify=ping.endpoint.verify)
            return self._endpoint

    def request(
        self,
        method: str,
        target: str,
        *,
        what: str,
        scopes: Collection[Scope] = (),
        ok: Collection[int] = (200,),
        headers: dict[str, str] | None = None,
        body: Body = None,
        repeat: bool = True,
    ) -> Response:
        """Send a request and return its answer, whose status is one of `ok`.

        `target` is a path that begins with ``/v2/``, or an absolute URL that the registry gave. `what` completes
        "cannot …" in messages. With `repeat`, passing failures are tried again. A 401 is answered once, also without
        `repeat`: the registry has done nothing then. Raises RegistryFailure, ConnectionFailed, PlainHttpRegistry.
        """
        endpoint = self.endpoint()
        url = endpoint.url + target if target.startswith("/") else target
        if self._namespace and target.startswith("/v2/") and len(target) > len("/v2/"):
            url = with_query(url, ns=self._namespace)
        # An upload may be sent to another host; our credentials and our leniency are for the registry alone.
        own = origin_of(url) == origin_of(endpoint.url)
        request = Request(method, url, headers or {}, body, endpoint.verify if own else True)
        authorization = self.authorizer.header(scopes) if own else None
        response = self.exchange.send(_signed(request, authorization), what, repeat=repeat)
        # Whom it redirects to may ask for no password, and says nothing in its name.
        own = origin_of(response.url) == origin_of(endpoint.url)
        insufficient = False
        if response.status == 401 and own:
            challenges = parse_challenges(response.header_values("WWW-Authenticate"))
            insufficient = any(challenge.insufficient for challenge in challenges)
            answer = self.authorizer.answer(challenges, scopes, authorization)
            if answer is not None:
                response.close()
                response = self.exchange.send(_signed(request, answer), what, repeat=repeat)
                insufficient = insufficient or answer.startswith("Bearer ")
        if own:
            self.exchange.warn(warnings(response.header_values("Warning")))
        if response.status in ok:
            return response
        raise self.failure(response, what, insufficient=insufficient)

    def document(
        self,
        target: str,
        limit: int,
        *,
        what: str,
        scopes: Collection[Scope] = (),
        ok: Collection[int] = (200,),
        headers: dict[str, str] | None = None,
    ) -> tuple[Response, bytes]:
        """Get something small: return the answer and all of its body, asked for again when it breaks off on its way.

        Raises as `request`, and BodyTooLarge for more than `limit` bytes.
        """
        failures = 0
        while True:
            response = self.request("GET", target, what=what, scopes=scopes, ok=ok, headers=headers)
            try:
                return response, response.body(limit)
            except ConnectionFailed as error:
                failures += 1
                delay = self.exchange.policy.delay(failures) if error.transient else None
                if delay is None:
                    raise
                self.exchange.wait(error.message, delay, failures)

    def failure(self, response: Response, what: str, *, insufficient: bool = False) -> RegistryFailure:
        """Return the error that an answer means; its body is read."""
        body = b""
        try:
            body = response.read(MAX_ERROR_BODY) if response.method != "HEAD" else b""
        except ConnectionFailed:
            pass  # the status says enough
        response.abandon()
        failure = failure_of(self.domain, what, response.status, body, insufficient=insufficient)
        failure.retry_after = retry_after(response.header("Retry-After"), time.time())
        return failure

    def _ping(self) -> Ping:
        failure: ConnectionFailed | None = None
        for endpoint in candidates(self.domain, insecure=self._insecure):
            try:
                return self._try(endpoint)
            except ConnectionFailed as error:
                # The first failure is told: "refused" over HTTP says nothing new. But not that TLS was a wrong guess.
                if failure is None or failure.reason in _NOT_TLS:
                    failure = error
        assert failure is not None
        if not self._insecure and failure.reason in _NOT_TLS and self._answers_plain_http(failure):
            raise PlainHttpRegistry(self.domain)
        raise failure

    def _try(self, endpoint: Endpoint) -> Ping:
        what = f"talk to {self.domain}"
        # With a second way to go, this one isn't insisted on.
        response = self.exchange.send(
            Request("GET", f"{endpoint.url}/v2/", verify=endpoint.verify), what, repeat=endpoint.verify
        )
        here, there = origin_of(endpoint.url), origin_of(response.url)
        # What another host asks for, to which this one redirects, is not ours to answer with the user's password.
        same = here is not None and there is not None and here.host == there.host
        challenges = parse_challenges(response.header_values("WWW-Authenticate")) if same else ()
        if response.status not in _PING_STATUSES:
            if response.status == 404:
                raise nonsense(self.domain, what, 404, "it is no registry (there is no /v2/)")
            raise self.failure(response, what)
        response.close()
        return Ping(endpoint, response.status, challenges)

    def _answers_plain_http(self, failure: ConnectionFailed) -> bool:
        """Make sure before it is said: one request without anything secret in it."""
        url = failure.url.replace("https://", "http://", 1)
        try:
            self.exchange.transport.send(Request("GET", url)).abandon()
        except ConnectionFailed:
            return False
        return True

    def verify_login(self, credential: Credential) -> str:
        """Make sure that the registry takes the keychain's credential.

        Returns an identity token where the registry's token server gives one, else nothing. Raises AccessDenied.
        """
        what = f"log in to {self.domain}"
        self.endpoint()
        identity_token = self.authorizer.refresh_token() if not credential.identity_token else ""
        try:
            self.request("GET", "/v2/", what=what).close()
        except RegistryFailure as error:
            if error.status == 401:
                raise wrong_credentials(error) from None
            raise
        return identity_token


def _signed(request: Request, authorization: str | None) -> Request:
    if authorization is None:
        return request
    return request._replace(headers={**request.headers, "Authorization": authorization})
