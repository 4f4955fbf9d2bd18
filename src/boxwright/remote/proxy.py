"""Which proxy a request takes: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY as curl and Go read them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from boxwright.errors import InvalidError
from boxwright.remote.headers import Origin
from boxwright.remote.socks import SCHEMES


def proxy_for(origin: Origin, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for requests to `origin`, None for a direct connection.

    Loopback never takes one. The lower-case names win, as in curl. Raises InvalidError for a proxy that is no http,
    https or socks5 URL.
    """
    if origin.host == "localhost" or origin.host.endswith(".localhost") or _is_loopback(origin.host):
        return None
    proxy = _variable(environment, f"{origin.scheme}_proxy") or _variable(environment, "all_proxy")
    if not proxy or _bypassed(origin, _variable(environment, "no_proxy")):
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_usable(url):
        # The value may hold a password: it is not repeated.
        raise InvalidError(
            f"the proxy for {origin.scheme} is no http, https or socks5 URL",
            hint=f"see {origin.scheme.upper()}_PROXY and ALL_PROXY",
        )
    return url


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https", *SCHEMES) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False  # a port that is none


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _bypassed(origin: Origin, exceptions: str) -> bool:
    for entry in exceptions.replace(" ", ",").split(","):
        entry = entry.strip().lower()
        if not entry:
            continue
        if entry == "*":
            return True
        if "/" in entry:
            if _in_network(origin.host, entry):
                return True
            continue
        name, colon, port = entry.rpartition(":")
        if colon and port.isdigit() and not entry.endswith("]") and name.count(":") == 0:
            if int(port) != origin.port:
                continue
            entry = name
        entry = entry.strip("[]").removeprefix("*").lstrip(".")
        if origin.host == entry or origin.host.endswith(f".{entry}"):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
