"""Challenges answered: basic, bearer, identity tokens; and where credentials never go."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from boxwright.errors import DeniedError
from boxwright.oci.digest import Digest
from boxwright.remote.authorization import Authorizer, parse_token
from boxwright.remote.challenge import Scope, parse_challenges
from boxwright.remote.credentials import Credential, GivenCredential
from boxwright.remote.exchange import Exchange
from boxwright.remote.failure import AccessDenied, RegistryBroken
from boxwright.remote.transport import BodyTooLarge
from unit.remote.scripted import Answer, ScriptedTransport, Sent, client

_ADA = Credential("ada", "lovelace")
_BASIC = "Basic " + base64.b64encode(b"ada:lovelace").decode()
_DIGEST = Digest.of(b"x")


class _TokenRegistry:
    """A registry with a token server beside it: tokens are the scopes they allow."""

    def __init__(self, realm: str = "https://auth.test/token") -> None:
        self.realm = realm
        self.allowed: Callable[[str], bool] = lambda scope: True
        self.password: str | None = None
        self.fetched: list[Sent] = []
        self.revoked: set[str] = set()

    def __call__(self, sent: Sent) -> Answer:
        if sent.url.startswith(self.realm):
            return self._token(sent)
        needed = (
            "" if sent.url.endswith("/v2/") else f"repository:{sent.url.split('/v2/')[1].partition('/blobs')[0]}:pull"
        )
        authorization = sent.authorization or ""
        token = authorization.removeprefix("Bearer ")
        if authorization.startswith("Bearer ") and token not in self.revoked and needed in token.split("+"):
            return Answer(200, {"Content-Length": "1"}, b"x")
        error = ',error="insufficient_scope"' if token and token not in self.revoked else ""
        challenge = f'Bearer realm="{self.realm}",service="registry.test",scope="{needed}"{error}'
        return Answer(401, {"WWW-Authenticate": challenge})

    def _token(self, sent: Sent) -> Answer:
        self.fetched.append(sent)
        if self.password is not None and sent.authorization != self.password:
            return Answer(401, {}, b'{"details":"incorrect username or password"}')
        form = parse_qs(sent.body.decode()) if sent.method == "POST" else parse_qs(urlsplit(sent.url).query)
        scopes = [scope for text in form.get("scope", []) for scope in text.split() if self.allowed(scope)]
        token = "+".join(["", *scopes, f"n{len(self.fetched)}"])
        return Answer(200, {}, json.dumps({"token": token, "expires_in": 300, "refresh_token": "refresh"}).encode())


def test_a_ping_costs_no_token() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry)
    made.ping()
    assert registry.fetched == []


def test_an_anonymous_visitor_gets_a_token_without_credentials() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry)
    assert made.stat_blob("a/b", _DIGEST) == 1
    (fetch,) = registry.fetched
    assert fetch.authorization is None
    assert parse_qs(urlsplit(fetch.url).query) == {"service": ["registry.test"], "scope": ["repository:a/b:pull"]}


def test_a_password_goes_to_the_token_server_and_the_token_to_the_registry() -> None:
    registry = _TokenRegistry()
    made, transport = client(registry, _ADA)
    made.stat_blob("a/b", _DIGEST)
    assert registry.fetched[0].authorization == _BASIC
    assert parse_qs(urlsplit(registry.fetched[0].url).query)["account"] == ["ada"]
    to_registry = [sent for sent in transport.sent if "auth.test" not in sent.url]
    assert [sent.authorization for sent in to_registry] == [None, "Bearer +repository:a/b:pull+n1"]


def test_a_token_serves_its_scope_again_and_no_other() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry)
    for path in ("a", "a", "b", "a"):
        made.stat_blob(path, _DIGEST)
    assert len(registry.fetched) == 2


def test_a_refused_token_is_fetched_anew_once() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry)
    made.stat_blob("a", _DIGEST)
    registry.revoked.add("+repository:a:pull+n1")
    assert made.stat_blob("a", _DIGEST) == 1
    assert len(registry.fetched) == 2


def test_a_token_with_too_little_in_it_is_a_denial() -> None:
    registry = _TokenRegistry()
    registry.allowed = lambda scope: False
    made, _ = client(registry, _ADA)
    with pytest.raises(AccessDenied, match="access is denied, or it does not exist") as caught:
        made.stat_blob("a", _DIGEST)
    assert isinstance(caught.value, DeniedError)
    assert caught.value.hint == "log in with an account that may: boxwright login registry.test"


def test_a_wrong_password_is_told_as_such() -> None:
    registry = _TokenRegistry()
    registry.password = "Basic right"
    made, _ = client(registry, _ADA)
    with pytest.raises(AccessDenied, match=re.escape("registry.test does not accept the user name or password")):
        made.stat_blob("a", _DIGEST)


def test_an_identity_token_is_traded_by_post() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry, Credential(identity_token="opaque"))
    assert made.stat_blob("a", _DIGEST) == 1
    (fetch,) = registry.fetched
    assert fetch.method == "POST"
    assert fetch.authorization is None
    assert parse_qs(fetch.body.decode()) == {
        "grant_type": ["refresh_token"],
        "service": ["registry.test"],
        "client_id": ["boxwright"],
        "scope": ["repository:a:pull"],
        "refresh_token": ["opaque"],
    }


def test_a_registry_token_is_sent_as_it_is() -> None:
    registry = _TokenRegistry()
    made, transport = client(registry, Credential(registry_token="+repository:a:pull"))
    assert made.stat_blob("a", _DIGEST) == 1
    assert transport.sent[-1].authorization == "Bearer +repository:a:pull"
    assert registry.fetched == []


def test_a_login_asks_for_an_identity_token_and_no_scope() -> None:
    registry = _TokenRegistry()
    made, _ = client(registry, _ADA)
    assert made.verify_login(_ADA) == "refresh"
    query = parse_qs(urlsplit(registry.fetched[0].url).query)
    assert query["offline_token"] == ["true"]
    assert "scope" not in query


def test_a_registry_that_asks_for_a_password_gets_it() -> None:
    def answer(sent: Sent) -> Answer:
        if sent.authorization == _BASIC:
            return Answer(200, {"Content-Length": "1"}, b"x")
        return Answer(401, {"WWW-Authenticate": 'Basic realm="r"'})

    made, transport = client(answer, _ADA)
    assert made.stat_blob("a", _DIGEST) == 1
    assert made.verify_login(_ADA) == ""
    assert transport.sent[0].authorization is None, "never before it is asked"


def test_a_refused_password_is_not_sent_twice() -> None:
    made, transport = client(lambda sent: Answer(401, {"WWW-Authenticate": 'Basic realm="r"'}), _ADA)
    with pytest.raises(AccessDenied):
        made.stat_blob("a", _DIGEST)
    assert [sent.authorization for sent in transport.sent] == [None, _BASIC]


def test_a_login_late_in_the_day_is_answered_too() -> None:
    """Some registries answer the ping with 200 and challenge a push only (zot)."""

    def answer(sent: Sent) -> Answer:
        if sent.url.endswith("/v2/") or sent.authorization == _BASIC:
            return Answer(200, {"Content-Length": "1"}, b"x")
        return Answer(401, {"WWW-Authenticate": 'Basic realm="r"'})

    made, _ = client(answer, _ADA)
    assert made.stat_blob("a", _DIGEST) == 1


@pytest.mark.parametrize("pings", ["are answered", "are redirected"])
def test_whom_a_registry_redirects_to_may_not_ask_for_the_password(pings: str) -> None:
    def answer(sent: Sent) -> Answer:
        if sent.url.startswith("https://storage.test"):
            return Answer(401, {"WWW-Authenticate": 'Bearer realm="https://evil.test/token",service="s"'})
        if sent.url.startswith("https://evil.test"):
            return Answer(200, {}, b'{"token":"stolen"}')
        if sent.url.endswith("/v2/") and pings == "are answered":
            return Answer(401, {"WWW-Authenticate": 'Basic realm="r"'})
        return Answer(307, {"Location": "https://storage.test/blob"})

    made, transport = client(answer, _ADA)
    with pytest.raises(AccessDenied):
        made.stat_blob("a", _DIGEST)
    assert not any("evil.test" in sent.url for sent in transport.sent)
    assert [sent.authorization for sent in transport.sent if "storage.test" in sent.url][-1] is None


def test_a_password_is_not_sent_over_plain_http_for_a_registry_with_tls() -> None:
    registry = _TokenRegistry("http://auth.test/token")
    made, _ = client(registry, _ADA)
    with pytest.raises(RegistryBroken, match=re.escape("it wants the password sent to plain http://auth.test/token")):
        made.stat_blob("a", _DIGEST)
    assert registry.fetched == []


@pytest.mark.parametrize("realm", ["/token", "ftp://h/token", "file:///etc/passwd"])
def test_a_realm_that_is_no_url_is_refused(realm: str) -> None:
    registry = _TokenRegistry(realm)
    made, _ = client(registry, _ADA)
    with pytest.raises(RegistryBroken, match="its realm is no http or https URL"):
        made.stat_blob("a", _DIGEST)


@pytest.mark.parametrize("verify", [True, False])
def test_leniency_with_certificates_ends_at_the_registrys_host(verify: bool) -> None:
    for realm, expected in (("https://auth.test/token", True), ("https://registry.test:444/token", verify)):
        registry = _TokenRegistry(realm)
        made, _ = client(registry, _ADA, insecure=not verify)
        made.stat_blob("a", _DIGEST)
        assert registry.fetched[0].verify is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"token":"a"}', ("a", 60.0, "")),
        (b'{"access_token":"b","expires_in":300,"refresh_token":"r"}', ("b", 300.0, "r")),
        (b'{"token":"a","expires_in":1}', ("a", 60.0, "")),
        (b'{"token":"a","expires_in":"soon"}', ("a", 60.0, "")),
        (b'{"token":"a\\r\\nX-Evil: 1"}', None),
        (b'{"token":"\\u00e9"}', None),
        (b'{"token":7}', None),
        (b"{}", None),
        (b"[]", None),
        (b"", None),
    ],
)
def test_a_token_reply_may_be_anything(body: bytes, expected: tuple[str, float, str] | None) -> None:
    assert parse_token(body) == expected


def test_a_monstrous_token_reply_is_cut_off() -> None:
    registry = _TokenRegistry()

    def answer(sent: Sent) -> Answer:
        reply = registry(sent)
        return reply._replace(body=b" " * (1 << 20) + reply.body) if sent.url.startswith(registry.realm) else reply

    made, _ = client(answer)
    with pytest.raises(BodyTooLarge, match=r"the answer of auth\.test is larger than 1048576 bytes"):
        made.stat_blob("a", _DIGEST)


def test_a_token_is_renewed_before_it_dies() -> None:
    now = [0.0]
    registry = _TokenRegistry()
    exchange = Exchange("registry.test", ScriptedTransport(registry))
    authorizer = Authorizer("registry.test", GivenCredential("registry.test", _ADA), exchange, clock=lambda: now[0])
    challenges = parse_challenges([f'Bearer realm="{registry.realm}",service="s"'])
    authorizer.learn(challenges, "https://registry.test", verify=True)
    scopes = [Scope.repository("a", "pull")]
    first = authorizer.header(scopes)
    now[0] = 289.0
    assert authorizer.header(scopes) == first
    now[0] = 291.0
    assert authorizer.header(scopes) != first


def test_a_thread_that_was_refused_takes_the_token_that_another_fetched() -> None:
    registry = _TokenRegistry()
    exchange = Exchange("registry.test", ScriptedTransport(registry))
    authorizer = Authorizer("registry.test", GivenCredential("registry.test", _ADA), exchange)
    challenges = parse_challenges([f'Bearer realm="{registry.realm}",service="s"'])
    authorizer.learn(challenges, "https://registry.test", verify=True)
    scopes = [Scope.repository("a", "pull")]
    old = authorizer.header(scopes)
    new = authorizer.answer(challenges, scopes, old)
    assert new != old
    assert authorizer.answer(challenges, scopes, old) == new
    assert len(registry.fetched) == 2


def test_a_secret_is_not_in_a_credentials_text() -> None:
    for secret in (
        Credential("ada", "secret"),
        Credential(identity_token="secret"),
        Credential(registry_token="secret"),
    ):
        assert "secret" not in f"{secret} {secret!r}"
