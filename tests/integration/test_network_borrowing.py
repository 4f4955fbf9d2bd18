from __future__ import annotations

import os
from pathlib import Path

import pytest

from boxwright.network.borrowing import borrow
from boxwright.network.pool import AddressPool, NoFreeAddress, Subnet

POOL = AddressPool(Subnet.parse("10.0.0.0/29"), 4, 6)


def test_nobody_else_gets_an_address_that_is_borrowed(tmp_path: Path) -> None:
    held = [borrow(POOL, tmp_path / "addresses") for _ in range(3)]
    assert {each.address for each in held} == {"10.0.0.4", "10.0.0.5", "10.0.0.6"}
    with pytest.raises(NoFreeAddress):
        borrow(POOL, tmp_path / "addresses")
    held[1].give_back()
    held[1].give_back()
    with borrow(POOL, tmp_path / "addresses") as again:
        assert again.address == held[1].address
    for each in held:
        each.give_back()


def test_an_address_comes_back_with_the_end_of_its_process(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        for _ in range(3):
            borrow(POOL, tmp_path)
        os._exit(0)
    os.waitpid(pid, 0)
    with borrow(POOL, tmp_path) as borrowed:
        assert POOL.subnet.host(borrowed.address) is not None
