"""hosts and resolv.conf."""

from __future__ import annotations

import pytest

from boxwright.runtime.files import Files, hosts, resolv_conf

HOST = """\
# made by hand
nameserver 127.0.0.53
nameserver 10.0.0.1 # office
nameserver ::1
nameserver fe80::1%eth0
domain old.example
search corp.example example
options ndots:2 ; edns0
sortlist 1.2.3.4
"""


def test_hosts_has_loopback_ourselves_and_more():
    text = hosts([("172.17.0.2", ("box", "alias"))], [("db", "10.1.1.1")])
    lines = text.splitlines()
    assert lines[0] == "127.0.0.1\tlocalhost"
    assert lines[-2:] == ["172.17.0.2\tbox alias", "10.1.1.1\tdb"]
    assert text.endswith("\n")


def test_the_hosts_loopback_is_not_the_containers():
    assert resolv_conf(HOST) == (
        "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch corp.example example\noptions ndots:2\n"
    )


def test_in_the_hosts_network_everything_stays():
    assert "nameserver 127.0.0.53\n" in resolv_conf(HOST, own_network=False)
    assert resolv_conf("", own_network=False) == "\n"


@pytest.mark.parametrize("text", ["", "nameserver 127.0.0.1\n", "nameserver\n"])
def test_with_no_server_left_public_ones_serve(text):
    assert resolv_conf(text) == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"


def test_what_is_given_takes_the_place_of_the_hosts():
    text = resolv_conf(HOST, servers=["127.0.0.11"], search=["."], options=["ndots:0"])
    assert text == "nameserver 127.0.0.11\noptions ndots:0\n"


def test_only_files_that_are_set_are_made():
    assert Files(hosts="h", hostname="").items() == [("hosts", "/etc/hosts", "h"), ("hostname", "/etc/hostname", "")]
