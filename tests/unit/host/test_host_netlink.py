from __future__ import annotations

import struct
import sys

import pytest

from boxwright.host import netlink, nftables
from boxwright.host.nftables import Element

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the examples are of a little-endian machine")


def test_an_attribute_is_padded_to_four_bytes() -> None:
    assert netlink.attribute(3, b"abcde") == bytes.fromhex("0900 0300") + b"abcde\0\0\0"
    assert netlink.text(3, "abc") == bytes.fromhex("0800 0300") + b"abc\0"
    assert netlink.number(4, 1500) == bytes.fromhex("0800 0400 dc050000")


def test_nested_attributes_are_marked() -> None:
    assert netlink.nest(18, netlink.attribute(1, b"x")) == bytes.fromhex("0c00 1280 0500 0100 78000000")


def test_attributes_are_read_back() -> None:
    data = netlink.text(3, "eth0") + netlink.nest(18, netlink.number(1, 7)) + netlink.attribute(1, b"\1\2\3\4\5\6")
    found = netlink.attributes(data)
    assert netlink.as_text(found[3]) == "eth0"
    assert netlink.attributes(found[18]) == {1: struct.pack("=I", 7)}
    assert found[1] == b"\1\2\3\4\5\6"


@pytest.mark.parametrize("data", [b"", b"\x04", b"\0\0\0\0", b"\x03\0\1\0", b"\xff\xff\1\0abc"])
def test_what_does_not_fit_ends_the_attributes(data: bytes) -> None:
    assert dict(netlink.attributes(data)) == {}


def test_a_message_has_its_length_and_is_padded() -> None:
    assert netlink.message(16, b"abcde", 4, 9) == bytes.fromhex("15000000 1000 0500 09000000 00000000") + b"abcde\0\0\0"


def test_the_deletion_of_an_element_is_what_nft_sends() -> None:
    element = Element(bytes.fromhex("060000001f900000"), b"ignored", "ignored")
    data = nftables.deletion(nftables.INET, "boxwright0", [("any4", [element])])
    begin = bytes.fromhex("14000000 1000 0100 00000000 00000000 0000000a")
    change = bytes.fromhex(
        "48000000 0e0a 0100 01000000 00000000 01000000"
        "0f000100 626f78777269676874300000 09000200 616e793400000000"
        "18000380 14000180 10000180 0c000100 06000000 1f900000"
    )
    end = bytes.fromhex("14000000 1100 0100 02000000 00000000 0000000a")
    assert data == begin + change + end


def test_many_elements_take_several_messages() -> None:
    elements = [Element(struct.pack(">II", 6, port), b"") for port in range(1000)]
    data = nftables.deletion(nftables.INET, "boxwright0", [("any4", elements)])
    position = kinds = 0
    while position < len(data):
        length, kind = struct.unpack_from("=IH", data, position)
        kinds += kind == 0x0A0E
        assert length < 65536
        position += length
    assert kinds == 4


def test_an_error_tells_the_request_and_the_reason() -> None:
    error = netlink.NetlinkError(17, "creating the link x", "name taken")
    assert error.errno == 17
    assert error.request == "creating the link x"
    assert error.strerror == "creating the link x: File exists (name taken)"
