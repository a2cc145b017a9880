"""Facts about a typed line: what it leaves open, and the prompt that it spells."""

from __future__ import annotations

import pytest

from ptyjobs.text.statements import left_open, spells


@pytest.mark.parametrize(
    "text",
    ["f(x) {", "select count(*", 'echo "a', "f(x) = \\", "f(x) = \\\n", "x = '(' + (", "a)("],
)
def test_an_unfinished_line(text: str) -> None:
    assert left_open(text)


@pytest.mark.parametrize(
    "text",
    ["", "f(x)", "don't", "(display 'hi)", "(display #\\()", "printf '%s(' x", '"("', ":)"],
)
def test_a_whole_line(text: str) -> None:
    assert not left_open(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("PS1='> '", ["> "]),
        ('prompt "db>"', ["db> "]),
        ("set prompt db> ", ["db> "]),
        ("PS1=$'one\\ntwo> '", ["one", "two> "]),
        ("PS1='one\ntwo> '", ["one", "two> "]),
    ],
)
def test_a_prompt_that_is_spelled(text: str, rows: list[str]) -> None:
    assert spells(text, rows)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('echo "a > b"', ["> "]),
        ("ls $ ", ["$ "]),
        ("printf dev", ["dev> "]),
        ("PS1=$'one\\ntwo> '", ["two> "]),
        ("x = ''", [""]),
    ],
)
def test_no_prompt_that_is_spelled(text: str, rows: list[str]) -> None:
    assert not spells(text, rows)
