"""Fresh text at the edges that no recording shows: floods, cleared scrollback, widths, secrets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyjobs.model import Fresh, Size
from ptyjobs.terminal import Screen
from ptyjobs.terminal.values import Line
from ptyjobs.text.fresh import FreshText, Mark, mark
from ptyjobs.text.prompts import no_prompt_row


def at_prompt(prompt: str = "$ ", *, rows: int = 10, cols: int = 40, before: str = "") -> Screen:
    screen = Screen(Size(rows, cols))
    screen.feed((before + prompt).encode())
    return screen


def take(screen: Screen, *, echo: bool = False, canonical: bool = False) -> Mark:
    return mark(screen, offset=0, echo=echo, canonical=canonical)


def answer(
    screen: Screen,
    output: str,
    *,
    typed: str = "",
    entered: bool = False,
    kernel: bool = False,
    ready: bool = True,
    budget: int = 100_000,
    exited: bool = False,
) -> tuple[Fresh, str]:
    before = take(screen, echo=kernel, canonical=kernel)
    text = FreshText(before, typed=typed, entered=entered, budget=budget)
    data = output.encode()
    for start in range(0, len(data), 4096):
        screen.feed(data[start : start + 4096])
        text.observe(screen)
    return text.finish(screen, prompt_row=ready, end=len(data), exited=exited)


def said(screen: Screen, output: str, *, typed: str = "", kernel: bool = False) -> str:
    return answer(screen, output, typed=typed, kernel=kernel)[0].text


class CountingScreen(Screen):
    """Counts the rows of the visible screen that are read as lines."""

    rows_read = 0

    def line_range(self, start: int, stop: int) -> list[Line]:  # type: ignore[override]
        self.rows_read += max(0, stop - max(start, self.first_line))
        return super().line_range(start, stop)


def test_an_answer_reads_each_visible_row_once() -> None:
    screen = CountingScreen(Size(10, 40))
    screen.feed(b"line\r\n" * 20 + b">>> ")
    text = FreshText(take(screen), typed="1+1", prompts=(">>> ",))
    screen.feed(b"1+1\r\n2\r\n>>> ")
    text.observe(screen)
    fresh, prompt = text.finish(screen, prompt_row=True, end=20)
    assert (fresh.text, prompt) == ("2", ">>> ")
    assert screen.rows_read == 10


def test_a_line_of_a_block_that_its_editor_indents_anew_is_echo() -> None:
    screen = at_prompt("      ", before="$ for x\r\n")
    assert said(screen, "\r\x1b[K  end\r\none\r\n$ ", typed="end") == "one"
    other = at_prompt("      ", before="$ for x\r\n")
    assert said(other, "\r\x1b[K  at the end\r\none\r\n$ ", typed="end") == "  at the end\none"


@pytest.mark.parametrize("exited", [True, False])
def test_a_line_entered_above_a_toolbar_is_echo_in_an_answer_without_a_prompt(exited: bool) -> None:
    screen = at_prompt("$ \x1b7\r\n\n[F1] help\x1b8")
    left = "quit\r\n\x1b[JBye\r\n"
    told, _ = answer(screen, left, typed="quit", entered=True, ready=False, exited=exited)
    assert told.text == "Bye"
    form = at_prompt("Name: \x1b7\r\n\n[F1] help\x1b8")
    told, _ = answer(form, "\r\x1b[KName: bob", typed="bob", entered=True, ready=False)
    assert told.text == "Name: bob"


def test_output_that_equals_the_input_stays() -> None:
    assert said(at_prompt(), "5\r\n5\r\n$ ", typed="5") == "5"
    assert said(at_prompt(""), "5\r\n5\r\n", typed="5", kernel=True) == "5"
    assert said(at_prompt(), "echo a\r\necho a\r\n$ ", typed="echo a") == "echo a"


def test_a_cursor_that_moves_in_a_form_is_told_though_no_row_changed() -> None:
    form = "name: \x1b7\r\n[ OK ]  [ Cancel ]\x1b8"
    moved, _ = answer(at_prompt("", before=form), "\x1b[2;3H", ready=False)
    assert (moved.text, moved.redrawn) == ("", True)
    still, _ = answer(at_prompt("", before=form), "", ready=False)
    assert (still.text, still.redrawn) == ("", False)


def test_a_field_that_refuses_its_text_again_says_so_again() -> None:
    screen = at_prompt("Name: ")
    refused = "\r\n> too short\x1b[A\r\x1b[8C"
    first, prompt = answer(screen, f"ab{refused}", typed="ab", entered=True)
    assert (first.text, prompt) == ("> too short", "Name: ab")
    again = f"\x1b[Jc{refused}\x1b[C"
    second, prompt = answer(screen, again, typed="c", entered=True)
    assert (second.text, prompt) == ("> too short", "Name: abc")
    key, _ = answer(screen, f"\x1b[Jd{refused}\x1b[2C", typed="d")  # and a key says nothing
    assert key.text == ""


def test_a_word_that_is_selected_by_its_style_is_told() -> None:
    screen = at_prompt("\x1b[?25lSure? no / \x1b[4myes\x1b[m")
    other, _ = answer(screen, "\r\x1b[KSure? \x1b[4mno\x1b[m / yes")
    assert (other.text, other.restyled) == ("", True)
    same, _ = answer(screen, "\r\x1b[KSure? \x1b[4mno\x1b[m / yes")
    assert (same.text, same.restyled) == ("", False)


@pytest.mark.parametrize("screen", ["", "\x1b[?1049h"], ids=["primary", "alternate"])
def test_a_selection_shown_by_colour_alone_is_told(screen: str) -> None:
    menu = "Sure? \x1b[4mno\x1b[m / yes\x1b[?25l"
    toggled = "\rSure? no / \x1b[4myes\x1b[m"
    assert answer(at_prompt("", before=screen + menu), toggled)[0].restyled
    for other in ("", "\rSure? \x1b[4mno\x1b[m / yes", toggled + " please", "\x1b[2J\x1b[H"):
        assert not answer(at_prompt("", before=screen + menu), other)[0].restyled, other


def test_the_colours_of_a_line_editor_are_no_selection() -> None:
    assert not answer(at_prompt("$ ls"), "\r$ \x1b[32mls\x1b[m")[0].restyled


def test_an_echo_that_does_not_come_removes_nothing() -> None:
    assert said(at_prompt("Password: "), "\r\nsecret\r\n$ ", typed="secret") == "secret"


def test_at_a_no_echo_prompt_nothing_is_removed() -> None:
    screen = at_prompt("Password: ")
    text = FreshText(take(screen, echo=False, canonical=True), typed="abc")
    screen.feed(b"abc\r\nok\r\n$ ")  # the program itself printed it
    assert text.finish(screen, prompt_row=True, end=0)[0].text == "abc\nok"


def test_input_that_was_not_all_taken_is_echo_as_far_as_it_goes() -> None:
    fresh, _ = answer(at_prompt(), "echo he", typed="echo hello", ready=False)
    assert fresh.text == ""


def test_several_lines_read_one_by_one_with_output_between() -> None:
    output = "echo a\r\na\r\n$ echo b\r\nb\r\n$ "
    assert said(at_prompt(), output, typed="echo a\necho b") == "a\nb"


def test_typed_before_the_prompt_came() -> None:
    output = "99*101\r\nPython\r\n>>> 99*101\r\n9999\r\n>>> "
    assert said(at_prompt(""), output, typed="99*101", kernel=True) == "Python\n9999"
    late = "Python\r\n>>> 99*101\r\n9999\r\n>>> "  # the editor alone echoes
    assert said(at_prompt(""), late, typed="99*101") == "Python\n9999"


def test_the_prompt_is_apart_and_output_before_it_is_not_lost() -> None:
    assert answer(at_prompt(), "x\r\nabc$ ", typed="x")[0].text == "abc"
    fresh, prompt = answer(at_prompt("In [9]: "), "x\r\nabcIn [10]: ", typed="x")
    assert (fresh.text, prompt) == ("abc", "In [10]: ")
    fresh, prompt = answer(at_prompt("me@box:~$ "), "x\r\nme@box:/usr$ ", typed="x")
    assert (fresh.text, prompt) == ("", "me@box:/usr$ ")
    fresh, prompt = answer(at_prompt("> "), "x\r\n>> ", typed="x")
    assert (fresh.text, prompt) == ("", ">> ")


def test_the_depth_of_a_debugger_belongs_to_its_prompt_and_a_result_does_not() -> None:
    fresh, prompt = answer(at_prompt("> "), "(car 1)\r\n*** ERROR\r\n1> ", typed="(car 1)")
    assert (fresh.text, prompt) == ("*** ERROR", "1> ")
    fresh, prompt = answer(at_prompt("> "), "x\r\n42> ", typed="x")
    assert (fresh.text, prompt) == ("42", "> ")
    fresh, prompt = answer(at_prompt("$ "), "x\r\na\r\n42$ ", typed="x")
    assert (fresh.text, prompt) == ("a\n42", "$ ")


def test_while_the_program_works_its_unfinished_line_is_told() -> None:
    fresh, prompt = answer(at_prompt(), "run\r\n....", typed="run", ready=False)
    assert (fresh.text, prompt) == ("....", "")


def test_at_the_exit_there_is_no_prompt() -> None:
    fresh, prompt = answer(at_prompt(), "x\r\nbye", typed="x", exited=True)
    assert (fresh.text, prompt) == ("bye", "")


def test_a_right_prompt_is_no_output() -> None:
    screen = at_prompt("$ \x1b[s\x1b[30G[~]\x1b[u")
    assert said(screen, "x\r\ny\r\n$ ", typed="x") == "y"


@pytest.mark.parametrize("budget", [400, 3000])
def test_a_flood_keeps_its_head_and_its_tail_and_counts_the_rest(budget: int) -> None:
    lines = [f"row {n:06d}" for n in range(30_000)]
    output = "cat f\r\n" + "\r\n".join(lines) + "\r\n$ "
    fresh, prompt = answer(at_prompt(), output, typed="cat f", budget=budget)
    got = fresh.text.split("\n")
    gap = next(n for n, line in enumerate(got) if line.startswith("[..."))
    assert got[:gap] == lines[:gap]
    assert got[gap + 1 :] == lines[-(len(got) - gap - 1) :]
    assert fresh.lines == 30_000
    assert fresh.omitted_lines == 30_000 - len(got) + 1
    assert f"{fresh.omitted_lines:,} lines left out" in got[gap]
    assert len(fresh.text) < budget + 100
    assert prompt == "$ "


def test_lines_that_nobody_saw_are_counted_and_not_called_cleared() -> None:
    screen = at_prompt()
    text = FreshText(take(screen), typed="yes", budget=2000)
    screen.feed_fast(b"yes\r\n" + b"y\r\n" * 40_000 + b"$ ")
    fresh, _ = text.finish(screen, prompt_row=True, end=120_007)
    assert fresh.lines - fresh.omitted_lines == fresh.text.count("y\n") + 1
    assert fresh.omitted_lines > 38_000
    assert "lines left out" in fresh.text
    screen = at_prompt()
    text = FreshText(take(screen), typed="big", budget=2000)
    screen.skip(b"line\r\n" * 40_000)
    screen.feed(b"last\r\n$ ")
    fresh, _ = text.finish(screen, prompt_row=True, end=240_000)
    assert fresh.text.endswith("left out ...]\nlast")
    assert fresh.omitted_lines >= 39_990


@pytest.mark.parametrize("erase", ["\x1b[H\x1b[2J", "\x1b[H\x1b[2J\x1b[3J", "\x1bc"])
def test_after_clearing_fresh_is_what_is_there_now(erase: str) -> None:
    before = "".join(f"old {n}\r\n" for n in range(30))
    output = f"x\r\nlost\r\n{erase}new\r\n$ "
    assert said(at_prompt(before=before), output, typed="x") == "new"


def test_a_prompts_row_that_is_written_anew_is_output_from_its_first_column() -> None:
    assert said(at_prompt(), "clear\r\n\x1b[H\x1b[2J\x1b[3Jwiped\r\n$ ", typed="clear") == "wiped"
    assert said(at_prompt("Press: ", before="head\r\n"), "\r\x1b[Kpressed\r\n") == "pressed"
    marked = "\r1* def f\r\n1*   "  # irb shows the open block in the prompt before it, too
    assert said(at_prompt("0> "), marked, typed="def f") == ""


def test_leaving_the_alternate_screen_shows_only_new_lines() -> None:
    screen = at_prompt(before="old\r\n")
    screen.feed(b"vim f\r\n\x1b[?1049h\x1b[Hfile text")
    fresh, _ = answer(screen, "\x1b[?1049lbye\r\n$ ", typed=":q")
    assert (fresh.text, fresh.view) == ("bye", "lines")


def test_the_alternate_screen_is_shown_whole_or_by_changed_rows() -> None:
    screen = at_prompt(before="old\r\n")
    screen.feed(b"\x1b[?1049h\x1b[Hone\r\ntwo\r\nthree")
    for view, text in (("auto", "one\n2\nthree"), ("rows", "2"), ("screen", "one\n2\nthree")):
        fresh = FreshText(take(screen), view=view)
        screen.feed(b"\x1b[2;1H\x1b[K2")
        done, _ = fresh.finish(screen, prompt_row=True, end=0)
        assert done.text == text
        assert done.view == ("rows" if view == "rows" else "screen")
        assert done.rows == ((1,) if view == "rows" else ())


def test_hidden_text_is_flagged() -> None:
    assert answer(at_prompt(), "x\r\n\x1b[8mboo\x1b[m\r\n$ ", typed="x")[0].hidden
    assert not answer(at_prompt(), "x\r\nboo\r\n$ ", typed="x")[0].hidden


def test_a_frame_in_its_backgrounds_colour_hides_nothing() -> None:
    assert not answer(at_prompt(), "\r\n\x1b[37;47m┌──┐\x1b[m seen\r\n$ ")[0].hidden


def test_a_marked_prompt_of_several_rows_is_no_output() -> None:
    prompt = "\x1b]133;A\x07~/src main\r\n$ \x1b]133;B\x07"
    screen = at_prompt(prompt)
    out = f"true\r\n\x1b]133;C\x07\x1b]133;D;0\x07{prompt}"
    fresh, rest = answer(screen, out, typed="true")
    assert (fresh.text, rest) == ("", "$ ")
    out = f"printf a\r\n\x1b]133;C\x07a\x1b]133;D;0\x07{prompt}"
    assert said(screen, out, typed="printf a") == "a"


def test_marks_of_earlier_prompts_do_not_end_an_answer() -> None:
    screen = at_prompt("\x1b]133;A\x07top\r\n$ \x1b]133;B\x07")
    out = "x\r\n\x1b]133;C\x07out\r\nmore\r\n> "
    assert said(screen, out, typed="x") == "out\nmore"


def test_continuation_prompts_that_came_in_one_row_are_no_output() -> None:
    screen = at_prompt("In [1]: ")
    typed = "for i in (1, 2):\n    print(i)\n"
    echo = "for i in (1, 2):\r\n    print(i)\r\n\r\n"
    out = f"{echo}   ...:    ...: 1\r\n2\r\n\r\nIn [2]: "
    assert said(screen, out, typed=typed, kernel=True) == "1\n2"


def test_what_a_cleared_screen_begins_with_is_no_echo() -> None:
    for kernel in (False, True):
        screen = at_prompt(before="earlier\r\n")
        out = "top\r\n\x1b[H\x1b[2Jtop - 12:00\r\ntop\r\n$ "
        assert said(screen, out, typed="top", kernel=kernel) == "top - 12:00\ntop"


def test_a_prompt_of_several_rows_is_known_by_where_its_line_editor_began() -> None:
    prompt = "\x1b[?2004h~/src main\r\n$ "
    screen = at_prompt(prompt)
    assert answer(screen, f"true\r\n\x1b[?2004l\r{prompt}", typed="true")[0].text == ""
    assert said(screen, f"printf a\r\n\x1b[?2004l\ra{prompt}", typed="printf a") == "a"
    assert said(screen, f"x\r\n\x1b[?2004l\r1\r\n2\r\n{prompt}", typed="x") == "1\n2"


def test_a_prompt_that_ends_in_a_line_end_is_told_apart() -> None:
    prompt = "\x1b[?2004h[next]\r\n"
    screen = at_prompt(prompt)
    fresh, rest = answer(screen, f"echo a\r\n\x1b[?2004l\ra\r\n{prompt}", typed="echo a")
    assert (fresh.text, rest) == ("a", "[next]")


def test_what_is_printed_behind_a_programs_start_is_no_prompt() -> None:
    screen = at_prompt("")
    assert said(screen, "\x1b[?2004hWelcome\r\n> ") == "Welcome"


def test_a_form_on_the_primary_screen_is_told_whole() -> None:
    screen = Screen(Size(10, 40))
    text = FreshText(take(screen), typed="")
    screen.feed(b"\x1b[2;1HName\x1b[3;1H[ yes ]\x1b[4;1H(end)\x1b[3;3H")
    fresh, _ = text.finish(screen, prompt_row=True, end=0)
    assert fresh.text == "Name\n[ yes ]\n(end)"


def test_rows_repainted_above_the_cursor_are_news() -> None:
    screen = at_prompt("", before="one 10%\r\ntwo 10%\r\n")
    assert said(screen, "\x1b[2A\r\x1b[Kone 20%\x1b[2B\r") == "one 20%\ntwo 10%"


def test_a_screen_that_became_less_high_is_compared_as_far_as_it_goes() -> None:
    screen = Screen(Size(8, 40))
    screen.feed(b"one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nend\x1b[6;3H\x1b[?25l")
    before = take(screen)
    screen.feed(b"\x1b[H")
    screen.resize(Size(3, 40))
    screen.feed(b"\x1b[7mone\x1b[m")
    fresh, _ = FreshText(before).finish(screen, prompt_row=False, end=9)
    assert "one" in fresh.text


def test_another_width_while_waiting() -> None:
    screen = at_prompt(before="some line that is rather long and wraps\r\n" * 3)
    text = FreshText(take(screen), typed="run")
    screen.feed(b"run\r\nfirst\r\n")
    screen.resize(Size(10, 20))
    screen.feed(b"second\r\n$ ")
    assert text.finish(screen, prompt_row=True, end=0)[0].text == "first\nsecond"


WORDS = st.text(alphabet="ab $>5é你🚀", max_size=70).map(str.rstrip)
# A space before a wide character may fall into the last column, where it looks like the blank
# that the character left there.
PRINTED = WORDS.map(lambda text: re.sub(" +(?=[你🚀])", "", text))


@settings(max_examples=300)
@given(
    typed=WORDS.filter(lambda t: t.strip() and not t.startswith(" ")),
    lines=st.lists(PRINTED, max_size=30),
    cols=st.integers(10, 60),
    kernel=st.booleans(),
)
def test_what_is_printed_after_the_echo_comes_back(
    typed: str, lines: list[str], cols: int, kernel: bool
) -> None:
    screen = at_prompt("calc> ", cols=cols, rows=8, before="hello\r\n")
    output = typed + "\r\n" + "".join(line + "\r\n" for line in lines) + "calc> "
    fresh, prompt = answer(screen, output, typed=typed, kernel=kernel)
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    assert fresh.text.split("\n") == (lines or [""])
    assert prompt == "calc> "


@settings(max_examples=200)
@given(st.binary(max_size=300), st.text(max_size=20), st.booleans(), st.booleans())
def test_nothing_makes_it_raise(data: bytes, typed: str, kernel: bool, ready: bool) -> None:
    screen = at_prompt(rows=4, cols=12)
    text = FreshText(take(screen, echo=kernel, canonical=kernel), typed=typed, budget=60)
    screen.feed(data)
    text.observe(screen)
    first = text.finish(screen, prompt_row=ready, end=len(data))
    assert text.finish(screen, prompt_row=ready, end=len(data)) == first


@pytest.mark.parametrize(
    ("drawn", "key", "wanted"),
    [
        ("\x1b[H~\x1b[2;1H~\x1b[3;1H~\x1b[H", "", ""),  # an editor's cursor on its first sign
        ("\x1b[H┌────────┐\r\n│  [ OK ]│\r\n└────────┘\x1b[2;6H", "", ""),
        ("\x1b[H╭─ ~ ─╮\r\n╰─ $  ─╯\x1b[2;6H", "\r\nls  lsof\x1b[2;6H", "╰─ $"),
        ("\x1b[H> \r\n\x1b[7mF1 help\x1b[m\x1b[1;3H", "", ">"),  # with a status row
    ],
    ids=["text at the right", "in a box", "joined rows", "status row"],
)
def test_a_cursor_in_a_picture_is_at_no_prompt(drawn: str, key: str, wanted: str) -> None:
    screen = Screen(Size(6, 40))
    assert answer(screen, drawn)[1].rstrip("─╯ ") == wanted
    assert answer(screen, key + "\a")[1].rstrip("─╯ ") == wanted


def test_an_input_box_may_be_a_prompt() -> None:
    box = Screen(Size(6, 40))
    box.feed("╭────────╮\r\n│ >      │\r\n╰────────╯\x1b[2;5H".encode())
    assert not no_prompt_row(box)
    box.feed(b"\x1b[2;4H[OK]\x1b[2;5H")
    assert no_prompt_row(box)


def test_the_upper_row_of_a_prompt_that_has_changed_is_no_output_of_silent_commands() -> None:
    screen = Screen(Size(20, 40))

    def run(line: str, folder: str) -> str:
        prompt = f"\x1b[?2004h\r\n{folder}\r\n> "
        return answer(screen, f"{line}\r\n\x1b[?2004l\r{prompt}", typed=line)[0].text

    answer(screen, "\x1b[?2004h\r\n/a\r\n> ")
    run("cd b", "/a/b")  # the changed row may be told
    assert [run(line, "/a/b") for line in ("export A=1", "true", "true")] == ["", "", ""]


def test_a_prompt_of_two_rows_that_is_set_in_the_session_is_no_output_of_silent_commands() -> None:
    screen = at_prompt("\x1b[?2004h$ ", rows=20)

    def run(line: str, output: str, prompt: str) -> str:
        shown = f"{line}\r\n\x1b[?2004l\r{output}\x1b[?2004h{prompt}"
        return answer(screen, shown, typed=line)[0].text

    assert run("PS1='\\w\\n> '", "", "/a\r\n> ") == "/a"  # news
    assert run("true", "", "/a\r\n> ") == ""
    assert run("cd b", "", "/a/b\r\n> ") == "/a/b"
    assert run("true", "", "/a/b\r\n> ") == ""
    assert run("PS1='one\\ntwo> '", "", "one\r\ntwo> ") == ""


def test_the_same_output_again_behind_a_line_editor_armed_early_is_told() -> None:
    screen = at_prompt("\x1b[?2004h> ", rows=80)
    for _ in range(20):
        shown = "f()\r\n\x1b[?2004l\r\x1b[?2004h- 2\r\n\r\n> "
        assert answer(screen, shown, typed="f()")[0].text == "- 2"


class Asked:
    """A program in canonical mode that prompts with `> `; answers carry its earlier prompts."""

    def __init__(self, *prompts: str) -> None:
        self.screen = at_prompt("> ", rows=40)
        self.prompts = ("> ", *prompts)

    def step(self, typed: str, output: str) -> tuple[str, str]:
        before = take(self.screen, echo=True, canonical=True)
        text = FreshText(before, typed=typed, entered=True, prompts=self.prompts)
        lines = typed.replace("\n", "\r\n")
        self.screen.feed(f"{lines}\r\n{output}".encode())
        fresh, prompt = text.finish(self.screen, prompt_row=True, end=0)
        return fresh.text, prompt


def test_a_new_prompt_behind_an_unfinished_input_is_no_output() -> None:
    assert Asked().step("func f(x) {", "cont> ") == ("", "cont> ")
    assert Asked().step("say (", "\r\ncont> ")[1] == "cont> "
    assert Asked().step('write("(")', "cont> ") == ("cont", "> ")
    assert Asked().step("write (", "warning\r\ncont> ") == ("warning\ncont", "> ")


def test_a_new_prompt_that_the_input_spells_is_no_output() -> None:
    assert Asked().step("PS1='dev> '", "dev> ") == ("", "dev> ")
    assert Asked().step("set prompt dev>", "dev> ") == ("", "dev> ")
    assert Asked().step("printf dev", "dev> ") == ("dev", "> ")


@pytest.mark.parametrize("sign", ["? ", ": "])
def test_a_question_whose_sign_is_the_prompt_itself_is_whole(sign: str) -> None:
    def asked(output: str) -> tuple[str, str]:
        program = Asked()
        program.prompts = (sign,)
        return program.step("send", output + sign)

    assert asked("To: a\r\nSend this message [yes/no]") == (
        "To: a",
        f"Send this message [yes/no]{sign}",
    )
    assert asked("word") == ("word", sign)
    assert asked("3 4") == ("3 4", sign)
    assert Asked("? ").step("printf 'hi you'", "hi you> ") == ("hi you", "> ")


def test_output_behind_a_prompt_is_told_again_after_it() -> None:
    program = Asked()
    for _ in range(2):
        assert program.step("printf hello", "hello> ") == ("hello", "> ")
    assert program.step("printf help", "help> ") == ("help", "> ")
    assert program.step("printf 42", "42> ") == ("42", "> ")
    assert program.step("printf 43", "43> ") == ("43", "> ")
    assert Asked("db> ").step("printf db", "dbdb> ") == ("db", "db> ")


def test_continuation_prompts_of_lines_typed_ahead_are_no_output() -> None:
    block = "for i in 1 2\ndo echo $i\ndone"
    for more in ("more> ", "> ", "... "):
        program = Asked()
        assert program.step(block, f"{more}{more}1\r\n2\r\n> ") == ("1\n2", "> ")
        assert program.step(block, f"{more}{more}> ") == ("", "> ")
    closed = f"{block}\necho 9"
    output = "more> more> 1\r\n> 9\r\n> "
    assert Asked().step(closed, output) == ("1\n9", "> ")
    assert Asked().step(block, "ab ab\r\n> ") == ("ab ab", "> ")
    assert Asked().step("echo x", "a: a: b\r\n> ") == ("a: a: b", "> ")


def test_a_row_drawn_below_an_unchanged_line_is_whole() -> None:
    screen = at_prompt("dev# ")
    text = FreshText(take(screen))
    screen.feed(b"\x1b7\x1b[8HC-a z for help\x1b8")
    assert text.finish(screen, prompt_row=False, end=0)[0].text == "C-a z for help"


def test_a_line_typed_ahead_answers_the_first_of_two_equal_prompts() -> None:
    screen = at_prompt("")
    mark = take(screen, echo=True, canonical=True)
    text = FreshText(mark, typed="manual", prompts=("White (1) : ",))
    screen.feed(b"manual\r\nMy move is : e5\r\nWhite (2) : White (2) : ")
    fresh, prompt = text.finish(screen, prompt_row=True, end=0)
    assert (fresh.text, prompt) == ("My move is : e5", "White (2) : ")


def test_continuation_prompts_of_signs_before_a_known_prompt_are_no_part_of_it() -> None:
    for block, shown in (("(a\n b)", "... > "), ("(a\n b\n c)", "... > ... > ")):
        screen = at_prompt("db> ")
        before = take(screen, echo=True, canonical=True)
        text = FreshText(before, typed=block, entered=True, prompts=("db> ",))
        screen.feed(block.replace("\n", "\r\n").encode() + b"\r\n" + shown.encode() + b"db> ")
        fresh, prompt = text.finish(screen, prompt_row=True, end=0)
        assert (fresh.text, prompt) == ("", "db> ")


def test_a_prompt_behind_a_question_that_was_left_is_that_prompt() -> None:
    screen = at_prompt("#? ")
    text = FreshText(take(screen, canonical=True), prompts=("k> ", "#? "))
    screen.feed(b"k> ")  # C-d
    fresh, prompt = text.finish(screen, prompt_row=True, end=0)
    assert (fresh.text, prompt) == ("", "k> ")


def test_a_nested_prompt_is_known_once_it_comes_again() -> None:
    program = Asked()
    assert program.step("use shop", "shop> ") == ("shop", "> ")  # may be output
    assert program.step("show", "one\r\nshop> ") == ("one", "shop> ")
    assert program.step("set x", "shop> ") == ("", "shop> ")
