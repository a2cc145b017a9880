"""Recorded input as steps, with the key names that `keys` encodes."""

from __future__ import annotations

import pytest

from ptyjobs.input.key_names import Typed, pieces


def found(text: str) -> list[tuple[str, str]]:
    return [(piece.kind, piece.value) for piece in pieces(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add milk\n", [("text", "add milk"), ("key", "Enter")]),
        ("\x1b[A\x1bOB\x1b[1;5C", [("key", "Up"), ("key", "Down"), ("key", "C-Right")]),
        ("\x03\x04\x00\x1c", [("key", "C-c"), ("key", "C-d"), ("key", "C- "), ("key", "C-\\")]),
        ("\x1b[200~a\nb\x1b[201~\n", [("paste", "a\nb"), ("key", "Enter")]),
        ("\x1b[<0;10;3M\x1b[<0;10;3m", [("mouse", "click 3,10")]),
        ("\x1b[<64;1;2M", [("mouse", "wheel-up 2,1")]),
        ("\x1bx\x1b", [("key", "M-x"), ("key", "Escape")]),
        ("\x1b[99;5u\x1b[Z\x7f\t", [("key", "C-c"), ("key", "BTab"), ("key", "BSpace"),
                                    ("key", "Tab")]),
        ("\x1b[99;99;99q", [("bytes", "\x1b[99;99;99q")]),
        ("ä漢 ", [("text", "ä漢 ")]),
    ],
)  # fmt: skip
def test_pieces(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_the_kinds_are_values() -> None:
    assert next(pieces("x")) == Typed("text", "x")
