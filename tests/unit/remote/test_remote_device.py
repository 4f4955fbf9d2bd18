"""The device authorization grant as a client: when it asks, and what it takes from a provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from boxwright.remote.device import Invitation, LoginRefused, log_in
from boxwright.remote.provider import Provider, ProviderFailed
from boxwright.remote.transport import ConnectionFailed, Request, Response

PROVIDER = Provider(
    "https://id.example.com", "https://id.example.com/k", "https://id.example.com/t", "https://id.example.com/d"
)
BEGUN = {"device_code": "d", "user_code": "AB-CD", "verification_uri": "https://id.example.com/", "expires_in": 100}
PENDING = 400, {"error": "authorization_pending"}
SLOWER = 400, {"error": "slow_down"}
DONE = 200, {"id_token": "token"}


class Told:
    """A transport whose answers are told, None being a connection that breaks; and a clock that only waiting moves."""

    def __init__(self, *answers: tuple[int, Mapping[str, Any]] | None) -> None:
        self.answers = list(answers)
        self.waits: list[float] = []
        self.now = 0.0
        self.shown: list[Invitation] = []

    def send(self, request: Request) -> Response:
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectionFailed(request.url, "broken", "the connection broke", sent=True)
        return Answered(request, *answer)

    def close(self) -> None:
        """Nothing is open."""

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def log_in(self, provider: Provider = PROVIDER) -> str:
        return log_in(
            self, provider, "boxwright", "openid", self.shown.append, sleep=self.sleep, clock=lambda: self.now
        )


class Answered(Response):
    def __init__(self, request: Request, status: int, fields: Mapping[str, Any]) -> None:
        self.method, self.url, self.status = request.method, request.url, status
        self._text = json.dumps(fields).encode()

    def body(self, limit: int) -> bytes:
        return self._text


@pytest.mark.parametrize(
    ("interval", "answers", "waits"),
    [
        ({}, [DONE], [5]),
        ({"interval": 2}, [PENDING, PENDING, DONE], [2, 2, 2]),
        ({"interval": 2}, [SLOWER, PENDING, DONE], [2, 7, 7]),
        ({"interval": 4}, [None, None, DONE], [4, 8, 16]),
        ({"interval": 0}, [DONE], [1]),
        ({"interval": -1}, [DONE], [5]),
        ({"interval": "soon"}, [DONE], [5]),
    ],
)
def test_it_asks_as_often_as_it_is_told(
    interval: dict[str, Any], answers: list[tuple[int, Mapping[str, Any]] | None], waits: list[float]
) -> None:
    told = Told((200, {**BEGUN, **interval}), *answers)
    assert told.log_in() == "token"
    assert told.waits == waits
    assert told.shown == [Invitation("https://id.example.com/", "AB-CD", "")]


def test_it_stops_when_the_code_has_ended() -> None:
    told = Told((200, BEGUN), *[PENDING] * 99)
    with pytest.raises(LoginRefused, match="in time"):
        told.log_in()
    assert told.now < 100


@pytest.mark.parametrize(
    "changes",
    [
        {"verification_uri": "http://id.example.com/"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": None},
        {"user_code": ""},
        {"user_code": "a\x1b[31mb"},
        {"user_code": "x" * 65},
        {"device_code": None},
    ],
)
def test_a_provider_that_says_nothing_that_can_be_shown_is_of_no_use(changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed):
        Told((200, {**BEGUN, **changes})).log_in()


def test_a_url_with_the_code_in_it_is_shown_when_it_is_safe() -> None:
    for complete, shown in (("https://id.example.com/?c=AB-CD", "https://id.example.com/?c=AB-CD"), ("data:x", "")):
        told = Told((200, {**BEGUN, "verification_uri_complete": complete}), DONE)
        told.log_in()
        assert told.shown[0].complete_url == shown


def test_what_else_goes_wrong_is_said() -> None:
    with pytest.raises(ProviderFailed, match="no device authorization grant"):
        Told().log_in(PROVIDER._replace(device_url=""))
    with pytest.raises(ProviderFailed, match="unauthorized_client"):
        Told((400, {"error": "unauthorized_client"})).log_in()
    with pytest.raises(ProviderFailed, match="no ID token"):
        Told((200, BEGUN), (200, {"access_token": "x"})).log_in()
