"""Patterns with possessive groups match as they would without (CPython issue 106052)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.terminal import fast_path, feeding, passes

PIECES = ["\x1b", "\x1b[", "[", "m", "K", "H", "6n", "0", "5;5", ";", "?", " ", "x", "word", "é"]
PIECES += ["\r\n", "\n", "\x1b[1m", "\x1b[K", "\x1b[3;4H", "\x1b(B", "\x1b]0;t\x07", "a\r\n" * 5]


def spans(pattern: re.Pattern[str], text: str) -> list[object]:
    return [(match.span(), match.groups()) for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    "pattern", [fast_path._SIMPLE, feeding.TOKEN, feeding.TOKEN_OR_PASS, re.compile(passes.PLACE)]
)
@given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_possessive_groups_match_as_plain_ones(pattern: re.Pattern[str], text: str) -> None:
    plain = re.compile(re.sub(r"(\)[*?]|\)\{3,\})\+", r"\1", pattern.pattern))
    assert spans(pattern, text) == spans(plain, text)
