"""A registry in a process of its own, and a client that speaks to it without any library of ours."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boxwright.host import faults
from boxwright.oci import media
from support.registry_kit import SmallImage, descriptor, digest_of

_PROGRAM = """
import sys
from pathlib import Path
from boxwright.hub.registry.server import serve
from boxwright.hub.settings import load_settings
settings = load_settings(Path("/dev/stdin"))
if "accounts" in sys.argv[2:]:
    settings = settings._replace(accounts=settings.accounts._replace(enabled=True))
sys.exit(serve(settings, root=Path(sys.argv[1]), ready=lambda line: print(line, flush=True)))
"""


class ServerDied(Exception):
    """The server ended before it said where it is."""

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(f"exit status {status}: {stderr}")
        self.status = status


class ServerProcess:
    """A running server: `line` is what it said, `address` where it is. `sections` are those of its configuration.

    With `hub` it has accounts.
    """

    def __init__(
        self, root: Path, *, crash_at: int | None = None, hub: bool = False, **sections: dict[str, object]
    ) -> None:
        environment = {**os.environ, "PYTHONSAFEPATH": "1"}
        if crash_at is not None:
            environment[faults.VARIABLE] = str(crash_at)
        sections["server"] = {"addr": "127.0.0.1:0", **sections.get("server", {})}
        sections.setdefault("log", {"level": "warning"})  # nobody reads it before the end
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(root), *(["accounts"] if hub else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(_toml(sections).encode())
        self._process.stdin = None  # `communicate` wants to flush what it finds
        assert self._process.stdout is not None
        self.line = self._process.stdout.readline().decode().strip()
        if not self.line:
            raise ServerDied(*self.wait())
        self.address = self.line.partition("://")[2].partition(" ")[0]

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> tuple[int, str]:
        """Return the exit status and what was written to stderr."""
        _, stderr = self._process.communicate(timeout=60)
        return self._process.returncode, stderr.decode()

    def kill(self) -> None:
        """End it at once, if it has not ended by itself."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()


def _toml(sections: dict[str, dict[str, object]]) -> str:
    """Write sections whose values TOML spells as JSON does."""
    lines: list[str] = []
    for name, section in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    return "\n".join(lines)


@contextmanager
def serving(root: Path, **sections: dict[str, Any]) -> Iterator[ServerProcess]:
    """Run a server for the block: ``serving(root, gc={"delay": "1h"})``."""
    server = ServerProcess(root, **sections)
    try:
        yield server
    finally:
        server.kill()


class PlainClient:
    """One connection to a registry over http.client. Raises OSError or HTTPException when the server dies."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def __enter__(self) -> PlainClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def close(self) -> None:
        self._connection.close()

    def call(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        self._connection.request(method, target, body, {name.replace("_", "-"): v for name, v in headers.items()})
        response = self._connection.getresponse()
        self.headers = response.headers
        self.location = response.headers.get("Location", "")
        self.range = response.headers.get("Range", "")
        return response.status, response.read()

    def push(self, name: str, tag: str, image: SmallImage, acknowledged: list[str]) -> None:
        """Push as docker does; `acknowledged` collects the path of everything the server has accepted."""
        for data in image.blobs:
            digest = digest_of(data)
            if self.call("HEAD", f"/v2/{name}/blobs/{digest}")[0] != 200:
                assert self.call("POST", f"/v2/{name}/blobs/uploads/")[0] == 202
                location = self.location
                assert self.call("PATCH", location, data)[0] == 202
                assert self.call("PUT", f"{location}?digest={digest}")[0] == 201
            acknowledged.append(f"/v2/{name}/blobs/{digest}")
        status, answer = self.call("PUT", f"/v2/{name}/manifests/{tag}", image.manifest, Content_Type=image.media_type)
        assert status == 201, answer
        acknowledged += [f"/v2/{name}/manifests/{tag}", f"/v2/{name}/manifests/{digest_of(image.manifest)}"]

    def push_blob(self, name: str, data: bytes) -> None:
        assert self.call("POST", f"/v2/{name}/blobs/uploads/?digest={digest_of(data)}", data)[0] == 201

    def put(self, name: str, reference: str, raw: bytes, media_type: str = media.OCI_MANIFEST) -> None:
        """Put a manifest whose blobs are there."""
        status, answer = self.call("PUT", f"/v2/{name}/manifests/{reference}", raw, Content_Type=media_type)
        assert status == 201, answer

    def attach(self, name: str, subject: bytes, kind: str, content: bytes) -> bytes:
        """Push something that refers to a manifest; return its own manifest."""
        for data in (b"{}", content):
            self.push_blob(name, data)
        raw = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": media.OCI_MANIFEST,
                "artifactType": kind,
                "config": descriptor(media.OCI_EMPTY, b"{}"),
                "layers": [descriptor(kind, content)],
                "subject": descriptor(media.OCI_MANIFEST, subject),
            }
        ).encode()
        self.put(name, digest_of(raw), raw)
        return raw

    def verify(self, acknowledged: list[str]) -> None:
        """Check that everything acknowledged is there, and that no manifest of any repository lacks anything."""
        for path in acknowledged:
            status, content = self.call("GET", path)
            assert status == 200, path
            last = path.rpartition("/")[2]
            if ":" in last:
                assert digest_of(content) == last
        for name in json.loads(self.call("GET", "/v2/_catalog")[1])["repositories"]:
            for tag in json.loads(self.call("GET", f"/v2/{name}/tags/list")[1])["tags"]:
                manifest = json.loads(self.call("GET", f"/v2/{name}/manifests/{tag}")[1])
                for entry in (manifest["config"], *manifest["layers"]):
                    status, content = self.call("GET", f"/v2/{name}/blobs/{entry['digest']}")
                    assert (status, digest_of(content)) == (200, entry["digest"])
