"""Where registries are, and how much their TLS is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from boxwright.errors import InvalidError
from boxwright.remote.endpoint import Endpoint, candidates, is_insecure, is_loopback, split_host


def _nobody(host: str) -> Iterable[str]:
    raise AssertionError(f"{host} needs no look-up")


@pytest.mark.parametrize(
    ("domain", "host", "port"),
    [
        ("h", "h", None),
        ("h:5000", "h", 5000),
        ("[::1]:5000", "::1", 5000),
        ("[::1]", "::1", None),
        ("10.0.0.5:80", "10.0.0.5", 80),
    ],
)
def test_a_domain_is_split(domain: str, host: str, port: int | None) -> None:
    assert split_host(domain) == (host, port)


@pytest.mark.parametrize("domain", ["", ":5000", "h:0", "h:65536", "h:x"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(InvalidError):
        split_host(domain)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("hub.localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("10.0.0.1:5000", False),
        ("127.0.0.1.example.com", False),
        ("0.0.0.0:5000", False),
        ("docker.io", False),
    ],
)
def test_loopback_is_known_by_its_name(domain: str, expected: bool) -> None:
    assert is_loopback(domain) is expected


@pytest.mark.parametrize(
    ("domain", "entries", "expected"),
    [
        ("localhost:5000", (), True),
        ("h:5000", (), False),
        ("h:5000", ("h:5000",), True),
        ("h:5000", ("http://h:5000/",), True),
        ("h:5000", ("h",), True),
        ("h:5000", ("h:5001",), False),
        ("10.1.2.3:5000", ("10.0.0.0/8",), True),
        ("11.1.2.3:5000", ("10.0.0.0/8",), False),
        ("[fd00::5]:5000", ("fd00::/8",), True),
    ],
)
def test_insecure_entries_are_hosts_or_networks(domain: str, entries: tuple[str, ...], expected: bool) -> None:
    assert is_insecure(domain, entries, _nobody) is expected


def test_a_name_is_looked_up_only_to_compare_it_with_a_network() -> None:
    assert is_insecure("h:5000", ("10.0.0.0/8",), lambda host: ["fe80::1%eth0", "10.9.9.9"])
    assert not is_insecure("h:5000", ("10.0.0.0/8",), lambda host: [])


def test_an_entry_that_is_no_network_is_told() -> None:
    with pytest.raises(InvalidError, match=re.escape("invalid insecure registry '10.0.0/99'")):
        is_insecure("h", ("10.0.0/99",), _nobody)


def test_only_an_insecure_registry_is_tried_without_tls() -> None:
    assert candidates("h:5000", insecure=False) == (Endpoint("https", "h:5000", True),)
    assert candidates("h:5000", insecure=True) == (
        Endpoint("https", "h:5000", False),
        Endpoint("http", "h:5000", False),
    )


def test_docker_hub_lives_elsewhere() -> None:
    assert candidates("docker.io", insecure=False)[0].url == "https://registry-1.docker.io"
