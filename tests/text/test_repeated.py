"""A program that prints the same rows again is told again: no answer loses a row.

Every kind of line editor in `editors`, with short outputs from few words, so that rows, typed lines
and whole answers repeat often. The reference is what the program printed. Where a program paints
its whole screen again, old rows may be told too, but never fewer than it printed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyjobs.model import Size
from tests.text.editors import EXACT, PAINTED, Editor
from tests.text.reader import Reader

Steps = list[tuple[str, list[str]]]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["x", "y=4", "- 3"]),
        st.lists(st.sampled_from(["---", "- 3", "...", "x", "db"]), max_size=4),
    ),
    min_size=1,
    max_size=8,
)


def replies(kind: Callable[[Reader], Editor], steps: Steps, *, rows: int) -> list[list[str]]:
    """The rows of each answer."""
    reader = Reader(Size(rows, 40))
    editor = kind(reader)
    editor.prompt()
    reader.answer(ready=True)
    told = []
    for typed, output in steps:
        reader.begin(typed=typed, echo=editor.canonical, canonical=editor.canonical)
        editor.step(typed, output)
        told.append([row for row in reader.answer(ready=True).text.split("\n") if row])
    return told


@pytest.mark.parametrize("kind", EXACT, ids=[kind.__name__ for kind in EXACT])
@settings(max_examples=60, derandomize=True, deadline=None)
@given(STEPS, st.integers(5, 14))
def test_each_answer_has_its_rows_once(
    kind: Callable[[Reader], Editor], steps: Steps, rows: int
) -> None:
    assert replies(kind, steps, rows=rows) == [output for _, output in steps]


@pytest.mark.parametrize("kind", PAINTED, ids=[kind.__name__ for kind in PAINTED])
@settings(max_examples=60, derandomize=True, deadline=None)
@given(STEPS, st.integers(6, 14))
def test_an_answer_that_was_painted_has_its_rows(
    kind: Callable[[Reader], Editor], steps: Steps, rows: int
) -> None:
    for told, (_, output) in zip(replies(kind, steps, rows=rows), steps, strict=True):
        runs = [told[at : at + len(output)] for at in range(len(told) + 1)]
        assert output in runs, (told, output)
