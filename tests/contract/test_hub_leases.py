"""Duties of which one server has the turn."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from sqlalchemy import update

from boxwright.hub.db import leases
from boxwright.hub.db.database import Database
from boxwright.hub.db.leases import SQLLeases, in_turn
from boxwright.hub.db.tables.leases import lease


def test_one_has_the_turn_until_it_gives_it_back(db: Database) -> None:
    one, two = SQLLeases(db), SQLLeases(db)
    assert one.take("gc", 0)
    assert not two.take("gc", 0)
    assert two.take("sweep", 0)
    assert one.renew("gc")
    assert not two.renew("gc")
    two.give_back("gc", done=True)
    assert not two.take("gc", 0)
    one.give_back("gc", done=False)
    assert two.take("gc", 0)
    assert not one.renew("gc")


def test_a_turn_that_comes_once_is_forgotten(db: Database) -> None:
    one, two = SQLLeases(db), SQLLeases(db)
    assert one.take("fetch", 0)
    two.drop("fetch")
    assert not two.take("fetch", 0)
    one.drop("fetch")
    with db.read() as c:
        assert c.execute(lease.select()).all() == []
    assert two.take("fetch", 0)


def test_what_was_done_lately_is_nobodys_turn(db: Database) -> None:
    one, two = SQLLeases(db), SQLLeases(db)
    assert one.take("gc", 3600)
    one.give_back("gc", done=True)
    assert not one.take("gc", 3600)
    assert not two.take("gc", 3600)
    assert two.take("gc", 0)
    two.give_back("gc", done=False)
    with db.write() as c:
        c.execute(update(lease).values(done=lease.c.done - 3601))
    assert one.take("gc", 3600)
    one.give_back("gc", done=True)
    with db.write() as c:
        c.execute(update(lease).values(done=lease.c.done + 1e6))
    assert one.take("gc", 3600), "a clock that was wrong must not end the duty for ever"


def test_the_turn_of_a_dead_process_is_free_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "from boxwright.hub.db.holders import new_holder; print(new_holder())"
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    with db.write() as c:
        c.execute(lease.insert().values(name="gc", holder=dead, until=4e9))
        c.execute(lease.insert().values(name="elsewhere", holder="other/1/1/1/x", until=4e9))
        c.execute(lease.insert().values(name="silent", holder="other/1/1/1/x", until=1.0))
    mine = SQLLeases(db)
    assert mine.take("gc", 0)
    assert not mine.take("elsewhere", 0)
    assert mine.take("silent", 0)


def test_a_duty_is_done_in_its_turn_and_the_turn_renewed(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TURN_SECONDS", 0.03)
    other, renewed, runs = SQLLeases(db), threading.Event(), []

    class Watched(SQLLeases):
        def renew(self, name: str) -> bool:
            renewed.set()
            return super().renew(name)

    def duty() -> None:
        assert renewed.wait(30)
        runs.append(1)

    mine = Watched(db)
    assert in_turn(mine, "gc", 3600, duty)
    assert not in_turn(other, "gc", 3600, duty)
    assert runs == [1]


def test_a_duty_that_failed_is_still_to_be_done(db: Database) -> None:
    mine = SQLLeases(db)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_turn(mine, "gc", 3600, fail)
    assert in_turn(SQLLeases(db), "gc", 3600, lambda: None)
