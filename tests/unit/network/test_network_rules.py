from __future__ import annotations

import os

import pytest

from boxwright.errors import UnsupportedError
from boxwright.host.nftables import Element
from boxwright.network import portmap, ruleset
from boxwright.network.bridge import BridgeSettings, InvalidBridgeName, check_name, interface_name
from boxwright.network.network import BridgeNeedsRoot, Network
from boxwright.network.ports import PortBinding

SETTINGS = BridgeSettings("boxwright0", "172.30.0.0/16")


def test_the_script_replaces_the_table_at_one_stroke() -> None:
    lines = ruleset.script(SETTINGS).splitlines()
    assert lines[:3] == ["table inet boxwright0 { }", "delete table inet boxwright0", "table inet boxwright0 {"]


def test_the_script_names_its_version_and_subnet() -> None:
    assert f"chain version_{ruleset._VERSION}_172.30.0.0_16 {{ }}" in ruleset.script(SETTINGS)


def test_loopback_is_guarded_since_the_bridge_may_carry_it() -> None:
    assert 'iifname "boxwright0" ip daddr 127.0.0.0/8 drop' in ruleset.script(SETTINGS)


def test_bindings_become_elements_as_the_rules_see_them() -> None:
    bindings = [
        PortBinding("0.0.0.0", 8080, 80, "tcp"),
        PortBinding("::", 8080, 80, "tcp"),
        PortBinding("127.0.0.1", 53, 5353, "udp"),
    ]
    assert portmap.elements("abc", "172.30.0.2", bindings) == [
        ("anywhere", [Element(bytes.fromhex("06000000 1f900000"), bytes.fromhex("ac1e0002 00500000"), "abc")]),
        (
            "at_address",
            [Element(bytes.fromhex("7f000001 11000000 00350000"), bytes.fromhex("ac1e0002 14e90000"), "abc")],
        ),
    ]


def test_ipv6_has_no_elements() -> None:
    assert portmap.elements("abc", "172.30.0.2", [PortBinding("::1", 8080, 80, "tcp")]) == []


@pytest.mark.parametrize("name", ["boxwright0", "bw-0123abcd", "br_1", "a"])
def test_a_usable_bridge_name(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "0br", "-br", "a" * 16, 'a"; drop', "a/b", "a b", "..", "a.b", "brücke", "a\n"])
def test_an_unusable_bridge_name(name: str) -> None:
    with pytest.raises(InvalidBridgeName):
        check_name(name)


def test_an_interface_is_named_by_its_container() -> None:
    assert interface_name("a41c09d2e7f1" + "0" * 52) == "bw-a41c09d2e7f1"
    assert len(interface_name("f" * 64)) == 15


def test_a_bridge_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    network = Network(SETTINGS)
    for call in (
        network.ensure_bridge,
        network.remove_bridge,
        lambda: network.attach("abc", -1, "172.30.0.2"),
        lambda: network.reconcile(set),
        lambda: network.restore([]),
    ):
        with pytest.raises(BridgeNeedsRoot) as caught:
            call()
        assert isinstance(caught.value, UnsupportedError)
        assert caught.value.hint == "use --network host or --network none, or run it as root"
