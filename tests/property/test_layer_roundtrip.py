"""Layers as bytes and as directories are each other's inverse, for any tree."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.layer import pax
from boxwright.layer.apply import apply_layer
from boxwright.layer.diff import measure_layer, write_layer
from boxwright.layer.entry import Kind
from boxwright.layer.reader import read_entries
from support.layer_strategies import members, tar
from support.trees import ROOTLESS, snapshot

# The root directory of an unprivileged user has an owner of its own, which the layer then tells.
needs_root = pytest.mark.skipif(ROOTLESS, reason="owners need root")


def written(fs: Path) -> bytes:
    buffer = io.BytesIO()
    write_layer(fs, buffer.write)
    return buffer.getvalue()


def applied(data: bytes, target: Path) -> Path:
    apply_layer(io.BytesIO(data), target, rootless=ROOTLESS)
    return target


@needs_root
@given(members())
@settings(deadline=None, max_examples=150)
def test_a_layer_applied_and_written_again_is_the_same(found):
    data = tar(found)
    with tempfile.TemporaryDirectory() as directory:
        one = applied(data, Path(directory, "one"))
        assert written(one) == data
        assert measure_layer(one)[1:3] == (len(data), len(found))
        two = applied(written(one), Path(directory, "two"))
        assert snapshot(two) == snapshot(one)


@given(members(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_the_members_does_not_matter(found, random):
    links = [member for member in found if member[0].kind is Kind.HARDLINK]
    others = [member for member in found if member[0].kind is not Kind.HARDLINK]
    random.shuffle(others)
    random.shuffle(links)
    with tempfile.TemporaryDirectory() as directory:
        one = applied(tar(found), Path(directory, "one"))
        two = applied(tar(others + links), Path(directory, "two"))
        assert written(two) == written(one)


@given(members())
@settings(deadline=None)
def test_what_the_writer_writes_the_reader_reads(found):
    read = [(entry, content.read() if content else b"") for entry, content in read_entries(io.BytesIO(tar(found)))]
    assert read == found


@given(
    st.lists(
        st.tuples(
            st.text("ab.é", min_size=1, max_size=3).map(str.encode),
            st.one_of(st.binary(), st.binary(max_size=2).map(lambda part: part * 60)),
        )
    )
)
def test_extended_records_are_read_as_they_were_written(records):
    assert [(key.encode(), value) for key, value in pax.parse_records(pax.format_records(records))] == records


@given(st.binary(max_size=64))
def test_any_bytes_are_records_or_an_error(data):
    try:
        list(pax.parse_records(data))
    except ValueError:
        pass  # which is all that may be raised
