"""Signatures between cosign and us, in both directions and all forms, and keys as well."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boxwright_command import Boxwright
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving
from support.requirements import require_program

pytestmark = pytest.mark.peer

_IMAGE = SmallImage.of(b"hello\n")
# A root of trust that trusts nobody: cosign wants one for bundles, even if a key is all that is asked for.
_NO_ROOT = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'


class Cosign:
    """The command, away from the network, with a folder of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        (folder / "trusted_root.json").write_text(_NO_ROOT)

    def __call__(self, *arguments: str, experimental: bool = False) -> None:
        environment = {**os.environ, "HOME": str(self._folder), "COSIGN_PASSWORD": "pw"}
        if experimental:
            environment["COSIGN_EXPERIMENTAL"] = "1"
        done = subprocess.run(
            [self._program, *arguments],
            env=environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, f"cosign {arguments}: {done.stderr}"

    def sign(self, image: str, *options: str, experimental: bool = False) -> None:
        self("sign", "--tlog-upload=false", "-y", *options, image, experimental=experimental)

    def verify(self, image: str, *options: str, experimental: bool = False) -> None:
        self("verify", "--insecure-ignore-tlog", *options, image, experimental=experimental)


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    return Cosign(require_program("cosign"), tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "registry") as server:
        with PlainClient(server.address) as client:
            client.push("ada/web", "1", _IMAGE, [])
        yield f"{server.address}/ada/web@{digest_of(_IMAGE.manifest)}"


@pytest.fixture
def boxwright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boxwright:
    monkeypatch.setenv("COSIGN_PASSWORD", "pw")
    return Boxwright(tmp_path / "store")


@pytest.mark.parametrize(
    ("options", "experimental"),
    [
        (("-a", "build=42"), False),
        (("-a", "build=42", "--registry-referrers-mode=oci-1-1"), True),
        # cosign 2 leaves annotations out of bundles.
        (("--new-bundle-format",), False),
    ],
)
def test_what_cosign_signs_we_verify(
    cosign: Cosign, image: str, boxwright: Boxwright, tmp_path: Path, options: tuple[str, ...], experimental: bool
) -> None:
    cosign("generate-key-pair")
    cosign.sign(image, "--key=cosign.key", *options, experimental=experimental)
    said = [option for option in options if not option.startswith("--")]
    shown = boxwright.run("verify", "--key", "cosign.pub", *said, image, cwd=tmp_path).stdout
    assert f"signed by cosign.pub{'  build=42' if said else ''}\n" in shown


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("tag", ()),
        ("bundle", ("--new-bundle-format", "--trusted-root=trusted_root.json")),
    ],
)
def test_what_we_sign_cosign_verifies(
    cosign: Cosign, image: str, boxwright: Boxwright, tmp_path: Path, form: str, options: tuple[str, ...]
) -> None:
    boxwright.run("sign", "--generate-key", "ours", cwd=tmp_path)
    boxwright.run("sign", "--key", "ours.key", "--as", form, "-a", "build=42", image, cwd=tmp_path)
    cosign.verify(image, "--key=ours.pub", "-a", "build=42", *options)


def test_keys_are_the_same_on_both_sides(cosign: Cosign, image: str, boxwright: Boxwright, tmp_path: Path) -> None:
    boxwright.run("sign", "--generate-key", "ours", cwd=tmp_path)
    cosign.sign(image, "--key=ours.key")
    boxwright.run("verify", "--key", "ours.pub", image, cwd=tmp_path)
    cosign("generate-key-pair")
    # Beside cosign's signature, which stays.
    boxwright.run("sign", "--key", "cosign.key", "--as", "tag", image, cwd=tmp_path)
    for key in ("ours.pub", "cosign.pub"):
        cosign.verify(image, f"--key={key}")
        boxwright.run("verify", "--key", key, image, cwd=tmp_path)
