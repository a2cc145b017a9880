"""The display of an attached terminal, without a job: bytes in, the terminal's lines out."""

from __future__ import annotations

from typing import cast

from ptyjobs.cli.display import Display
from ptyjobs.cli.terminal import Terminal
from ptyjobs.model import Size
from ptyjobs.terminal import Screen

LARGE, SMALL = Size(30, 100), Size(12, 40)


class FakeTerminal:
    """A terminal of one size that draws on a screen."""

    dumb = passing = False

    def __init__(self, size: Size) -> None:
        self.screen = Screen(size)

    def size(self) -> Size:
        return self.screen.size

    def title(self, text: str) -> None:
        """Titles are not looked at."""

    def write(self, data: bytes) -> None:
        self.screen.feed(data)

    pass_on = write

    @property
    def lines(self) -> list[str]:
        last = self.screen.first_line + self.screen.size.rows
        return [line.text for line in self.screen.line_range(0, last) if line.text]


def test_a_repaint_that_is_asked_for_twice_still_brings_the_lines_that_a_resize_moved() -> None:
    job, terminal = Screen(LARGE), FakeTerminal(LARGE)
    display = Display(cast("Terminal", terminal), status_line=False, words=lambda: "j")
    expected = [f"line {n}" for n in range(100)]
    job.feed("\r\n".join(expected).encode())
    assert display.wants_history
    display.paint(job.repaint(scrollback=1000), LARGE, top=job.first_line)
    assert not display.wants_history
    assert terminal.lines == expected
    job.anchors["top"] = job.first_line, 0
    job.resize(SMALL)
    moved = job.first_line - job.anchors["top"][0]
    display.resized(SMALL, top=job.first_line, moved=moved)
    # A notice asks for a repaint as well, before the one for the resize has come.
    assert display.wants_history
    job.feed(b"\r\nmeanwhile")
    display.paint(job.repaint(scrollback=1000), SMALL, top=job.first_line)
    assert display.mirror is not None
    display.mirror.redraw()
    assert terminal.lines == [*expected, "meanwhile"]
    assert terminal.screen.row_text(29).rstrip() == "meanwhile"
