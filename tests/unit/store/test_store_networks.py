from __future__ import annotations

import pytest

from boxwright.errors import InvalidError, NotFoundError
from boxwright.store.containers import ContainerRecord
from boxwright.store.networks import (
    AddressesExhausted,
    AddressInUse,
    NetworkExists,
    NetworkInUse,
    NetworkNotFound,
    SubnetOverlaps,
)
from boxwright.store.store import Store


@pytest.fixture
def networked(store: Store) -> Store:
    for number in range(8):
        store.containers.add(ContainerRecord(f"{number:064x}", f"box{number}", None, "web", "", "created"))
    store.networks.add("lan", subnet="10.9.0.0/29", gateway="10.9.0.1", config={"bridge": "br0"})
    return store


def test_a_network_is_found_by_name_and_id(networked: Store) -> None:
    network = networked.networks.get("lan")
    assert network is not None
    assert (network.subnet, network.gateway, network.config, network.driver) == (
        "10.9.0.0/29",
        "10.9.0.1",
        {"bridge": "br0"},
        "bridge",
    )
    for text in ("lan", network.id, network.id[:12]):
        assert networked.networks.find(text) == network
    assert networked.networks.list() == [network]


@pytest.mark.parametrize("text", ["", "wan", "zz"])
def test_a_network_that_is_not_there_is_named(networked: Store, text: str) -> None:
    with pytest.raises(NetworkNotFound):
        networked.networks.find(text)


def test_names_and_subnets_are_unique(networked: Store) -> None:
    with pytest.raises(NetworkExists):
        networked.networks.add("lan")
    with pytest.raises(SubnetOverlaps, match=r"10\.9\.0\.0/16 overlaps 10\.9\.0\.0/29 of network lan"):
        networked.networks.add("wan", subnet="10.9.0.0/16")
    with pytest.raises(InvalidError, match="invalid subnet"):
        networked.networks.add("wan", subnet="10.9.0.1/16")


def test_configuration_can_be_replaced(networked: Store) -> None:
    networked.networks.update_config("lan", {"bridge": "br1"})
    assert networked.networks.find("lan").config == {"bridge": "br1"}
    with pytest.raises(NetworkNotFound):
        networked.networks.update_config("wan", {})


def test_addresses_are_given_out_one_after_the_other(networked: Store) -> None:
    given = [networked.networks.lease_address("lan", f"{number:064x}") for number in range(4)]
    assert given == ["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5"]
    assert networked.networks.lease_address("lan", f"{3:064x}") == "10.9.0.5"
    assert networked.networks.addresses("lan")[f"{3:064x}"] == "10.9.0.5"
    assert networked.networks.of_container(f"{3:064x}") == {"lan": "10.9.0.5"}
    with pytest.raises(AddressesExhausted, match="no free address left"):
        networked.networks.lease_address("lan", f"{5:064x}")


def test_the_last_quarter_of_a_subnet_is_kept_for_those_who_borrow(networked: Store) -> None:
    networked.networks.add("wan", subnet="10.8.0.0/28", gateway="10.8.0.1")
    for number in range(8, 20):
        networked.containers.add(ContainerRecord(f"{number:064x}", f"box{number}", None, "web", "", "created"))
    given = [networked.networks.lease_address("wan", f"{number:064x}") for number in range(10)]
    assert given == [f"10.8.0.{host}" for host in range(2, 12)]
    with pytest.raises(AddressesExhausted):
        networked.networks.lease_address("wan", f"{10:064x}")


def test_a_subnet_of_two_hosts_is_not_shared(networked: Store) -> None:
    networked.networks.add("p2p", subnet="10.7.0.0/30", gateway="10.7.0.1")
    assert networked.networks.lease_address("p2p", f"{0:064x}") == "10.7.0.2"


def test_an_address_that_came_back_is_used_again_last(networked: Store) -> None:
    networked.networks.lease_address("lan", f"{0:064x}")
    assert networked.networks.release_address("lan", f"{0:064x}")
    assert not networked.networks.release_address("lan", f"{0:064x}")
    given = [networked.networks.lease_address("lan", f"{number:064x}") for number in range(1, 5)]
    assert given == ["10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.2"]


def test_removing_a_container_gives_its_address_back(networked: Store) -> None:
    networked.networks.lease_address("lan", f"{0:064x}")
    networked.containers.remove(f"{0:064x}")
    assert networked.networks.addresses("lan") == {}


def test_an_address_can_be_asked_for(networked: Store) -> None:
    lease = networked.networks.lease_address
    assert lease("lan", f"{0:064x}", wanted="10.9.0.6") == "10.9.0.6"
    assert lease("lan", f"{0:064x}", wanted="10.9.0.6") == "10.9.0.6"
    assert lease("lan", f"{0:064x}", wanted="10.9.0.5") == "10.9.0.5"
    with pytest.raises(AddressInUse, match=r"10\.9\.0\.5 of network lan is held"):
        lease("lan", f"{1:064x}", wanted="10.9.0.5")


@pytest.mark.parametrize("wanted", ["10.9.0.0", "10.9.0.7", "10.9.0.1", "10.8.0.1", "nonsense", "::1"])
def test_an_address_that_cannot_be_is_refused(networked: Store, wanted: str) -> None:
    with pytest.raises(InvalidError):
        networked.networks.lease_address("lan", f"{0:064x}", wanted=wanted)


def test_addresses_are_for_containers_that_are_there(networked: Store) -> None:
    with pytest.raises(NotFoundError, match="no such container"):
        networked.networks.lease_address("lan", "f" * 64)


def test_a_network_without_a_subnet_gives_no_addresses(networked: Store) -> None:
    networked.networks.add("host", driver="host")
    with pytest.raises(InvalidError, match="gives no addresses"):
        networked.networks.lease_address("host", f"{0:064x}")


def test_a_network_in_use_stays(networked: Store) -> None:
    networked.networks.lease_address("lan", f"{0:064x}")
    with pytest.raises(NetworkInUse):
        networked.networks.remove("lan")
    networked.networks.release_address("lan", f"{0:064x}")
    networked.networks.remove("lan")
    assert networked.networks.list() == []
