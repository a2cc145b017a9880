"""Replies of the terminal: content, order, bounds, and text that is never echoed back."""

from __future__ import annotations

import pytest

from ptyjobs.model import Size
from ptyjobs.terminal import Screen

QUERIES = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[>c", b"\x1b[>1;10;0c"),
    (b"\x1b[=c", b"\x1bP!|00000000\x1b\\"),
    (b"\x1b[5n", b"\x1b[0n"),
    (b"\x1b[3;4H\x1b[6n", b"\x1b[3;4R"),
    (b"\x1b[3;4H\x1b[?6n", b"\x1b[?3;4R"),
    (b"x" * 20 + b"\x1b[6n", b"\x1b[1;20R"),  # a pending wrap is still the last column
    (b"\x1b[2;4r\x1b[?6h\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b[>q", b"\x1bP>|ptyjobs(1.2)\x1b\\"),
    (b"\x1b[?2004$p", b"\x1b[?2004;2$y"),
    (b"\x1b[?2026h\x1b[?2026$p", b"\x1b[?2026;1$y"),
    (b"\x1b[?2027$p", b"\x1b[?2027;2$y"),
    (b"\x1b[4$p", b"\x1b[4;2$y"),
    (b"\x1b[>5u\x1b[?u", b"\x1b[?5u"),
    (b"\x1b[?4m", b"\x1b[>4;0m"),
    (b"\x1b[14t", b"\x1b[4;100;200t"),
    (b"\x1b[16t", b"\x1b[6;20;10t"),
    (b"\x1b[18t", b"\x1b[8;5;20t"),
    (b"\x1b[19t", b"\x1b[9;5;20t"),
    (b"\x1b]10;?\x07", b"\x1b]10;rgb:e5e5/e5e5/e5e5\x07"),
    (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\"),
    (b"\x1b]4;1;?\x07", b"\x1b]4;1;rgb:cdcd/0000/0000\x07"),
    (b"\x1b]11;#102030\x07\x1b]11;?\x07", b"\x1b]11;rgb:1010/2020/3030\x07"),
    (b"\x1b[1;31m\x1bP$qm\x1b\\", b"\x1bP1$r0;1;31m\x1b\\"),
    (b"\x1b[2;4r\x1bP$qr\x1b\\", b"\x1bP1$r2;4r\x1b\\"),
    (b"\x1b[4 q\x1bP$q q\x1b\\", b"\x1bP1$r4 q\x1b\\"),
    (b"\x1bP$qz\x1b\\", b"\x1bP0$r\x1b\\"),
    (b"\x1bP+q544e\x1b\\", b"\x1bP1+r544E=787465726D2D323536636F6C6F72\x1b\\"),
    (b"\x1bP+q585858\x1b\\", b"\x1bP0+r\x1b\\"),
]


@pytest.mark.parametrize(("query", "reply"), QUERIES)
def test_reply(query: bytes, reply: bytes) -> None:
    assert Screen(Size(5, 20), version="1.2").feed(query) == reply
    cut = Screen(Size(5, 20), version="1.2")
    assert b"".join(cut.feed(query[at : at + 1]) for at in range(len(query))) == reply


def test_replies_come_in_stream_order() -> None:
    screen = Screen(Size(5, 20))
    assert screen.feed(b"\x1b[?u\x1b]11;?\x07ab\x1b[6n\x1b[c") == (
        b"\x1b[?0u\x1b]11;rgb:1e1e/1e1e/1e1e\x07\x1b[1;3R\x1b[?62;22c"
    )


def test_the_fast_way_replies_too() -> None:
    lines = b"\x1b[32msome text\x1b[0m\r\n" * 5000
    screen = Screen(Size(5, 20))
    assert screen.feed_fast(lines + b"\x1b[6n" + lines) == b"\x1b[5;1R"


def test_nothing_a_program_wrote_comes_back() -> None:
    screen = Screen(Size(5, 40))
    evil = b"rm -rf ~\r"
    replies = screen.feed(
        b"\x1b]2;%s\x07\x1b]1;%s\x07\x1b[20t\x1b[21t" % (evil, evil)
        + b"\x1bP$q%s\x1b\\\x1bP+q%s\x1b\\" % (evil, evil.hex().encode())
        + b"\x1b]52;c;?\x07\x1b]4;%s;?\x07\x1b]8;;%s\x07" % (evil, evil)
    )
    assert b"rm" not in replies
    assert evil.hex().encode().upper() not in replies.upper()
    assert replies == b"\x1b]L\x1b\\\x1b]l\x1b\\\x1bP0$r\x1b\\\x1bP0+r\x1b\\"


def test_replies_are_metered() -> None:
    screen = Screen(Size(5, 20))
    screen.refill_replies(100.0)
    first = screen.feed(b"\x1b[c" * 10_000)
    assert 4000 < len(first) <= 4096
    assert screen.replies_dropped > 9000
    assert screen.feed(b"\x1b[c" * 100) == b""
    screen.refill_replies(100.5)
    assert 2000 < len(screen.feed(b"\x1b[c" * 10_000)) <= 2048


def test_in_band_resize_is_not_claimed() -> None:
    screen = Screen(Size(5, 20))
    assert screen.feed(b"\x1b[?2048$p\x1b[?2048h\x1b[?2048$p") == b"\x1b[?2048;0$y" * 2


def test_replies_can_be_off() -> None:
    screen = Screen(Size(5, 20))
    screen.replies_on = False
    assert screen.feed(b"\x1b[c\x1b[6n") == b""
    screen.replies_on = True
    assert screen.feed(b"\x1b[5n") == b"\x1b[0n"


def test_eight_bit_replies_on_request() -> None:
    screen = Screen(Size(5, 20))
    assert screen.feed(b"\x1b G\x1b[5n\x1b F\x1b[5n") == b"\x9b0n\x1b[0n"
