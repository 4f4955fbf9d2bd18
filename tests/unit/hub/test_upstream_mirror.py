"""A registry that has what another one has: fetched on demand, whatever the other one does."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.leases import SQLLeases
from boxwright.hub.db.tables.leases import lease
from boxwright.oci import media
from boxwright.oci.digest import Digest
from support.mirrors import Mirror, another, mirror
from support.registry_kit import SmallImage, descriptor, digest_of

IMAGE = SmallImage.of(os.urandom(300_000))
OTHER = SmallImage.of(b"another")
ALWAYS = 1e-9  # as `check`: a tag is never believed without asking

Scenario = Callable[[Mirror], Coroutine[Any, Any, None]]


def run(tmp_path: Path, scenario: Scenario, **settings: Any) -> None:
    async def main() -> None:
        async with mirror(tmp_path, **settings) as made:
            await made.theirs.push_image("a/b", "v1", IMAGE)
            made.upstream.calls.clear()
            await scenario(made)

    asyncio.run(main())


async def pull(m: Mirror, name: str = "up/a/b", query: str = "") -> None:
    answer = await m.ours("GET", f"/v2/{name}/manifests/v1{query}")
    assert (answer.status, answer.body) == (200, IMAGE.manifest)
    assert answer.headers["Content-Type"] == IMAGE.media_type
    assert answer.headers["Docker-Content-Digest"] == digest_of(IMAGE.manifest)
    for blob in IMAGE.blobs:
        answer = await m.ours("GET", f"/v2/{name}/blobs/{digest_of(blob)}{query}")
        assert (answer.status, answer.body) == (200, blob)
        assert answer.headers["Content-Length"] == str(len(blob))


def test_content_is_fetched_once_and_then_served_from_here(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        asked = len(m.upstream.calls)
        await pull(m)
        assert len(m.upstream.calls) == asked
        assert m.upstream.count("GET", digest_of(IMAGE.layer)) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("settings", "name", "query", "repository"),
    [
        ({}, "a/b", "?ns=docker.io", "up/a/b"),
        ({"prefix": "*"}, "a/b", "", "a/b"),
        ({"prefix": "*"}, "a/b", "?ns=docker.io", "a/b"),
    ],
)
def test_mirrors_are_asked_by_other_names(
    tmp_path: Path, settings: dict[str, Any], name: str, query: str, repository: str
) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m, name, query)
        listed = await m.ours("GET", "/v2/_catalog")
        assert listed.json() == {"repositories": [repository]}
        answer = await m.ours("HEAD", f"/v2/{name}/manifests/v1{query}")
        assert answer.headers.get("OCI-Namespace") == ("docker.io" if query else None)

    run(tmp_path, scenario, **settings)


def test_a_namespace_that_is_not_mirrored_is_not_mistaken_for_ours(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await m.ours.push_image("a/b", "v1", OTHER)
        answer = await m.ours("GET", "/v2/a/b/manifests/v1?ns=ghcr.io")
        assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")
        for query in ("", f"?ns={m.ours.host}:{m.ours.port}"):
            assert (await m.ours("GET", f"/v2/a/b/manifests/v1{query}")).body == OTHER.manifest

    run(tmp_path, scenario)


def test_official_images_have_one_name(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await m.theirs.push_image("library/nginx", "v1", IMAGE)
        await pull(m, "up/nginx")
        asked = len(m.upstream.calls)
        await pull(m, "up/library/nginx")
        assert len(m.upstream.calls) == asked

    run(tmp_path, scenario, library=True)


def test_ranges_and_heads_of_what_is_not_here(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        path = f"/v2/up/a/b/blobs/{digest_of(IMAGE.layer)}"
        answer = await m.ours("HEAD", path)
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(IMAGE.layer)))
        assert m.storage.size(Digest(digest_of(IMAGE.layer))) is None
        answer = await m.ours("GET", path, Range="bytes=200000-200009")
        assert (answer.status, answer.body) == (206, IMAGE.layer[200_000:200_010])
        answer = await m.ours("GET", path, Range=f"bytes={len(IMAGE.layer)}-")
        assert answer.status == 416

    run(tmp_path, scenario)


def test_what_the_upstream_lacks(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        none = digest_of(b"nothing")
        for path, code in (
            ("/v2/up/a/b/manifests/none", "MANIFEST_UNKNOWN"),
            ("/v2/up/none/manifests/v1", "MANIFEST_UNKNOWN"),
            (f"/v2/up/a/b/manifests/{none}", "MANIFEST_UNKNOWN"),
            (f"/v2/up/a/b/blobs/{none}", "BLOB_UNKNOWN"),
            ("/v2/up/none/tags/list", "NAME_UNKNOWN"),
            ("/v2/up/a/b/manifests/bad%20tag", "MANIFEST_UNKNOWN"),
        ):
            answer = await m.ours("GET", path)
            assert (answer.status, answer.code) == (404, code), path

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/v2/up/a/b/manifests/v2"),
        ("POST", "/v2/up/a/b/blobs/uploads/"),
        ("PATCH", "/v2/up/a/b/blobs/uploads/x"),
        ("POST", "/v2/a/b/blobs/uploads/?ns=docker.io"),
    ],
)
def test_pushes_are_refused(tmp_path: Path, method: str, target: str) -> None:
    async def scenario(m: Mirror) -> None:
        answer = await m.ours(method, target, b"{}")
        assert (answer.status, answer.code) == (405, "UNSUPPORTED")
        assert "127.0.0.1" in answer.json()["errors"][0]["message"]
        await m.ours.push_image("mine/x", "v1", OTHER)
        assert m.upstream.calls == []

    run(tmp_path, scenario)


def test_a_tag_that_moves_is_followed_when_its_time_has_come(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        await m.theirs.push_image("a/b", "v1", OTHER)
        await pull(m)  # believed for five minutes
        m.notes.check("up/a/b", "v1", 0.0)
        assert (await m.ours("GET", "/v2/up/a/b/manifests/v1")).body == OTHER.manifest
        answer = await m.ours("GET", f"/v2/up/a/b/manifests/{digest_of(IMAGE.manifest)}")
        assert answer.body == IMAGE.manifest  # who has the digest still gets it

    run(tmp_path, scenario)


def test_a_tag_that_did_not_move_costs_one_head(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        m.upstream.calls.clear()
        await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert m.upstream.calls == ["HEAD /v2/a/b/manifests/v1"]

    run(tmp_path, scenario, check=ALWAYS)


def test_a_tag_that_was_deleted_there_is_gone_here(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        await m.theirs("DELETE", "/v2/a/b/manifests/v1")
        assert (await m.ours("GET", "/v2/up/a/b/manifests/v1")).status == 404
        assert m.metadata.manifest("up/a/b", "v1") is None
        answer = await m.ours("GET", f"/v2/up/a/b/manifests/{digest_of(IMAGE.manifest)}")
        assert answer.status == 200

    run(tmp_path, scenario, check=ALWAYS)


def test_what_was_deleted_here_comes_again(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        assert (await m.ours("DELETE", f"/v2/up/a/b/manifests/{digest_of(IMAGE.manifest)}")).status == 202
        await pull(m)

    run(tmp_path, scenario)


def test_a_blob_whose_bytes_were_lost_comes_again(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        m.storage.delete(Digest(digest_of(IMAGE.layer)))
        await pull(m)

    run(tmp_path, scenario)


def test_layers_that_another_repository_has_here_are_not_fetched(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await m.ours.push_image("mine/x", "v1", IMAGE)
        await pull(m)
        assert m.upstream.count("GET", digest_of(IMAGE.layer)) == 0

    run(tmp_path, scenario)


def test_layers_of_others_are_nobody_s_whom_the_upstream_does_not_give_them(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await m.ours.push_image("mine/secret", "v1", OTHER)
        answer = await m.ours("GET", f"/v2/up/a/b/blobs/{digest_of(OTHER.layer)}")
        assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")

    run(tmp_path, scenario)


# -- many at once


def test_fifty_clients_cost_one_fetch(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        async def slow(request: web.BaseRequest) -> None:
            await asyncio.sleep(0.2)

        m.upstream.trouble = slow
        layer = f"/v2/up/a/b/blobs/{digest_of(IMAGE.layer)}"
        answers = await asyncio.gather(
            *(m.ours("GET", path) for path in ("/v2/up/a/b/manifests/v1", layer) for _ in range(50))
        )
        assert {answer.body for answer in answers} == {IMAGE.manifest, IMAGE.layer}
        assert m.upstream.count("HEAD", "/manifests/v1") == 1
        assert m.upstream.count("GET", digest_of(IMAGE.manifest)) == 1
        assert m.upstream.count("GET", digest_of(IMAGE.layer)) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize(("patience", "fetches"), [(60.0, 1), (0.0, 2)])
def test_two_processes_cost_one_fetch_unless_it_takes_long(tmp_path: Path, patience: float, fetches: int) -> None:
    async def scenario(m: Mirror) -> None:
        async def slow(request: web.BaseRequest) -> None:
            while request.method == "HEAD" and m.upstream.count("HEAD", request.path) < fetches:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)

        m.upstream.trouble = slow
        paths = "/v2/up/a/b/manifests/v1", f"/v2/up/a/b/blobs/{digest_of(IMAGE.layer)}"
        async with another(m, tmp_path, SQLLeases(db), patience=patience) as other:
            answers = await asyncio.gather(*(one("GET", path) for path in paths for one in (m.ours, other) * 5))
        assert {answer.body for answer in answers} == {IMAGE.manifest, IMAGE.layer}
        assert m.upstream.count("HEAD", digest_of(IMAGE.layer)) == fetches
        assert m.upstream.count("HEAD", "/manifests/v1") == fetches
        async with asyncio.timeout(20):
            while turns():
                await asyncio.sleep(0.01)

    def turns() -> list[str]:
        with db.read() as c:
            return list(c.scalars(select(lease.c.name)))

    with closing(Database(default_url(tmp_path))) as db:
        run(tmp_path, scenario, leases=SQLLeases(db))


def test_who_goes_away_does_not_take_it_from_the_others(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        arrived, go = asyncio.Event(), asyncio.Event()

        async def waiting(request: web.BaseRequest) -> None:
            if request.method == "GET" and "blobs" in request.path:
                arrived.set()
                await go.wait()

        m.upstream.trouble = waiting
        path = f"/v2/up/a/b/blobs/{digest_of(IMAGE.layer)}"
        first = asyncio.create_task(m.ours("GET", path))
        await arrived.wait()
        second = asyncio.create_task(m.ours("GET", path))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go.set()
        assert (await second).body == IMAGE.layer

    run(tmp_path, scenario)


# -- an upstream in trouble


def test_an_upstream_that_is_down_does_not_matter_for_what_is_here(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        await pull(m)
        await m.stop_upstream()
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert (answer.status, answer.body) == (200, IMAGE.manifest)
        assert re.match(r'299 - "as it was \d+ seconds ago: cannot reach 127.0.0.1:', answer.headers["Warning"])
        await pull(m)
        answer = await m.ours("GET", "/v2/up/a/b/tags/list")
        assert (answer.json(), "Warning" in answer.headers) == ({"name": "up/a/b", "tags": ["v1"]}, True)
        for path in ("/v2/up/a/b/manifests/v2", f"/v2/up/a/b/blobs/{digest_of(b'x')}", "/v2/up/none/tags/list"):
            answer = await m.ours("GET", path)
            assert (answer.status, answer.code) == (503, "UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) > 0

    run(tmp_path, scenario, check=ALWAYS)


def test_an_upstream_that_limits_us_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        async def limited(request: web.BaseRequest) -> web.Response:
            return web.Response(status=429, headers={"Retry-After": "77"})

        await pull(m)
        m.upstream.calls.clear()
        m.upstream.trouble = limited
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v2")
        assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
        assert 70 <= int(answer.headers["Retry-After"]) <= 78
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert (answer.status, answer.body, "Warning" in answer.headers) == (200, IMAGE.manifest, True)
        assert len(m.upstream.calls) == 1

    run(tmp_path, scenario, check=ALWAYS)


def test_an_upstream_that_wants_a_login(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        async def closed(request: web.BaseRequest) -> web.Response:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

        m.upstream.trouble = closed
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert (answer.status, answer.code) == (403, "DENIED")

    run(tmp_path, scenario)


def test_credentials_are_read_and_sent(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")

    async def scenario(m: Mirror) -> None:
        async def closed(request: web.BaseRequest) -> web.Response | None:
            if request.headers.get("Authorization") == aiohttp.encode_basic_auth("ada", "secret"):
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

        m.upstream.trouble = closed
        await pull(m)

    run(tmp_path, scenario, username="ada", password_file=password)


def test_a_password_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("old")

    async def scenario(m: Mirror) -> None:
        async def closed(request: web.BaseRequest) -> web.Response | None:
            if request.headers.get("Authorization") == aiohttp.encode_basic_auth("ada", "new"):
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

        m.upstream.trouble = closed
        assert (await m.ours("GET", "/v2/up/a/b/manifests/v1")).status == 403
        password.write_text("new")
        assert (await m.ours("GET", "/v2/up/a/b/manifests/v1")).status == 403
        await pull(m)

    run(tmp_path, scenario, username="ada", password_file=password)


@pytest.mark.parametrize("kind", ["wrong bytes", "too short", "too long", "wrong size", "broken off", "error"])
def test_a_blob_that_is_wrong_reaches_nobody_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    digest = digest_of(IMAGE.layer)

    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        if request.method != "GET" or "/blobs/" not in request.path:
            return None
        if kind == "error":
            return web.Response(status=500)
        size = len(IMAGE.layer)
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        body = {
            "wrong bytes": b"x" * size,
            "too short": IMAGE.layer[:-1],
            "too long": IMAGE.layer + b"x",
            "wrong size": IMAGE.layer + b"x" * 10,
            "broken off": IMAGE.layer[start : start + 1000],
        }[kind]
        response = web.StreamResponse(status=206 if start else 200)
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        if kind == "broken off":
            response.content_length = size - start
        elif kind != "wrong size":
            response.enable_chunked_encoding()
        else:
            response.content_length = len(body)
        await response.prepare(request)
        await response.write(body)
        if kind == "broken off" and request.transport is not None:
            request.transport.abort()
        return response

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        try:
            answer = await m.ours("GET", f"/v2/up/a/b/blobs/{digest}")
        except aiohttp.ClientError:
            pass  # the connection was broken, since the answer had begun
        else:
            assert answer.status in (502, 503)
        assert m.storage.size(Digest(digest)) is None
        assert list(m.storage.incoming()) == []
        assert m.metadata.blob_size("up/a/b", Digest(digest)) is None
        m.upstream.trouble = None
        assert (await m.ours("GET", f"/v2/up/a/b/blobs/{digest}")).body == IMAGE.layer

    run(tmp_path, scenario)


def test_a_connection_that_breaks_once_is_made_anew(tmp_path: Path) -> None:
    broken: list[str] = []

    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        if broken or request.method != "GET" or digest_of(IMAGE.layer) not in request.path:
            return None
        broken.append(request.path)
        response = web.StreamResponse()
        response.content_length = len(IMAGE.layer)
        await response.prepare(request)
        await response.write(IMAGE.layer[:100_000])
        assert request.transport is not None
        request.transport.abort()
        return response

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        await pull(m)
        assert broken

    run(tmp_path, scenario)


@pytest.mark.parametrize("raw", [b"not JSON", b"{}", IMAGE.manifest + b" "])
def test_a_manifest_that_is_wrong_is_not_kept(tmp_path: Path, raw: bytes) -> None:
    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        if request.method != "GET" or "manifests" not in request.path:
            return None
        return web.Response(body=raw, content_type=media.OCI_MANIFEST)

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert (answer.status, answer.code) == (502, "UNAVAILABLE")
        assert m.metadata.manifest("up/a/b", "v1") is None

    run(tmp_path, scenario)


def test_registries_that_do_not_tell_digests(tmp_path: Path) -> None:
    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        if "manifests" not in request.path:
            return None
        body = b"" if request.method == "HEAD" else IMAGE.manifest
        return web.Response(body=body, headers={"Content-Type": f"{IMAGE.media_type}; charset=utf-8"})

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        await pull(m)

    run(tmp_path, scenario)


# -- where it may lead


@pytest.mark.parametrize(
    ("location", "allow", "status"),
    [
        ("http://localhost:{port}/moved", (), 502),
        ("https://localhost:{port}/moved", (), 502),
        ("http://localhost:{port}/moved", ("localhost",), 200),
        ("http://127.0.0.1:{port}/moved", (), 200),
        ("http://169.254.169.254/latest/meta-data", (), 502),
        ("file:///etc/passwd", (), 503),
    ],
)
def test_redirects_lead_to_the_public_or_to_the_upstream_itself(
    tmp_path: Path, location: str, allow: tuple[str, ...], status: int
) -> None:
    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        if request.path == "/moved":
            return web.Response(body=IMAGE.config)
        if request.method == "GET" and "/blobs/" in request.path:
            port = request.url.port
            return web.Response(status=307, headers={"Location": location.format(port=port)})
        return None

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        answer = await m.ours("GET", f"/v2/up/a/b/blobs/{digest_of(IMAGE.config)}")
        assert answer.status == status, answer.body

    run(tmp_path, scenario, allow=allow)


def test_token_servers_elsewhere_are_not_asked(tmp_path: Path) -> None:
    async def trouble(request: web.BaseRequest) -> web.StreamResponse | None:
        realm = f"http://localhost:{request.url.port}/token"
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'})

    async def scenario(m: Mirror) -> None:
        m.upstream.trouble = trouble
        answer = await m.ours("GET", "/v2/up/a/b/manifests/v1")
        assert answer.status == 502
        assert m.upstream.count("GET /token") == 0

    run(tmp_path, scenario)


# -- rules of our own


def test_a_tag_that_is_kept_where_it_is_does_not_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from boxwright.hub.db.tags import ImmutableRule, TagImmutable

    async def scenario(m: Mirror) -> None:
        await pull(m)
        await m.theirs.push_image("a/b", "v1", OTHER)

        def refused(*_: object, **__: object) -> None:
            raise TagImmutable("up/a/b", "v1", ImmutableRule("", "*"))

        monkeypatch.setattr(type(m.metadata), "put_manifest", refused)
        monkeypatch.setattr(type(m.metadata), "remove_tag", refused)
        await pull(m)
        await m.theirs("DELETE", "/v2/a/b/manifests/v1")
        await pull(m)

    run(tmp_path, scenario, check=ALWAYS)


def test_how_upstreams_are_used_is_counted(tmp_path: Path) -> None:
    counted: dict[str, int] = {}

    class Counting:
        def asked_upstream(self, upstream: str, result: str) -> None:
            counted[f"{upstream} {result}"] = counted.get(f"{upstream} {result}", 0) + 1

        def received_from_upstream(self, upstream: str, size: int) -> None:
            counted[upstream] = counted.get(upstream, 0) + size

    async def scenario(m: Mirror) -> None:
        for one in m.service.handlers._upstreams.values():
            one.counting = Counting()
        await pull(m)
        await m.ours("GET", "/v2/up/a/b/manifests/none")
        await m.stop_upstream()
        await m.ours("GET", "/v2/up/a/b/manifests/other")
        sizes = len(IMAGE.layer) + len(IMAGE.config)
        assert counted == {"up": sizes, "up ok": 6, "up lacking": 1, "up down": 1}

    run(tmp_path, scenario)


# -- lists


def test_tags_are_the_upstream_s_in_pages(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        for tag in ("v2", "v3"):
            await m.theirs.push_image("a/b", tag, IMAGE)
        answer = await m.ours("GET", "/v2/a/b/tags/list?ns=docker.io&n=2")
        assert answer.json() == {"name": "up/a/b", "tags": ["v1", "v2"]}
        following = answer.headers["Link"].partition("<")[2].partition(">")[0]
        answer = await m.ours("GET", following)
        assert (answer.json()["tags"], "Link" in answer.headers) == (["v3"], False)

    run(tmp_path, scenario)


def test_referrers_are_the_upstream_s(tmp_path: Path) -> None:
    async def scenario(m: Mirror) -> None:
        subject = descriptor(IMAGE.media_type, IMAGE.manifest)
        empty = await m.theirs.push_blob("a/b", b"{}")
        manifests = []
        for kind in ("application/x.one", "application/x.two"):
            value = {
                "schemaVersion": 2,
                "mediaType": media.OCI_MANIFEST,
                "artifactType": kind,
                "config": {"mediaType": media.OCI_EMPTY, "digest": empty, "size": 2},
                "layers": [],
                "subject": subject,
            }
            manifests.append(raw := json.dumps(value).encode())
            await m.theirs.push_manifest("a/b", digest_of(raw), raw)
        path = f"/v2/up/a/b/referrers/{digest_of(IMAGE.manifest)}"
        found = (await m.ours("GET", path)).json()["manifests"]
        assert [one["digest"] for one in found] == sorted(digest_of(raw) for raw in manifests)
        answer = await m.ours("GET", f"{path}?artifactType=application/x.two")
        assert [one["artifactType"] for one in answer.json()["manifests"]] == ["application/x.two"]
        assert answer.headers["OCI-Filters-Applied"] == "artifactType"
        await m.ours("GET", f"/v2/up/a/b/manifests/{digest_of(manifests[0])}")
        await m.stop_upstream()
        answer = await m.ours("GET", path)
        assert [one["digest"] for one in answer.json()["manifests"]] == [digest_of(manifests[0])]
        assert "Warning" in answer.headers

    run(tmp_path, scenario)


# -- forgetting


def test_what_nobody_uses_is_forgotten(tmp_path: Path) -> None:
    from boxwright.hub.registry.collector import Collector
    from boxwright.hub.upstream.expiry import forget_unused

    async def scenario(m: Mirror) -> None:
        await pull(m)
        await m.ours.push_image("mine/x", "v1", OTHER)
        names = m.service._names
        now = m.notes.unused(float("inf"), limit=1)[0][2]

        def forget(later: float) -> int:
            return forget_unused(names, [3600.0], m.metadata, m.notes, lambda: now + later)

        assert forget(3500.0) == 0
        assert forget(3700.0) == 1
        assert forget(3700.0) == 0
        assert m.metadata.manifest("up/a/b", "v1") is None
        Collector(m.storage, m.metadata, -1.0).collect()
        assert m.storage.size(Digest(digest_of(IMAGE.layer))) is None
        assert m.storage.size(Digest(digest_of(OTHER.layer))) is not None
        await pull(m)

    run(tmp_path, scenario, keep=3600.0)
