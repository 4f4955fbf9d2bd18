"""Which capabilities a container gets."""

from __future__ import annotations

import pytest

from boxwright.runtime.capabilities import ALL, DEFAULT, CapabilityDenied, UnknownCapability, select

EVERY = frozenset(ALL)


def test_there_are_41_in_the_order_of_their_bits():
    assert len(ALL) == len(EVERY) == 41
    assert (ALL[0], ALL[21], ALL[40]) == ("CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")


def test_the_default_ones_are_dockers_14():
    assert len(DEFAULT) == 14
    assert sum(1 << ALL.index(name) for name in select((), (), EVERY)) == 0xA80425FB


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        (("NET_ADMIN",), (), {*DEFAULT, "CAP_NET_ADMIN"}),
        (("cap_net_admin",), (), {*DEFAULT, "CAP_NET_ADMIN"}),
        ((), ("CHOWN",), {*DEFAULT} - {"CAP_CHOWN"}),
        ((), ("ALL",), set()),
        (("CHOWN",), ("all",), {"CAP_CHOWN"}),
        (("ALL",), (), EVERY),
        (("ALL",), ("SYS_ADMIN",), EVERY - {"CAP_SYS_ADMIN"}),
        (("CHOWN",), ("CHOWN",), {*DEFAULT}),
    ],
)
def test_changes(add, drop, expected):
    assert set(select(add, drop, EVERY)) == set(expected)


def test_all_means_all_there_is():
    assert select(("ALL",), (), frozenset({"CAP_KILL"})) == ("CAP_KILL",)
    assert select((), (), frozenset({"CAP_KILL", "CAP_BPF"})) == ("CAP_KILL",)


def test_what_we_lack_is_refused_only_when_named():
    with pytest.raises(CapabilityDenied) as caught:
        select(("SYS_RESOURCE",), (), EVERY - {"CAP_SYS_RESOURCE"})
    assert caught.value.names == ("CAP_SYS_RESOURCE",)


def test_a_typo_gets_a_proposal():
    with pytest.raises(UnknownCapability) as caught:
        select(("NET_ADMN",), (), EVERY)
    assert "NET_ADMIN" in (caught.value.hint or "")
