"""Law 10: the replies together hold every line that stayed until an answer, and nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyjobs.model import Size
from ptyjobs.recordings import read
from ptyjobs.text.changes import CONTEXT
from tests.text.reader import WORD, Reader, Reply, Row
from tests.text.streams import ACTIONS, play


def missing(reply: Reply) -> set[str]:
    """Words on the screen or in the scrollback now, not there before, and not in the reply."""
    if reply.alternate:
        after = set(WORD.findall("\n".join(reply.screens[1])))
        before: set[str] = set()
    else:
        after, before = _words(reply.after), _words(reply.before)
    return after - before - set(WORD.findall(reply.whole + reply.right))


def repeated(reply: Reply, told: set[str]) -> set[str]:
    """Words that the reply holds twice, or again without a reason to."""
    if reply.alternate:
        return set()
    late, text = Counter(WORD.findall(reply.late)), Counter(WORD.findall(reply.text))
    twice = {word for word, number in (late | text).items() if number > 1}
    again = (set(late) & set(text)) | ((set(late) | set(text)) & told)
    again -= set(WORD.findall(reply.prompt))  # a form shows its question too
    return twice | {word for word in again if not _may_repeat(word, reply)}


def _may_repeat(word: str, reply: Reply) -> bool:
    """True for a row that was moved or written again, and for the few rows next to one."""
    at = next((n for n, row in reply.after.items() if word in row.words), None)
    was = next((n for n, row in reply.before.items() if word in row.words), None)
    if at != was:
        return True
    if at is None:
        return word in reply.late
    changed = {n for n, row in reply.after.items() if row.written or reply.before.get(n) != row}
    if reply.after[at].written or reply.after[at].words != reply.before[at].words:
        return True
    near = range(1, CONTEXT + 1)
    return any(at - n in changed or at + n in changed for n in near)


def _words(rows: dict[int, Row]) -> set[str]:
    return {word for row in rows.values() for word in row.words}


PLANS = st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.integers(0, 30)), max_size=25)


def check(plan: list[tuple[str, int]], *, rows: int, cols: int) -> None:
    session = play(plan, size=Size(rows, cols))
    told: set[str] = set()
    for reply in session.reader.replies:
        lost = missing(reply) - told
        assert not lost, (lost, reply, session.trace)
        again = repeated(reply, told)
        assert not again, (again, reply, session.trace)
        told |= set(WORD.findall(reply.whole))


def planned(text: str) -> list[tuple[str, int]]:
    """A plan such as "form, home 4"."""
    return [
        (word, int(number or 0)) for word, _, number in (a.partition(" ") for a in text.split(", "))
    ]


FOUND = (  # each was once answered wrongly
    ("flood, home", 5),
    ("timed_out, home, type_line", 5),
    ("form, timed_out, below", 5),
    ("form, blank, timed_out", 5),
    ("form, timed_out, blank, press", 5),
    ("form, resize", 5),
    ("clear, full_screen, prompt, full_screen", 5),
    ("below, prompt, redraw, full_screen, press, full_screen", 5),
    ("question, full_screen, press, full_screen", 5),
    ("prompt, clear, full_screen, press, full_screen", 5),
    ("full_screen, prompt, full_screen, clear, full_screen, timed_out, full_screen", 5),
    ("prompt, wrapped 1, full_screen, press, full_screen", 5),
    ("timed_out, form 2, type_line, insert", 5),
    ("prompt, home, type_line, flood, prompt", 5),
    (
        "flood, home, wrapped, full_screen, full_screen, insert 1,"
        " full_screen, full_screen 1, home",
        6,
    ),
    ("below, below, below, below, below, form, full_screen, full_screen, prompt, home 9", 10),
)


@pytest.mark.parametrize(("text", "rows"), FOUND)
def test_sessions_that_were_once_told_wrongly(text: str, rows: int) -> None:
    check(planned(text), rows=rows, cols=20)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(PLANS, st.integers(5, 12), st.sampled_from([20, 40]))
def test_every_line_that_stayed_is_told_once(
    plan: list[tuple[str, int]], rows: int, cols: int
) -> None:
    check(plan, rows=rows, cols=cols)


FOLDER = Path(__file__).parents[2] / "fixtures" / "recordings"
CASTS = sorted(FOLDER.glob("*.cast"))


def bare(text: str) -> str:
    """Text without blanks: wrapped rows and padding do not matter."""
    return "".join(text.split())


@pytest.mark.parametrize("path", CASTS, ids=[path.stem for path in CASTS])
def test_recordings_answered_anywhere_are_told_whole_and_nothing_is_told_again(path: Path) -> None:
    recording = read(path)
    for seed in range(3):
        dice = random.Random(seed)
        reader = Reader(recording.size)
        rows: dict[int, str] = {}
        for moment in recording.moments:
            if moment.code == "r":
                break  # another width numbers the lines anew
            if moment.code != "o":
                continue
            reader.feed(moment.data)
            if dice.random() > 0.3:
                continue
            whole = bare(reader.answer(ready=False).whole)
            screen = reader.screen
            if screen.alternate:
                assert bare("".join(screen.text())) in whole
                continue
            first = screen.floor_line
            lines = screen.line_range(first, screen.first_line + screen.size.rows)
            now = {n: bare(line.text) for n, line in enumerate(lines, first)}
            # Of a row that goes on, only the rest is new.
            news = [text.removeprefix(rows.get(n, "")) for n, text in now.items()]
            told = "".join(rows.values())
            lost = [text for text in news if text not in whole and text not in told]
            assert not lost, (seed, lost)
            rows |= now
            reader.wait()
            assert reader.answer(ready=False).whole.strip() == ""
            reader.wait()
