"""One line of log as text, for patterns and for the echo of typed input."""

from __future__ import annotations

import pytest

from ptyjobs.errors import BadPattern
from ptyjobs.text.patterns import compile_patterns, plain


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"e\x08echo hi\x1b[?2004l\r\r", "echo hi"),  # zsh draws the first letter twice
        (b"ab\x08\x08cd", "cd"),
        (b"\x08\x08x", "x"),
        (b"abc\x08 \x08", "ab"),
        (b"50%\r100%\r\n", "100%"),
        (b"\x1b[1;31mred\x1b[m\n", "red"),
    ],
)
def test_what_was_overwritten_is_gone(raw: bytes, text: str) -> None:
    assert plain(raw) == text


def test_one_pattern_without_a_list_is_refused() -> None:
    with pytest.raises(BadPattern, match="is not a list"):
        compile_patterns("error:")
