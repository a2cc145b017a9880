"""Input for the terminal tests, and the comparison of two screens.

`hostile` makes byte strings from a grammar of sequences; `state` is the part of a screen that the
laws cover; `RECORDINGS` are the bytes of real programs (recorded in an empty sandbox), named
`program.ROWSxCOLS.bin`.
"""

from __future__ import annotations

import random
from pathlib import Path

from ptyjobs.model import Size
from ptyjobs.terminal import Screen

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.bin"))

SEQUENCES = [
    *(b"\x1b[%s" % s for s in (b"A", b"3B", b"5C", b"2D", b"H", b"2J", b"J", b"1J", b"K", b"1K")),
    *(
        b"\x1b[%s" % s
        for s in (b"31m", b"0m", b"44m", b"1;4:3m", b"38;2;1;2;3m", b"7m", b"58:5:3m")
    ),
    *(b"\x1b[%s" % s for s in (b"L", b"2M", b"@", b"2P", b"3X", b"5b", b"2S", b"T", b"3J", b"Z")),
    *(
        b"\x1b[?%s" % s
        for s in (b"1049h", b"1049l", b"47h", b"47l", b"1047l", b"6h", b"6l", b"69h")
    ),
    *(
        b"\x1b[?%s" % s
        for s in (b"69l", b"7l", b"7h", b"45h", b"1045h", b"2004h", b"1000h", b"1006h")
    ),
    *(
        b"\x1b[?%s" % s
        for s in (b"2026h", b"5h", b"3h", b"40h", b"41h", b"J", b"K", b"2004s", b"7r")
    ),
    *(b"\x1b[%s" % s for s in (b"2;4r", b"r", b"3;9s", b"4h", b"4l", b"20h", b"20l", b"3g", b"6n")),
    *(b"\x1b[%s" % s for s in (b"c", b'1"q', b'0"q', b">1u", b"<u", b"!p", b"22t", b"23t", b"6 q")),
    *(b"\x1b[%s" % s for s in (b"2;2;4;8$z", b"1;1;3;5;1;2;3$v", b"2'}", b" A", b"65;1;1;2;5$x")),
    *(b"\x1b" + s for s in (b"7", b"8", b"M", b"D", b"E", b"H", b"N", b"c", b"#8", b"V", b"W")),
    *(b"\x1b" + s for s in (b"(0", b"(B", b")A", b"n", b"6", b"9", b"=", b">", b" G", b" F")),
    *(b"\x0e", b"\x0f", b"\t", b"\r", b"\n", b"\r\n", b"\x08", b"\x07", b"\x00", b"\x7f"),
    *(b"\xe4\xb8\xad", b"\xcc\x81", b"\xf0\x9f\x91\xa9\xe2\x80\x8d", b"\xe2\x80\x8b", b"\xc2\x9b3"),
    *(b"\x1b]2;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1b]8;;\x1b\\", b"\x1b]133;A\x07"),
    *(
        b"\x1b]133;D;3\x07",
        b"\x1b]4;3;#102030\x07",
        b"\x1b]7;file://h/tmp\x07",
        b"\x1b]9;4;1;5\x07",
    ),
    *(
        b"\x1bP$qm\x1b\\",
        b"\x1b_apc\x1b\\",
        b"\x1b^pm",
        b"\x1bX",
        b"\x9b",
        b"\xff",
        b"\x1b",
        b"\x1b[",
    ),
    *(b"\x1b[3", b"\x1b]0;", b"\x18", b"a\r\nb\r\nc\r\nd\r\ne\r\n", b"word " * 9),
]


def hostile(rng: random.Random) -> bytes:
    """A byte string of text, sequences, pieces of sequences and noise."""
    out = []
    for _ in range(rng.randint(1, 60)):
        kind = rng.random()
        if kind < 0.35:
            out.append(bytes(rng.choice(b"abcdefgh xyz") for _ in range(rng.randint(1, 14))))
        elif kind < 0.4:
            out.append(bytes([rng.randrange(256)]))
        elif kind < 0.5:
            out.append(b"\x1b[%d;%dH" % (rng.randint(0, 9), rng.randint(0, 14)))
        else:
            out.append(rng.choice(SEQUENCES))
    return b"".join(out)


def flood(rng: random.Random) -> bytes:
    """Long stretches of lines, plain, coloured, wide, wrapped, with hostile pieces between."""
    out: list[bytes] = []
    for _ in range(rng.randint(1, 8)):
        kind, count = rng.randrange(9), rng.randint(1, 1500)
        if kind == 0:
            out += [b"plain %d %s\r\n" % (i, b"x" * rng.randint(0, 100)) for i in range(count)]
        elif kind == 1:
            out += [
                b"\x1b[3%dm[%d]\x1b[0m text %s\r\n" % (i % 8, i, b"z" * (i % 90))
                for i in range(count)
            ]
        elif kind == 2:
            out += [b"\x1b[4%dmbackground %d\r\n" % (i % 8, i) for i in range(count)]
        elif kind == 3:
            out += [b"\x1b[1mtab\tbed\t%d\x1b[m\r\n" % i for i in range(count)]
        elif kind == 5:
            out += [f"µs — {i} {'é' * (i % 130)}\r\n".encode() for i in range(count)]
        elif kind == 6:
            out += [f"{'中x文' * (i % 50)}\r\n".encode() for i in range(count)]
        elif kind == 7:
            marks = ("e\u0301", "👩\u200d👧", "\u200b", "\u2028", "한")
            out += [(marks[i % 5] * (i % 60) + "z\r\n").encode() for i in range(count)]
        elif kind == 4:
            out += [f"中文 {i}\x1b[32mok\x1b[m\r\n".encode() for i in range(count)]
        else:
            out.append(hostile(rng))
    return b"".join(out)


def any_size(rng: random.Random) -> Size:
    return Size(rng.randint(1, 6), rng.randint(1, 12))


def pieces(rng: random.Random, data: bytes, most: int) -> list[bytes]:
    """`data` cut at random."""
    out, at = [], 0
    while at < len(data):
        step = rng.randint(1, most)
        out.append(data[at : at + step])
        at += step
    return out


def grid(screen: Screen) -> list[object]:
    """Every visible cell with its whole style, and each row's soft wrap."""
    rows = screen._rows
    return [(*row.cells(screen.columns), row.wrapped) for row in rows]


def state(screen: Screen) -> dict[str, object]:
    """State that a repaint must restore."""
    sides = [
        [(*row.cells(screen.columns), row.wrapped) for row in side.rows] for side in screen._sides
    ]
    return {
        "cells": sides,
        "cursor": (screen.cursor_row, screen.cursor_col, screen.pending_wrap),
        "pen": screen.pen,
        "modes": screen.modes,
        "all modes": (screen._dec, screen._ansi, screen._saved_modes, screen._iso),
        "margins": (screen._top, screen._bottom, screen._left, screen._right),
        "tabs": screen._tabs,
        "charsets": (screen._charsets, screen._gl, screen._single_shift),
        "titles": (screen.title, screen.icon_title, screen._titles),
        "told": (screen.cwd, screen.progress, screen._colours),
        "alternate": screen.alternate,
        "saved": [(side.saved, side.kitty) for side in screen._sides],
        "unfinished": (screen._machine.at, screen._machine.pending()),
    }


def everything(screen: Screen) -> dict[str, object]:
    """`state`, plus state that only the same bytes can restore."""
    return state(screen) | {
        "scrollback": screen.line_range(screen.floor_line, screen.first_line),
        "numbers": (screen.first_line, screen.floor_line, screen._reset_line),
        "marks": list(screen.marks),
        "counters": (screen.errors, screen.bells, screen.unknown),
        "last": screen._last[-1:],
    }
