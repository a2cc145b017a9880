"""Pages of a log with gaps: missing bytes are counted at their position."""

from __future__ import annotations

import errno
from pathlib import Path

from ptyjobs.model import Size
from ptyjobs.store.grep import grep
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.store.views import page


def holed(place: Path) -> LogReader:
    """A log of `before`, 5,000 lost bytes, `after`."""
    log = LogWriter(place, limit=1 << 20)
    log.append(b"before\r\n")
    log._gap(5000, OSError(errno.ENOSPC, "No space left on device"))
    log.append(b"after\r\n")
    log.close()
    return LogReader(place)


def test_a_page_behind_a_hole_counts_what_is_lost(tmp_path: Path) -> None:
    log = holed(tmp_path)
    first = page(log, size=Size(), since=None, limit=8000)
    assert (first.text, first.lost, first.more) == ("before", 0, True)
    second = page(log, size=Size(), since=first.next, limit=8000)
    assert (second.text, second.lost, second.more) == ("after", 5000, False)


def test_a_search_over_a_hole_counts_what_is_lost(tmp_path: Path) -> None:
    holed(tmp_path)
    found = grep(str(tmp_path), "f", since=None, limit=8000)
    assert (found.matches, found.lost) == (2, 5000)


def test_a_page_that_begins_within_an_escape_sequence_shows_none_of_it(tmp_path: Path) -> None:
    log = LogWriter(tmp_path, limit=1 << 20)
    log.append(b"one \x1b[1;42mtwo\x1b[m 2mm")
    log.close()
    for since in range(5, 11):
        assert page(LogReader(tmp_path), size=Size(), since=since, limit=99).text == "two 2mm"
    assert page(LogReader(tmp_path), size=Size(), since=16, limit=99).text == " 2mm"
    assert page(LogReader(tmp_path), size=Size(), since=18, limit=99).text == "2mm"
