"""Images that are signed and verified in registries, and a policy that lets only signed ones in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.engine.engine import Engine
from boxwright.engine.requests import CreateContainer
from boxwright.engine.settings import Settings
from boxwright.engine.signing import NotSigned
from boxwright.engine.wanted import Build
from boxwright.errors import NotFoundError
from boxwright.host.paths import Path as HostPath
from boxwright.oci import media
from boxwright.signing.keys import PrivateKey
from boxwright.signing.policy import RefusedByPolicy
from integration.remote_servers import docker_registry
from support.boxwright_command import Boxwright
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving

_IMAGE = SmallImage.of(b"hello\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "registry") as process:
        yield process.address


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(Settings(root=tmp_path / "store")) as engine:
        yield engine


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate("one.key")


@pytest.fixture(scope="module")
def other() -> PrivateKey:
    return PrivateKey.generate("two.key")


def _push(server: str, path: str, *tags: str, image: SmallImage = _IMAGE) -> None:
    with PlainClient(server) as client:
        for tag in tags:
            client.push(path, tag, image, [])


@pytest.mark.parametrize("form", ["both", "bundle", "tag"])
def test_what_is_signed_is_verified(server: str, engine: Engine, key: PrivateKey, other: PrivateKey, form: str) -> None:
    _push(server, "ada/web", "1")
    name, registries = f"{server}/ada/web:1", engine.registries
    with pytest.raises(NotSigned, match="it has no signature"):
        registries.verify(name, [key.public])
    (signed,) = registries.sign(name, key, annotations={"build": "42"}, form=form)
    assert (signed.fresh, signed.digest) == (True, digest_of(_IMAGE.manifest))
    assert not registries.sign(name, key, annotations={"build": "42"}, form=form)[0].fresh
    (signer,) = registries.verify(name, [other.public, key.public]).signers
    assert (signer.key.fingerprint, signer.annotations) == (key.public.fingerprint, {"build": "42"})
    with pytest.raises(NotSigned, match=r"signatures?, and none by these keys"):
        registries.verify(name, [other.public])
    with pytest.raises(NotSigned):
        registries.verify(name, [key.public], annotations={"build": "43"})
    with pytest.raises(NotSigned, match="1 of the keys have signed it, and 2 are needed"):
        registries.verify(name, [key.public, other.public], threshold=2)
    registries.sign(name, other, form=form)
    assert len(registries.verify(name, [key.public, other.public], threshold=2).signers) == 2


def test_a_signature_is_for_one_image(server: str, engine: Engine, key: PrivateKey) -> None:
    _push(server, "ada/web", "1")
    _push(server, "ada/web", "2", image=SmallImage.of(b"evil\n"))
    engine.registries.sign(f"{server}/ada/web:1", key)
    with PlainClient(server) as client:
        # The signature of the one, under the tag of the other's.
        tag = digest_of(_IMAGE.manifest).replace(":", "-") + ".sig"
        _, manifest = client.call("GET", f"/v2/ada/web/manifests/{tag}")
        forged = digest_of(SmallImage.of(b"evil\n").manifest).replace(":", "-") + ".sig"
        target = f"/v2/ada/web/manifests/{forged}"
        assert client.call("PUT", target, manifest, Content_Type=media.OCI_MANIFEST)[0] == 201
    with pytest.raises(NotSigned):
        engine.registries.verify(f"{server}/ada/web:2", [key.public])


def test_signatures_go_along_with_a_copy(server: str, tmp_path: Path, engine: Engine, key: PrivateKey) -> None:
    _push(server, "ada/web", "1")
    engine.registries.sign(f"{server}/ada/web:1", key)
    for form, place in (("with", "eva/web"), ("without", "bob/web")):
        engine.registries.copy(f"{server}/ada/web:1", f"{server}/{place}", referrers=form == "with")
    assert {signer.form for signer in engine.registries.verify(f"{server}/eva/web:1", [key.public]).signers}
    with pytest.raises(NotSigned):
        engine.registries.verify(f"{server}/bob/web:1", [key.public])


@pytest.mark.peer
def test_a_registry_without_referrers_keeps_signatures(
    server: str, tmp_path: Path, engine: Engine, key: PrivateKey, other: PrivateKey
) -> None:
    _push(server, "ada/web", "1")
    with docker_registry(tmp_path) as domain:
        engine.registries.copy(f"{server}/ada/web:1", f"{domain}/ada/web")
        for each in (key, other):
            engine.registries.sign(f"{domain}/ada/web:1", each)
        found = engine.registries.verify(f"{domain}/ada/web:1", [key.public, other.public], threshold=2)
    assert {signer.form for signer in found.signers} == {"bundle"}


@pytest.mark.root
def test_a_policy_lets_signed_images_in(server: str, tmp_path: Path, key: PrivateKey) -> None:
    (tmp_path / "one.pub").write_bytes(key.public.pem())
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[rule]]\nrepository = "{server}/prod/*"\nkeys = ["one.pub"]\n')
    _push(server, "prod/web", "1")
    _push(server, "free/web", "1")
    name = f"{server}/prod/web:1"
    settings = Settings(root=tmp_path / "store", policy=HostPath(policy))
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {name}\nENV A=b\n")
    with Engine(settings) as engine, Engine(settings._replace(policy=None)) as trusting:
        with pytest.raises(RefusedByPolicy, match=r"it has to be signed by .*one\.pub, and it has no signature"):
            engine.pull(name)
        with pytest.raises(NotFoundError):
            engine.inspect(name)
        assert list(engine.store.blobs) == []
        engine.pull(f"{server}/free/web:1")
        # What came in without a policy isn't run with one, under its name or its ID.
        image = trusting.pull(name).image
        engine.remove_image(f"{server}/free/web:1")
        for wanted in (name, image.hex):
            with pytest.raises(RefusedByPolicy):
                engine.create_container(CreateContainer(image=wanted))
        with pytest.raises(RefusedByPolicy):
            engine.build(Build(context=str(context)))
        engine.registries.sign(name, key)
        created = engine.create_container(CreateContainer(image=name))
        engine.remove_container(created.id)
        assert engine.pull(name).status == "up to date"


@pytest.mark.root
def test_what_was_verified_runs_without_its_registry(tmp_path: Path, key: PrivateKey) -> None:
    (tmp_path / "one.pub").write_bytes(key.public.pem())
    with serving(tmp_path / "registry") as process:
        policy = tmp_path / "policy.toml"
        policy.write_text(f'[[rule]]\nrepository = "{process.address}/**"\nkeys = ["one.pub"]\n')
        name = f"{process.address}/prod/web:1"
        _push(process.address, "prod/web", "1")
        with Engine(Settings(root=tmp_path / "store", policy=HostPath(policy))) as engine:
            engine.registries.sign(name, key)
            engine.pull(name)
    with Engine(Settings(root=tmp_path / "store", policy=HostPath(policy))) as engine:
        created = engine.create_container(CreateContainer(image=name))
        engine.remove_container(created.id)
        engine.tag(name, "made/here:1")
        created = engine.create_container(CreateContainer(image="made/here:1"))
        engine.remove_container(created.id)


def test_keys_are_made_and_used_by_the_command(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "pw")
    boxwright = Boxwright(tmp_path / "store")
    _push(server, "ada/web", "1")
    name = f"{server}/ada/web:1"
    made = boxwright.run("sign", "--generate-key", "prod", cwd=tmp_path).stdout.splitlines()
    assert made == ["wrote  prod.key", "wrote  prod.pub"]
    assert os.stat(tmp_path / "prod.key").st_mode & 0o777 == 0o600
    assert "is there already" in boxwright.run("sign", "--generate-key", "prod", cwd=tmp_path, check=False).stderr
    said = f"{name}@{digest_of(_IMAGE.manifest)}"
    assert boxwright.run("sign", "--key", "prod.key", "-a", "by=ada", name, cwd=tmp_path).stdout == f"signed  {said}\n"
    shown = boxwright.run("verify", "--key", "prod.pub", name, cwd=tmp_path).stdout.splitlines()
    assert shown == [f"verified  {said}", "  signed by prod.pub  by=ada"]
    refused = boxwright.run("verify", "--key", "prod.pub", "-a", "by=eva", name, cwd=tmp_path, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"error: {name} is not verified: it has 2 signatures, and none by these keys")
    monkeypatch.setenv("COSIGN_PASSWORD", "other")
    wrong = boxwright.run("sign", "--key", "prod.key", name, cwd=tmp_path, check=False)
    assert wrong.stderr.startswith("error: the password does not open the key")
