"""What the tests of a hub with accounts share: accounts made quickly, and a server in this process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from boxwright.hub.accounts.house import House
from boxwright.hub.db.audit import Actor
from boxwright.hub.db.database import Database, default_url
from support.registry_kit import Answer, Registry, registry

BY = Actor("console:test")
PASSWORD = "correct horse"


def basic(user: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextmanager
def house(url: Any) -> Iterator[House]:
    """The accounts in a database, with passwords that cost little."""
    from argon2 import PasswordHasher

    from boxwright.hub.accounts.passwords import Passwords

    database = Database(url)
    made = House(database, Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)))
    try:
        yield made
    finally:
        database.close()


def populate(made: House) -> None:
    """Make ada and bob, the organisation shop of ada's with its team deployers (bob) and its robot shop+ci, admin1, who
    is an administrator, and carl, a curator. Every password is PASSWORD.
    """
    kept = made.passwords.hash(PASSWORD)
    for name in ("ada", "bob", "carl", "admin1"):
        made.directory.add_user(name, kept, BY, administrator=name == "admin1")
    made.directory.set_flags("carl", BY, curator=True)
    made.directory.add_organisation("shop", "ada", BY)
    made.organisations.set_member("shop", "bob", BY)
    made.organisations.add_team("shop", "deployers", BY)
    made.organisations.set_team_member("shop", "deployers", "bob", BY, inside=True)
    made.directory.add_robot("shop+ci", BY)


class Hub:
    """A client of a hub, and its accounts."""

    def __init__(self, registry: Registry, house: House) -> None:
        self.call = registry
        self.house = house

    async def token(self, *scopes: str, user: str = "", password: str = PASSWORD, **query: str) -> Answer:
        """Ask the issuer as docker does."""
        from urllib.parse import urlencode

        pairs = [("service", "boxwright"), *(("scope", one) for one in scopes), *query.items()]
        headers = {"authorization": basic(user, password)} if user else {}
        return await self.call("GET", f"/token?{urlencode(pairs)}", **headers)

    async def bearer(self, *scopes: str, user: str = "", password: str = PASSWORD) -> str:
        """Return an Authorization header with a token of these scopes."""
        answer = await self.token(*scopes, user=user, password=password)
        assert answer.status == 200, answer
        return "Bearer " + answer.json()["token"]


@asynccontextmanager
async def hub(root: Path, **settings: Any) -> AsyncIterator[Hub]:
    """Serve for the block, with the accounts of `populate`."""
    from boxwright.hub.accounts.doors import open_access
    from boxwright.hub.accounts.oidc.settings import NO_OIDC
    from boxwright.hub.accounts.settings import AccountSettings
    from boxwright.hub.registry.workers import Workers

    workers = Workers()
    file = settings.pop("file", None)
    oidc = settings.pop("oidc", NO_OIDC)
    with house(default_url(root)) as made:
        populate(made)
        enabled = AccountSettings(enabled=True, **settings)
        access = open_access(made.database, workers, enabled, file, passwords=made.passwords, oidc=oidc)
        async with registry(root, authority=access.authority, endpoints=access.endpoints) as client:
            yield Hub(client, made)
        workers.close()


def run_hub(scenario: Callable[[Hub], Coroutine[Any, Any, None]], root: Path, **settings: Any) -> None:
    """Run a scenario against a fresh hub."""

    async def main() -> None:
        async with hub(root, **settings) as client:
            await scenario(client)

    asyncio.run(main())
