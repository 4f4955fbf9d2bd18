from __future__ import annotations

import pytest

from boxwright.network.pool import (
    CANDIDATES,
    AddressPool,
    InvalidSubnet,
    NoFreeAddress,
    NoFreeSubnet,
    Subnet,
    borrowing_pool,
    choose_subnet,
    mac_address,
)


def network(text: str) -> tuple[int, int]:
    subnet = Subnet.parse(text)
    return subnet.network, subnet.prefix_length


def test_a_subnet_knows_its_addresses() -> None:
    subnet = Subnet.parse("172.30.0.0/16")
    assert str(subnet) == "172.30.0.0/16"
    assert subnet.size == 65536
    assert subnet.gateway == "172.30.0.1"
    assert subnet.address(256) == "172.30.1.0"
    assert subnet.host("172.30.1.0") == 256
    assert subnet.host("172.31.0.1") is None
    assert subnet.host("172.30.0.0") is None
    assert subnet.host("172.30.255.255") is None
    assert subnet.host("nonsense") is None


@pytest.mark.parametrize("host", [-1, 0, 255, 256])
def test_a_subnet_has_no_address_beyond_its_ends(host: int) -> None:
    with pytest.raises(ValueError, match=f"has no host {host}"):
        Subnet.parse("10.0.0.0/24").address(host)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("172.30.0.0", "no prefix length"),
        ("172.30.0.0/", "no prefix length"),
        ("172.30.0.0/x", "no prefix length"),
        ("172.30.0.0/016", "no prefix length"),
        ("172.30.0.0/31", "the prefix length must be from 8 to 30"),
        ("0.0.0.0/0", "the prefix length must be from 8 to 30"),
        ("172.30.0.1/16", "the network's address would be 172.30.0.0"),
        ("172.30.0/16", "not an IPv4 address"),
        ("172.30.0.256/24", "not an IPv4 address"),
        ("172.30.00.0/24", "not an IPv4 address"),
        ("fd00::/64", "not an IPv4 address"),
        ("", "no prefix length"),
    ],
)
def test_a_malformed_subnet_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidSubnet) as caught:
        Subnet.parse(text)
    assert str(caught.value) == f"invalid subnet {text!r}: {reason}"


@pytest.mark.parametrize(
    ("other", "expected"),
    [("172.30.7.0/24", True), ("172.16.0.0/12", True), ("172.31.0.0/16", False), ("172.30.0.0/16", True)],
)
def test_subnets_overlap_when_one_holds_the_other(other: str, expected: bool) -> None:
    assert Subnet.parse("172.30.0.0/16").overlaps(*network(other)) is expected


def test_addresses_go_on_in_turn_and_come_round() -> None:
    pool = AddressPool(Subnet.parse("10.0.0.0/29"), 2, 6)
    taken: set[str] = set()
    last = None
    given = []
    for _ in range(5):
        last = pool.choose(taken, last)
        taken.add(last)
        given.append(last)
    assert given == [f"10.0.0.{host}" for host in (2, 3, 4, 5, 6)]
    taken.remove("10.0.0.3")
    assert pool.choose(taken, "10.0.0.6") == "10.0.0.3"
    assert pool.choose(taken, "10.0.0.3") == "10.0.0.3"
    taken.add("10.0.0.3")
    with pytest.raises(NoFreeAddress, match=r"no address is free in 10\.0\.0\.0/29"):
        pool.choose(taken)


@pytest.mark.parametrize("after", [None, "10.0.0.1", "192.0.2.1", "nonsense"])
def test_a_last_address_from_elsewhere_begins_at_the_start(after: str | None) -> None:
    assert AddressPool(Subnet.parse("10.0.0.0/29"), 2, 6).choose((), after) == "10.0.0.2"


def test_a_pool_stays_inside_of_its_subnet() -> None:
    for first, last in ((1, 5), (2, 7), (5, 4)):
        with pytest.raises(ValueError, match="has no hosts"):
            AddressPool(Subnet.parse("10.0.0.0/29"), first, last)


def test_the_last_quarter_is_for_borrowing() -> None:
    pool = borrowing_pool(Subnet.parse("172.30.0.0/16"))
    assert pool is not None
    assert pool.choose(()) == "172.30.192.0"
    assert pool.subnet.address(pool.last) == "172.30.255.254"
    assert borrowing_pool(Subnet.parse("10.0.0.0/30")) is None


def test_the_first_candidate_without_a_route_is_chosen() -> None:
    assert str(choose_subnet([])) == CANDIDATES[0]
    assert str(choose_subnet([(0, 0)])) == CANDIDATES[0]  # the default route is in nobody's way
    assert str(choose_subnet([network("172.30.4.0/24")])) == CANDIDATES[1]
    assert str(choose_subnet([network("172.16.0.0/12")])) == "10.200.0.0/16"
    assert str(choose_subnet([network("172.16.0.0/12"), network("10.0.0.0/8")])) == "192.168.240.0/24"


def test_a_machine_with_routes_to_everywhere_has_none() -> None:
    with pytest.raises(NoFreeSubnet):
        choose_subnet(network(text) for text in ("172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16"))


def test_every_candidate_is_private_and_apart_from_the_others() -> None:
    subnets = [Subnet.parse(text) for text in CANDIDATES]
    private = [Subnet.parse(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    for index, subnet in enumerate(subnets):
        assert any(subnet.overlaps(*other) and subnet.prefix_length > other.prefix_length for other in private)
        assert not any(subnet.overlaps(*other) for other in subnets[:index])


def test_one_address_has_one_mac_address() -> None:
    assert mac_address("172.30.0.2").hex(":") == "02:42:ac:1e:00:02"
    with pytest.raises(ValueError, match="not an IPv4 address"):
        mac_address("::1")
