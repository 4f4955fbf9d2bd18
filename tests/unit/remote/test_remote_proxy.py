"""Which proxy a request takes."""

from __future__ import annotations

import pytest

from boxwright.errors import InvalidError
from boxwright.remote.headers import Origin
from boxwright.remote.proxy import proxy_for

_HTTPS = Origin("https", "registry.example.com", 443)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ({"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://high"}, "http://low"),
        ({"HTTP_PROXY": "http://p"}, None),
        ({"ALL_PROXY": "http://p"}, "http://p"),
        ({"ALL_PROXY": "socks5h://p:1080"}, "socks5h://p:1080"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "example.com"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": ".example.com"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*.example.com"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "a, registry.example.com:443"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "registry.example.com:5000"}, "http://p"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "ample.com"}, "http://p"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": ""}, "http://p"),
    ],
)
def test_the_environment_decides(environment: dict[str, str], expected: str | None) -> None:
    assert proxy_for(_HTTPS, environment) == expected


@pytest.mark.parametrize(
    ("host", "exceptions", "bypassed"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::1]", True),
        ("host", "10.0.0.0/8", False),
        ("host", "nonsense/8", False),
    ],
)
def test_networks_bypass_it(host: str, exceptions: str, bypassed: bool) -> None:
    environment = {"http_proxy": "http://p", "no_proxy": exceptions}
    assert (proxy_for(Origin("http", host, 80), environment) is None) is bypassed


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "hub.localhost"])
def test_loopback_never_takes_one(host: str) -> None:
    assert proxy_for(Origin("http", host, 5000), {"http_proxy": "http://p"}) is None


@pytest.mark.parametrize("proxy", ["socks4://user:secret@p", "http://user:secret@p:none", "http://user:secret@:80"])
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(InvalidError) as caught:
        proxy_for(_HTTPS, {"https_proxy": proxy})
    assert "secret" not in caught.value.message
    assert caught.value.hint == "see HTTPS_PROXY and ALL_PROXY"
