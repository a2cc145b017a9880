"""`export JOB x.html`: one page that plays a recording, without network."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.model import Size
from ptyjobs.recordings import Moment, Recording
from ptyjobs.recordings.page import described, html_page
from tests.cli.conftest import Shell, shell  # noqa: F401  (a fixture)

if importlib.util.find_spec("websockets") is None:
    pytest.skip("the browser is driven over websockets", allow_module_level=True)
from tests.web.browser import Browser, program

BESIDE = 400_000  # bytes of a page besides its data


def session() -> Recording:
    flood = b"".join(b"line %d\r\n" % n for n in range(5000))
    return Recording(
        title="demo </script><b>",
        command="make test",
        moments=(
            Moment(0.1, "o", b"$ "),
            Moment(1.0, "i", b"ls\n"),
            Moment(1.1, "o", b"ls\r\n\x1b[1;32mREADME\x1b[m \xe6\xbc\xa2 needle\r\n$ "),
            Moment(2.0, "m", text="step 2"),
            Moment(3.0, "o", flood),
            Moment(4.0, "r", text="60x10"),
            Moment(90.0, "o", b"\x1b[2J\x1b[Hlast"),
            Moment(90.5, "x", text="0"),
        ),
    )


def test_a_page_holds_what_was_seen_and_names_what_scrolled_by() -> None:
    found = described(session(), input=True)
    frames = found["frames"]
    assert [frame[0] for frame in frames] == [0.1, 1.1, 3.0, 4.0, 90.0]
    assert found["marks"] == [[2.0, "step 2"]]
    assert found["inputs"] == [[1.0, "ls\n"]]
    assert frames[3][4] == [10, 60]
    passed = frames[2][3]
    assert passed[-1] == "line 4960"
    assert len(passed) <= 2000
    shown = ["".join(text for text, _ in row) for row in found["texts"]]
    assert "README \u6f22 needle" in shown
    assert any("bold" in css for css in found["styles"])


def test_a_page_is_one_small_file_without_network() -> None:
    page = html_page(session())
    data = re.search(r'<script id="data" type="text/plain">([^<]*)<', page)
    assert data is not None
    assert len(page) - len(data[1]) <= BESIDE
    assert not re.search(r"""(?:src|href)=|https?://|@import|url\(""", page)
    assert "</script><b>" not in page
    many = Recording(moments=tuple(Moment(n / 1000, "o", b"x\r") for n in range(60_000)))
    assert len(described(many)["frames"]) <= 60 * 31


def test_a_title_replaces_no_part_of_the_page() -> None:
    page = html_page(session(), title="PAGE-DATA </title><script>")
    assert "<title>PAGE-DATA &lt;/title>&lt;script></title>" in page
    assert '<script id="data" type="text/plain">PAGE-DATA<' not in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not program():
        pytest.skip("there is no Chromium")
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.live
@pytest.mark.parametrize("width", [1200, 400])
def test_it_plays_seeks_searches_and_jumps_to_marks(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "demo.html"
    path.write_text(html_page(session(), input=True), encoding="utf-8")
    browser.size(width, 800)
    browser.go(path.as_uri())
    browser.wait("window.player.count === 5")
    text = "document.getElementById('screen').innerText"
    assert "demo </script><b>" in browser.run("document.querySelector('h1').textContent")
    browser.run("window.player.seek(1.5)")
    assert "needle" in browser.run(text)
    slider = "document.getElementById('seek')"
    for moment, shown in (("0.2", False), ("1.5", True)):
        browser.run(f"{slider}.value = {moment}; {slider}.dispatchEvent(new Event('input'))")
        assert ("needle" in browser.run(text)) is shown, "the slider seeks"
    browser.run("document.querySelector('#marks button').click()")
    assert "0:02" in browser.run("document.getElementById('time').textContent")

    find = "document.getElementById('find')"
    browser.run(f"{find}.value = 'NEEDLE'; {find}.dispatchEvent(new Event('input'))")
    assert browser.run("document.querySelector('#screen mark').textContent") == "needle"
    assert browser.run("document.getElementById('count').textContent") == "1 of 1"
    browser.run(f"{find}.value = 'line 4000'; {find}.dispatchEvent(new Event('input'))")
    assert browser.run("document.getElementById('said').textContent").endswith("line 4000")
    assert "line 4999" in browser.run(text)

    browser.run(f"{find}.value = ''; {find}.dispatchEvent(new Event('input'))")
    browser.run("document.getElementById('speed').value = '16'; window.player.seek(0)")
    browser.run("document.getElementById('play').click()")
    browser.wait("document.getElementById('play').textContent === 'Again'", seconds=20)
    assert browser.run(text).strip() == "last"
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.live
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900), (400, 800)])
def test_screen_player_and_search_are_seen_at_once_however_many_marks(
    browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    rows = b"\r\n".join(b"row %d" % n for n in range(40))
    marks = [Moment(1.0 + n, "m", text=f"step {n} " + "long " * 9) for n in range(200)]
    moments = (Moment(0.1, "o", rows), *marks, Moment(300.0, "x", text="0"))
    path = tmp_path / "long.html"
    recording = Recording(size=Size(40, 120), moments=moments, title="long", command="make")
    path.write_text(html_page(recording), encoding="utf-8")
    browser.size(width, height)
    browser.go(path.as_uri())
    browser.wait("window.player")
    bottom = "document.getElementById('{}').getBoundingClientRect().bottom"
    assert browser.run(bottom.format("find")) <= height
    assert browser.run(bottom.format("play")) <= height
    assert browser.run("document.querySelector('nav').offsetHeight") < 130
    assert browser.run("document.documentElement.scrollWidth") <= width
    browser.size(width, 600)
    browser.wait(f"{bottom.format('play')} <= 600")


@pytest.mark.live
def test_the_command_writes_it(shell: Shell, tmp_path: Path) -> None:  # noqa: F811
    shell.run("run", "--name", "j", "--", "echo hello")
    out = tmp_path / "j.html"
    assert shell.run("export", "j", str(out)).returncode == 0
    assert "<title>j</title>" in out.read_text()
