"""Logins with ID tokens: what proves somebody, and every way in which a token does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import OctKey

from boxwright.errors import InvalidError
from boxwright.hub.accounts.doors import check_accounts
from boxwright.hub.accounts.oidc import keys as keys_module
from boxwright.hub.accounts.oidc.exchange import ACCESS_TOKEN, GRANT, ID_TOKEN, SETTINGS_PATH
from boxwright.hub.accounts.oidc.identities import account_name
from boxwright.hub.accounts.oidc.identity import Identity
from boxwright.hub.accounts.oidc.keys import (
    DOWN_SECONDS,
    FRESH_SECONDS,
    PATIENCE,
    RETRY_SECONDS,
    STALE_SECONDS,
    ProviderKeys,
    fetcher,
    read_keys,
)
from boxwright.hub.accounts.oidc.settings import NO_OIDC, GroupTeam, OIDCSettings
from boxwright.hub.accounts.oidc.tokens import IDTokens, is_id_token
from boxwright.hub.accounts.roles import Role
from boxwright.hub.accounts.settings import AccountSettings
from boxwright.remote.issuer import InvalidIssuer, check_issuer
from boxwright.remote.provider import ProviderFailed
from support.hub_kit import BY, Hub, basic, run_hub
from support.oidc_provider import CLIENT, OIDCProvider, ec_key, oidc_provider, rsa_key, unsigned


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Any:
    with oidc_provider() as made:
        yield made


def tokens(provider: OIDCProvider, **settings: Any) -> IDTokens:
    """What verifies the tokens of a provider, whose keys come without HTTP."""
    return IDTokens(OIDCSettings(provider.issuer, **settings), ProviderKeys(provider.issuer, provider.jwks))


# ---- what a token must be


GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "for several, by the same client": {"aud": ["other", CLIENT], "azp": CLIENT},
    "for several, by nobody in particular": {"aud": ["other", CLIENT]},
    "whose issuer has a slash at its end": {"iss": None},
    "by a clock that is a little fast": {"iat": 30},
    "that ended a moment ago, by another clock": {"exp": -30},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_a_token_of_the_provider_proves_who_somebody_is(provider: OIDCProvider, changes: dict[str, Any]) -> None:
    if "iss" in changes:
        changes = {"iss": provider.issuer + "/"}
    moved = {name: int(provider.clock()) + changes[name] for name in ("iat", "exp") if name in changes}
    expected = Identity(provider.issuer, "id-of-ada", "ada")
    assert tokens(provider).verify(provider.token(**{**changes, **moved})) == expected


def test_tokens_of_every_usual_kind_of_key_are_taken(provider: OIDCProvider) -> None:
    for key in (rsa_key(1), ec_key(2)):
        provider.rotate(key)
        assert tokens(provider).verify(provider.token()) is not None


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://id.example.com"},
    "without an issuer": {"iss": None},
    "for somebody else": {"aud": "other"},
    "for nobody": {"aud": None},
    "for others": {"aud": ["other", "another"]},
    "for several, by another client": {"aud": ["other", CLIENT], "azp": "other"},
    "that has ended": {"exp": 1},
    "that never ends": {"exp": None},
    "that ends at no time": {"exp": "tomorrow"},
    "that ends beyond all numbers": {"exp": 10**400, "nbf": 10**400},
    "that does not hold yet": {"nbf": 10**10},
    "from the future": {"iat": 10**10},
    "from no time": {"iat": None},
    "about nobody": {"sub": None},
    "about an empty subject": {"sub": ""},
    "about a subject that is no text": {"sub": 7},
    "about a long subject": {"sub": "x" * 256},
    "about a subject with a line end": {"sub": "a\nb"},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_with_other_claims_proves_nothing(provider: OIDCProvider, changes: dict[str, Any]) -> None:
    assert tokens(provider).verify(provider.token(**changes)) is None


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hmac_signed(provider: OIDCProvider) -> str:
    """Signed with the public key as if it were a secret (RFC 8725 §2.1)."""
    secret = provider.key.as_pem(private=False)
    head, body, _ = provider.token(header={"alg": provider.key.alg or "ES256"}).split(".")
    head = (
        base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": provider.key.kid}).encode()).rstrip(b"=").decode()
    )
    mac = hmac.digest(secret, f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{encoded(mac)}"


FORGED: dict[str, Callable[[OIDCProvider], str]] = {
    "without a signature": lambda p: unsigned(p.claims()),
    "without a signature, by a key's name": lambda p: unsigned(p.claims(), kid=p.key.kid),
    "with the public key as a secret": hmac_signed,
    "with a secret": lambda p: jwt.encode({"alg": "HS256"}, p.claims(), OctKey.import_key("s" * 32)),
    "with a key of its own, under the name of a good one": lambda p: p.token(key=ec_key(9), header={"kid": p.key.kid}),
    "with a key of its own in the header": lambda p: p.token(
        key=ec_key(9), header={"kid": p.key.kid, "jwk": ec_key(9).as_dict(private=False)}
    ),
    "with a key that the provider does not have": lambda p: p.token(key=ec_key(9)),
    "with the name of no key": lambda p: p.token(header={"kid": "nobody"}),
    "with a name that is none": lambda p: unsigned(p.claims(), alg="ES256", kid=["a"]),
    "with another kind of key than it says": lambda p: unsigned(p.claims(), alg="RS256", kid=p.key.kid),
    "for access": lambda p: p.token(header={"typ": "at+jwt"}),
    "for logging out": lambda p: p.token(header={"typ": "logout+jwt"}),
    "of a kind that is none": lambda p: unsigned(p.claims(), alg="ES256", typ=[]),
    "changed afterwards": lambda p: ".".join(
        [p.token().split(".")[0], unsigned(p.claims(sub="id-of-bob")).split(".")[1], p.token().split(".")[2]]
    ),
    "cut off": lambda p: p.token()[:-8],
    "with more behind": lambda p: p.token() + "AAAA",
    "of five parts": lambda p: p.token() + ".a.b",
    "of nothing": lambda p: "ey" + "J" * 20 + ".eyJ.x",
    "longer than any": lambda p: p.token(filler="x" * 40_000),
    "with an extension that must be understood": lambda p: unsigned(p.claims(), alg="ES256", crit=["x"], x=1),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_proves_nothing(provider: OIDCProvider, forge: Callable[[OIDCProvider], str]) -> None:
    assert tokens(provider).verify(forge(provider)) is None


def test_a_token_is_told_from_a_password_by_its_form(provider: OIDCProvider) -> None:
    assert is_id_token(provider.token())
    for text in ("correct horse", "bxw_" + "a" * 49, "a.b.c", "", "ey.ey.", "eyJhbGciOiJFUzI1NiJ9", "x" * 100_000):
        assert not is_id_token(text)


def test_a_token_without_the_name_of_a_key_needs_a_provider_with_one_that_fits(provider: OIDCProvider) -> None:
    verifier = tokens(provider)
    nameless = provider.token(header={"kid": None})
    assert verifier.verify(nameless) is not None
    provider.rotate(ec_key(2))
    assert tokens(provider).verify(nameless) is None


def test_the_username_is_in_the_claim_that_the_settings_name(provider: OIDCProvider) -> None:
    found = tokens(provider, username_claim="email").verify(provider.token(email="Ada@example.com"))
    assert found is not None
    assert found.username == "Ada@example.com"
    for changes in ({}, {"email": 7}, {"email": "x" * 999}):
        nameless = tokens(provider, username_claim="email").verify(provider.token(**changes))
        assert nameless is not None
        assert nameless.username == ""


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("ada", "ada"),
        ("Ada.Lovelace@example.com", "ada-lovelace"),
        ("DOMAIN\\ada", "domain-ada"),
        ("-ada__x-", "ada-x"),
        ("Ада", ""),
        ("@", ""),
    ],
)
def test_accounts_are_named_after_what_the_provider_calls_people(username: str, name: str) -> None:
    assert account_name(username) == name


# ---- keys


class Fetches:
    """A provider's keys without HTTP: what comes, and how often it was asked."""

    def __init__(self) -> None:
        self.document: Mapping[str, Any] = {"keys": [ec_key(1).as_dict(private=False)]}
        self.failing = False
        self.count = 0

    def __call__(self) -> Mapping[str, Any]:
        self.count += 1
        if self.failing:
            raise ProviderFailed("https://id.example.com", "it is down")
        return self.document


def test_keys_are_fetched_when_they_are_needed_and_again_when_they_are_old() -> None:
    clock, fetches = Clock(), Fetches()
    keys = ProviderKeys("https://id.example.com", fetches, clock=clock)
    assert fetches.count == 0
    for _ in range(3):
        assert keys.find("ec-1", "ES256") is not None
    assert fetches.count == 1
    clock.now += FRESH_SECONDS + 1
    fetches.document = {"keys": [ec_key(2).as_dict(private=False)]}
    assert keys.find("ec-1", "ES256") is None, "it was withdrawn"
    assert fetches.count == 2


def test_a_new_key_is_found_at_once_and_made_up_ones_are_not_looked_for_again_and_again() -> None:
    clock, fetches = Clock(), Fetches()
    keys = ProviderKeys("https://id.example.com", fetches, clock=clock)
    assert keys.find("ec-1", "ES256") is not None
    clock.now += RETRY_SECONDS
    fetches.document = {"keys": [ec_key(number).as_dict(private=False) for number in (1, 2)]}
    assert keys.find("ec-2", "ES256") is not None
    for number in range(100):
        assert keys.find(f"made-up-{number}", "ES256") is None
    assert fetches.count == 2
    clock.now += RETRY_SECONDS
    assert keys.find("made-up", "ES256") is None
    assert fetches.count == 3


def test_while_the_provider_is_down_known_keys_count_for_a_day() -> None:
    clock, fetches = Clock(), Fetches()
    fetches.failing = True
    keys = ProviderKeys("https://id.example.com", fetches, clock=clock)
    for _ in range(5):
        with pytest.raises(ProviderFailed, match="it is down"):
            keys.find("ec-1", "ES256")
    assert fetches.count == 1, "who is down is not asked by everybody"
    fetches.failing = False
    clock.now += DOWN_SECONDS
    assert keys.find("ec-1", "ES256") is not None
    fetches.failing = True
    clock.now += STALE_SECONDS - 1
    assert keys.find("ec-1", "ES256") is not None
    with pytest.raises(ProviderFailed):
        keys.find("ec-2", "ES256")  # it may be one since
    clock.now += DOWN_SECONDS
    with pytest.raises(ProviderFailed):
        keys.find("ec-1", "ES256")


def test_a_crowd_fetches_once_and_all_get_it() -> None:
    fetches, entered, go = Fetches(), threading.Event(), threading.Event()

    def slowly() -> Mapping[str, Any]:
        entered.set()
        go.wait(30)
        return fetches()

    keys = ProviderKeys("https://id.example.com", slowly)
    found: list[object] = []
    crowd = [threading.Thread(target=lambda: found.append(keys.find("ec-1", "ES256"))) for _ in range(8)]
    for one in crowd:
        one.start()
    assert entered.wait(30)
    go.set()
    for one in crowd:
        one.join()
    assert fetches.count == 1
    assert None not in found
    assert len(found) == 8


def test_nobody_waits_long_for_a_provider_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "PATIENCE", 0.05)
    go = threading.Event()

    def hang() -> Mapping[str, Any]:
        go.wait(30)
        return {}

    keys = ProviderKeys("https://id.example.com", hang)
    for _ in range(3):
        with pytest.raises(ProviderFailed):
            keys.find("ec-1", "ES256")
    go.set()
    assert PATIENCE > 0.05


def test_only_public_keys_for_signatures_of_a_good_size_count() -> None:
    public = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": encoded(public.n.to_bytes(128, "big"))}
    document = {
        "keys": [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
            {**ec_key(1).as_dict(private=False), "use": "enc", "kid": "enc"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "broken"},
            {"kty": "RSA", "kid": "empty"},
            weak,
            "text",
            {**rsa_key(1).as_dict(private=False), "alg": "PS256", "key_ops": ["verify"]},
        ]
    }
    (only,) = read_keys(document)
    assert (only.kid, only.algorithm) == ("rsa-1", "PS256")
    assert only.fits("rsa-1", "PS256")
    assert not only.fits("rsa-1", "RS256")
    assert not only.fits("other", "PS256")
    for nonsense in ({}, {"keys": {}}, {"keys": None}):
        assert read_keys(nonsense) == []


@pytest.mark.parametrize("broken", ["down", "nonsense", "large", "status", "redirect", "another"])
def test_a_provider_that_makes_no_sense_is_said_to_be_of_no_use(provider: OIDCProvider, broken: str) -> None:
    assert fetcher(provider.issuer)() == provider.jwks()
    provider.broken = broken
    with pytest.raises(ProviderFailed, match="of no use"):
        fetcher(provider.issuer)()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://id.example.com", "https://"),
        ("http://127.0.0.1.example.com", "https://"),
        ("ftp://127.0.0.1", "https://"),
        ("id.example.com", "https://"),
        ("https://id.example.com/?a=b", "without"),
        ("https://u:p@id.example.com", "without"),
        ("https://id.example.com/a b", "https://"),
    ],
)
def test_an_issuer_is_spoken_to_where_nobody_listens(url: str, why: str) -> None:
    with pytest.raises(InvalidIssuer, match=why):
        check_issuer(url)


def test_an_issuer_is_a_url_of_tls_or_of_this_machine() -> None:
    for url in ("https://id.example.com/realms/eng", "http://localhost:8080", "http://127.0.0.1:1/x", "http://[::1]:1"):
        assert check_issuer(url + "/") == url


def test_settings_of_a_provider_need_an_issuer_and_accounts() -> None:
    with pytest.raises(InvalidError, match="no issuer"):
        check_accounts(AccountSettings(enabled=True), OIDCSettings(create=True))
    with pytest.raises(InvalidError, match=r"\[oidc\]"):
        check_accounts(AccountSettings(), OIDCSettings("https://id.example.com"))
    check_accounts(AccountSettings(enabled=True), NO_OIDC)


# ---- the protocol


def run(scenario: Callable[[Hub, OIDCProvider], Any], root: Path, **settings: Any) -> None:
    with oidc_provider() as provider:

        async def main(hub: Hub) -> None:
            await scenario(hub, provider)

        run_hub(main, root, oidc=OIDCSettings(provider.issuer, **settings))


def last(hub: Hub) -> tuple[str, str, str]:
    (entry,) = hub.house.audit.entries(limit=1, action="login")
    return entry.actor, entry.outcome, entry.detail


def test_an_id_token_is_as_good_as_a_password_and_says_itself_whose_it_is(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        hub.house.identities.add("ada", provider.issuer, "id-of-ada", BY)
        for name in ("ada", "anything", "bob", "<token>"):
            token = await hub.bearer("repository:ada/web:pull,push", user=name, password=provider.token())
            assert (await hub.call("GET", "/v2/", authorization=token)).status == 200
            assert last(hub) == ("ada", "success", "with an ID token")
        assert (await hub.call("GET", "/v2/", authorization=basic("x", provider.token()))).status == 200
        assert (await hub.call("GET", "/v2/", authorization=basic("ada", provider.token(exp=1)))).status == 401
        hub.house.directory.set_flags("ada", BY, disabled=True)
        answer = await hub.token(user="ada", password=provider.token())
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert last(hub) == ("ada", "failure", "")

    run(scenario, tmp_path)


def test_who_is_nobody_here_gets_no_account_unless_the_settings_say_so(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        answer = await hub.token(user="ada", password=provider.token())
        assert answer.status == 401
        assert "id-of-ada" in answer.body.decode()
        assert last(hub) == ("ada", "failure", f"no account for id-of-ada of {provider.issuer}")
        assert hub.house.identities.list() == []

    run(scenario, tmp_path)


def test_the_first_login_makes_an_account_and_never_takes_one(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        provider.user = "Zoe.Moe@example.com"
        await hub.bearer("repository:zoe-moe/web:push", user="x", password=provider.token())
        made = hub.house.directory.find("zoe-moe")
        assert made is not None
        assert (made.kind, made.password, made.administrator) == ("user", None, False)
        (noted,) = hub.house.audit.entries(limit=1, action="user.add")
        assert (noted.actor, noted.target) == ("server:oidc", "zoe-moe")
        # The name is what it was called first, whatever the provider calls it later.
        await hub.bearer(user="x", password=provider.token(preferred_username="someone-else"))
        assert last(hub)[0] == "zoe-moe"
        for user in ("ada", "shop", "admin", "x", "", "Ада"):
            provider.user = user
            answer = await hub.token(user=user or "x", password=provider.token(sub=f"other-{user}"))
            assert answer.status == 401, user
            assert hub.house.identities.account(provider.issuer, f"other-{user}") is None
        assert (await hub.token(user="y", password=provider.token(preferred_username=None, sub="n"))).status == 401

    run(scenario, tmp_path, create=True)


def test_wrong_id_tokens_are_slowed_down_like_wrong_passwords_and_right_ones_never(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        hub.house.identities.add("ada", provider.issuer, "id-of-ada", BY)
        statuses = [(await hub.token(user="ada", password=provider.token(aud="other"))).status for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        assert (await hub.token(user="ada", password=provider.token())).status == 200

    run(scenario, tmp_path)


def test_when_the_provider_is_down_it_is_not_the_users_fault(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        provider.broken = "down"
        answers = [await hub.token(user="ada", password=provider.token()) for _ in range(7)]
        assert {answer.status for answer in answers} == {503}
        assert len(provider.asked) == 1
        assert (await hub.token(user="ada")).status == 200, "passwords need no provider"

    run(scenario, tmp_path)


def test_a_login_lasts_as_long_as_the_settings_say(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        hub.house.identities.add("ada", provider.issuer, "id-of-ada", BY)
        answer = await hub.token(user="x", password=provider.token(), offline_token="true")
        refresh = answer.json()["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        assert (await hub.call("POST", "/token", urlencode(form).encode())).status == 200
        kept = hub.house.tokens.find(refresh)
        assert kept is not None
        assert kept.expires is not None
        assert 0 < kept.expires - kept.created <= 3600
        hub.house.identities.remove(provider.issuer, "id-of-ada", BY)
        assert (await hub.call("POST", "/token", urlencode(form).encode())).status == 401

    run(scenario, tmp_path, lifetime=3600.0)


async def exchange(hub: Hub, token: str, *more: tuple[str, str], **changes: str) -> Any:
    form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ID_TOKEN, **changes}
    return await hub.call("POST", "/token", urlencode([*form.items(), *more]).encode())


def test_an_id_token_is_exchanged_for_a_personal_one_with_limits(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        described = (await hub.call("GET", SETTINGS_PATH)).json()
        assert described == {
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "scope": "openid profile email",
            "token_endpoint": "/token",
        }
        hub.house.identities.add("ada", provider.issuer, "id-of-ada", BY)
        limits = ("can", "pull"), ("on", "ada/web"), ("on", "shop/*")
        for _ in range(2):
            answer = await exchange(hub, provider.token(), *limits, client_id="boxwright on laptop")
            assert answer.status == 200
        said = answer.json()
        assert (said["issued_token_type"], said["token_type"], said["username"]) == (ACCESS_TOKEN, "N_A", "ada")
        assert 0 < said["expires_in"] <= 86400
        (kept,) = hub.house.tokens.list("ada")
        assert (kept.name, kept.limit.patterns, kept.limit.actions) == (
            "boxwright on laptop",
            ("ada/web", "shop/*"),
            {"pull"},
        )
        assert (await hub.token(user="ada", password=said["access_token"])).status == 200

    run(scenario, tmp_path)


def test_what_is_no_id_token_is_exchanged_for_nothing(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        hub.house.identities.add("ada", provider.issuer, "id-of-ada", BY)
        own = hub.house.tokens.create("ada", "own", BY)
        good = provider.token()
        cases = [
            (401, await exchange(hub, provider.token(aud="other"))),
            (401, await exchange(hub, own)),
            (401, await exchange(hub, "correct horse", username="ada")),
            (400, await exchange(hub, "")),
            (400, await exchange(hub, good, subject_token_type=ACCESS_TOKEN)),
            (400, await exchange(hub, good, can="everything")),
            (400, await exchange(hub, good, ("on", "A B"))),
            (400, await exchange(hub, good, client_id="x" * 101)),
        ]
        assert [answer.status for _, answer in cases] == [status for status, _ in cases]
        assert [one.name for one in hub.house.tokens.list("ada")] == ["own"]

    run(scenario, tmp_path)


def test_without_a_provider_nothing_of_it_is_there(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert (await hub.call("GET", SETTINGS_PATH)).status == 401
        assert (await exchange(hub, unsigned({"sub": "ada"}))).status == 400
        assert (await hub.token(user="ada", password=unsigned({"sub": "ada"}))).status == 401

    run_hub(scenario, tmp_path)


def test_teams_follow_the_groups_that_a_token_has(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        provider.user = "zoe"
        hub.house.grants.grant("shop/deployers", Role.WRITE, "shop/*", BY)

        async def may_push(**claims: Any) -> bool:
            answer = await hub.token("repository:shop/web:push", user="x", password=provider.token(**claims))
            payload = answer.json()["token"].split(".")[1]
            return bool(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["access"])

        assert not await may_push()
        assert await may_push(groups=["other", "deploy"])
        assert await may_push(), "a token that says nothing of groups changes nothing"
        assert not await may_push(groups=["other", 7])

    run(scenario, tmp_path, create=True, teams=(GroupTeam("deploy", "shop/deployers"),))


def test_logins_at_once_make_one_account(tmp_path: Path) -> None:
    async def scenario(hub: Hub, provider: OIDCProvider) -> None:
        provider.user = "zoe"
        answers = await asyncio.gather(*(hub.token(user="x", password=provider.token()) for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        assert [one.account for one in hub.house.identities.list()] == ["zoe"]

    run(scenario, tmp_path, create=True)
