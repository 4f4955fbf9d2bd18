"""The client against distribution, the reference registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.connect import connect
from boxwright.remote.credential_file import CredentialFile, credential_file
from boxwright.remote.credentials import Credential, GivenCredential
from boxwright.remote.failure import AccessDenied, NotInRegistry
from boxwright.remote.login import login, logout
from boxwright.remote.upload import BytesSource, Uploaded
from integration.remote_servers import QUICK, BreakingLine, docker_registry

pytestmark = pytest.mark.peer

_DATA = os.urandom(3 << 20)
_BLOB = Descriptor(media.OCI_LAYER, Digest.of(_DATA), len(_DATA))
_CONFIG = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
_MANIFEST = Manifest.build(Descriptor(media.OCI_CONFIG, Digest.of(_CONFIG), len(_CONFIG)), [_BLOB])
# ada:lovelace; distribution takes bcrypt only.
_HTPASSWD = "ada:$2y$05$abcdefghijklmnopqrstuuugyJgZetmHGvxwCJ1rpgM8bgT8KJ8.i\n"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as domain:
        yield domain


@pytest.fixture
def client(registry: str) -> Iterator[RegistryClient]:
    with RegistryClient(registry, insecure=True, policy=QUICK) as made:
        yield made


class _Fresh:
    """Content whose digest is known at its end."""

    def __init__(self, data: bytes = _DATA) -> None:
        self.data = data
        self.digest: Digest | None = None
        self.size: int | None = None
        self.opened: list[int] = []

    def open(self, offset: int) -> Iterator[bytes]:
        self.opened.append(offset)
        for start in range(offset, len(self.data), 100_000):
            yield self.data[start : start + 100_000]
        self.digest, self.size = Digest.of(self.data), len(self.data)


def _put_image(client: RegistryClient, path: str, *tags: str) -> None:
    client.upload(path).send(BytesSource(_DATA, _BLOB.digest))
    client.upload(path).send(BytesSource(_CONFIG, Digest.of(_CONFIG)))
    for tag in tags:
        client.put_manifest(path, tag, _MANIFEST)


def test_loopback_may_speak_plain_http(client: RegistryClient) -> None:
    assert client.session.endpoint().scheme == "http"


@pytest.mark.parametrize("data", [b"", b"{}", _DATA], ids=["empty", "tiny", "large"])
def test_a_blob_goes_there_and_back(client: RegistryClient, data: bytes) -> None:
    digest = Digest.of(data)
    assert client.stat_blob("there/back", Digest.of(data + b"other")) is None
    assert client.upload("there/back").send(BytesSource(data, digest)) == Uploaded(digest, len(data))
    assert client.stat_blob("there/back", digest) == len(data)
    with client.open_blob("there/back", Descriptor("", digest, len(data))) as stream:
        assert stream.read_all() == data


def test_a_blob_is_streamed_before_its_digest_is_known(client: RegistryClient) -> None:
    assert client.upload("streamed").send(_Fresh()) == Uploaded(_BLOB.digest, _BLOB.size)
    assert client.stat_blob("streamed", _BLOB.digest) == _BLOB.size


@pytest.mark.parametrize("known", [True, False])
def test_an_upload_survives_lines_that_break(registry: str, known: bool) -> None:
    data = os.urandom(3 << 20)
    source = _Fresh(data)
    if known:
        source.digest, source.size = Digest.of(data), len(data)
    with BreakingLine(registry, 1 << 20, 2 << 20, direction="up") as line:
        with RegistryClient(line.domain, insecure=True, policy=QUICK) as client:
            assert client.upload("broken").send(source) == Uploaded(Digest.of(data), len(data))
            assert client.stat_blob("broken", Digest.of(data)) == len(data)
        assert line.broken == 2


def test_a_download_survives_lines_that_break(registry: str, client: RegistryClient) -> None:
    _put_image(client, "down")
    with (
        BreakingLine(registry, 1 << 20, 1 << 20, direction="down") as line,
        RegistryClient(line.domain, insecure=True, policy=QUICK) as other,
        other.open_blob("down", _BLOB) as stream,
    ):
        assert stream.read_all() == _DATA
    assert line.broken == 2


def test_a_blob_is_mounted_from_where_it_is(client: RegistryClient) -> None:
    _put_image(client, "source")
    upload = client.upload("target")
    assert upload.mount(_BLOB.digest, "source") is None
    assert client.stat_blob("target", _BLOB.digest) == _BLOB.size
    missing = _Fresh(b"not there")
    url = upload.mount(Digest.of(b"not there"), "source")
    assert url is not None
    assert upload.send(missing, url).size == 9


def test_a_manifest_goes_there_and_back(registry: str, client: RegistryClient) -> None:
    _put_image(client, "manifests", "1")
    reference = Reference.parse(f"{registry}/manifests:1")
    assert client.resolve(reference) == _MANIFEST.descriptor
    assert client.fetch_manifest(reference, Platform("linux", "amd64")).manifest.raw == _MANIFEST.raw
    by_digest = reference._replace(tag=None, digest=_MANIFEST.digest)
    assert client.fetch_manifest(by_digest, Platform("linux", "amd64")).digest == _MANIFEST.digest
    assert client.resolve(reference._replace(tag="2")) is None
    with pytest.raises(NotInRegistry, match="there is no such tag or digest"):
        client.fetch_manifest(reference._replace(tag="2"), Platform("linux", "amd64"))


def test_lists(client: RegistryClient) -> None:
    tags = [f"v{number:03}" for number in range(5)]
    _put_image(client, "listed", *tags)
    assert sorted(client.tags("listed")) == tags
    assert "listed" in list(client.repositories())
    with pytest.raises(NotInRegistry, match="there is no such repository"):
        list(client.tags("never/pushed"))


# ---- accounts


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("guarded")
    (directory / "htpasswd").write_text(_HTPASSWD)
    auth = {"htpasswd": {"realm": "test", "path": str(directory / "htpasswd")}}
    with docker_registry(directory, auth=auth) as domain:
        yield domain


def _guarded_client(domain: str, password: str) -> RegistryClient:
    keychain = GivenCredential(domain, Credential("ada", password))
    return RegistryClient(domain, credentials=keychain, insecure=True, policy=QUICK)


def test_a_login_is_kept_and_used(guarded: str, tmp_path: Path) -> None:
    keep = CredentialFile(tmp_path / "config.json")
    with _guarded_client(guarded, "lovelace") as client:
        assert login(client, Credential("ada", "lovelace"), keep).helper is None
    with RegistryClient(guarded, credentials=keep, insecure=True, policy=QUICK) as client:
        _put_image(client, "private", "1")
    assert logout(guarded, keep) is True
    assert logout(guarded, keep) is False
    client = RegistryClient(guarded, credentials=keep, insecure=True, policy=QUICK)
    with client, pytest.raises(AccessDenied, match="the registry asks for a login") as caught:
        _put_image(client, "private", "1")
    assert caught.value.hint == f"boxwright login {guarded}"


def test_the_users_own_credentials_are_used(guarded: str, tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    credential_file(environment).put(guarded, Credential("ada", "lovelace"))
    with connect(guarded, environment) as client:
        _put_image(client, "own", "1")
    with connect(guarded, {"HOME": str(tmp_path)}) as client, pytest.raises(AccessDenied):
        list(client.repositories())


def test_a_wrong_password_is_not_kept(guarded: str, tmp_path: Path) -> None:
    keep = CredentialFile(tmp_path / "config.json")
    client = _guarded_client(guarded, "wrong")
    with client, pytest.raises(AccessDenied, match="does not accept the user name or password"):
        login(client, Credential("ada", "wrong"), keep)
    assert not keep.path.exists()
