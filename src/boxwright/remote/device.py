"""Logging in at an OpenID provider from a terminal, by a browser anywhere (RFC 8628)."""

from __future__ import annotations

import time
from collections.abc import Callable

from boxwright.errors import DeniedError
from boxwright.remote.issuer import is_safe
from boxwright.remote.provider import Answer, Provider, ProviderFailed, ask
from boxwright.remote.transport import Transport
from boxwright.values import NamedTuple

GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_INTERVAL = 5.0
"""Seconds between two questions where the provider says nothing of it (§3.2)."""
_LEAST_INTERVAL, _MOST_INTERVAL = 1.0, 60.0
_MOST_SECONDS = 1800.0
_MAX_CODE = 64


class LoginRefused(DeniedError):
    """Nobody logged in at the provider, or said no there."""

    def __init__(self, provider: Provider, why: str) -> None:
        super().__init__(f"the login at {provider.issuer} came to nothing: {why}")
        self.provider = provider


class Invitation(NamedTuple):
    """What somebody has to do in a browser."""

    url: str
    code: str
    """What to enter there."""
    complete_url: str
    """The same URL with the code in it, "" where the provider has none. The code is to be compared then."""


class _Begun(NamedTuple):
    device_code: str
    seconds: float
    interval: float


def log_in(
    transport: Transport,
    provider: Provider,
    client_id: str,
    scope: str,
    show: Callable[[Invitation], object],
    *,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Have somebody log in, and return the ID token; `show` is told what they have to do, and then it is waited for.

    Raises LoginRefused, ProviderFailed.
    """
    if not provider.device_url or not provider.token_url:
        raise ProviderFailed(
            provider.issuer,
            "it has no device authorization grant",
            hint="its administrator can switch that on for this client (RFC 8628); an ID token got elsewhere works as"
            " the password of a login",
        )
    answer = ask(transport, provider.device_url, {"client_id": client_id, "scope": scope})
    invitation, begun = _begin(provider, answer)
    show(invitation)
    form = {"grant_type": GRANT, "device_code": begun.device_code, "client_id": client_id}
    interval, ends = begun.interval, clock() + begun.seconds
    while clock() + interval < ends:
        sleep(interval)
        try:
            answer = ask(transport, provider.token_url, form)
        except ProviderFailed:
            interval = min(interval * 2, _MOST_INTERVAL)  # §3.5: a connection that broke is tried again, more slowly
            continue
        if answer.status == 200:
            return _id_token(provider, answer)
        match answer.text("error"):
            case "authorization_pending":
                pass
            case "slow_down":
                interval = min(interval + 5, _MOST_INTERVAL)
            case "access_denied":
                raise LoginRefused(provider, "it was refused there")
            case "expired_token":
                break
            case _:
                raise LoginRefused(provider, _said(answer))
    raise LoginRefused(provider, "nobody has done so in time")


def _begin(provider: Provider, answer: Answer) -> tuple[Invitation, _Begun]:
    """Return what the device authorization endpoint answered (§3.2). Raises ProviderFailed."""
    if answer.status != 200:
        raise ProviderFailed(provider.device_url, _said(answer))
    url, code = answer.text("verification_uri"), answer.text("user_code")
    complete = answer.text("verification_uri_complete")
    # They end on a terminal, and somebody opens them.
    if not is_safe(url) or not url.isascii() or not code.isprintable() or not 0 < len(code) <= _MAX_CODE:
        raise ProviderFailed(provider.device_url, "it says neither where to log in, nor with what code")
    if not is_safe(complete) or not complete.isascii():
        complete = ""
    device_code = answer.text("device_code")
    if not device_code:
        raise ProviderFailed(provider.device_url, "its answer has no device_code")
    seconds = min(_number(answer, "expires_in", _MOST_SECONDS), _MOST_SECONDS)
    interval = min(max(_number(answer, "interval", _INTERVAL), _LEAST_INTERVAL), _MOST_INTERVAL)
    return Invitation(url, code, complete), _Begun(device_code, seconds, interval)


def _id_token(provider: Provider, answer: Answer) -> str:
    token = answer.text("id_token")
    if not token:
        raise ProviderFailed(provider.token_url, "it gives no ID token", hint="the scope openid may not be allowed")
    return token


def _number(answer: Answer, name: str, default: float) -> float:
    value = answer.fields.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else default


def _said(answer: Answer) -> str:
    """Return what an error says (RFC 6749 §5.2), fit for a terminal."""
    words = answer.text("error_description") or answer.text("error") or f"status {answer.status}"
    return "".join(char if char.isprintable() else " " for char in words[:200])
