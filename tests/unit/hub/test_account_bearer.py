"""Access tokens and the keys behind them: what is ours, and every way in which one is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from boxwright.hub.accounts import bearer as module
from boxwright.hub.accounts.bearer import SKEW, BearerTokens
from boxwright.hub.accounts.keys import LEAD_SECONDS, ROTATE_SECONDS, KeyRing, StoredKey, make_key
from boxwright.hub.accounts.scopes import Scope

WEB = Scope("repository", "ada/web", frozenset({"pull", "push"}))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class MemoryKeys:
    def __init__(self) -> None:
        self.kept: list[StoredKey] = []
        self.reads = 0

    def keys(self) -> list[StoredKey]:
        self.reads += 1
        return sorted(self.kept, key=lambda one: -one.created)

    def add_key(self, key: StoredKey) -> None:
        self.kept.append(key)

    def remove_keys(self, before: float) -> None:
        self.kept = [one for one in self.kept if one.created >= before]


class Issuer:
    """A hub's tokens, and the means to forge them."""

    def __init__(self) -> None:
        self.clock, self.keys = Clock(), MemoryKeys()
        self.ring = KeyRing(self.keys, clock=self.clock)
        self.bearer = self.another()

    def another(self, service: str = "boxwright") -> BearerTokens:
        """Another server of the same hub."""
        return BearerTokens(KeyRing(self.keys, clock=self.clock), service, clock=self.clock)

    def issue(self) -> str:
        return self.bearer.issue("ada", [WEB]).token

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock())
        claims = {"iss": "boxwright", "aud": "boxwright", "sub": "ada", "exp": now + 300, "nbf": now, "iat": now}
        claims["access"] = [{"type": "repository", "name": "ada/web", "actions": ["pull"]}]
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign with the hub's own key, whatever the claims are."""
        key = self.ring.signing()
        return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, claims, key, algorithms=["ES256"])


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_token_says_what_it_allows_on_every_server(issuer: Issuer) -> None:
    token = issuer.issue()
    for server in (issuer.bearer, issuer.another()):
        claims = server.verify(token)
        assert claims is not None
        assert (claims.subject, claims.grants) == ("ada", {("repository", "ada/web"): frozenset({"pull", "push"})})
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert (header["alg"], header["kid"]) == ("ES256", ECKey.import_key(issuer.ring.public()["keys"][0]).thumbprint())


def test_what_was_verified_is_remembered_until_it_expires(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    token, server = issuer.issue(), issuer.another()
    assert server.recall(token) is None
    assert server.verify(token)
    monkeypatch.setattr(module.jwt, "decode", None)  # whoever checks the signature again fails
    assert server.recall(token) == server.verify(token)
    issuer.clock.now += 300 + SKEW
    monkeypatch.undo()
    assert server.recall(token) is None
    assert server.verify(token) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another"]},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": 1},
        {"nbf": None},
        {"nbf": 1_900_000_000},
        {"iat": None},
        {"iat": 1_900_000_000},
        {"sub": None},
        {"sub": 7},
        {"access": None},
        {"access": "repository:ada/web:pull"},
        {"access": ["repository:ada/web:pull"]},
        {"access": [{"type": "repository", "name": "ada/web"}]},
        {"access": [{"type": "repository", "name": "ada/web", "actions": 7}]},
    ],
    ids=str,
)
def test_claims_that_are_not_ours_are_refused_whoever_signed_them(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert issuer.bearer.verify(issuer.sign(issuer.claims()))
    assert issuer.bearer.verify(issuer.sign(issuer.claims(**changes))) is None


@pytest.mark.parametrize(("seconds", "good"), [(-SKEW + 5, True), (300 + SKEW - 5, True), (300 + SKEW + 5, False)])
def test_clocks_may_differ_a_little(issuer: Issuer, seconds: float, good: bool) -> None:
    token, server = issuer.issue(), issuer.another()
    issuer.clock.now += seconds
    assert (server.verify(token) is not None) is good


def test_no_algorithm_but_ours_is_taken(issuer: Issuer) -> None:
    key = issuer.ring.signing()
    claims = encoded(issuer.claims())
    for algorithm in ("none", "None", "NONE", ""):
        unsigned = f"{encoded({'alg': algorithm, 'kid': key.kid})}.{claims}."
        assert issuer.bearer.verify(unsigned) is None
    # The public key taken for a shared secret, in each form in which a verifier might hold it.
    for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode(), key.as_bytes()):
        head = f"{encoded({'alg': 'HS256', 'kid': key.kid})}.{claims}"
        mac = encoded(hmac.digest(secret, head.encode(), hashlib.sha256))
        assert issuer.bearer.verify(f"{head}.{mac}") is None
    rsa = RSAKey.generate_key(2048, private=True)
    assert issuer.bearer.verify(jwt.encode({"alg": "RS256", "kid": key.kid}, issuer.claims(), rsa)) is None


def test_no_key_but_ours_is_taken(issuer: Issuer) -> None:
    issuer.issue()
    mine = ECKey.generate_key("P-256", private=True, auto_kid=True)
    ours = issuer.ring.signing()
    for header in (
        {"kid": ours.kid},
        {"kid": mine.kid},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": 7},
        {},
        {"kid": ours.kid, "jwk": mine.as_dict(private=False)},
        {"kid": ours.kid, "jku": "http://127.0.0.1:1/keys"},
        {"kid": ours.kid, "crit": ["exp"]},
    ):
        try:
            forged = jwt.encode({"alg": "ES256", **header}, issuer.claims(), mine, algorithms=["ES256"])
        except Exception:  # what the library will not write, its verifier is asked for by hand
            forged = f"{encoded({'alg': 'ES256', **header})}.{encoded(issuer.claims())}.{encoded(bytes(64))}"
        assert issuer.bearer.verify(forged) is None, header
    secret = OctKey.generate_key(256)
    assert issuer.bearer.verify(jwt.encode({"alg": "HS256", "kid": ours.kid}, issuer.claims(), secret)) is None


def test_a_changed_token_is_none(issuer: Issuer) -> None:
    head, body, signature = issuer.issue().split(".")
    more = encoded(issuer.claims(sub="admin1"))
    for token in (
        f"{head}.{more}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{encoded(bytes(64))}",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}.{body}.{signature}"[:-2],
        f"{encoded(b'[' * 5000)}.{body}.{signature}",
        f"{head}.{encoded(b'[' * 20_000)}.{signature}",
        "",
        ".",
        "..",
        "é.é.é",
        "a" * 100_000,
    ):
        assert issuer.bearer.verify(token) is None, token[:80]


def test_a_token_of_another_hub_is_none(issuer: Issuer) -> None:
    assert Issuer().bearer.verify(issuer.issue()) is None
    assert issuer.another("elsewhere").verify(issuer.issue()) is None


# ---- keys


def test_keys_change_and_what_the_old_one_signed_stays_good(issuer: Issuer) -> None:
    first = issuer.ring.signing()
    issuer.clock.now += ROTATE_SECONDS + 1
    token = issuer.issue()
    assert len(issuer.keys.kept) == 2
    assert issuer.bearer.verify(token)
    # The new key is there for all to read before anything is signed with it.
    assert issuer.ring.signing().kid == first.kid
    issuer.clock.now += LEAD_SECONDS
    second = issuer.ring.signing()
    assert second.kid != first.kid
    assert issuer.ring.verifying(str(first.kid))
    issuer.clock.now += 2 * ROTATE_SECONDS
    issuer.ring.signing()
    assert issuer.ring.verifying(str(first.kid)) is None


def test_what_a_key_signed_ends_a_minute_after_the_key_is_gone(issuer: Issuer) -> None:
    server = issuer.another()
    token = issuer.issue()
    assert server.verify(token)
    issuer.keys.kept = [make_key(issuer.clock())]
    issuer.clock.now += 61
    assert server.recall(token) is None
    assert server.verify(token) is None
    assert server.verify(issuer.issue()), "what the new key signs is good at once"


def test_two_servers_that_start_at_once_know_each_others_keys(issuer: Issuer) -> None:
    one, two = issuer.another(), issuer.another()
    token = one.issue("ada", []).token
    issuer.keys.add_key(make_key(issuer.clock() + 0.5))
    issuer.clock.now += 2
    assert two.verify(token)
    assert one.verify(two.issue("bob", []).token)


def test_made_up_names_of_keys_do_not_make_the_store_be_read_again_and_again(issuer: Issuer) -> None:
    issuer.ring.signing()
    reads = issuer.keys.reads
    for number in range(100):
        assert issuer.ring.verifying(f"made-up-{number}") is None
    assert issuer.keys.reads <= reads + 1
