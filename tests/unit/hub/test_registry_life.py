"""Quotas, immutable tags and deletions, as clients see them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.quotas import Quotas
from boxwright.hub.db.tags import ImmutableRule, ImmutableRules
from support.hub_kit import BY
from support.registry_kit import Registry, SmallImage, digest_of, run


def test_an_immutable_tag_is_denied_and_says_why(tmp_path: Path) -> None:
    one, two = SmallImage.of(b"one"), SmallImage.of(b"two")
    with closing(Database(default_url(tmp_path))) as db:
        ImmutableRules(db, BY).add(ImmutableRule("ada/", "v*"))

        async def scenario(client: Registry) -> None:
            digest = await client.push_image("ada/tools", "v1", one)
            assert await client.push_image("ada/tools", "v1", one) == digest
            for blob in two.blobs:
                await client.push_blob("ada/tools", blob)
            target = "/v2/ada/tools/manifests/v1"
            for method, path, body in (
                ("PUT", target, two.manifest),
                ("DELETE", target, None),
                ("DELETE", f"/v2/ada/tools/manifests/{digest}", None),
            ):
                answer = await client(method, path, body, content_type=two.media_type)
                assert (answer.status, answer.code) == (403, "DENIED")
                assert "the tag v1 of ada/tools is immutable (rule v* for ada/)" in answer.body.decode()
            assert digest_of((await client("GET", target)).body) == digest

        run(scenario, tmp_path)


def test_a_full_quota_is_denied_before_anything_is_sent(tmp_path: Path) -> None:
    with closing(Database(default_url(tmp_path))) as db:
        Quotas(db, BY).set("ada/", 1000)

        async def scenario(client: Registry) -> None:
            await client.push_blob("ada/a", b"x" * 900)
            location = await client.start_upload("ada/b")
            for method, target, body in (
                ("PATCH", location, b"y" * 200),
                ("POST", f"/v2/ada/b/blobs/uploads/?digest={digest_of(b'y' * 200)}", b"y" * 200),
            ):
                answer = await client(method, target, body)
                assert (answer.status, answer.code) == (403, "DENIED")
                assert "quota of ada/ is used up: 900 B of 1 kB, 100 B left, 200 B more needed" in answer.body.decode()
            # A body of unknown length is known only at its end.

            async def pieces():
                yield b"z" * 200

            assert (await client("PATCH", location, pieces())).status == 202
            answer = await client("PUT", f"{location}?digest={digest_of(b'z' * 200)}")
            assert (answer.status, answer.code) == (403, "DENIED")
            assert (await client("GET", location)).status == 404
            await client.push_blob("ada/b", b"w" * 100)
            answer = await client("POST", "/v2/ada/b/blobs/uploads/")
            assert (answer.status, answer.code) == (403, "DENIED")
            await client.push_blob("bob/b", b"z" * 2000)

        run(scenario, tmp_path)


def test_a_deletion_says_what_comes_free(tmp_path: Path) -> None:
    image = SmallImage.of()

    async def scenario(client: Registry) -> None:
        digest = await client.push_image("a", "latest", image)
        answer = await client("DELETE", f"/v2/a/manifests/{digest}")
        assert answer.status == 202
        assert answer.headers["Boxwright-Reclaimable-Bytes"] == str(sum(map(len, image.blobs)))

    run(scenario, tmp_path)


def test_where_deleting_is_switched_off_everything_stays(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        image = SmallImage.of(b"one")
        await client.push_image("ada/tools", "1", image)
        for path in ("manifests/1", f"manifests/{digest_of(image.manifest)}", f"blobs/{digest_of(image.blobs[0])}"):
            answer = await client("DELETE", f"/v2/ada/tools/{path}")
            assert (answer.status, answer.code) == (405, "UNSUPPORTED")
            assert "DELETE" not in answer.headers["Allow"]
            assert (await client("HEAD", f"/v2/ada/tools/{path}")).status == 200
        started = await client("POST", "/v2/ada/tools/blobs/uploads/")
        assert (await client("DELETE", started.headers["Location"])).status == 204, "an upload is no content yet"

    run(scenario, tmp_path, deletes=False)
