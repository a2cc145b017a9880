"""Marks in the stream: found at any split of the bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from ptyjobs.readiness.evidence import Evidence, Snapshot

PIECES = [
    b"text\r\n",
    b"\r",
    b"\x07",
    b"\x1b[?2004h",
    b"\x1b[?2004l",
    b"\x1b[?1;2004h",
    b"\x1b]133;A\x07",
    b"\x1b]133;B\x1b\\",
    b"\x1b]133;C;cmdline=ls\x07",
    b"\x1b]133;D;17\x07",
    b"\x1b]133;D\x07",
    b"\x1b]133;P;k=s\x07",
    b"\x1b]0;title\x07",
    b"\x1b]8;;http://x/\x1b\\",
    b"\x1b[?2026h",
    b"\x1b[?2026l",
    b"\x1b[?1049h",
    b"\x1b[?47l",
    b"\x1b[31m",
    b"\x1b[5;1H",
    b"\x1b[6H",
    b"\x1b[7;2f",
    b"\x1b[?1h",
    b"\x1b[?1l",
    b"\r\n",
    b"\x1bc",
    b"\x1b",
    b"\x1b]52;c;" + b"A" * 700 + b"\x07",
]


def seen(*chunks: bytes) -> Snapshot:
    evidence = Evidence()
    for chunk in chunks:
        evidence.feed(chunk)
    return evidence.snapshot()


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.integers(0, 900), max_size=8))
@example([b"\x1b]133;D;17\x1b\\"], [11])
def test_any_cut_gives_the_same_evidence(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    points = sorted({0, len(data), *(min(c, len(data)) for c in cuts)})
    chunks = [data[a:b] for a, b in pairwise(points)]
    assert seen(*chunks) == seen(*(bytes([b]) for b in data)) == seen(data)


def test_one_prompt_and_one_command() -> None:
    shown = seen(
        b"\x1b]133;A\x07\x1b[?2004h$ \x1b]133;B\x07ls\r\n\x1b[?2004l",
        b"\x1b]133;C\x07a b\r\n\x1b]133;D;2;aid=1\x07",
    )
    assert (shown.marks_prompt, shown.marks_output, shown.marks_done) == (2, 1, 1)
    assert (shown.mark, shown.command_exit) == ("D", 2)
    assert (shown.paste_starts, shown.paste_ends, shown.paste_on) == (1, 1, False)


def test_resetting_what_is_reset_accepts_no_line() -> None:
    assert seen(b"\x1b[?2004l\x1b[?2004l").paste_ends == 0


def test_a_line_feed_after_bracketed_paste_is_noted() -> None:
    assert not seen(b"a\r\n\x1b[?2004h$ ").paste_left
    assert seen(b"\x1b[?2004h$ ", b"ls\r\n").paste_left
    assert seen(b"\x1b[?2004hls\x1b[K\r\n").paste_left
    assert not seen(b"\x1b[?2004hls\r\n\x1b[?2004l\x1b[?2004h$ ").paste_left


def test_bracketed_paste_that_is_set_again_at_once() -> None:
    assert seen(b"\x1b[?2004h> ls\r\n\x1b[?2004l\r\x1b[?2004h").paste_again
    assert seen(b"\x1b[?2004h> ls\r\n\x1b[?2004l\r", b"\r", b"\x1b[?2004hdone\r\n> ").paste_again
    for between in (b"\r\n", b"done\r\n> ", b"\x1b[?1h\x1b=", b"\x1bc"):
        assert not seen(b"\x1b[?2004h> ls\r\n\x1b[?2004l", between, b"\x1b[?2004h").paste_again
    assert not seen(b"\x1b[?2004h> ").paste_again


def test_a_second_prompt_says_so() -> None:
    shown = seen(b"\x1b]133;A;k=s\x07")
    assert (shown.marks_secondary, shown.marks_prompt) == (1, 0)


def test_rows_that_are_set_without_a_line_feed_are_a_form() -> None:
    evidence = Evidence()
    evidence.feed(b"\x1b[?1h\x1b=")
    for row in (b"4", b"6", b"8"):  # a line editor sets its own row, several times
        evidence.feed(b"cs>  \x1b[" + row + b";9H1\x1b[" + row + b";10H\r\n1\r\n")
    assert evidence.snapshot().draws
    assert not evidence.snapshot().form
    evidence.feed(b"\x1b[HFile\x1b[2;1HName\x1b[24;1HF1 Help")
    assert evidence.snapshot().form
    evidence.feed(b"\x1b[?1l")
    assert not evidence.snapshot().form
