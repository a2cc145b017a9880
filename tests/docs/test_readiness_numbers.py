"""SPEC.md names the limits of the readiness rules as they are in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ptyjobs.holder import terminal_input as typing
from ptyjobs.readiness import tuning as t
from ptyjobs.text.changes import UPPER_ROWS
from ptyjobs.text.echo import MAX_PREFIX
from ptyjobs.text.late import LATE_LIMIT
from ptyjobs.text.untold import MOST

SPEC = re.sub(r"\s+", " ", (Path(__file__).parents[2] / "SPEC.md").read_text())


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def s(seconds: float) -> str:
    return f"{seconds:g} s"


@pytest.mark.parametrize(
    "sentence",
    [
        f"bracketed paste set again) | {ms(t.MARK)} ({ms(t.MARK_FAR)} without kernel facts; "
        f"{ms(t.SHAPE)} there and without `syscall` on an empty row",
        f"the kernel edits lines | {ms(t.SHAPE)} |",
        f"a bracket that readline matches) | {s(t.BLINK)} |",
        f"alone, for more than {s(t.TICK)} | {ms(t.ALONE)} |",
        f"an addressed row | {ms(t.PAINT)}; {s(t.ASIDE)} while a new child works",
        f"looks like a command's question | {s(t.ASIDE)} |",
        f"a thread has begun to read a line | {s(t.QUESTION)} |",
        f"{s(t.QUESTION)} if it is longer than {s(t.LONG_TIMER)}, "
        f"or ends within {s(t.SAME_TIMER)} of",
        f"timer makes it `quiet`, medium, after {s(t.FIRST)}",
        f"other text in the row; with an empty row | {s(t.WORKING)}; {s(t.BLANK)} |",
        f"still edited | {ms(t.EDIT)} |",
        f"has started since the send | {s(t.WORKING)} |",
        f"has printed something; nothing | {ms(t.PAINT)}; {s(t.FIRST)} |",
        f"after Enter; else | {s(t.WORKING)}; {s(t.QUESTION)} |",
        f"given to a question in canonical mode | {s(t.QUESTION)} |",
        f"an empty row, or no output | {s(t.BLANK)} |",
        f"with that shape; with another one | {s(t.QUESTION)}; {s(t.WORKING)} |",
        f"was printed; its echo only | {s(t.QUESTION)}; {s(t.FAR_BLANK)}, low |",
        f"at the row's end | {s(t.FAR_BLANK)}, low; {s(t.QUESTION)}, medium |",
        f"(sudo after a wrong password) | {s(t.RETRY)}, low |",
        f"nothing has come since | {s(t.FAR_SHAPE)}, medium; {s(t.QUESTION)}, low |",
        f"has printed something; nothing | {s(t.FAR_FIRST)}; {s(t.QUESTION)}, low |",
        f"an empty row; other text | {s(t.FAR_BLANK)}; {s(t.QUESTION)}, low |",
        f"{t.SHARE:.0%}".replace("%", " %") + " of a processor during the silence is work",
        f"by at most {s(t.WORKING)} ({s(t.FAR_BLANK)} without kernel facts)",
        f"finished after {s(t.FRAME)} without output",
        f"behind a relay comes {ms(t.RELAY)} after the first",
        f"the handler has {s(t.SIGNALLED)}",
        f"drawn for {s(t.STILL)}, or for {s(t.REACTION)} if it has drawn nothing since Enter",
        f"(a pause of {ms(t.APART)} divides two)",
        "ends in one of `" + "".join(sorted(t.SIGNS, key=">$#:?])".index)) + "`",
        f"waits for input again ({s(typing.KEY_MOST)} at most)",
        f"({s(typing.ESCAPE_GAP)} at least, {s(typing.ESCAPE_MOST)} at most)",
        f"written something ({s(typing.PAINTED_MOST)} at most)",
        f"waits for input again ({s(typing.HANDLED_MOST)} at most;",
        f"does not read for {s(typing.UNREAD_MOST)} gets the rest",
        f"Enter follows {s(typing.TYPED_GAP)} after the screen shows the text (after "
        f"{s(typing.TYPED_MOST)} if it draws something else, {s(typing.TYPED_SILENT)} while",
        f"continuation prompts of up to {MAX_PREFIX} characters",
        f"(the last {MOST} of them)",
        f"(its last {LATE_LIMIT:,} characters)",
    ],
)
def test_a_limit_of_a_rule_is_the_one_in_the_code(sentence: str) -> None:
    assert sentence in SPEC


def test_three_upper_rows() -> None:
    assert UPPER_ROWS == 3
    assert "(three at most) belong to it" in SPEC
