"""The log alone: file contents match their offsets, and freed space is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyjobs.store.log import MIN_SEGMENT, LogReader, LogWriter


@settings(deadline=None, max_examples=60)
@given(
    limit=st.sampled_from([1, 1000, MIN_SEGMENT, MIN_SEGMENT + 1, 3 * MIN_SEGMENT, 1 << 20]),
    pieces=st.lists(st.integers(1, 40_000), min_size=1, max_size=30),
    asks=st.data(),
)
def test_a_reader_who_gives_up_all_he_has_seen_always_makes_room(
    tmp_path_factory: pytest.TempPathFactory, limit: int, pieces: list[int], asks: st.DataObject
) -> None:
    """The reader asks once past the end, and again only when there is more."""
    directory = tmp_path_factory.mktemp("log")
    writer, reader = LogWriter(directory, limit=limit), LogReader(directory)
    asked = False
    for size in pieces:
        left = bytes(i % 251 for i in range(size))
        while left:
            taken, failure = writer.take(left)
            assert taken or not asked, "no room was made"
            first, seen = reader.read(writer.end - taken, size)
            assert (first, seen) == (writer.end - taken, left[:taken])
            left = left[taken:]
            asked = failure is not None or asks.draw(st.booleans())
            if asked:
                floor = writer.discard(writer.end)
                assert floor == writer.floor == reader.floor
                assert reader.end == writer.end
            assert writer.segments() == reader.segments()
    writer.close()
    assert writer.segments() == reader.segments()


def test_an_open_segment_that_is_full_is_given_up_too(tmp_path: Path) -> None:
    """Otherwise the reader, who hears only of more, would wait for the job and the job for him."""
    writer = LogWriter(tmp_path, limit=MIN_SEGMENT)
    assert writer.take(bytes(MIN_SEGMENT)) == (MIN_SEGMENT, None)
    assert writer.discard(MIN_SEGMENT) == MIN_SEGMENT
    assert writer.take(b"more") == (4, None)


def test_asked_twice_it_still_tells_where_the_output_ends(tmp_path: Path) -> None:
    writer, reader = LogWriter(tmp_path, limit=MIN_SEGMENT), LogReader(tmp_path)
    assert writer.take(bytes(MIN_SEGMENT))[1] is None
    assert writer.take(b"more")[0] == 0
    for _ in range(2):
        assert writer.discard(writer.end) == MIN_SEGMENT
        assert (reader.floor, reader.end) == (MIN_SEGMENT, MIN_SEGMENT)


def test_what_has_room_stays_until_it_is_asked_for_again(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, limit=MIN_SEGMENT)
    writer.take(b"a little")
    assert writer.discard(writer.end) == 0
    assert LogReader(tmp_path).read(0, 100) == (0, b"a little")


def test_the_writers_own_reader_opens_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter(tmp_path, limit=1 << 20)
    reader = LogReader(tmp_path, writer=writer)
    writer.append(b"first line\nsecond line\n")
    monkeypatch.setattr(os, "open", None)
    assert reader.read(6, 100) == (6, b"line\nsecond line\n")
    writer.append(b"third\n")
    assert reader.read(23, 100) == (23, b"third\n")
    monkeypatch.undo()
    writer.close()
    assert reader.read(0, 5) == (0, b"first")
