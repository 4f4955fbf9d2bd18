"""What `boxwright login --oidc` talks to: where to log in, and a personal access token for an ID token (RFC 8693).

GET /.well-known/boxwright-oidc     {"issuer": …, "client_id": …, "scope": "openid …", "token_endpoint": "/token"}

POST /token                         grant_type=urn:ietf:params:oauth:grant-type:token-exchange
                                    subject_token=<ID token>
                                    subject_token_type=urn:ietf:params:oauth:token-type:id_token
                                    client_id=<what the token is for>  can=pull,push  on=ada/web on=ada/tools
{"access_token": "bxw_…", "issued_token_type": …, "token_type": "N_A", "expires_in": …, "username": …}
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from boxwright.errors import ConflictError, InvalidError
from boxwright.hub.accounts.oidc.settings import OIDCSettings
from boxwright.hub.accounts.roles import UNLIMITED, Limit
from boxwright.hub.accounts.tokens import Tokens, parse_actions
from boxwright.hub.db.audit import Actor
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import RegistryError

if TYPE_CHECKING:
    from boxwright.hub.accounts.logins import Login
    from boxwright.hub.registry.application import Handler

SETTINGS_PATH = "/.well-known/boxwright-oidc"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"

_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


class Exchange:
    """The two endpoints."""

    __slots__ = ("_clock", "_settings", "_token_path", "_tokens")

    def __init__(
        self, settings: OIDCSettings, tokens: Tokens, token_path: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._token_path = token_path
        self._clock = clock

    @property
    def endpoints(self) -> dict[str, Mapping[str, Handler]]:
        """The path that says where to log in, as the application takes it."""
        return {SETTINGS_PATH: {"GET": self.describe}}

    async def describe(self, call: Call) -> Reply:
        """Tell anybody who asks where the users of this hub log in: nothing of it is secret."""
        document = {
            "issuer": self._settings.issuer,
            "client_id": self._settings.client_id,
            "scope": " ".join(self._settings.scopes),
            "token_endpoint": self._token_path,
        }
        return Reply(200, [_HEADERS[0], ("Cache-Control", "max-age=300")], json.dumps(document).encode())

    def token_of(self, form: Sequence[tuple[str, str]]) -> str:
        """Return the ID token of a request. Raises RegistryError."""
        fields = dict(form)
        if fields.get("subject_token_type") != ID_TOKEN or not fields.get("subject_token"):
            raise RegistryError("UNSUPPORTED", f"subject_token is missing, or no {ID_TOKEN}", status=400)
        return fields["subject_token"]

    def answer(self, login: Login, form: Sequence[tuple[str, str]], address: str) -> Reply:
        """Return the answer to who has shown an ID token: a token of theirs, in place of the one of this name.

        Raises RegistryError.
        """
        name, limit = login.standing.name, _limit(form)
        try:
            secret = self._tokens.create(
                name,
                dict(form).get("client_id") or "boxwright",
                Actor(name, address),
                limit=limit,
                expires=login.expires,
                replace=True,
            )
        except (InvalidError, ConflictError) as error:
            raise RegistryError("DENIED", error.message, status=400) from None
        document: dict[str, object] = {
            "access_token": secret,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "N_A",
            "username": name,
        }
        if login.expires is not None:
            document["expires_in"] = int(login.expires - self._clock())
        return Reply(200, _HEADERS, json.dumps(document).encode())


def _limit(form: Sequence[tuple[str, str]]) -> Limit:
    """Return what the token is to be good for. Raises RegistryError."""
    patterns = tuple(value for key, value in form if key == "on")
    can = dict(form).get("can")
    try:
        return Limit(parse_actions(can) if can else UNLIMITED.actions, patterns)
    except InvalidError as error:
        raise RegistryError("UNSUPPORTED", error.message, status=400) from None
