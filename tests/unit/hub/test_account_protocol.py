"""Docker's token protocol and the permissions behind it, against a hub in this process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bcrypt
import pytest

from boxwright.hub.accounts.doors import first_steps
from boxwright.hub.accounts.roles import Limit, Role
from boxwright.hub.accounts.settings import AccountSettings
from boxwright.hub.db.database import default_url
from boxwright.hub.registry.access import Origin
from boxwright.hub.registry.htpasswd import HtpasswdCredentials
from support.hub_kit import BY, PASSWORD, Hub, basic, house, run_hub
from support.registry_kit import SmallImage, digest_of

IMAGE = SmallImage.of(b"hello\n")
LAYER = digest_of(IMAGE.layer)


def challenge_of(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    return dict(part.split("=", 1) for part in rest.replace('"', "").replace(",push", "+push").split(","))


async def push(hub: Hub, name: str, authorization: str, tag: str = "latest") -> int:
    """Push IMAGE; return the status of the first answer that refuses, or of the last one."""
    for data in IMAGE.blobs:
        target = f"/v2/{name}/blobs/uploads/?digest={digest_of(data)}"
        answer = await hub.call("POST", target, data, authorization=authorization)
        if answer.status != 201:
            return answer.status
    target = f"/v2/{name}/manifests/{tag}"
    sent = {"content_type": IMAGE.media_type, "authorization": authorization}
    return (await hub.call("PUT", target, IMAGE.manifest, **sent)).status


async def status(hub: Hub, method: str, target: str, authorization: str = "") -> int:
    headers = {"authorization": authorization} if authorization else {}
    return (await hub.call(method, target, **headers)).status


def access_of(answer: Any) -> dict[str, list[str]]:
    from base64 import urlsafe_b64decode

    payload = answer.json()["token"].split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {one["name"]: one["actions"] for one in claims["access"]}


# ---- the issuer


def test_the_ping_always_asks_for_a_token(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        answer = await hub.call("GET", "/v2/")
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        said = challenge_of(answer.headers["WWW-Authenticate"])
        assert said == {"realm": f"http://127.0.0.1:{hub.call.port}/token", "service": "boxwright"}
        assert await status(hub, "GET", "/v2/", await hub.bearer()) == 200
        assert await status(hub, "GET", "/v2/", basic("ada")) == 200

    run_hub(scenario, tmp_path)


def test_the_challenge_names_the_scope_that_is_needed(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for method, target, scope in (
            ("GET", "/v2/a/b/manifests/x", "repository:a/b:pull"),
            ("POST", "/v2/a/b/blobs/uploads/", "repository:a/b:pull,push"),
            ("DELETE", "/v2/a/b/manifests/x", "repository:a/b:delete"),
            ("GET", "/v2/_catalog", "registry:catalog:*"),
            ("GET", "/v1/search?q=a", "registry:catalog:*"),
        ):
            header = (await hub.call(method, target)).headers["WWW-Authenticate"]
            assert header.endswith(f',scope="{scope}"'), method

    run_hub(scenario, tmp_path)


def test_what_the_issuer_answers_is_what_every_client_looks_for(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        answer = await hub.token("repository:ada/web:pull,push", user="ada")
        body = answer.json()
        assert body["token"] == body["access_token"]
        assert body["expires_in"] == 300
        assert body["issued_at"].endswith("Z")
        assert "refresh_token" not in body
        assert answer.headers["Cache-Control"] == "no-store"
        assert access_of(answer) == {"ada/web": ["pull", "push"]}

    run_hub(scenario, tmp_path)


@pytest.mark.parametrize("authorization", ["", "Basic Og=="], ids=["none", "empty"])
def test_without_credentials_the_token_is_anonymous(tmp_path: Path, authorization: str) -> None:
    async def scenario(hub: Hub) -> None:
        headers = {"authorization": authorization} if authorization else {}
        answer = await hub.call("GET", "/token?scope=repository:ada/web:pull,push", **headers)
        assert answer.status == 200
        assert access_of(answer) == {}

    run_hub(scenario, tmp_path)


def test_scopes_repeat_and_are_narrowed_but_never_an_error(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        await push(hub, "shop/tool", basic("ada"))
        hub.house.repositories.set("shop/tool", BY, public=True)
        answer = await hub.token(
            "repository:ada/web:push,pull repository:bob/own:pull",
            "repository:shop/tool:pull,push",
            "repository:carl/secret:pull",
            "repository:host:5000/x:pull",
            "repository(plugin):ada/plugin:pull",
            "repository:../x:pull",
            "repository:ada/Web:pull",
            "nonsense",
            "registry:catalog:*",
            "registry:other:*",
            user="bob",
        )
        assert answer.status == 200
        assert access_of(answer) == {"bob/own": ["pull"], "shop/tool": ["pull"], "catalog": ["*"]}

    run_hub(scenario, tmp_path)


def test_a_star_asks_for_all_that_the_account_has(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        hub.house.grants.grant("bob", Role.WRITE, "ada/web", BY)
        asked = "repository:ada/web:*"
        assert access_of(await hub.token(asked, user="ada")) == {"ada/web": ["*", "delete", "pull", "push"]}
        assert access_of(await hub.token(asked, user="bob")) == {"ada/web": ["pull", "push"]}

    run_hub(scenario, tmp_path)


def test_a_login_is_a_token_without_scopes(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert (await hub.token(user="ada")).status == 200
        for user, password in (("ada", "wrong horse"), ("nobody", PASSWORD), ("ADA", PASSWORD), ("shop", PASSWORD)):
            answer = await hub.token(user=user, password=password)
            assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), user
            assert answer.json()["errors"][0]["message"] == "incorrect username or password"

    run_hub(scenario, tmp_path)


def test_post_is_the_same_in_the_words_of_oauth(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        async def post(**form: str) -> Any:
            sent = {"content_type": "application/x-www-form-urlencoded"}
            return await hub.call("POST", "/token", urlencode(form).encode(), **sent)

        scope = "repository:ada/web:pull,push repository:bob/own:pull"
        login = {"grant_type": "password", "username": "ada", "password": PASSWORD, "access_type": "offline"}
        answer = await post(**login, scope=scope, service="boxwright", client_id="containerd-client")
        body = answer.json()
        assert (answer.status, body["scope"]) == (200, "repository:ada/web:pull,push")
        assert access_of(answer) == {"ada/web": ["pull", "push"]}
        again = await post(grant_type="refresh_token", refresh_token=body["refresh_token"], scope=scope)
        assert again.json()["refresh_token"] == body["refresh_token"]
        assert access_of(again) == {"ada/web": ["pull", "push"]}
        assert (await post(grant_type="refresh_token", refresh_token=body["refresh_token"][:-1] + "x")).status == 401
        assert (await post(grant_type="password", username="ada", password="wrong horse")).status == 401
        assert access_of(await post(grant_type="password", scope="repository:ada/web:pull")) == {}
        assert (await post(grant_type="client_credentials")).status == 400
        hub.house.directory.set_password("ada", hub.house.passwords.hash("another horse"), BY)
        assert (await post(grant_type="refresh_token", refresh_token=body["refresh_token"])).status == 401

    run_hub(scenario, tmp_path)


def test_docker_gets_a_token_in_place_of_its_password(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        answer = await hub.token(user="ada", offline_token="true", client_id="docker", account="ada")
        assert answer.json()["refresh_token"].startswith("bxr_")

    run_hub(scenario, tmp_path)


def test_the_keys_are_shown_without_what_is_secret(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        keys = (await hub.call("GET", "/.well-known/jwks.json")).json()["keys"]
        assert [key["alg"] for key in keys] == ["ES256"]
        assert "d" not in keys[0]

    run_hub(scenario, tmp_path)


# ---- pushing and pulling


def test_anonymous_pulls_and_pushes_with_credentials_share_one_address(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        token = await hub.bearer("repository:carl/none:pull", "repository:tool:pull,push", user="carl")
        assert await push(hub, "tool", token) == 201
        anonymous = await hub.bearer("repository:tool:pull,push")
        assert await status(hub, "GET", "/v2/tool/manifests/latest", anonymous) == 200
        assert await status(hub, "GET", f"/v2/tool/blobs/{LAYER}", anonymous) == 200
        answer = await hub.call("POST", "/v2/tool/blobs/uploads/", authorization=anonymous)
        assert answer.status == 401
        said = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in said
        assert 'scope="repository:tool:pull,push"' in said

    run_hub(scenario, tmp_path)


WRITERS = [
    ("ada", "ada/web", True),
    ("ada", "ada/deep/er/web", True),
    ("ada", "shop/tool", True),
    ("ada", "bob/web", False),
    ("ada", "tool", False),
    ("ada", "nowhere/tool", False),
    ("ada", "adam/tool", False),
    ("bob", "shop/tool", False),
    ("bob", "ada", False),
    ("carl", "tool", True),
    ("carl", "ada/web", False),
    ("admin1", "tool", True),
    ("admin1", "ada/web", True),
]


def test_who_may_push_where(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for user, repository, right in WRITERS:
            token = await hub.bearer(f"repository:{repository}:pull,push", user=user)
            assert await push(hub, repository, token) == (201 if right else 401), (user, repository)
            assert await push(hub, repository, basic(user)) == (201 if right else 403), (user, repository)

    run_hub(scenario, tmp_path)


def test_an_administrator_who_mistypes_a_namespace_makes_no_repository(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        token = await hub.bearer("repository:nowhere/tool:pull,push", user="admin1")
        for authorization in (token, basic("admin1")):
            answer = await hub.call("POST", "/v2/nowhere/tool/blobs/uploads/", authorization=authorization)
            assert (answer.status, answer.code) == (403, "DENIED")
            assert "no account 'nowhere'" in answer.body.decode()
        assert hub.house.repositories.list() == []

    run_hub(scenario, tmp_path)


def test_who_is_refused_is_noted_whatever_they_came_with(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "ada/web", basic("bob")) == 403
        reader = hub.house.tokens.create("bob", "reader", BY, limit=Limit(frozenset({"pull"}), ("bob/*",)))
        assert await status(hub, "GET", "/v2/_catalog", basic("bob", reader)) == 403
        await hub.bearer("repository:ada/web:pull,push", user="bob")
        noted = hub.house.audit.entries(limit=9, actor="bob", outcome="failure")
        assert [(one.action, one.target, one.detail) for one in noted] == [
            ("access.refuse", "repository:ada/web", "push"),
            ("access.refuse", "registry:catalog", "*"),
            ("token.issue", "repository:ada/web", "nothing of pull,push"),
        ]

    run_hub(scenario, tmp_path)


def test_what_is_granted_holds_for_accounts_teams_and_robots(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "shop/tool", basic("bob")) == 403
        hub.house.grants.grant("shop/deployers", Role.WRITE, "shop/tool", BY)
        assert await push(hub, "shop/tool", basic("bob")) == 201
        assert await status(hub, "DELETE", "/v2/shop/tool/manifests/latest", basic("bob")) == 403
        hub.house.organisations.set_team_member("shop", "deployers", "bob", BY, inside=False)
        assert await push(hub, "shop/tool", basic("bob")) == 403
        secret = hub.house.tokens.create("shop+ci", "ci", BY)
        assert await push(hub, "shop/tool", basic("shop+ci", secret)) == 403
        hub.house.grants.grant("shop+ci", Role.ADMIN, "shop/*", BY)
        assert await push(hub, "shop/tool", basic("shop+ci", secret)) == 201
        assert await status(hub, "DELETE", "/v2/shop/tool/manifests/latest", basic("shop+ci", secret)) == 202
        assert await push(hub, "ada/web", basic("shop+ci", secret)) == 403

    run_hub(scenario, tmp_path)


def test_a_private_repository_looks_like_one_that_does_not_exist(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "ada/secret", basic("ada")) == 201
        hub.house.directory.set_flags("ada", BY, public=True)  # what begins from now on
        for authorization in ("", basic("bob"), await hub.bearer("repository:ada/secret:pull", user="bob")):
            for path in ("manifests/latest", f"blobs/{LAYER}", "tags/list", f"referrers/{LAYER}"):
                answers = []
                for name in ("ada/secret", "ada/nothing", "nobody/nothing"):
                    headers = {"authorization": authorization} if authorization else {}
                    answer = await hub.call("GET", f"/v2/{name}/{path}", **headers)
                    said = answer.headers.get("WWW-Authenticate", "")
                    answers.append((answer.status, (answer.body.decode() + said).replace(name, "NAME")))
                assert len(set(answers)) == 1, (path, answers)
                assert answers[0][0] in (401, 404)

    run_hub(scenario, tmp_path)


def test_the_catalog_shows_what_the_caller_may_pull(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for name in ("ada/one", "ada/two", "bob/one", "shop/one"):
            assert await push(hub, name, basic("admin1")) == 201
        assert await push(hub, "tool", basic("carl")) == 201
        hub.house.repositories.set("ada/two", BY, public=True)

        async def catalog(authorization: str, query: str = "") -> list[str]:
            answer = await hub.call("GET", f"/v2/_catalog{query}", authorization=authorization)
            assert answer.status == 200, answer
            return [*answer.json()["repositories"], *(["more"] if "Link" in answer.headers else [])]

        assert await catalog(await hub.bearer("registry:catalog:*")) == ["ada/two", "tool"]
        assert await catalog(await hub.bearer("registry:catalog:*", user="bob")) == ["ada/two", "bob/one", "tool"]
        assert await catalog(basic("ada")) == ["ada/one", "ada/two", "shop/one", "tool"]
        assert await catalog(basic("ada"), "?n=2") == ["ada/one", "ada/two", "more"]
        assert await catalog(basic("ada"), "?n=2&last=ada/two") == ["shop/one", "tool"]
        assert len(await catalog(basic("admin1"))) == 5
        for user, found in (("ada", ["ada/one", "shop/one"]), ("bob", ["bob/one"]), ("admin1", 3)):
            answer = await hub.call("GET", "/v1/search?q=ONE", authorization=basic(user))
            names = [result["name"] for result in answer.json()["results"]]
            assert found in (names, len(names))
        assert (await hub.call("GET", "/v2/_catalog", authorization=await hub.bearer())).status == 401

    run_hub(scenario, tmp_path)


def test_a_mount_needs_to_read_its_source(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "ada/secret", basic("ada")) == 201
        target = f"/v2/bob/web/blobs/uploads/?mount={LAYER}"
        both = await hub.bearer("repository:bob/web:pull,push", "repository:ada/secret:pull", user="bob")
        for authorization in (basic("bob"), both):
            assert await status(hub, "POST", f"{target}&from=ada/secret", authorization) == 202
            assert await status(hub, "POST", target, authorization) == 202
            assert await status(hub, "HEAD", f"/v2/bob/web/blobs/{LAYER}", authorization) == 404
        hub.house.grants.grant("bob", Role.READ, "ada/secret", BY)
        both = await hub.bearer("repository:bob/web:pull,push", "repository:ada/secret:pull", user="bob")
        assert await status(hub, "POST", f"{target}&from=ada/secret", both) == 201

    run_hub(scenario, tmp_path)


def test_an_upload_can_be_cancelled_by_who_may_push(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        token = await hub.bearer("repository:ada/web:pull,push", user="ada")
        answer = await hub.call("POST", "/v2/ada/web/blobs/uploads/", authorization=token)
        location = answer.headers["Location"]
        other = await hub.bearer("repository:ada/web:pull,push", user="admin1")
        assert await status(hub, "GET", location, other) == 404
        assert await status(hub, "DELETE", location, token) == 204

    run_hub(scenario, tmp_path)


# ---- tokens in place of passwords


def test_a_token_is_limited_to_what_it_was_made_for(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        make = hub.house.tokens.create
        reader = make("ada", "reader", BY, limit=Limit(frozenset({"pull"})))
        shop = make("ada", "shop", BY, limit=Limit(patterns=("shop/*",)))
        assert await push(hub, "ada/web", basic("ada")) == 201
        assert await push(hub, "ada/web", basic("ada", reader)) == 403
        assert await status(hub, "GET", "/v2/ada/web/manifests/latest", basic("ada", reader)) == 200
        assert await status(hub, "GET", "/v2/ada/web/manifests/latest", basic("ada", shop)) == 404
        assert await push(hub, "shop/web", basic("ada", shop)) == 201
        asked = "repository:ada/web:pull,push"
        assert access_of(await hub.token(asked, user="ada", password=reader)) == {"ada/web": ["pull"]}
        assert access_of(await hub.token(asked, "registry:catalog:*", user="ada", password=shop)) == {}
        assert (await hub.token(user="bob", password=reader)).status == 401

    run_hub(scenario, tmp_path)


def test_a_revoked_an_expired_and_a_disabled_token_end(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        make = hub.house.tokens.create
        revoked, old, good = make("ada", "a", BY), make("ada", "b", BY, expires=1.0), make("ada", "c", BY)
        refresh = (await hub.token(user="ada", password=revoked, offline_token="true")).json()["refresh_token"]
        hub.house.tokens.revoke("ada", "a", BY)
        assert [(await hub.token(user="ada", password=one)).status for one in (revoked, old, good)] == [401, 401, 200]
        form = urlencode({"grant_type": "refresh_token", "refresh_token": refresh}).encode()
        assert (await hub.call("POST", "/token", form)).status == 401
        assert hub.house.tokens.list("ada")[-1].used is not None
        hub.house.directory.set_flags("ada", BY, disabled=True)
        assert [(await hub.token(user="ada", password=one)).status for one in (good, PASSWORD)] == [401, 401]

    run_hub(scenario, tmp_path)


# ---- who tries too often


def test_who_tries_too_many_passwords_waits_and_nobody_else_does(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for _ in range(5):
            assert (await hub.token(user="ada", password="wrong horse")).status == 401
        answer = await hub.token(user="ada")
        assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await hub.token(user="bob")).status == 200
        token = hub.house.tokens.create("ada", "good", BY)
        assert (await hub.token(user="ada", password=token)).status == 200
        assert hub.house.throttle.wait("ada", "192.0.2.1") == 0

    run_hub(scenario, tmp_path)


def test_what_matters_is_in_the_audit_log_without_secrets(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        await hub.token("repository:ada/web:pull,push", "repository:bob/own:push", user="ada")
        await hub.token(user="ada", password="wrong horse")
        await push(hub, "ada/web", basic("ada"))
        for reference in ("latest", digest_of(IMAGE.manifest), "latest"):
            await status(hub, "DELETE", f"/v2/ada/web/manifests/{reference}", basic("ada"))
        entries = hub.house.audit.entries(limit=100, actor="ada")
        assert [(one.action, one.target, one.outcome, one.detail) for one in entries] == [
            ("login", "", "success", "with a password"),
            ("token.issue", "repository:ada/web", "success", "pull,push"),
            ("token.issue", "repository:bob/own", "failure", "nothing of push"),
            ("login", "", "failure", ""),
            ("repo.create", "ada/web", "success", "private"),
            ("content.delete", "ada/web:latest", "success", ""),
            ("content.delete", f"ada/web@{digest_of(IMAGE.manifest)}", "success", ""),
        ]
        assert entries[0].address == "127.0.0.1"
        assert "horse" not in str(hub.house.audit.entries(limit=1000))

    run_hub(scenario, tmp_path)


# ---- certificates


def test_a_certificate_is_a_login_of_the_account_that_it_names(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        answer = hub.call.application.answer
        for user, expected in (("ada", 200), ("nobody", 401), ("", 401)):
            assert (await answer("GET", "/v2/", {}, None, Origin(host="hub", user=user))).status == expected
        wrong = {"Authorization": basic("ada", "a wrong password")}
        assert (await answer("GET", "/v2/", wrong, None, Origin(host="hub", user="ada"))).status == 401

    run_hub(scenario, tmp_path)


def test_the_issuer_is_where_the_client_thinks_the_hub_is(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        reply = await hub.call.application.answer("GET", "/v2/", {}, None, Origin(scheme="https", host="hub.example"))
        said = challenge_of(dict(reply.headers)["WWW-Authenticate"])
        assert said["realm"] == "https://hub.example/token"
        assert (await hub.call.application.answer("GET", "/v2/", {}, None, Origin())).status == 400

    run_hub(scenario, tmp_path)


def test_a_crowd_of_logins_keeps_nobody_from_pulling(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "tool", basic("carl")) == 201
        token = await hub.bearer("repository:tool:pull")
        crowd = [asyncio.create_task(hub.token(user=f"user{number}", password="wrong horse")) for number in range(200)]
        await asyncio.sleep(0)
        assert await status(hub, "GET", f"/v2/tool/blobs/{LAYER}", token) == 200
        assert {answer.status for answer in await asyncio.gather(*crowd)} <= {401, 429}

    run_hub(scenario, tmp_path)


NO_REQUESTS = [
    ("POST", b""),
    ("POST", b"\xff\xfe"),
    ("POST", b"grant_type=password&" + b"a=b&" * 200),
    ("POST", b"grant_type=refresh_token"),
    ("POST", b"grant_type=password&scope=" + b"x" * 70_000),
    ("PUT", b""),
    ("DELETE", b""),
]


def test_what_is_no_request_for_a_token_is_refused(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for method, body in NO_REQUESTS:
            answer = await hub.call(method, "/token", body)
            assert answer.status in (400, 405, 413), body[:40]
            assert answer.code is not None

    run_hub(scenario, tmp_path)


NO_SCOPES = [
    'repository:ada/web:pull",error="x',
    "repository:ada/web:pull\r\nX: y",
    "repository:ada/../bob/own:pull,push",
    "repository:ada//web:pull",
    "repository:/ada/web:pull",
    "repository:ada/web/:pull",
    "repository:ada/web%2f..:pull",
    "repository:adа/web:pull",
    "repository:bob/own:pull,push:repository:ada/web:pull",
    "repository:*:pull",
    "repository:ada/*:pull",
    "repository::*",
    "registry:catalog:pull,push",
]


def test_a_scope_that_means_something_else_is_granted_nothing(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for scope in NO_SCOPES:
            answer = await hub.token(scope, user="ada")
            assert answer.status == 200
            assert access_of(answer) == {}, scope

    run_hub(scenario, tmp_path)


NO_PATHS = [
    "/v2/ada/..%2fbob/own/tags/list",
    "/v2/ada/../bob/own/tags/list",
    "/v2/ada/%2e%2e/bob/own/tags/list",
    "/v2/Ada/web/tags/list",
    "/v2/ad%D0%B0/web/tags/list",
    "/v2/ada%00/web/tags/list",
    "/v2/ada//web/tags/list",
    "/v2//bob/own/tags/list",
    "/v2/ada/web%0a/tags/list",
]


def test_a_path_that_means_something_else_is_no_repository(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        assert await push(hub, "bob/own", basic("bob")) == 201
        for path in NO_PATHS:
            answer = await hub.call("GET", path, authorization=basic("ada"))
            assert answer.code in ("NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED"), (path, answer)
        assert await status(hub, "GET", "/v2/bob/own/tags/list", basic("ada")) == 404

    run_hub(scenario, tmp_path)


NO_LOGINS = ["nobody", "Ada", "ada\x00", "ада", "ada/x", "shop", "shop+", "+ci", "x" * 5000, "ada\n"]


def test_every_name_that_nobody_has_costs_a_slow_hash_like_any_other(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        hashed: list[str] = []
        hasher = hub.house.passwords._hasher
        verify = hasher.verify
        hub.house.passwords._hasher = Counting(verify, hashed, hasher.hash)
        for name in ("bob", *NO_LOGINS):
            before = len(hashed)
            answer = await hub.call("GET", "/token", authorization=basic(name, "wrong horse"))
            assert (answer.status, len(hashed) - before) in ((401, 1), (429, 0)), name
        assert {"$argon2id$"} == {kept[:10] for kept in hashed}

    run_hub(scenario, tmp_path)


class Counting:
    """A hasher that notes what it is asked to verify against."""

    def __init__(self, verify: Any, hashed: list[str], hash: Any) -> None:
        self._verify, self._hashed, self.hash = verify, hashed, hash

    def verify(self, kept: str, password: bytes) -> bool:
        self._hashed.append(kept)
        return bool(self._verify(kept, password))


def test_a_client_may_call_itself_anything(tmp_path: Path) -> None:
    async def scenario(hub: Hub) -> None:
        for client in ("docker", "\x00", "x" * 5000, "\u202e", ""):
            answer = await hub.token(user="ada", offline_token="true", client_id=client)
            assert answer.json()["refresh_token"].startswith("bxr_")

    run_hub(scenario, tmp_path)


# ---- users of a file


def test_a_login_with_the_password_of_a_file_ends_when_that_changes(tmp_path: Path) -> None:
    users = tmp_path / "users"

    def write(**passwords: str) -> HtpasswdCredentials:
        lines = (
            f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}" for name, word in passwords.items()
        )
        users.write_text("\n".join(lines))
        return HtpasswdCredentials(users)

    async def scenario(hub: Hub) -> None:
        async def refreshed(token: str) -> int:
            form = {"grant_type": "refresh_token", "refresh_token": token}
            return (await hub.call("POST", "/token", urlencode(form).encode())).status

        async def logged_in(name: str, password: str) -> str:
            answer = await hub.token(user=name, password=password, offline_token="true")
            return str(answer.json()["refresh_token"])

        zoe, eve, ada = (
            await logged_in("zoe", "zebra"),
            await logged_in("eve", "apple"),
            await logged_in("ada", PASSWORD),
        )
        assert [await refreshed(token) for token in (zoe, eve, ada)] == [200, 200, 200]
        write(zoe="zebra", eve="pear", mia="melon")
        assert [await refreshed(token) for token in (zoe, eve, ada)] == [401, 401, 200], "zoe has another hash"
        zoe = await logged_in("zoe", "zebra")
        write(mia="melon")
        assert [await refreshed(token) for token in (zoe, ada)] == [401, 200]

    run_hub(scenario, tmp_path, file=write(zoe="zebra", eve="apple"))


# ---- the first start


def test_a_hub_without_users_says_the_command_that_makes_the_first_one(tmp_path: Path) -> None:
    enabled = AccountSettings(enabled=True)
    with house(default_url(tmp_path)) as made:
        said = first_steps(made.database, enabled, None, root=tmp_path / "a hub")
        assert said.endswith(f"boxwright hub user add --root '{tmp_path}/a hub' NAME --admin")
        said = first_steps(made.database, enabled, None, root=None)
        assert f" --database {made.database.name} " in said
        users = tmp_path / "users"
        users.write_text("")
        said = first_steps(made.database, enabled, HtpasswdCredentials(users), root=tmp_path)
        assert said.endswith(" NAME --admin --no-password")
        assert first_steps(made.database, AccountSettings(), None, root=tmp_path) == ""
        made.directory.add_user("ada", None, BY)
        assert first_steps(made.database, enabled, None, root=tmp_path) == ""
