"""OSC 7501: a program's report of its state, parsed from any stream, bounded."""

from __future__ import annotations

import base64
import itertools

from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.model import Size
from ptyjobs.terminal import Screen
from ptyjobs.terminal.program_status import MAX_RECORDS, ProgramStatus


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def report(body: str, end: str = "\x1b\\") -> bytes:
    return f"\x1b]7501;{body}{end}".encode()


def said(*bodies: str, group: int = 1) -> str:
    status = ProgramStatus()
    for body in bodies:
        status.feed(report(body), group=1)
    record = status.current(group=group)
    return record.words if record else ""


def test_a_report_replaces_the_one_before() -> None:
    assert said("state=working") == "working"
    asks = f"state=blocked:app=agent:kind=permission:msg={b64('approve Bash: ls')}"
    assert said("state=working", asks) == "blocked (permission): approve Bash: ls"
    assert said(asks, "state=idle") == "idle"
    assert said(asks, "state=clear") == ""


def test_a_blocked_part_comes_before_a_working_one_and_that_before_the_whole() -> None:
    assert said("state=idle", "state=working:id=a/b") == "working"
    assert said("state=working", "state=blocked:id=a/b:kind=question") == "blocked (question)"
    assert said("state=done", "state=blocked:id=a/b", "state=clear:id=a") == "done"
    assert said("state=done", "state=blocked:id=ab", "state=clear:id=a") == "blocked"


def test_what_is_no_report_says_nothing() -> None:
    for body in ("", "state=", "state=busy", "kind=auth", f"state=done:msg={b64(chr(27) + '[m')}",
                 "state=done:msg=%%%", f"state=done:title={b64('x' * 193)}", "state=done:id=a//b",
                 "state=done:id=" + "x" * 33, "state=done:id=a/b/c/d/e/f/g/h/i"):  # fmt: skip
        assert said(body) == "", body
    assert said("state=done:colour=red:state=error") == "error"  # unknown keys, repeated ones


def test_another_programs_words_count_for_nothing() -> None:
    assert said("state=working", group=2) == ""


def test_a_prompt_and_a_reset_end_all_records() -> None:
    for end in (b"\x1b]133;A\x07", b"\x1bc"):
        status = ProgramStatus()
        status.feed(report("state=working") + end, group=1)
        assert status.current(group=1) is None


def test_the_tree_is_bounded() -> None:
    status = ProgramStatus()
    for number in range(1000):
        status.feed(report(f"state=working:id=n{number}"), group=1)
    assert len(status._records) == MAX_RECORDS


def progresses(*sequences: bytes, group: int = 1) -> bool:
    status = ProgramStatus()
    for data in sequences:
        assert not status.feed(data, group=1)
    return status.progresses(group=group)


def test_a_progress_indicator_runs_until_it_is_removed_fails_or_pauses() -> None:
    for runs in (
        b"\x1b]9;4;3\x07",
        b"\x1b]9;4;1;40\x1b\\",
        b"\x1b]9;4;3;\x07",
        b"\x1b]9;4;1;0\x07",
    ):
        assert progresses(runs)
        assert not progresses(runs, group=2)
        for end in (b"\x1b]9;4;0\x07", b"\x1b]9;4;2;40\x07", b"\x1b]9;4;4;40\x07",
                    b"\x1b]133;A\x07", b"\x1bc"):  # fmt: skip
            assert not progresses(runs, end)
            assert progresses(runs, end, runs)
    for other in (b"\x1b]9;4\x07", b"\x1b]9;4;7\x07", b"\x1b]9;41;1\x07", b"\x1b]9;4;1;x\x07",
                  b"\x1b]9;working\x07"):  # fmt: skip
        assert not progresses(other)


@given(st.lists(st.integers(0, 40), max_size=6))
def test_any_split_shows_the_same_progress(cuts: list[int]) -> None:
    stream = b"a\x1b]9;4;3\x07b\x1b]9;4;0\x07c\x1b]9;4;1;50\x1b\\d"
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert progresses(*(stream[start:end] for start, end in itertools.pairwise(bounds)))


STREAM = b"".join((
    b"text\x1b[31m", report("state=working", "\x07"), b"\x1b]0;title\x07", b"\x1b]133;A\x07",
    report(f"state=blocked:kind=auth:msg={b64('key?')}"), b"\x1b]8;;http://x\x1b\\more",
))  # fmt: skip


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_says_the_same(cuts: list[int]) -> None:
    status = ProgramStatus()
    bounds = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(bounds):
        status.feed(STREAM[start:end], group=1)
    record = status.current(group=1)
    assert record is not None
    assert record.words == "blocked (auth): key?"


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_raise_or_grow(before: bytes, after: bytes) -> None:
    status = ProgramStatus()
    for data in (before, b"\x1b]7501;" + before, after, b"\x1b]7501;" + b"x" * 9000, after,
                 b"\x1b]9;4;" + before, b"\x1b]9;4;1" + b"5" * 9000):  # fmt: skip
        status.feed(data, group=1)
    assert len(status._carry) <= 4096 + 600


def test_the_query_is_answered_in_kind_and_before_the_attributes() -> None:
    screen = Screen(Size(24, 80))
    assert screen.feed(b"\x1b]7501;?\x1b\\\x1b[c") == b"\x1b]7501;?\x1b\\\x1b[?62;22c"
    assert screen.feed(b"\x1b]7501;?\x07") == b"\x1b]7501;?\x07"
    assert screen.feed(report("state=working")) == b""
