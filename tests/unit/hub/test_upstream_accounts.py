"""Who may pull copies of other registries from a hub with accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.hub.accounts.grants import InvalidGrant
from boxwright.hub.accounts.permits import Rights
from boxwright.hub.accounts.roles import NOBODY, UNLIMITED, Role
from boxwright.hub.db.database import default_url
from support.hub_kit import BY, house, populate

NAME = "docker.io/library/nginx"


def test_everybody_where_the_upstream_says_so_else_those_who_are_granted_it(tmp_path: Path) -> None:
    with house(default_url(tmp_path)) as made:
        populate(made)
        closed = Rights(made.directory, made.repositories, made.audit)
        open_ = Rights(
            made.directory, made.repositories, made.audit, is_open=lambda name: name.startswith("docker.io/")
        )
        assert closed.actions(NOBODY, [NAME], UNLIMITED) == {NAME: frozenset()}
        assert open_.actions(NOBODY, [NAME, "ada/x"], UNLIMITED) == {NAME: {"pull"}, "ada/x": frozenset()}
        made.grants.grant("bob", Role.READ, "docker.io/*", BY)
        made.grants.grant("shop/deployers", Role.READ, "docker.io/*", BY)
        assert closed.actions(closed.standing("bob"), [NAME], UNLIMITED) == {NAME: {"pull"}}
        with pytest.raises(InvalidGrant):
            made.grants.grant("bob", Role.WRITE, "docker.io/*", BY)
