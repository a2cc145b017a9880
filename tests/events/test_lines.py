"""One line for transitions: short, in our words, with the program's words quoted."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.client.event_lines import LONGEST, line
from ptyjobs.store.journal import Transition


def event(job: str, what: str, text: str = "", kind: str = "exited") -> Transition:
    return Transition(kind, job, 100.0, 142.0, what=what, text=text)


def test_an_end_says_how_when_the_last_lines_and_what_still_runs() -> None:
    one = event("build", "exited with code 1", "cc main.c\nerror: no rule")
    assert line([one], running=["web", "db"]) == (
        '[build] exited with code 1 after 42.0 s: "cc main.c\\nerror: no rule"'
        " · still running: web, db"
    )


def test_what_becomes_of_a_service_follows_the_duration() -> None:
    one = event("web", "exited with code 1; restarts in 0.5 s (1 of 5)", "no module")
    assert line([one], running=[]) == (
        '[web] exited with code 1 after 42.0 s; restarts in 0.5 s (1 of 5): "no module"'
        " · no job runs"
    )


def test_a_clock_that_was_set_back_makes_no_duration() -> None:
    one = Transition("exited", "a", 5000.0, 42.0, what="exited with code 0")
    assert line([one], running=[]) == "[a] exited with code 0 · no job runs"


def test_several_are_one_line() -> None:
    events = [event("a", "exited with code 0"), event("b", "waits for input", "Name? ", "asks")]
    assert line(events, running=[]) == (
        "2 events · [a] exited with code 0 after 42.0 s"
        ' · [b] waits for input: "Name?" · no job runs'
    )


def test_many_are_counted() -> None:
    events = [event(f"job{n}", "exited with code 0", "x" * 90) for n in range(49)]
    text = line([*events, event("bad", "exited with code 2")], running=["web"])
    assert text.startswith("50 events · [bad] exited with code 2 · 49 exited with code 0: job0, ")
    assert "and 37 more" in text
    assert text.endswith(" · still running: web")
    assert len(text) <= LONGEST


words = st.text(max_size=400)
names = st.text(string.ascii_letters + string.digits, min_size=1, max_size=64)


@given(
    st.lists(st.tuples(names, st.sampled_from(["exited with code 0", "matched /x/"]), words),
             min_size=1, max_size=60),
    st.lists(names, max_size=60),
)  # fmt: skip
def test_no_program_makes_a_line_long_or_breaks_it(
    events: list[tuple[str, str, str]], running: list[str]
) -> None:
    text = line([event(job, what, said) for job, what, said in events], running=running)
    assert len(text) <= LONGEST
    assert "\n" not in text
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text)
