"""Names, roles, scopes and tokens as values: no database, no server."""

from __future__ import annotations

import zlib

import pytest

from boxwright.errors import InvalidError
from boxwright.hub.accounts import names, personal, scopes
from boxwright.hub.accounts.challenge import challenge, realm
from boxwright.hub.accounts.names import InvalidName
from boxwright.hub.accounts.passwords import InvalidPassword, Passwords
from boxwright.hub.accounts.roles import ACTIONS, NOBODY, Grant, Limit, Role, Standing, actions_of, role_of
from boxwright.hub.accounts.scopes import Scope
from boxwright.hub.accounts.throttle import network_of, wait_after
from boxwright.hub.accounts.tokens import parse_actions
from boxwright.hub.registry.access import Need, Origin
from boxwright.hub.registry.errors import RegistryError

# ---- names


@pytest.mark.parametrize("name", ["ada", "ada-lovelace", "a__b", "a1", "0x", "x" * 64])
def test_an_account_may_be_called(name: str) -> None:
    assert names.check_account(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "Ada",
        "a.b",
        "..",
        "a/b",
        "a+b",
        "-a",
        "a-",
        "a_",
        "a___b",
        "a b",
        "a\n",
        "a\x00",
        "адa",
        "ａｄａ",
        "ada\u200b",
        "x" * 65,
        "admin",
        "library",
        "localhost",
        "v2",
        "token",
        "root",
    ],
)
def test_no_account_may_be_called(name: str) -> None:
    with pytest.raises(InvalidName):
        names.check_account(name)


@pytest.mark.parametrize("name", ["ada", "ada+", "+ci", "ada+CI", "ada+a+b", "ada+../x"])
def test_no_robot_may_be_called(name: str) -> None:
    with pytest.raises(InvalidName):
        names.check_robot(name)


def test_a_robot_is_its_account_and_a_name() -> None:
    assert names.check_robot("ada+ci") == ("ada", "ci")


@pytest.mark.parametrize(
    ("repository", "namespace"), [("debian", ""), ("ada/web", "ada"), ("ada/a/b", "ada"), ("a/blobs/b", "a")]
)
def test_a_repository_belongs_to_its_first_component(repository: str, namespace: str) -> None:
    assert names.namespace_of(repository) == namespace


@pytest.mark.parametrize(
    ("pattern", "repository", "covers"),
    [
        ("ada/web", "ada/web", True),
        ("ada/web", "ada/web2", False),
        ("ada/web", "ada/web/x", False),
        ("ada/*", "ada/web", True),
        ("ada/*", "ada/a/b", True),
        ("ada/*", "adam/web", False),
        ("ada/*", "ada", False),
        ("debian", "debian", True),
    ],
)
def test_what_a_pattern_covers(pattern: str, repository: str, covers: bool) -> None:
    assert names.matches(pattern, repository) is covers


@pytest.mark.parametrize("pattern", ["*", "/*", "ada/**", "ada/*/x", "Ada/*", "../x", "ada/web*", ""])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidError):
        names.check_pattern(pattern)


# ---- roles

ADA = Standing("ada", owns=frozenset({"ada", "shop"}))
BOB = Standing(
    "bob",
    owns=frozenset({"bob"}),
    grants=(
        Grant("ada/web", Role.READ),
        Grant("ada/*", Role.WRITE),
        Grant("shop/tool", Role.ADMIN),
        Grant("debian", Role.ADMIN),
    ),
)
CARL = Standing("carl", curator=True, owns=frozenset({"carl"}))
ROOT = Standing("admin1", administrator=True, owns=frozenset({"admin1"}))


@pytest.mark.parametrize(
    ("standing", "repository", "public", "role"),
    [
        (NOBODY, "ada/web", False, Role.NONE),
        (NOBODY, "ada/web", True, Role.READ),
        (NOBODY, "debian", True, Role.READ),
        (ADA, "ada/web", False, Role.ADMIN),
        (ADA, "ada/a/b", False, Role.ADMIN),
        (ADA, "shop/tool", False, Role.ADMIN),
        (ADA, "ada", True, Role.READ),
        (ADA, "adam/web", False, Role.NONE),
        (BOB, "ada/web", False, Role.WRITE),
        (BOB, "ada/other", False, Role.WRITE),
        (BOB, "shop/tool", False, Role.ADMIN),
        (BOB, "shop/other", False, Role.NONE),
        (BOB, "debian", False, Role.READ),
        (CARL, "debian", False, Role.ADMIN),
        (CARL, "ada/web", False, Role.NONE),
        (ROOT, "anything/at/all", False, Role.ADMIN),
        (ROOT, "debian", False, Role.ADMIN),
    ],
)
def test_the_role_of_an_account(standing: Standing, repository: str, public: bool, role: Role) -> None:
    assert role_of(standing, repository, public=public) == role


@pytest.mark.parametrize(
    ("limit", "repository", "public", "actions"),
    [
        (Limit(frozenset({"pull"})), "ada/web", False, "pull"),
        (Limit(frozenset({"push"})), "ada/web", False, "push"),
        (Limit(frozenset({"push"})), "ada/web", True, "pull push"),
        (Limit(patterns=("shop/*",)), "ada/web", False, ""),
        (Limit(patterns=("shop/*",)), "ada/web", True, "pull"),
        (Limit(patterns=("shop/*",)), "shop/x", False, "* delete pull push"),
    ],
)
def test_a_limit_takes_away_only_what_the_account_adds(
    limit: Limit, repository: str, public: bool, actions: str
) -> None:
    assert actions_of(ADA, repository, public=public, limit=limit) == frozenset(actions.split())


def test_each_role_includes_those_before_it() -> None:
    for lower, higher in zip(list(Role), list(Role)[1:], strict=False):
        assert ACTIONS[lower] < ACTIONS[higher]


def test_roles_and_actions_are_read_strictly() -> None:
    assert Role.parse("write") is Role.WRITE
    for text in ("none", "READ", "owner", ""):
        with pytest.raises(InvalidError):
            Role.parse(text)
    assert parse_actions("pull,push,delete") == ACTIONS[Role.ADMIN]
    for text in ("", "pull,", "*", "pull push"):
        with pytest.raises(InvalidError):
            parse_actions(text)


# ---- scopes


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:a/b:pull", Scope("repository", "a/b", frozenset({"pull"}))),
        ("repository:a/b:pull,push", Scope("repository", "a/b", frozenset({"pull", "push"}))),
        ("repository:host:5000/a:pull", Scope("repository", "host:5000/a", frozenset({"pull"}))),
        ("repository(plugin):a/b:*", Scope("repository", "a/b", frozenset({"*"}))),
        ("registry:catalog:*", Scope("registry", "catalog", frozenset({"*"}))),
        ("repository:a/b:pull,,PUSH,p-u", Scope("repository", "a/b", frozenset({"pull"}))),
        ("repository:a/b:", Scope("repository", "a/b", frozenset())),
        ("repository:a/b", None),
        ("repository::pull", None),
        ("Repository:a:pull", None),
        (":a:pull", None),
        ("", None),
    ],
)
def test_a_scope_is_read(text: str, scope: Scope | None) -> None:
    assert scopes.parse_scope(text) == scope


def test_scopes_of_one_resource_are_one_and_there_is_an_end() -> None:
    asked = ["repository:a:pull repository:b:pull", "repository:a:push", "nonsense"]
    assert list(map(str, scopes.parse_scopes(asked))) == ["repository:a:pull,push", "repository:b:pull"]
    assert len(scopes.parse_scopes([f"repository:r{number}:pull" for number in range(5000)])) == scopes.MAX_SCOPES


def test_the_challenge_asks_for_what_is_needed() -> None:
    scope = scopes.scope_of(Need("push", "ada/web"))
    assert challenge("http://h/token", "boxwright", scope, error="insufficient_scope") == (
        "WWW-Authenticate",
        'Bearer realm="http://h/token",service="boxwright",scope="repository:ada/web:pull,push",'
        'error="insufficient_scope"',
    )


def test_the_realm_is_where_the_client_came() -> None:
    assert realm(Origin(scheme="https", host="h:5000")) == "https://h:5000/token"


def test_a_client_that_names_no_host_gets_no_challenge() -> None:
    with pytest.raises(RegistryError):
        realm(Origin())


# ---- secrets


def test_a_token_has_a_form_that_scanners_know() -> None:
    token = personal.mint()
    assert len(token) == 53
    assert token.startswith("bxw_")
    assert personal.is_token(token)
    assert personal.is_token(personal.mint(personal.REFRESH_PREFIX))
    assert zlib.crc32(token[:-6].encode()) == sum(
        personal._DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(token[-6:]))
    )
    assert personal.fingerprint(token) != personal.fingerprint(personal.mint())


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "bxz_" + t[4:], str.upper])
def test_what_was_mistyped_is_no_token(change) -> None:
    assert not personal.is_token(change(personal.mint()))
    assert not personal.is_token("correct horse")
    assert not personal.is_token("")


def quick(memory: int = 8) -> Passwords:
    from argon2 import PasswordHasher

    return Passwords(PasswordHasher(time_cost=1, memory_cost=memory, parallelism=1))


def test_a_password_is_right_or_wrong() -> None:
    passwords = quick()
    kept = passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert passwords.verify(kept, "correct horse") == (True, None)
    assert passwords.verify(kept, "correct horse") == (True, None)  # from memory
    assert not passwords.verify(kept, "correct horsf").right
    assert not passwords.verify(None, "correct horse").right
    assert not passwords.verify("no hash", "correct horse").right
    assert not passwords.verify(kept, "x" * 5000).right


def test_a_hash_of_other_parameters_is_renewed() -> None:
    kept = quick(8).hash("correct horse")
    right, renewed = quick(16).verify(kept, "correct horse")
    assert right
    assert renewed is not None
    assert quick(16).verify(renewed, "correct horse") == (True, None)


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_what_is_no_password(password: str) -> None:
    with pytest.raises(InvalidPassword):
        quick().hash(password)


def test_a_terminal_may_give_any_bytes() -> None:
    passwords = quick()
    odd = b"correct \xff horse".decode("utf-8", "surrogateescape")
    assert passwords.verify(passwords.hash(odd), odd).right


# ---- brute force


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (9, 16), (20, 300), (10_000, 300)])
def test_each_failure_doubles_the_wait(failures: int, seconds: float) -> None:
    assert wait_after(failures, 5) == seconds


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_who_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network
