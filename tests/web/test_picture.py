"""A page made of a screen, in a real browser: every cell is where the terminal has it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ptyjobs.model import Size
from ptyjobs.render.html import to_html
from ptyjobs.terminal import Screen
from ptyjobs.web.picture import picture
from tests.web.browser import Browser

pytestmark = pytest.mark.live
ROWS = ("plain ascii text", "⠁⠂⠄⡀⣿⣷⣯⣟⡿⢿⣻⣽", "▁▂▃▄▅▆▇█░▒▓", "日本語テスト", "😀👍🎉🚀", "┌──┬──┐",
        "हिन्दी नमस्ते", "→ ← ✓ ✗ ● ○ ★", "Русский é Ω", "العربية")  # fmt: skip


def test_whatever_a_row_holds_its_end_is_in_the_same_column(
    tmp_path: Path, browser: Browser
) -> None:
    screen = Screen(Size(len(ROWS), 40))
    for number, text in enumerate(ROWS, 1):
        screen.feed(f"\x1b[{number};1H{text}\x1b[{number};30H|\x1b[{number};40H|".encode())
    page = tmp_path / "page.html"
    page.write_text(to_html(screen, cursor=False), encoding="utf-8")
    browser.go(page.as_uri())
    browser.wait("document.readyState === 'complete' && document.querySelector('pre') !== null")
    bars = browser.run("""(() => {
        const found = [];
        const walk = document.createTreeWalker(document.querySelector('pre'), NodeFilter.SHOW_TEXT);
        for (let node; (node = walk.nextNode());) {
            for (let at = node.data.indexOf('|'); at >= 0; at = node.data.indexOf('|', at + 1)) {
                const range = document.createRange();
                range.setStart(node, at);
                range.setEnd(node, at + 1);
                const box = range.getBoundingClientRect();
                found.push([Math.round(box.left), Math.round(box.top)]);
            }
        }
        return found;
    })()""")
    assert len(bars) == 2 * len(ROWS)
    for column in (bars[0::2], bars[1::2]):
        lefts = [left for left, _ in column]
        assert max(lefts) - min(lefts) <= 1
    tops = [top for _, top in bars[0::2]]
    assert {b - a for a, b in itertools.pairwise(tops)} == {17}  # and rows are even


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ("cafe", [["cafe"]]),
        ("café", [["café", "", "", "", 4]]),
        ("✓ 日", [["✓ 日", "", "", "", 4]]),
        ("\x1b[41mé  \x1b[m", [["é  ", "", 1, "", 3]]),  # a bar keeps its width
    ],
)
def test_a_line_of_a_card_ends_with_its_text(printed: str, line: list[list[object]]) -> None:
    screen = Screen(Size(2, 40))
    screen.feed(printed.encode())
    assert picture("j", screen)["lines"] == [line]
