"""Users and groups by the text of an image's files."""

from __future__ import annotations

import pytest

from boxwright.host.passwd import Account, UnknownUser, find_account, groups, users

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
# a comment
ada:x:1000:1001:Ada:/home/ada:/bin/sh
short:x:5
bad:x:one:2:::
+nis
nohome:x:7:8:::
123:x:55:56:a number for a name:/n:/bin/sh
"""
GROUP = """\
root:x:0:
ada:x:1001:
wheel:x:10:root,ada
disk:x:6:ada,,
ada2:x:1001:ada
broken:x
99:x:77:
"""


@pytest.mark.parametrize(
    ("wanted", "account"),
    [
        ("", Account(0, 0, (0, 10), "/root")),
        ("root", Account(0, 0, (0, 10), "/root")),
        ("0", Account(0, 0, (0, 10), "/root")),
        ("ada", Account(1000, 1001, (1001, 10, 6), "/home/ada")),
        ("1000", Account(1000, 1001, (1001, 10, 6), "/home/ada")),
        ("ada:wheel", Account(1000, 10, (10,), "/home/ada")),
        ("ada:12", Account(1000, 12, (12,), "/home/ada")),
        ("ada:", Account(1000, 1001, (1001, 10, 6), "/home/ada")),
        (":wheel", Account(0, 10, (10,), "/root")),
        ("nohome", Account(7, 8, (8,), "/")),
        ("4242", Account(4242, 0, (0,), "/")),
        ("4242:4343", Account(4242, 4343, (4343,), "/")),
        # A name wins over the number that it looks like.
        ("123", Account(55, 56, (56,), "/n")),
        ("ada:99", Account(1000, 77, (77,), "/home/ada")),
    ],
)
def test_finds(wanted, account):
    assert find_account(wanted, PASSWD, GROUP) == account


@pytest.mark.parametrize("wanted", ["eve", "bad", "-1", "1.5", "99999999999", "2147483648", "ada:none", "ada:-3", "٣"])
def test_refuses_what_has_no_entry_and_is_no_number(wanted):
    with pytest.raises(UnknownUser):
        find_account(wanted, PASSWD, GROUP)


def test_without_files_numbers_still_work():
    assert find_account("", "", "") == Account(0, 0, (0,), "/")
    assert find_account("5:6", "", "") == Account(5, 6, (6,), "/")


def test_skips_malformed_lines():
    assert [user.name for user in users(PASSWD)] == ["root", "ada", "nohome", "123"]
    assert [group.name for group in groups(GROUP)] == ["root", "ada", "wheel", "disk", "ada2", "99"]
