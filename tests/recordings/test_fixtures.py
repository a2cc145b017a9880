"""Every kept recording: its last screen, its answers, and the laws that hold for any bytes.

The recordings are real sessions, made by `python -m tests.recordings.make`. Their answers come from
the live product, which had kernel state. A replay has only the output, and must give the same
answers.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from ptyjobs.readiness.evidence import Evidence
from ptyjobs.recordings import Recording, read
from ptyjobs.recordings.read import read_cast
from ptyjobs.recordings.turns import Terminal, turns
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.terminal import Screen
from ptyjobs.testing import snapshot
from ptyjobs.testing.picture import Picture

FOLDER = Path(__file__).parents[2] / "fixtures" / "recordings"
CASTS = sorted(FOLDER.glob("*.cast"))
NAMES = [path.stem for path in CASTS]


def played(recording: Recording) -> Screen:
    terminal = Terminal(recording)
    while terminal.step() is not None:
        pass
    return terminal.screen


def shown(screen: Screen) -> Picture:
    return Picture.of(screen)


def chunked(recording: Recording, seed: int) -> Screen:
    """The same bytes, cut elsewhere; sizes change where they did."""
    dice = random.Random(seed)
    screen = Screen(recording.size)
    waiting = b""
    for moment in recording.moments:
        if moment.code == "o":
            waiting += moment.data
        elif moment.code == "r":
            screen.feed(waiting)
            waiting = b""
            screen.resize(moment.size)
        while len(waiting) > 40:
            cut = dice.randrange(1, 40)
            screen.feed(waiting[:cut])
            waiting = waiting[cut:]
    screen.feed(waiting)
    return screen


def test_there_are_forty_of_them_and_they_are_small() -> None:
    assert len(CASTS) >= 40
    assert max(path.stat().st_size for path in CASTS) < 60_000


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_the_last_screen(path: Path) -> None:
    actual = snapshot.take(shown(played(read(path))))
    expected = snapshot.parse(path.with_suffix(".txt").read_text())
    assert not snapshot.difference(expected, actual)


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_1_any_cut_gives_the_same_screen(path: Path) -> None:
    recording = read(path)
    whole = shown(played(recording))
    for seed in range(3):
        assert shown(chunked(recording, seed)) == whole


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_2_reads_from_any_offset_add_up_to_the_log(path: Path, tmp_path: Path) -> None:
    recording = read(path)
    writer, reader = LogWriter(tmp_path, limit=1 << 20), LogReader(tmp_path)
    for moment in recording.moments:
        if moment.code == "o":
            writer.append(moment.data)
    parts, offset = [], 0
    while (found := reader.read(offset, 997))[1]:
        assert found[0] == offset
        parts.append(found[1])
        offset += len(found[1])
    writer.close()
    assert b"".join(parts) == recording.output
    assert (reader.floor, reader.end) == (0, len(recording.output))


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_3_a_repaint_gives_the_same_screen(path: Path) -> None:
    terminal = Terminal(read(path))
    moments = len(terminal.recording.moments)
    checked = {0, moments // 3, 2 * moments // 3, moments - 1}
    for number in range(moments):
        terminal.step()
        if number in checked:
            fresh = Screen(terminal.screen.size)
            fresh.feed(terminal.screen.repaint())
            assert shown(fresh).rows == shown(terminal.screen).rows
            assert list(shown(fresh).spans()) == list(shown(terminal.screen).spans())
            assert shown(fresh).cursor == shown(terminal.screen).cursor


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_4_events_to_file_to_events(path: Path) -> None:
    from ptyjobs.recordings import asciicast

    text = path.read_text()
    reader = asciicast.CastReader(text.splitlines(keepends=True))
    events = list(reader)
    again = "".join(asciicast.write(reader.header, events))
    assert read_cast(again).moments == read_cast(text).moments


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_6_verdicts_come_in_time_and_never_before_their_output(path: Path) -> None:
    recording = read(path)
    for limit in (0.05, 10.0):
        found = turns(recording, timeout=limit)
        assert all(turn.verdict.waited <= limit + 0.001 for turn in found)
        assert [turn.time for turn in found] == sorted(turn.time for turn in found)


@pytest.mark.parametrize("path", CASTS, ids=NAMES)
def test_law_1_marks_in_the_stream_are_found_however_it_is_cut(path: Path) -> None:
    data = read(path).output
    whole, pieces = Evidence(), Evidence()
    whole.feed(data)
    for at in range(0, len(data), 7):
        pieces.feed(data[at : at + 7])
    assert pieces.snapshot() == whole.snapshot()


def answers(path: Path) -> list[tuple[str, str]]:
    """Live answer to each typed line: (typed, text)."""
    text = path.with_suffix(".answers.txt").read_text()
    found = re.findall(r"^=== (.*?) -> \S+ at .*?\n(.*?)(?=^=== |\Z)", text, re.M | re.S)
    return [(typed, said.removesuffix("\n")) for typed, said in found]


ALTERNATE = re.compile(rb"\x1b\[\?(?:1049|1047|47)h")


#: Full-screen programs answer with a screen, which test_the_last_screen compares.
LINES = [path for path in CASTS if not ALTERNATE.search(read(path).output)]


@pytest.mark.parametrize("path", LINES, ids=[path.stem for path in LINES])
def test_a_replay_says_what_the_live_job_said(path: Path) -> None:
    recording = read(path)
    said = [(repr(turn.typed.removesuffix("\n")), turn.text) for turn in turns(recording)]
    live = answers(path)
    once = [typed for typed, _ in live if typed != "''" and count(live, typed) == 1]
    common = [typed for typed in once if count(said, typed) == 1]
    assert [pair for pair in said if pair[0] in common] == [p for p in live if p[0] in common]


def count(pairs: list[tuple[str, str]], typed: str) -> int:
    return sum(pair[0] == typed for pair in pairs)
