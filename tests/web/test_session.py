"""Tabs, restarts and sleep: a page reconnects to its viewer, or shows the reason."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from ptyjobs.client.host_facts import is_stranger
from ptyjobs.web.session import token_for
from tests.faults import world
from tests.web.browser import Browser
from tests.web.harness import SCREEN, run, server, serving, stop

pytestmark = pytest.mark.live

LINK = "document.getElementById('link').textContent"
MODE = "document.getElementById('mode').textContent"
OFFLINE = "document.body.classList.contains('offline')"
CARDS = "document.querySelectorAll('.card').length"


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


def address(viewer: subprocess.Popen[str]) -> str:
    assert viewer.stdout is not None
    return viewer.stdout.readline().strip()


def test_tabs_share_a_session_and_find_a_restarted_viewer(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    port = free_port()
    viewer = server(tmp_path, "--write", "--port", port)
    try:
        browser.go(address(viewer))
        browser.wait(f"{CARDS} === 1")
        tab = browser.tab()
        tab.go(f"http://127.0.0.1:{port}/#/job/sh")  # as a card opened in a new tab
        tab.wait(f"{MODE} === 'you can type'")
        stop(viewer)
        for page in (browser, tab):
            page.wait(f"{LINK}.endsWith('Start it again: ptyjobs web --port {port}')")
            assert page.run(OFFLINE)
        opacity = "getComputedStyle(document.getElementById('live')).opacity"
        browser.wait(f"Number({opacity}) < 0.6")  # stale content looks stale
        assert tab.run(f"{MODE}") == "not connected"
        assert tab.run("ptyjobsTerminal.options.disableStdin")
        viewer = server(tmp_path, "--write", "--port", port)
        address(viewer)
        tab.wait(f"{MODE} === 'you can type' && !{OFFLINE} && {LINK} === ''")
        browser.wait(f"!{OFFLINE} && {LINK} === ''")
        stop(viewer)
        viewer = server(tmp_path, "--write", "--port", port, "--new-token")
        fresh = address(viewer)
        for page in (browser, tab):
            page.wait(f"{LINK}.startsWith('This address is no longer valid.')")
        tab.go("about:blank")
        tab.go(fresh)
        tab.wait(f"{CARDS} === 1")
        browser.wait(f"!{OFFLINE}")  # the tab was notified for both
        tab.leave()
    finally:
        stop(viewer)
        run(tmp_path, "kill", "sh")


def test_a_page_without_its_token_says_what_it_needs(tmp_path: Path, browser: Browser) -> None:
    viewer = server(tmp_path)
    try:
        browser.go(address(viewer).partition("#")[0])
        browser.wait(f"{LINK}.includes('the whole address that ptyjobs web printed')")
    finally:
        stop(viewer)


def test_a_connection_that_died_in_sleep_is_noticed_and_made_anew(
    tmp_path: Path, browser: Browser
) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    viewer = server(tmp_path, "--write")
    try:
        browser.go(address(viewer))
        browser.wait(f"{CARDS} === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{MODE} === 'you can type'")
        os.kill(viewer.pid, signal.SIGSTOP)  # the connection stays open, and nothing comes
        browser.run("dispatchEvent(new Event('online'))")  # as a laptop that wakes up
        browser.wait(f"{LINK} === 'The viewer does not answer.'", seconds=30)
        os.kill(viewer.pid, signal.SIGCONT)
        browser.wait(f"{MODE} === 'you can type'", seconds=30)
    finally:
        os.kill(viewer.pid, signal.SIGCONT)
        stop(viewer)
        run(tmp_path, "kill", "sh")


def test_a_token_is_kept_for_a_port_and_what_may_be_done(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    read = token_for(state, port=8000, write=False)
    write = token_for(state, port=8000, write=True)
    assert len({read, write, token_for(state, port=8001, write=False)}) == 3
    assert token_for(state, port=8000, write=False) == read
    assert token_for(state, port=8000, write=True) == write
    assert token_for(state, port=0, write=False) != token_for(state, port=0, write=False)
    assert token_for(state, port=8000, write=True, fresh=True) != write
    assert token_for(state, port=8000, write=False) == read
    for path in (tmp_path / "state", tmp_path / "state/web-tokens"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for file in filter(Path.is_file, path.iterdir()):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_users_connection_is_told_apart(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        local = listening.getsockname()
        with socket.create_connection(local), listening.accept()[0] as ours:
            assert not is_stranger(ours)
        if os.geteuid():
            pytest.skip("only root can start a process of another user")
        code = f"exec 3<>/dev/tcp/{local[0]}/{local[1]}; read -r <&3"
        other = subprocess.Popen(["/bin/bash", "-c", code], user=65534, cwd="/")
        try:
            listening.settimeout(20)
            with listening.accept()[0] as theirs:
                assert is_stranger(theirs)
        finally:
            other.wait(20)


def test_two_browsers_and_a_terminal_are_three_people(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "cat", "--", "cat")
    other = Browser()
    try:
        with serving(tmp_path, "--write") as url:
            for page, number in ((browser, "101"), (other, "202")):
                page.go(url)
                page.wait(f"{CARDS} === 1")
                page.run(f"localStorage.setItem('number', '{number}')")
                page.run("location.hash = '#/job/cat'")
            browser.wait(f"{MODE} === 'you can type · with browser 202'")
            other.wait(f"{MODE} === 'you can type · with browser 101'")
            for page, word in ((browser, "first"), (other, "second")):
                page.run("ptyjobsTerminal.focus()")
                page.type(word)
                page.press("Enter", 13)
                page.wait(f"{SCREEN}.split('{word}').length === 3")  # its echo, and cat's line
            browser.run("document.getElementById('hold').click()")
            browser.wait("document.getElementById('hold').textContent === 'Release'")
            note = "document.getElementById('note').textContent"
            other.wait(f"{note}.startsWith('held by browser 101 since')")
            assert other.run("document.getElementById('hold').textContent") == "Hold"
            other.run("document.getElementById('hold').click()")
            other.wait(f"{note}.includes('held by browser 101')")
    finally:
        other.close()
    acts = [json.loads(line) for line in run(tmp_path, "audit", "--json").splitlines()]
    typed = {(act["who"], act["text"]) for act in acts if act["what"] == "input"}
    assert typed == {("browser 101", "first"), ("browser 202", "second")}
    events = (tmp_path / "state" / "jobs" / "cat" / "events").read_text()
    assert '"browser 101"' in events
    assert '"browser 202"' in events


def test_a_page_that_is_left_is_nobody_and_comes_back(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "cat", "--", "cat")

    def people() -> list[str]:
        found: list[str] = json.loads(run(tmp_path, "status", "cat", "--json"))["people"]
        return found

    with serving(tmp_path, "--write") as url:
        browser.go(url + "&job=cat")
        browser.wait(f"{MODE} === 'you can type'")
        assert len(people()) == 1
        browser.go("about:blank")
        assert world.eventually(lambda: not people())
        browser.back()
        browser.wait(f"{MODE} === 'you can type'")
        assert len(people()) == 1
