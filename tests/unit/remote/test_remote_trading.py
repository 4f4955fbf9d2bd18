"""What a hub says of its OpenID provider, and what it gives for an ID token: as a client takes it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from boxwright.remote.failure import RegistryBroken
from boxwright.remote.trading import (
    GRANT,
    ID_TOKEN,
    SETTINGS_PATH,
    LoginPlace,
    NoProvider,
    Traded,
    TradeRefused,
    login_place,
    trade,
)
from unit.remote.scripted import Answer, Sent, client

PLACE = LoginPlace("https://id.example.com", "boxwright", "openid", "/token")
SAID = {"issuer": PLACE.issuer + "/", "client_id": "boxwright", "scope": "openid", "token_endpoint": "/token"}
GIVEN = {"access_token": "bxw_x", "username": "ada", "expires_in": 60}


def answered(path: str, status: int, fields: Any) -> Any:
    def answer(sent: Sent) -> Answer:
        return Answer(status, {}, json.dumps(fields).encode()) if sent.url.endswith(path) else Answer()

    return answer


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


def test_a_hub_says_where_its_users_log_in() -> None:
    made, _ = client(answered(SETTINGS_PATH, 200, SAID))
    assert login_place(made.session) == PLACE


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (404, {}),
        (401, refusal("UNAUTHORIZED", "authentication required")),
        (403, {}),
        (200, {}),
        (200, []),
        (200, {**SAID, "client_id": 7}),
        (200, {**SAID, "token_endpoint": "https://elsewhere.example.com/token"}),
    ],
)
def test_other_registries_have_no_such_login(status: int, fields: object) -> None:
    made, _ = client(answered(SETTINGS_PATH, status, fields))
    with pytest.raises(NoProvider, match=r"registry.test has no login"):
        login_place(made.session)


def test_an_issuer_that_others_could_listen_to_is_not_followed() -> None:
    made, _ = client(answered(SETTINGS_PATH, 200, {**SAID, "issuer": "http://id.example.com"}))
    with pytest.raises(RegistryBroken, match="invalid issuer"):
        login_place(made.session)


def test_an_id_token_is_traded_with_its_limits() -> None:
    made, transport = client(answered("/token", 200, GIVEN))
    traded = trade(made.session, PLACE, "jwt", name="boxwright on vm", can="pull", on=["ada/web", "shop/*"])
    assert traded == Traded("ada", "bxw_x", 60.0)
    assert parse_qsl(transport.sent[-1].body.decode()) == [
        *[("grant_type", GRANT), ("subject_token", "jwt"), ("subject_token_type", ID_TOKEN)],
        *[("client_id", "boxwright on vm"), ("can", "pull"), ("on", "ada/web"), ("on", "shop/*")],
    ]


@pytest.mark.parametrize(
    ("status", "fields", "kind", "why"),
    [
        (401, refusal("UNAUTHORIZED", "you are nobody"), TradeRefused, "does not let you in: you are nobody"),
        (400, refusal("UNSUPPORTED", "'A B' is no repository"), TradeRefused, "'A B' is no repository"),
        (401, {}, TradeRefused, "status 401"),
        (200, {**GIVEN, "username": None}, RegistryBroken, "no token"),
        (200, {**GIVEN, "expires_in": "soon"}, RegistryBroken, "no token"),
        (200, "text", RegistryBroken, "no token"),
    ],
)
def test_what_a_hub_refuses_is_said_in_its_words(status: int, fields: object, kind: type[Exception], why: str) -> None:
    made, _ = client(answered("/token", status, fields))
    with pytest.raises(kind, match=why):
        trade(made.session, PLACE, "jwt", name="x")
