"""Open blocks are distinguished from prompts and questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ptyjobs.model import Size
from ptyjobs.readiness.continuation import continues
from ptyjobs.readiness.evidence import Evidence, Snapshot
from ptyjobs.readiness.facts import Look, Probe, Sent, Wait, look_at
from ptyjobs.readiness.prompt_memory import PromptGuess, PromptMemory, normal
from ptyjobs.terminal.screen import Screen
from tests.readiness.driver import python

ENTER = Sent(lines=1, text=True, enter=True, nbytes=9)
PROBE = Probe(Wait.HARD, pid=7, start=1, canonical=False, echo=False)


def after(prompt: str, typed: str, row: str, **more: object) -> bool:
    """`typed` followed `prompt`; now the cursor is after `row` on the next line."""
    memory = PromptMemory()
    marked = bool(more.pop("marked", False))
    memory.learn(
        PromptGuess(normal(prompt), prompt, 7, 1, canonical=False, echo=False, marked=marked)
    )
    before, now = more.pop("before", Snapshot()), more.pop("now", Snapshot())
    probe = more.pop("probe", PROBE)
    for first in more.pop("known", ()):  # type: ignore[attr-defined]
        memory.learn(replace(memory.of(7)[0], text=first, raw=first, continuation=True))
    memory.current = memory.known(prompt)
    look = Look(before_cursor=row, above=str(more.pop("above", prompt + typed)))
    assert not more
    return continues(
        probe=probe,  # type: ignore[arg-type]
        look=look,
        sent=replace(ENTER, typed=typed),
        memory=memory,
        before=before,  # type: ignore[arg-type]
        now=now,  # type: ignore[arg-type]
    )


CYCLE = {
    "before": Snapshot(paste_on=True, paste_starts=1),
    "now": Snapshot(paste_on=True, paste_starts=2, paste_ends=1),
}


@pytest.mark.parametrize(
    ("prompt", "row", "more"),
    [
        (">>> ", "... ", {}),
        ("user@host:~$ ", "> ", {}),
        ("iex(1)> ", "...(1)> ", {}),
        ("sqlite> ", "   ...> ", {}),
        ("shop=# ", "shop-# ", {}),
        ("irb(main):001:0> ", "irb(main):002:1* ", {}),
        ("irb(main):001:0> ", "irb(main):002:1*   ", {}),
        ("php > ", "php { ", {}),
        ("> ", ">> ", {}),
        ("host% ", "dquote> ", CYCLE),
        ("host% ", "then> ", CYCLE),
        ("fish> ", "          ", {}),
        ("> ", "cont> ", {}),  # yorick
        ("gnuplot> ", "more> ", {}),
    ],
)
def test_second_prompts(prompt: str, row: str, more: dict[str, object]) -> None:
    assert after(prompt, "something (", row, **more)


@pytest.mark.parametrize(
    ("prompt", "typed", "row"),
    [
        ("> ", "write(hi)", "hi> "),
        ("> ", 'print "("', "(> "),
        ("$ ", "PS1='> '", "> "),
        (">>> ", 'input("> ")', "> "),
        ("sqlite> ", ".prompt 'db> '", "db> "),
        ("(gdb) ", "set prompt dbg>", "dbg> "),
        ("> ", "send(", "Subject: "),
    ],
)
def test_a_whole_input_or_a_new_prompt_opens_no_block(prompt: str, typed: str, row: str) -> None:
    assert not after(prompt, typed, row)


def test_a_prompt_set_to_a_known_continuation_prompt_is_a_first_one() -> None:
    assert after("$ ", "if true", "> ", known=("> ",))
    assert not after("$ ", "PS1='> '", "> ", known=("> ",))


@pytest.mark.parametrize(
    ("prompt", "row", "more"),
    [
        (">>> ", ">>> ", {}),
        (">>> ", "name? ", {}),
        ("You have: ", "You want: ", CYCLE),
        (">>> ", "name: ", CYCLE),
        ("In [1]: ", "In [2]: ", {}),
        (">>> ", "no line end>>> ", {}),
        (">>> ", "? ", {}),
        ("lftp :~> ", "lftp localhost:~> ", CYCLE),  # `open localhost`
        ("smb: \\> ", "smb: \\docs\\> ", CYCLE),  # `cd docs`
        ("~ $ ", "/tmp $ ", CYCLE),
        ("bash-5.2# ", "bash-5.2# 1R", CYCLE),  # behind it a terminal's unread answer
        ("$ ", "> ", {"probe": replace(PROBE, pid=8)}),  # another program
        ("bash$ ", "Edit: abc", CYCLE),  # a question with a default
        ("$ ", "> ", {"probe": replace(PROBE, canonical=True, echo=True)}),  # read, not an editor
        ("$ ", "> ", {"above": "some output"}),
        ("$ ", "", {}),
    ],
)
def test_no_second_prompts(prompt: str, row: str, more: dict[str, object]) -> None:
    assert not after(prompt, "something", row, **more)


def test_the_line_above_is_whole_when_it_was_wrapped() -> None:
    screen = Screen(Size(5, 10))
    screen.feed(b"old\r\n>>> if something_long:\r\n... ")
    look = look_at(screen)
    assert (look.before_cursor, look.above) == ("... ", ">>> if something_long:".ljust(30))
    screen.feed(b"\x1b[H")
    assert look_at(screen).above == ""


def test_marks_decide() -> None:
    spoke = Evidence()
    spoke.feed(b"\x1b]133;A\x07$ \x1b]133;B\x07")
    before = spoke.snapshot()
    spoke.feed(b"if true\r\n\x1b]133;P;k=s\x07name? ")
    assert after("$ ", "if true", "name? ", before=before, now=spoke.snapshot(), marked=True)
    spoke.feed(b"fi\r\n\x1b]133;C\x07")
    before = spoke.snapshot()
    assert not after("$ ", "read", "> ", before=before, now=before, marked=True)


def test_a_shell_that_marks_output_says_by_silence_that_nothing_runs() -> None:
    spoke = Evidence()
    spoke.feed(b"\x1b]133;C\x07\x1b]133;D;0\x07\x1b]133;A\x07$ \x1b]133;B\x07")
    before = spoke.snapshot()
    assert after("$ ", "echo (", "cmdsubst? ", before=before, now=before, marked=True)
    spoke.feed(b"\x1b]133;C\x07")
    assert not after("$ ", "read", "> ", before=before, now=spoke.snapshot(), marked=True)


def test_python_itself() -> None:
    with python("import code\ncode.interact(banner='')") as job:
        assert job.interact(timeout=5).verdict.prompt == ">>> "
        open_block = job.interact(b"for i in range(2):\r", timeout=5).verdict
        assert (open_block.prompt, open_block.continuation) == ("... ", True)
        assert job.interact(b"    print(i)\r", timeout=5).verdict.continuation
        closed = job.interact(b"\r", timeout=5)
        assert closed.verdict.prompt == ">>> "
        assert not closed.verdict.continuation
        assert not job.interact(b"x = input('who? ')\r", timeout=5).verdict.continuation
        assert not job.interact(b"me\r", timeout=5).verdict.continuation
        lines = b"if 1:\r    if 2:\r        print(3)\r"
        assert job.interact(lines, timeout=5).verdict.continuation
