from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.errors import ConflictError
from boxwright.oci.digest import ChainID, Digest
from boxwright.store.containers import (
    AmbiguousContainer,
    ContainerNameInUse,
    ContainerNotFound,
    ContainerRecord,
    InvalidContainerName,
)
from boxwright.store.store import Store
from boxwright.store.volumes import InvalidVolumeName, VolumeInUse, VolumeNotFound
from support.images import add_container, add_image

ID = "ab" * 32


def record(name: str = "box", id: str = ID, **fields: object) -> ContainerRecord:
    base = ContainerRecord(id, name, None, "web", "2024-05-06T07:08:10Z", "created", config={"argv": ["sh"]})
    return base._replace(**fields)


def test_a_container_has_a_row_and_a_directory(store: Store, root: Path) -> None:
    store.containers.add(record())
    assert store.containers.get(ID) == record()
    assert store.containers.directory(ID) == str(root / "containers" / ID)
    assert store.containers.directory(ID).is_dir()


@pytest.mark.parametrize("text", ["box", "/box", ID, ID[:12], "a"])
def test_a_container_is_found_by(store: Store, text: str) -> None:
    store.containers.add(record())
    store.containers.add(record("other", "cd" * 32))
    assert store.containers.find(text) == record()


def test_an_id_goes_before_a_name_and_a_name_before_the_beginning_of_an_id(store: Store) -> None:
    store.containers.add(record("first"))
    store.containers.add(record(ID, "cd" * 32))
    store.containers.add(record(ID[:12], "ef" * 32))
    assert store.containers.find(ID).name == "first"
    assert store.containers.find(ID[:12]).id == "ef" * 32


def test_an_ambiguous_beginning_is_refused(store: Store) -> None:
    store.containers.add(record("one", "ab" * 32))
    store.containers.add(record("two", "ac" * 32))
    with pytest.raises(AmbiguousContainer, match="2 containers begin with it"):
        store.containers.find("a")


@pytest.mark.parametrize("text", ["other", "ffff", "", "a%", "box2"])
def test_a_container_is_not_found_by(store: Store, text: str) -> None:
    store.containers.add(record())
    with pytest.raises(ContainerNotFound):
        store.containers.find(text)


def test_names_are_unique(store: Store, root: Path) -> None:
    store.containers.add(record())
    with pytest.raises(
        ContainerNameInUse, match='the container name "box" is already in use by container abababababab'
    ):
        store.containers.add(record(id="cd" * 32))
    assert [path.name for path in (root / "containers").iterdir()] == [ID]


def test_an_id_is_used_once(store: Store) -> None:
    store.containers.add(record())
    (store.containers.directory(ID) / "upper").mkdir()
    with pytest.raises(ConflictError, match="exists already"):
        store.containers.add(record("other"))
    assert (store.containers.directory(ID) / "upper").exists()


@pytest.mark.parametrize("name", ["", "a", "-a", ".a", "a b", "a/b", "ä"])
def test_names_have_docker_s_letters(store: Store, name: str) -> None:
    with pytest.raises(InvalidContainerName):
        store.containers.add(record(name))


def test_a_container_of_layers_that_are_gone_is_refused(store: Store, root: Path) -> None:
    with pytest.raises(ConflictError):
        store.containers.add(record(chain=ChainID(Digest.of(b"gone"))))
    assert list((root / "containers").iterdir()) == []


def test_columns_change_one_by_one(store: Store) -> None:
    store.containers.add(record())
    changed = store.containers.update(ID, state="running", pid=42, started="2024-05-06T07:08:11Z")
    assert changed == record(state="running", pid=42, started="2024-05-06T07:08:11Z")
    assert store.containers.get(ID) == changed
    assert store.containers.update(ID, pid=None, state="exited", exit_code=137).is_running is False


def test_status_is_merged(store: Store) -> None:
    store.containers.add(record(status={"restarts": 1, "error": "lost"}))
    store.containers.update(ID, status={"restarts": 2, "error": None, "health": "starting"})
    assert store.containers.find("box").status == {"restarts": 2, "health": "starting"}


def test_renaming_obeys_the_rules_of_names(store: Store) -> None:
    store.containers.add(record())
    store.containers.add(record("other", "cd" * 32))
    store.containers.update(ID, name="new")
    assert store.containers.find("new").id == ID
    with pytest.raises(ContainerNameInUse):
        store.containers.update(ID, name="other")
    with pytest.raises(InvalidContainerName):
        store.containers.update(ID, name="-")


def test_updating_is_for_columns_of_containers_that_are_there(store: Store) -> None:
    with pytest.raises(ContainerNotFound):
        store.containers.update(ID, state="running")
    store.containers.add(record())
    with pytest.raises(TypeError):
        store.containers.update(ID, colour="green")
    with pytest.raises(TypeError):
        store.containers.update(ID, id="other")


def test_removing_takes_the_directory_along(store: Store, root: Path) -> None:
    store.containers.add(record())
    (store.containers.directory(ID) / "upper").mkdir()
    with store.containers.lock(ID):
        assert store.containers.remove(ID)
    assert not store.containers.remove(ID)
    assert list((root / "containers").iterdir()) == []
    assert not (root / "locks" / f"container-{ID}").exists()


def test_containers_are_listed_newest_first(store: Store) -> None:
    image = add_image(store)
    store.containers.add(record(created="2024-01-01T00:00:00Z"))
    newer = add_container(store, "newer", image)
    assert [container.name for container in store.containers.list()] == ["newer", "box"]
    assert store.containers.using(image.id) == [newer]


# -- volumes


def test_a_volume_is_a_directory(store: Store, root: Path) -> None:
    volume = store.volumes.create("data", labels={"a": "b"}, options={"type": "tmpfs"})
    assert store.volumes.path("data") == str(root / "volumes/data/data")
    assert store.volumes.path("data").is_dir()
    assert store.volumes.get("data") == volume
    assert (volume.labels, volume.options, volume.driver, volume.anonymous) == (
        {"a": "b"},
        {"type": "tmpfs"},
        "local",
        False,
    )


def test_creating_a_volume_twice_is_creating_it_once(store: Store) -> None:
    first = store.volumes.create("data", labels={"a": "b"})
    (store.volumes.path("data") / "file").write_text("content")
    assert store.volumes.create("data") == first
    assert (store.volumes.path("data") / "file").read_text() == "content"


def test_a_volume_without_a_name_is_anonymous(store: Store) -> None:
    volume = store.volumes.create()
    assert volume.anonymous
    assert len(volume.name) == 64


@pytest.mark.parametrize("name", ["", "a", "a/b", "..", ".hidden", "a b"])
def test_volumes_have_docker_s_names(store: Store, name: str) -> None:
    with pytest.raises(InvalidVolumeName):
        store.volumes.create(name)


def test_a_new_volume_does_not_show_what_an_old_one_left_behind(store: Store, root: Path) -> None:
    (root / "volumes/data/data").mkdir(parents=True)
    (root / "volumes/data/data/secret").write_text("of somebody else")
    store.volumes.create("data")
    assert list(store.volumes.path("data").iterdir()) == []


def test_a_volume_stays_while_a_container_uses_it(store: Store) -> None:
    store.volumes.create("data")
    store.containers.add(record())
    store.volumes.attach("data", ID)
    store.volumes.attach("data", ID)
    assert store.volumes.users("data") == (ID,)
    assert [volume.name for volume in store.volumes.used_by(ID)] == ["data"]
    with pytest.raises(VolumeInUse, match="in use by container abababababab"):
        store.volumes.remove("data")
    store.containers.remove(ID)
    store.volumes.remove("data")
    assert store.volumes.list() == []
    assert not store.volumes.path("data").exists()


def test_a_missing_volume_is_named(store: Store) -> None:
    store.containers.add(record())
    for ask in (store.volumes.require, store.volumes.remove, lambda name: store.volumes.attach(name, ID)):
        with pytest.raises(VolumeNotFound, match="no such volume: data"):
            ask("data")
