"""The records of extended headers: what a length counts, and which numbers are none."""

from __future__ import annotations

import pytest

from boxwright.layer import pax


@pytest.mark.parametrize("length", [1, 85, 86, 87, 88, 89, 90, 91, 985, 986, 987, 988, 989, 990, 991, 9980, 9985])
def test_a_length_counts_its_own_digits(length: int) -> None:
    value = b"x" * length
    data = pax.format_records([(b"path", value), (b"uid", b"7")])
    first = int(data.partition(b" ")[0])
    assert data[first - 1 : first] == b"\n"
    assert data[first:] == b"8 uid=7\n"
    assert dict(pax.parse_records(data)) == {"path": value, "uid": b"7"}


@pytest.mark.parametrize("value", [b"", b"5_0", b" 5", b"5 ", b"+5", b"-5", b"0x5", b"5.0", b"9" * 21, "٥".encode()])
def test_what_is_no_number(value: bytes) -> None:
    with pytest.raises(ValueError, match="not a number"):
        pax.parse_integer(value)


def test_the_longest_number() -> None:
    assert pax.parse_integer(b"9" * 20) == 10**20 - 1
