"""Accessibility: axe-core has no findings, and the page is readable on a phone.

axe-core (MPL-2.0) is used only by this test: `npm install axe-core`, and PTYJOBS_TEST_AXE names its
`axe.min.js`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.web.browser import Browser
from tests.web.harness import SCREEN, run, serving

pytestmark = pytest.mark.live

AXE = os.environ.get("PTYJOBS_TEST_AXE", "")
COLOURS = r"printf '\033[31mred \033[34mblue \033[30mblack \033[1;37;47mwhite\033[m\n'"
FAINT = r"printf '\033[2mfaint\033[m\n'"
ASKED_FOR = [".xterm-dim"]  # the program wants less contrast there


def violations(browser: Browser) -> list[str]:
    """axe's findings in the current page: rule and element."""
    browser.ask("Page.setBypassCSP", enabled=True)
    browser.run(Path(AXE).read_text(encoding="utf-8") + "; true")
    context = {"include": [["html"]], "exclude": [ASKED_FOR]}
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    found = browser.run(
        f"axe.run({json.dumps(context)}, {json.dumps(options)}).then(r => r.violations)"
    )
    assert browser.run("typeof axe.run") == "function"
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


@pytest.mark.skipif(not AXE, reason="PTYJOBS_TEST_AXE names no axe.min.js (npm install axe-core)")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(tmp_path: Path, browser: Browser, scheme: str) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", f"{COLOURS}; {FAINT}; exec cat")
    run(tmp_path, "run", "-d", "--name", "bad", "--", "exit 1")
    browser.scheme(scheme)
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 2")
        browser.wait("document.querySelector('[data-job=sh] pre').textContent.includes('faint')")
        assert browser.run("document.documentElement.dataset.theme") == scheme
        assert violations(browser) == []
        browser.run("document.getElementById('filter').value = 'nowhere'")
        browser.run("document.getElementById('filter').oninput()")
        browser.wait("!document.getElementById('nomatch').hidden")
        assert violations(browser) == []
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{SCREEN}.includes('faint')")
        browser.run("document.getElementById('menu').open = true")
        browser.wait("document.querySelectorAll('#saves button').length > 3")
        assert violations(browser) == []
        browser.run("document.getElementById('reader').click()")
        browser.wait("document.querySelector('.xterm-accessibility') !== null")
        assert violations(browser) == []
        browser.run("document.getElementById('kill').click()")
        browser.wait("document.getElementById('sure').open")
        assert violations(browser) == []
        browser.run("document.getElementById('sure').close()")
        browser.run("location.hash = '#/replay/sh'")
        browser.wait("document.getElementById('clock').textContent.includes('/')")
        assert violations(browser) == []


def test_each_view_has_one_heading_of_the_first_rank(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    heads = "[...document.querySelectorAll('h1')].filter(h => h.offsetParent).map(h => h.innerText)"
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 1")
        assert browser.run(heads) == ["Jobs"]
        for view in ("job", "replay"):
            browser.run(f"location.hash = '#/{view}/sh'")
            browser.wait(f"JSON.stringify({heads}) === '[\"sh\"]'")


def test_a_phone_shows_letters_that_can_be_read(tmp_path: Path, browser: Browser) -> None:
    browser.size(390, 844)
    run(tmp_path, "run", "-d", "--name", "sh", "--", "seq 1 30; exec cat")
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 1")
        across = "document.documentElement.scrollWidth <= 390"
        assert browser.run(across)
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{SCREEN}.includes('30')")
        assert browser.run("ptyjobsTerminal.options.fontSize") >= 12
        assert browser.run(across)  # the terminal scrolls by itself
        stage = "document.getElementById('stage')"
        browser.wait(f"{stage}.scrollWidth > {stage}.clientWidth")
        assert browser.run(f"getComputedStyle({stage}).backgroundColor") == browser.run(
            "getComputedStyle(document.body).backgroundColor"
        )  # no black page below the terminal


def test_a_narrow_page_follows_a_cursor_that_is_shown(tmp_path: Path, browser: Browser) -> None:
    browser.size(390, 844)
    program = (
        r"read a; printf '\033[?25l\033[5;119Hx'; read b; printf '\033[?25h\033[6;118Hy'; exec cat"
    )
    run(tmp_path, "run", "-d", "--name", "sh", "--", program)
    left = "document.getElementById('stage').scrollLeft"
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait("document.activeElement.className === 'xterm-helper-textarea'")
        run(tmp_path, "send", "sh", "")
        browser.wait(f"{SCREEN}.includes('x')")
        browser.run(drawn)
        assert browser.run(left) == 0  # a hidden cursor may be anywhere
        run(tmp_path, "send", "sh", "")
        browser.wait(f"{left} > 0")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_cards_live_and_replay_have_the_colours_of_the_pictures(
    tmp_path: Path, browser: Browser, scheme: str
) -> None:
    from ptyjobs.terminal.colours import THEMES, hexa

    theme = THEMES[scheme]
    run(tmp_path, "run", "-d", "--name", "sh", "--", r"printf '\033[41mback\033[m\n'; exec cat")
    browser.scheme(scheme)
    rgb = "rgb({}, {}, {})".format
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait("document.querySelector('[data-job=sh] pre span') !== null")
        shot = "getComputedStyle(document.querySelector('[data-job=sh] .shot')).backgroundColor"
        assert browser.run(shot) == rgb(*theme.bg)
        back = "document.querySelector('[data-job=sh] pre span').style.backgroundColor"
        assert browser.run(back) == rgb(*theme.colours[1])
        for view in ("job", "replay"):
            browser.run(f"location.hash = '#/{view}/sh'")
            browser.wait(f"{SCREEN}.includes('back')")
            colours = browser.run("ptyjobsTerminal.options.theme")
            assert (colours["red"], colours["background"]) == (
                hexa(theme.colours[1]), hexa(theme.bg)
            )  # fmt: skip
