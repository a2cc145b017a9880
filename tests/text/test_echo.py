"""Echoes that are not the typed cells in their place."""

from __future__ import annotations

import pytest

from ptyjobs.terminal.values import Line
from ptyjobs.text.echo import Typed, without_echo

LONG = "echo " + "abcdefghij" * 12


def left(
    typed: list[str], prompt: str, rows: list[str], *, end: str = "", kernel: bool = False
) -> list[str]:
    """The rows without the echo of `typed` at `prompt`."""
    value = Typed(
        lines=tuple(typed),
        prompt=prompt,
        after="",
        col=len(prompt),
        cols=80,
        kernel=kernel,
        end_prompt=end,
        prompts=(prompt,),
    )
    return [row.text for row in without_echo([Line(row) for row in rows], value) if row.text]


@pytest.mark.parametrize(
    ("typed", "prompt", "rows", "expected"),
    [
        pytest.param("hunter2", "Password: ", ["Password: *******", "ok"], ["ok"], id="masked"),
        pytest.param("abc", "Name: ", ["Name: aaa"], ["aaa"], id="letters are no mask"),
        pytest.param("hunter2", "> ", ["> ***"], ["***"], id="a mask has a mark a character"),
        pytest.param(
            "end", "irb(main):002:1*   ", ["irb(main):002:0> end", "=> nil"], ["=> nil"],
            id="indented anew, with another depth",
        ),
        pytest.param("end", "1> ", ["2> the end"], ["the end"], id="output that ends like it"),
        pytest.param(LONG, "$ ", ["<" + LONG[-70:], "out"], ["out"], id="scrolled sideways"),
        pytest.param(LONG, "$ ", ["$ <" + LONG[-70:], "out"], ["out"], id="behind its prompt"),
        pytest.param(
            "show ?", "sw> ", ["sw> show  -- all, one"], [" -- all, one"], id="help of a key"
        ),
        pytest.param(
            "show ?", "sw> ", ["sw> show ? all", "sw> show", "bad"], [" all", "bad"],
            id="the line again after help",
        ),
        pytest.param("show(", "sw> ", ["sw> show)"], [], id="a bracket changed"),
        pytest.param("sh\t", "db> ", ["db> show", "usage"], ["usage"], id="completed by a Tab"),
        pytest.param(
            "ls fil\t\t", "$ ", ["$ ls file", "file1 file2", "$ ls file", "none"],
            ["file1 file2", "none"], id="the line again below its completions",
        ),
        pytest.param("sh\t", "> ", ["> sh", "shells"], ["shells"], id="no completion"),
        pytest.param(
            "\u00fcn\u00ef", "> ", ["> n", "north"], ["north"], id="an editor that takes ASCII only"
        ),
        pytest.param("\u00fcn\u00ef", "> ", ["> no", "x"], ["no", "x"], id="no part of the line"),
        pytest.param("ls", "$ ", ["s", "out"], ["out"], id="cells left of the mark are cut off"),
    ],
)  # fmt: skip
def test_one_line(typed: str, prompt: str, rows: list[str], expected: list[str]) -> None:
    assert left([typed], prompt, rows) == expected


@pytest.mark.parametrize(
    ("row", "kernel", "expected"),
    [
        ("? help me", False, ["out"]),  # the prompt that the line editor draws again
        ("? help me too", False, ["? help me too", "out"]),
        ("you help me", False, ["you help me", "out"]),
        ("? help me", True, ["? help me", "out"]),  # the kernel echoes where the cursor is
    ],
)
def test_a_prompt_that_is_drawn_with_the_typed_line(
    row: str, kernel: bool, expected: list[str]
) -> None:
    typed = Typed(
        lines=("help me",), prompt="", after="", col=0, cols=80, kernel=kernel, prompts=("", "? ")
    )
    rows = without_echo([Line(row), Line("out")], typed)
    assert [row.text for row in rows] == expected


@pytest.mark.parametrize(
    ("before", "after", "row", "expected"),
    [
        ("", "(me) ^C", "(me) yC", ["out"]),  # the cursor went back to the first column
        ("", "(me) ^C", "(me) yC more", ["(me) yC more", "out"]),
        ("(me) ^C", "", "(me) y", ["out"]),
        ("(me) ^C", "", "(me) yC", ["out"]),
        ("(me) ", "", "(me) yC", ["C", "out"]),
    ],
)
def test_a_line_that_is_drawn_over_the_echo_of_a_signal_key(
    before: str, after: str, row: str, expected: list[str]
) -> None:
    typed = Typed(
        lines=("y",),
        prompt=before,
        after=after,
        col=len(before),
        cols=80,
        kernel=False,
        prompts=(before, "(me) "),
    )
    rows = without_echo([Line(row), Line("out")], typed)
    assert [one.text for one in rows if one.text] == expected


def test_pasted_lines_behind_numbered_prompts() -> None:
    rows = ["(%i1) f(x):=x^2;", "(%o1) f", "(%i2) f(2);", "(%o2) 4"]
    assert left(["f(x):=x^2;", "f(2);"], "(%i1) ", rows, end="(%i3) ") == ["(%o1) f", "(%o2) 4"]
