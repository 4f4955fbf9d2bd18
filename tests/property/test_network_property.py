from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import InvalidError, UnsupportedError
from boxwright.host import netlink
from boxwright.network.pool import Subnet
from boxwright.network.ports import PortSpec, parse_publish

ports = st.integers(1, 65535)
addresses = st.sampled_from(["", "0.0.0.0", "127.0.0.1", "::", "::1", "fe80::1"])


@given(st.text(alphabet="0123456789.:-[]/tcpudp x", max_size=40) | st.text(max_size=20))
def test_any_text_is_understood_or_refused_as_invalid(text: str) -> None:
    try:
        specs = parse_publish(text)
    except (InvalidError, UnsupportedError):
        return
    assert specs
    for spec in specs:
        assert 0 < spec.container_port <= 65535
        assert 0 <= spec.first_port <= spec.last_port <= 65535


@given(
    ports, st.sampled_from(["tcp", "udp"]), addresses, st.just((0, 0)) | st.tuples(ports, ports).map(sorted).map(tuple)
)
def test_a_spec_is_read_as_it_is_written(port: int, protocol: str, address: str, host: tuple[int, int]) -> None:
    spec = PortSpec(port, protocol, address, *host)
    assert parse_publish(str(spec)) == [spec]


@given(st.integers(0, 2**32 - 1), st.integers(8, 30), st.data())
def test_hosts_and_addresses_of_a_subnet_are_inverse(number: int, length: int, data: st.DataObject) -> None:
    subnet = Subnet(number & -(1 << 32 - length), length)
    assert Subnet.parse(str(subnet)) == subnet
    host = data.draw(st.integers(1, subnet.size - 2))
    assert subnet.host(subnet.address(host)) == host


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40))))
def test_attributes_are_read_as_they_are_written(parts: list[tuple[int, bytes]]) -> None:
    data = b"".join(netlink.attribute(kind, value) for kind, value in parts)
    assert list(netlink.each_attribute(data)) == parts


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_as_attributes(data: bytes) -> None:
    for _, value in netlink.each_attribute(data):
        list(netlink.each_attribute(value))
