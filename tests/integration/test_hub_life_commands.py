"""``hub tag``, ``immutable``, ``retention``, ``quota`` and ``stats`` beside a server that runs."""

from __future__ import annotations

import json
from pathlib import Path

from support.boxwright_command import Boxwright
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving


def test_the_life_of_an_image(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    boxwright = Boxwright(tmp_path / "store")
    images = [SmallImage.of(b"%d" % number) for number in range(2)]
    digests = [digest_of(image.manifest) for image in images]

    def hub(*arguments: str, check: bool = True) -> str:
        done = boxwright.run("hub", *arguments, "--root", str(root), check=check)
        return done.stdout if check else done.stderr

    with serving(root) as server, PlainClient(server.address) as client:
        for image in images:
            client.push("ada/tools", "latest", image, [])
            client.push("ada/tools", "pr-1", image, [])
        changes = [json.loads(line) for line in hub("tag", "history", "--format", "json", "ada/tools").splitlines()]
        assert [(one["Digest"], one["Before"]) for one in changes] == [(digests[1], digests[0]), (digests[0], "")]
        assert hub("tag", "undo", "ada/tools:latest") == f"ada/tools:latest is {digests[0]} again\n"
        assert client.call("GET", "/v2/ada/tools/manifests/latest")[1] == images[0].manifest
        assert hub("tag", "undo", "--to", str(changes[0]["Change"]), "ada/tools") == (
            f"ada/tools:latest is {digests[1]} again\n"
        )

        hub("immutable", "add", "ada/tools", "l*")
        status, answer = client.call("DELETE", "/v2/ada/tools/manifests/latest")
        assert status == 403
        assert "immutable" in answer.decode()
        assert "is immutable" in hub("tag", "undo", "ada/tools", check=False)
        hub("immutable", "rm", "ada/tools", "l*")
        assert "no rule l*" in hub("immutable", "rm", "ada/tools", "l*", check=False)

        hub("retention", "set", "--keep-pushed", "1m", "ada/", "none-*")
        assert "0 tags" in hub("retention", "run", "--dry-run")
        assert "a retention rule says what to keep" in hub("retention", "set", "ada/", check=False)
        hub("retention", "rm", "ada/", "none-*")

        hub("quota", "set", "ada/", "1kB")
        data = b"x" * 2000
        status, answer = client.call("POST", f"/v2/ada/more/blobs/uploads/?digest={digest_of(data)}", data)
        assert status == 403
        assert "1 kB" in answer.decode()
        assert "1kB" in hub("quota", "list")
        hub("quota", "rm", "ada/")
        assert "a size looks like" in hub("quota", "set", "ada/", "much", check=False)

        found = json.loads(hub("stats", "--format", "json"))
        assert (found["repositories"], found["tags"], found["manifests"], found["blobs"]) == (1, 2, 2, 4)
        assert found["largest"] == [{"name": "ada/tools", "size": found["stored"]}]
        assert "ada/tools" in hub("stats")
