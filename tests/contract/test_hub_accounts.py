"""Accounts, grants, tokens and the audit log in every database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, delete

from boxwright.errors import InvalidError
from boxwright.hub.accounts.directory import AccountExists, AccountUnknown, NamespaceInUse
from boxwright.hub.accounts.grants import Granted, GrantUnknown, InvalidGrant
from boxwright.hub.accounts.house import House
from boxwright.hub.accounts.keys import make_key
from boxwright.hub.accounts.names import InvalidName
from boxwright.hub.accounts.oidc.identities import IdentityExists, IdentityUnknown
from boxwright.hub.accounts.oidc.identity import Identity
from boxwright.hub.accounts.oidc.teams import GroupTeams
from boxwright.hub.accounts.organisations import LastOwner, Member, NotAMember, Team, TeamExists, TeamUnknown
from boxwright.hub.accounts.personal import REFRESH_PREFIX, mint
from boxwright.hub.accounts.repositories import RepositoryExists, RepositoryUnknown
from boxwright.hub.accounts.roles import Grant, Limit, Role
from boxwright.hub.accounts.signing import SQLKeys
from boxwright.hub.accounts.throttle import ATTACK, FREE_TRIES, FREE_TRIES_OF_ADDRESS, WINDOW_SECONDS, Throttle
from boxwright.hub.accounts.tokens import MAX_REFRESH, REFRESH, TokenExists, Tokens, TokenUnknown
from boxwright.hub.db.audit import Actor
from boxwright.hub.db.database import default_url
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import metadata
from boxwright.oci.digest import Digest
from support.hub_kit import BY, house, populate

BLOB = Digest.of(b"blob")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | URL]:
    """A database for all of these tests: to make one takes longer than most of them."""
    if request.param == "sqlite":
        yield default_url(tmp_path_factory.mktemp("accounts"))
        return
    with request.getfixturevalue("postgres").database() as made:
        yield made


@pytest.fixture
def accounts(url: str | URL) -> Iterator[House]:
    with house(url) as made:
        with made.database.write(durable=False) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
        populate(made)
        yield made


def push(accounts: House, repository: str) -> None:
    SQLMetadata(accounts.database).add_blob(repository, BLOB, 4)


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


# ---- accounts


def test_names_are_shared_by_all_kinds_of_accounts(accounts: House) -> None:
    for name in ("ada", "shop"):
        with pytest.raises(AccountExists):
            accounts.directory.add_user(name, None, BY)
        with pytest.raises(AccountExists):
            accounts.directory.add_organisation(name, "bob", BY)
    with pytest.raises(AccountExists):
        accounts.directory.add_robot("shop+ci", BY)
    with pytest.raises(InvalidName):
        accounts.directory.add_user("library", None, BY)
    with pytest.raises(AccountUnknown):
        accounts.directory.add_robot("nobody+ci", BY)
    with pytest.raises(AccountUnknown):
        accounts.directory.add_organisation("fresh", "shop", BY)
    assert accounts.directory.find("fresh") is None
    assert [one.name for one in accounts.directory.list("user")] == ["ada", "admin1", "bob", "carl"]
    assert [one.name for one in accounts.directory.list("robot", owner="shop")] == ["shop+ci"]
    assert accounts.directory.list("robot", owner="ada") == []


def test_two_who_make_the_same_account_make_it_once(accounts: House) -> None:
    outcomes: list[str] = []

    def add() -> None:
        try:
            accounts.directory.add_user("zoe", None, BY)
            outcomes.append("made")
        except AccountExists:
            outcomes.append("exists")

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["exists"] * 5 + ["made"]


def test_an_account_stands_for_all_that_it_was_given(accounts: House) -> None:
    accounts.grants.grant("shop/deployers", Role.WRITE, "shop/*", BY)
    accounts.grants.grant("bob", Role.READ, "ada/web", BY)
    bob, ada = accounts.directory.standing("bob"), accounts.directory.standing("ada")
    assert bob is not None
    assert ada is not None
    assert (bob.administrator, bob.curator, bob.owns) == (False, False, {"bob"})
    assert sorted(bob.grants) == [Grant("ada/web", Role.READ), Grant("shop/*", Role.WRITE)]
    assert ada.owns == {"ada", "shop"}
    robot = accounts.directory.standing("shop+ci")
    assert robot is not None
    assert robot.owns == frozenset()
    assert accounts.directory.standing("shop") is None
    assert accounts.directory.standing("nobody") is None


def test_who_is_locked_out_stands_for_nothing_and_neither_do_their_robots(accounts: House) -> None:
    accounts.directory.add_robot("ada+ci", BY)
    accounts.directory.set_flags("ada", BY, disabled=True)
    assert accounts.directory.standing("ada") is None
    assert accounts.directory.standing("ada+ci") is None
    accounts.directory.set_flags("ada", BY, disabled=False)
    assert accounts.directory.standing("ada+ci") is not None


def test_flags_fit_the_kind_of_account(accounts: House) -> None:
    accounts.directory.set_flags("shop+ci", BY, curator=True)
    for name, flag in (("shop", "administrator"), ("shop", "disabled"), ("shop+ci", "administrator")):
        with pytest.raises(InvalidError):
            accounts.directory.set_flags(name, BY, **{flag: True})
    with pytest.raises(AccountUnknown):
        accounts.directory.set_flags("nobody", BY, disabled=True)


def test_an_account_goes_with_everything_that_was_its(accounts: House) -> None:
    accounts.grants.grant("bob", Role.WRITE, "ada/web", BY)
    accounts.directory.add_robot("bob+ci", BY)
    token = accounts.tokens.create("bob", "t", BY)
    accounts.directory.remove("bob", "user", BY)
    assert accounts.directory.find("bob") is None
    assert accounts.directory.find("bob+ci") is None
    assert accounts.tokens.find(token) is None
    assert accounts.grants.list() == []
    assert accounts.organisations.teams("shop") == [Team("deployers", ())]
    with pytest.raises(AccountUnknown):
        accounts.directory.remove("bob", "user", BY)
    with pytest.raises(AccountUnknown):
        accounts.directory.remove("shop", "user", BY)


def test_a_namespace_with_repositories_stays(accounts: House) -> None:
    push(accounts, "bob/web")
    with pytest.raises(NamespaceInUse):
        accounts.directory.remove("bob", "user", BY)
    assert accounts.repositories.remove("bob/web", BY) == 4
    accounts.grants.grant("ada", Role.READ, "bob/*", BY)
    accounts.directory.remove("bob", "user", BY)
    assert accounts.grants.list() == []  # it would hold for whoever gets the name next


# ---- organisations


def test_members_and_owners(accounts: House) -> None:
    organisations = accounts.organisations
    assert organisations.members("shop") == [Member("ada", True), Member("bob", False)]
    with pytest.raises(LastOwner):
        organisations.set_member("shop", "ada", BY)
    with pytest.raises(LastOwner):
        organisations.remove_member("shop", "ada", BY)
    organisations.set_member("shop", "bob", BY, owner=True)
    organisations.set_member("shop", "ada", BY)
    organisations.remove_member("shop", "ada", BY)
    assert organisations.members("shop") == [Member("bob", True)]
    with pytest.raises(NotAMember):
        organisations.remove_member("shop", "ada", BY)
    with pytest.raises(AccountUnknown):
        organisations.members("ada")


def test_teams_are_of_members(accounts: House) -> None:
    organisations = accounts.organisations
    with pytest.raises(TeamExists):
        organisations.add_team("shop", "deployers", BY)
    with pytest.raises(NotAMember):
        organisations.set_team_member("shop", "deployers", "carl", BY, inside=True)
    with pytest.raises(TeamUnknown):
        organisations.set_team_member("shop", "nobody", "bob", BY, inside=True)
    organisations.set_team_member("shop", "deployers", "bob", BY, inside=True)  # again
    assert organisations.teams("shop") == [Team("deployers", ("bob",))]
    organisations.remove_member("shop", "bob", BY)
    assert organisations.teams("shop") == [Team("deployers", ())]
    organisations.remove_team("shop", "deployers", BY)
    assert organisations.teams("shop") == []


# ---- grants


def test_a_grant_replaces_the_one_before_and_is_taken_back(accounts: House) -> None:
    for role in (Role.READ, Role.WRITE):
        accounts.grants.grant("bob", role, "ada/web", BY)
    accounts.grants.grant("shop/deployers", Role.ADMIN, "shop/*", BY)
    assert accounts.grants.list() == [
        Granted("bob", Role.WRITE, "ada/web"),
        Granted("shop/deployers", Role.ADMIN, "shop/*"),
    ]
    assert accounts.grants.list("ada/web") == [Granted("bob", Role.WRITE, "ada/web")]
    accounts.grants.revoke("bob", "ada/web", BY)
    with pytest.raises(GrantUnknown):
        accounts.grants.revoke("bob", "ada/web", BY)


@pytest.mark.parametrize(
    ("subject", "role", "pattern", "kind"),
    [
        ("bob", Role.WRITE, "debian", InvalidGrant),
        ("shop", Role.READ, "shop/web", InvalidGrant),
        ("shop+ci", Role.READ, "ada/web", InvalidGrant),
        ("shop/deployers", Role.READ, "ada/web", InvalidGrant),
        ("bob", Role.READ, "nobody/web", AccountUnknown),
        ("nobody", Role.READ, "ada/web", AccountUnknown),
        ("shop/nobody", Role.READ, "shop/web", TeamUnknown),
        ("bob", Role.READ, "*", InvalidError),
        ("bob", Role.READ, "ada/../bob", InvalidError),
    ],
)
def test_a_grant_that_would_not_do_what_it_says_is_refused(
    accounts: House, subject: str, role: Role, pattern: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        accounts.grants.grant(subject, role, pattern, BY)
    assert accounts.grants.list() == []


# ---- repositories


def test_a_repository_is_as_its_namespace_was_when_it_began(accounts: House) -> None:
    repositories = accounts.repositories
    repositories.enter("ada/first", BY)
    accounts.directory.set_flags("ada", BY, public=True)
    repositories.enter("ada/first", BY)
    repositories.enter("ada/second", BY)
    repositories.enter("tool", BY)
    names = ["ada/first", "ada/second", "ada/third", "bob/web", "nobody/web", "tool", "absent"]
    assert repositories.public(names) == dict(zip(names, (False, True, False, False, False, True, False), strict=True))
    assert repositories.public([]) == {}
    many = [f"ada/r{number}" for number in range(1200)]
    assert list(repositories.public(many)) == many


def test_a_repository_begins_only_where_it_is_somebodys(accounts: House) -> None:
    with pytest.raises(AccountUnknown):
        accounts.repositories.enter("nobody/web", BY)
    push(accounts, "nobody/old")  # from before there were accounts
    accounts.repositories.enter("nobody/old", BY)
    assert [one.name for one in accounts.repositories.list("nobody")] == ["nobody/old"]


def test_repositories_are_listed_with_and_without_a_profile(accounts: House) -> None:
    push(accounts, "ada/old")
    push(accounts, "ada/web")
    accounts.repositories.create("ada/web", BY, public=True, description="a page")
    accounts.repositories.create("ada/empty", BY, public=None)
    accounts.repositories.create("tool", BY, public=None)
    listed = accounts.repositories.list()
    assert [(one.name, one.public, one.description) for one in listed] == [
        ("ada/empty", False, ""),
        ("ada/old", False, ""),
        ("ada/web", True, "a page"),
        ("tool", True, ""),
    ]
    assert [one.name for one in accounts.repositories.list("")] == ["tool"]
    assert len(accounts.repositories.list("ada")) == 3
    with pytest.raises(RepositoryExists):
        accounts.repositories.create("ada/web", BY, public=None)
    with pytest.raises(AccountUnknown):
        accounts.repositories.create("nobody/web", BY, public=None)


def test_what_is_said_of_a_repository_can_be_changed(accounts: House) -> None:
    push(accounts, "ada/old")
    accounts.repositories.set("ada/old", BY, public=True)
    accounts.repositories.set("ada/old", BY, description="old")
    (only,) = accounts.repositories.list()
    assert (only.public, only.description) == (True, "old")
    with pytest.raises(RepositoryUnknown):
        accounts.repositories.set("ada/none", BY, public=True)


def test_a_removed_repository_leaves_its_blobs_to_the_collector(accounts: House) -> None:
    store = SQLMetadata(accounts.database)
    for name in ("ada/one", "ada/two"):
        push(accounts, name)
    accounts.grants.grant("bob", Role.READ, "ada/one", BY)
    assert accounts.repositories.remove("ada/one", BY) == 0, "the other one has it, too"
    assert store.blob_size("ada/one", BLOB) is None
    assert store.blob_size("ada/two", BLOB) == 4
    assert accounts.grants.list() == []
    before = time.time()
    accounts.repositories.remove("ada/two", BY)
    assert store.garbage(before, limit=9, last=None) == []
    assert store.garbage(time.time() + 1, limit=9, last=None) == [(BLOB, 4)]
    with pytest.raises(RepositoryUnknown):
        accounts.repositories.remove("ada/two", BY)


# ---- identities


ISSUER = "https://id.example.com"


def test_an_identity_is_one_account_and_an_account_may_have_several(accounts: House) -> None:
    identities = accounts.identities
    identities.add("ada", ISSUER, "id-1", BY)
    identities.add("ada", "https://other.example.com", "id-1", BY)
    identities.add("shop+ci", ISSUER, "repo:shop/web:ref:refs/heads/main", BY)
    assert identities.account(ISSUER, "id-1") == "ada"
    for other in (ISSUER.upper(), ISSUER + "/"):
        assert identities.account(other, "id-1") is None
    assert identities.account(ISSUER, "ID-1") is None
    with pytest.raises(IdentityExists, match="ada"):
        identities.add("bob", ISSUER, "id-1", BY)
    with pytest.raises(AccountUnknown):
        identities.add("nobody", ISSUER, "id-2", BY)
    for name, subject in (("shop", "id-2"), ("bob", ""), ("bob", "a\nb")):
        with pytest.raises(InvalidError):
            identities.add(name, ISSUER, subject, BY)
    assert [one.account for one in identities.list()] == ["ada", "ada", "shop+ci"]
    with pytest.raises(IdentityUnknown):
        identities.remove(ISSUER, "id-2", BY)
    identities.remove(ISSUER, "id-1", BY)
    assert identities.account(ISSUER, "id-1") is None


def test_an_identity_goes_with_its_account_and_logins_with_the_identity(accounts: House) -> None:
    accounts.identities.add("bob", ISSUER, "id-1", BY)
    login = accounts.tokens.create_refresh("bob", "docker", limit=Limit(), parent=None, until=None)
    accounts.identities.remove(ISSUER, "id-1", BY)
    assert accounts.tokens.find(login) is None
    accounts.identities.add("bob", ISSUER, "id-1", BY)
    accounts.directory.remove("bob", "user", BY)
    assert accounts.identities.account(ISSUER, "id-1") is None


def test_an_identity_never_takes_the_account_of_its_name(accounts: House) -> None:
    for username in ("ada", "Ada@example.com", "shop"):
        with pytest.raises(AccountExists):
            accounts.identities.adopt(Identity(ISSUER, f"id-{username}", username), BY)
    for username in ("", "root", "x", "Ада"):
        with pytest.raises(InvalidName):
            accounts.identities.adopt(Identity(ISSUER, f"id-{username}", username), BY)
    assert accounts.identities.list() == []


def test_an_identity_that_comes_at_once_from_everywhere_is_one_user(accounts: House) -> None:
    made: list[str] = []

    def adopt() -> None:
        made.append(accounts.identities.adopt(Identity(ISSUER, "id-1", "Zoe.Moe"), BY))

    threads = [threading.Thread(target=adopt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["zoe-moe"] * 6
    assert [one.account for one in accounts.identities.list()] == ["zoe-moe"]
    assert len([one for one in accounts.audit.entries(limit=99, action="user.add") if one.target == "zoe-moe"]) == 1


def test_teams_follow_groups_in_both_directions(accounts: House) -> None:
    teams = GroupTeams(accounts.database, {"shop/deployers": {"deploy", "ops"}, "shop/none": {"x"}, "none/x": {"x"}})
    accounts.organisations.add_team("shop", "readers", BY)
    accounts.organisations.set_team_member("shop", "readers", "bob", BY, inside=True)

    def members() -> dict[str, tuple[str, ...]]:
        return {one.name: one.members for one in accounts.organisations.teams("shop")}

    for user, groups in (("carl", {"deploy"}), ("bob", set[str]()), ("shop+ci", {"deploy"}), ("ada", {"x"})):
        for _ in range(2):
            teams.follow(user, groups, BY)
    assert members() == {"deployers": ("carl",), "readers": ("bob",)}
    assert Member("carl", False) in accounts.organisations.members("shop")
    before = accounts.audit.entries(limit=999)
    teams.follow("carl", {"ops"}, BY)
    assert accounts.audit.entries(limit=999) == before, "nothing has changed"
    teams.follow("carl", set(), BY)
    assert members() == {"deployers": (), "readers": ("bob",)}
    assert [(one.target, one.detail) for one in accounts.audit.entries(limit=1)] == [("shop/deployers", "carl removed")]


# ---- tokens


def test_a_token_is_found_by_its_secret_alone(accounts: House) -> None:
    limit = Limit(frozenset({"pull"}), ("ada/*", "shop/web"))
    secret = accounts.tokens.create("ada", "laptop", BY, limit=limit)
    found = accounts.tokens.find(secret)
    assert found is not None
    assert (found.account, found.kind, found.name, found.limit) == ("ada", "personal", "laptop", limit)
    assert accounts.tokens.find(mint()) is None
    assert accounts.tokens.find("correct horse") is None
    (listed,) = accounts.tokens.list("ada")
    assert listed.used is not None
    assert secret not in str(listed)
    with pytest.raises(TokenExists):
        accounts.tokens.create("ada", "laptop", BY)
    accounts.tokens.create("bob", "laptop", BY)
    accounts.tokens.revoke("ada", "laptop", BY)
    assert accounts.tokens.find(secret) is None
    with pytest.raises(TokenUnknown):
        accounts.tokens.revoke("ada", "laptop", BY)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_token_has_a_name(accounts: House, name: str) -> None:
    with pytest.raises(InvalidError):
        accounts.tokens.create("ada", name, BY)
    with pytest.raises(InvalidError):
        accounts.tokens.create("shop", "organisations have robots", BY)
    with pytest.raises(InvalidError):
        accounts.tokens.create("ada", "t", BY, limit=Limit(patterns=("*",)))


def test_a_token_expires(accounts: House) -> None:
    clock = Clock()
    tokens = Tokens(accounts.database, clock=clock)
    secret = tokens.create("ada", "short", BY, expires=clock.now + 60)
    assert tokens.find(secret) is not None
    clock.now += 61
    assert tokens.find(secret) is None
    assert [one.name for one in tokens.list("ada")] == ["short"]  # to be seen, and revoked


def test_a_refresh_token_goes_with_what_it_was_got_with(accounts: House) -> None:
    clock = Clock()
    tokens = Tokens(accounts.database, clock=clock)
    parent = tokens.find(tokens.create("ada", "laptop", BY))
    assert parent is not None
    refresh = tokens.create_refresh("ada", "docker", limit=parent.limit, parent=parent.id, until=clock.now + 60)
    assert refresh.startswith(REFRESH_PREFIX)
    found = tokens.find(refresh)
    assert found is not None
    assert found.kind == REFRESH
    assert [one.name for one in tokens.list("ada")] == ["laptop"]
    tokens.revoke("ada", "laptop", BY)
    assert tokens.find(refresh) is None
    short = tokens.create_refresh("ada", "docker", limit=parent.limit, parent=None, until=clock.now + 60)
    clock.now += 61
    assert tokens.find(short) is None
    assert tokens.prune() == 1


def test_the_oldest_logins_make_room(accounts: House) -> None:
    made = [
        accounts.tokens.create_refresh("ada", "docker", limit=Limit(), parent=None, until=None)
        for _ in range(MAX_REFRESH + 2)
    ]
    assert [accounts.tokens.find(one) is not None for one in (made[1], made[2], made[-1])] == [False, True, True]


def test_a_new_password_ends_logins_and_no_tokens(accounts: House) -> None:
    personal = accounts.tokens.create("ada", "laptop", BY)
    refresh = accounts.tokens.create_refresh("ada", "docker", limit=Limit(), parent=None, until=None)
    accounts.directory.set_password("ada", "hash", BY)
    assert accounts.tokens.find(personal) is not None
    assert accounts.tokens.find(refresh) is None


# ---- brute force


def test_failures_are_counted_for_the_pair_and_for_the_address(accounts: House) -> None:
    clock = Clock()
    throttle = Throttle(accounts.database, clock=clock)
    for _ in range(FREE_TRIES):
        assert throttle.wait("ada", "192.0.2.1") == 0
        throttle.failed("ada", "192.0.2.1")
    assert throttle.wait("ada", "192.0.2.1") == pytest.approx(1)
    assert throttle.wait("ada", "192.0.2.2") == 0
    assert throttle.wait("bob", "192.0.2.1") == 0
    clock.now += 1.5
    assert throttle.wait("ada", "192.0.2.1") == 0
    throttle.succeeded("ada", "192.0.2.1")
    throttle.failed("ada", "192.0.2.1")
    assert throttle.wait("ada", "192.0.2.1") == 0
    for number in range(FREE_TRIES_OF_ADDRESS):
        throttle.failed(f"user{number}", "192.0.2.1")
    assert throttle.wait("zoe", "192.0.2.1") > 0
    clock.now += WINDOW_SECONDS + 1
    assert throttle.wait("zoe", "192.0.2.1") == 0
    throttle.failed("zoe", "192.0.2.1")
    assert throttle.wait("zoe", "192.0.2.1") == 0


def test_an_attack_from_everywhere_does_not_lock_the_user_out(accounts: House) -> None:
    clock = Clock()
    throttle = Throttle(accounts.database, clock=clock)
    for number in range(ATTACK):
        throttle.failed("ada", f"192.0.2.{number}")
    assert throttle.wait("ada", "198.51.100.1") == 0
    for _ in range(2):
        throttle.failed("ada", "198.51.100.1")
    assert throttle.wait("ada", "198.51.100.1") > 0
    clock.now += 2 * 86400
    assert throttle.prune() > ATTACK


def test_failures_at_once_are_all_counted(accounts: House) -> None:
    threads = [threading.Thread(target=accounts.throttle.failed, args=("ada", "192.0.2.1")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accounts.throttle.wait("ada", "192.0.2.1") > 60


# ---- the audit log


def test_the_log_is_asked_for_what_matters(accounts: House) -> None:
    log = accounts.audit
    log.record(Actor("ada", "192.0.2.1"), "token.issue", "repository:ada/web", detail="pull")
    log.record(Actor("bob", "192.0.2.2"), "token.issue", "repository:ada/web", outcome="failure")
    log.record(Actor("bob\n\x1b[31m", ""), "login", "x" * 1000, outcome="failure")
    assert [one.action for one in log.entries(limit=3)] == ["token.issue", "token.issue", "login"]
    assert [one.actor for one in log.entries(limit=9, target="repository:ada/web")] == ["ada", "bob"]
    assert [one.actor for one in log.entries(limit=9, action="token.", outcome="failure")] == ["bob"]
    assert [one.actor for one in log.entries(limit=9, address="192.0.2.1")] == ["ada"]
    odd = log.entries(limit=1)[0]
    assert (odd.actor, len(odd.target)) == ("bob\\n\\x1b[31m", 500)
    assert log.entries(limit=9, since=time.time() + 60) == []
    assert {one.action for one in log.entries(limit=99, actor="console:test")} >= {"user.add", "org.add", "team.member"}


def test_the_log_does_not_grow_for_ever(accounts: House) -> None:
    for number in range(10):
        accounts.audit.record(Actor("ada"), "login", str(number))
    accounts.audit.prune(entries=3)
    assert [one.target for one in accounts.audit.entries(limit=99)] == ["7", "8", "9"]
    accounts.audit.prune(seconds=-1)
    assert accounts.audit.entries(limit=99) == []


def test_what_failed_is_not_in_the_log(accounts: House) -> None:
    before = accounts.audit.entries(limit=999)
    with pytest.raises(AccountExists):
        accounts.directory.add_user("ada", None, BY)
    with pytest.raises(LastOwner):
        accounts.organisations.remove_member("shop", "ada", BY)
    assert accounts.audit.entries(limit=999) == before


# ---- keys


def test_keys_are_kept_newest_first(accounts: House) -> None:
    keys = SQLKeys(accounts.database)
    old, new = make_key(1.0), make_key(2.0)
    for key in (old, new):
        keys.add_key(key)
    assert keys.keys() == [new, old]
    keys.remove_keys(2.0)
    assert keys.keys() == [new]
