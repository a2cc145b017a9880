"""The page in a real browser: the list, one job, its past."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.web.browser import Browser
from tests.web.harness import SCREEN, run, server, serving, stop

pytestmark = pytest.mark.live

CARDS = "[...document.querySelectorAll('.card')].map(card => card.dataset.job)"
STATE = "document.getElementById('state').textContent"
MODE = "document.getElementById('mode').textContent"
LINK = "document.getElementById('link').textContent"


def card(job_id: str, part: str) -> str:
    return f"document.querySelector('[data-job={job_id}] {part}').textContent"


def filtered(browser: Browser, text: str) -> None:
    browser.run(f"document.getElementById('filter').value = {json.dumps(text)}")
    browser.run("document.getElementById('filter').oninput()")


def record(state: Path, *, number: int, started: float) -> None:
    """The directory of a job that ended long ago, as its holder leaves it."""
    job = state / "jobs" / f"short-{number}"
    job.mkdir(parents=True, mode=0o700)
    facts = {"job_id": job.name, "command": f"echo {number}", "cwd": "/", "size": {}}
    (job / "spec.json").write_text(json.dumps({**facts, "argv": ["sh"]}))
    end = {"state": "completed", "exit": {"code": 0}, "started": started, "ended": started + 1}
    (job / "status.json").write_text(json.dumps({**facts, **end}))


def test_the_page_shows_joins_types_and_replays(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "bash --norc")
    run(tmp_path, "run", "-d", "--name", "old", "--", "echo seen; exit 5")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 2")
        assert "token" not in browser.run("location.href")
        assert browser.run(CARDS) == ["sh", "old"]  # running jobs come first, even if older
        browser.wait(f"{card('old', 'pre')}.includes('seen')")
        assert browser.run(card("old", ".why")) == "exited with code 5"

        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{MODE} === 'you can type'")
        browser.wait(f"{SCREEN}.includes('$') || {SCREEN}.includes('#')")
        whole = "(s => s.scrollHeight <= s.clientHeight)(document.getElementById('stage'))"
        browser.wait(f"ptyjobsTerminal.rows === 40 && {whole}")  # the last row can be seen
        browser.run("ptyjobsTerminal.focus()")
        browser.type("echo from $((40+2)) browsers")
        browser.press("Enter", 13)
        browser.wait(f"{SCREEN}.includes('from 42 browsers')")
        assert "from 42 browsers" in run(tmp_path, "screen", "sh")

        run(tmp_path, "send", "sh", "exit 3")
        browser.wait(f"{STATE} === 'exited with code 3'")
        browser.run("location.hash = '#/replay/sh'")
        browser.wait(f"{MODE} === 'replay' && {SCREEN}.includes('from 42 browsers')")
        browser.run("document.getElementById('time').value = 0")
        browser.run("document.getElementById('time').oninput()")
        browser.wait(f"!{SCREEN}.includes('from 42')")
        browser.run("(t => { t.value = t.max; t.oninput() })(document.getElementById('time'))")
        browser.wait("document.getElementById('what').textContent === 'code 3'")
        browser.run("document.getElementById('time').value = 0")
        browser.run("document.getElementById('time').oninput()")
        browser.run("document.getElementById('speed').value = '16'")
        browser.run("document.getElementById('play').click()")
        browser.wait(f"{SCREEN}.includes('from 42 browsers')")


def test_an_unknown_job_is_red_and_has_no_buttons(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    buttons = "document.getElementById('buttons').offsetParent"
    mood = "document.getElementById('about').dataset.mood"
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        for view in ("job", "replay"):
            browser.run("location.hash = '#/job/sh'")
            browser.wait(f"{mood} === 'waiting' && {buttons} !== null")
            browser.run(f"location.hash = '#/{view}/nobody'")
            browser.wait(f"{STATE}.includes('nobody')")
            assert browser.run(mood) == "failed"
            assert browser.run(f"{buttons} === null")


# --- the list -------------------------------------------------------------------------------------


def test_a_running_job_is_first_and_thousands_are_paged_and_searched(
    tmp_path: Path, browser: Browser
) -> None:
    now = time.time()
    run(tmp_path, "run", "-d", "--name", "live", "--", "cat")
    for number in range(2000):
        record(tmp_path / "state", number=number, started=now + number)  # all are newer
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 61")
        assert browser.run(CARDS)[:3] == ["live", "short-1999", "short-1998"]
        count = "document.getElementById('count').textContent"
        assert browser.run(count) == "1 running, 2,001 in all"
        browser.run("document.getElementById('more').click()")
        browser.wait("document.querySelectorAll('.card').length === 121")
        filtered(browser, "short-7 echo")  # none of them is on the page
        browser.wait("document.querySelectorAll('.card').length === 60")
        browser.wait(f"{count}.includes('; 111 match')")
        filtered(browser, "short-7 echo 77")
        browser.wait("document.querySelectorAll('.card').length === 11")
        assert browser.run("document.getElementById('more').hidden")


def test_a_filter_that_is_cleared_leaves_the_pictures_of_quiet_jobs(
    tmp_path: Path, browser: Browser
) -> None:
    run(tmp_path, "run", "-d", "--name", "quiet", "--", "echo I say nothing more; exec cat")
    run(tmp_path, "run", "-d", "--name", "other", "--", "echo other; exec cat")
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait(f"{card('quiet', 'pre')}.includes('nothing more')")
        filtered(browser, "other")
        browser.wait("document.querySelectorAll('.card').length === 1")
        filtered(browser, "")
        browser.wait("document.querySelectorAll('.card').length === 2")
        browser.wait(f"{card('quiet', 'pre')}.includes('nothing more')")


def test_a_filter_without_a_match_says_so_and_is_taken_back(
    tmp_path: Path, browser: Browser
) -> None:
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait("!document.getElementById('none').hidden")
        run(tmp_path, "run", "-d", "--name", "one", "--", "cat")
        browser.wait(f"{CARDS}.length === 1 && document.getElementById('none').hidden")
        filtered(browser, "nowhere")
        browser.wait("!document.getElementById('nomatch').hidden")
        assert "“nowhere”" in browser.run("document.getElementById('nomatch').textContent")
        browser.run("document.getElementById('clear').click()")
        browser.wait(f"{CARDS}.length === 1 && document.getElementById('nomatch').hidden")


def test_a_card_and_the_bar_say_what_the_job_is_about(tmp_path: Path, browser: Browser) -> None:
    port = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"
    commands = {
        "repl": "python3 -q -i",
        "secret": "python3 -c 'import getpass; getpass.getpass()'",
        "work": "python3 -c 'while True: pass'",
        "net": f'python3 -u -c "{port}; s.accept()"',
    }
    for name, command in commands.items():
        run(tmp_path, "run", "-d", "--name", name, "--cwd", str(tmp_path), "--", command)
    for name, text in (("dev", "it is up"), ("late", "not yet")):
        flags = ("--name", name, "--ready", "it is up", "--wait", "1")
        run(tmp_path, "run", "-d", *flags, "--", f"echo {text}; sleep 99", check=False)
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        for name, words in {
            "repl": "waiting at >>>",
            "secret": "asks for a password: Password:",
            "work": "% CPU",
            "net": "listening · on 127.0.0.1:",
            "dev": "ready · for ",
            "late": "not ready",
        }.items():
            browser.wait(f"{card(name, '.why')}.includes('{words}')")
        assert browser.run(card("work", ".why")).startswith("busy: python3")
        port = run(tmp_path, "screen", "net").split()[-1]
        assert browser.run(card("net", ".why")) == f"listening · on 127.0.0.1:{port}"
        browser.run("location.hash = '#/job/repl'")
        browser.wait(f"{STATE} === 'waiting at >>>'")
        assert browser.run("document.getElementById('command').textContent") == "python3 -q -i"
        assert browser.run("document.getElementById('directory').textContent") == str(tmp_path)
        assert "started " in browser.run("document.getElementById('facts').textContent")
        run(tmp_path, "kill", "repl")
        browser.wait(f"{STATE}.startsWith('killed on request')")


# --- one job --------------------------------------------------------------------------------------


def test_fit_gives_the_job_the_columns_of_the_window(tmp_path: Path, browser: Browser) -> None:
    browser.size(1440, 900)
    run(tmp_path, "run", "-d", "--name", "sh", "--", "bash --norc")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{MODE} === 'you can type' && ptyjobsTerminal.cols === 120")
        browser.run("document.getElementById('fit').click()")
        browser.wait("ptyjobsTerminal.cols > 120")
        first = browser.run("[ptyjobsTerminal.cols, ptyjobsTerminal.rows]")
        assert 155 <= first[0] <= 185  # by the font that is installed
        overflow = "(s => s.scrollWidth - s.clientWidth)(document.getElementById('stage'))"
        browser.wait(f"{overflow} <= 0")
        browser.run("document.getElementById('fit').click()")
        run(tmp_path, "send", "sh", "stty size; echo done")
        browser.wait(f"{SCREEN}.includes('\\ndone')")
        assert f"{first[1]} {first[0]}" in browser.run(SCREEN)  # the same again, not ever smaller


def test_a_person_holds_the_job_and_releases_it(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{MODE} === 'you can type'")
        for before, after in (("Hold", "Release"), ("Release", "Hold")):
            browser.wait(f"document.getElementById('hold').textContent === '{before}'")
            browser.run("document.getElementById('hold').click()")
            browser.wait(f"document.getElementById('hold').textContent === '{after}'")
            held = json.loads(run(tmp_path, "status", "sh", "--json"))["held"]
            assert ("by browser " in held) is (after == "Release")
            facts = "document.getElementById('facts').textContent.includes('held by browser ')"
            browser.wait(f"{facts} === {str(after == 'Release').lower()}")


def test_actions_need_write_and_a_confirmed_kill_ends_the_job(
    tmp_path: Path, browser: Browser
) -> None:
    trap = "trap 'echo got it' USR1; echo set; while :; do read -t 9 line; done"
    run(tmp_path, "run", "-d", "--name", "sh", "--", trap)
    for flags in ((), ("--write",)):
        viewer = server(tmp_path, *flags)
        assert viewer.stdout is not None
        browser.go("about:blank")
        browser.go(viewer.stdout.readline().strip())
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/sh'")
        mode = "you can type" if flags else "read-only"
        browser.wait(f"{MODE} === '{mode}' && {SCREEN}.includes('set')")
        assert browser.run("document.getElementById('act').hidden") is (not flags)
        if flags:
            browser.wait("document.querySelectorAll('#signals button').length > 5")
            browser.run("[...document.querySelectorAll('#signals button')]"
                        ".find(b => b.textContent === 'User 1').click()")  # fmt: skip
            browser.wait(f"{SCREEN}.includes('got it')")
            browser.run("document.getElementById('kill').click()")
            browser.wait("document.getElementById('sure').open")
            browser.run("document.getElementById('sure-no').click()")
            assert not browser.run("document.getElementById('sure').open")
            assert browser.run(f"{MODE}") == "you can type"
            browser.run("document.getElementById('kill').click()")
            browser.run("document.getElementById('sure-yes').click()")
            browser.wait(f"{STATE}.startsWith('killed on request')")
        stop(viewer)


def written(file: Path, part: bytes) -> bytes:
    """Content of the browser's download, within 15 s."""
    until = time.monotonic() + 15
    data = b""
    while part not in data and time.monotonic() < until:
        time.sleep(0.02)
        data = file.read_bytes().replace(b": ", b":") if file.exists() else b""
    return data


def test_log_recording_and_picture_are_saved(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "j", "--", "echo 'what was printed'")
    run(tmp_path, "wait", "j", "--exited")
    folder = tmp_path / "saved"
    folder.mkdir()
    browser.saves(folder)
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        for words, file, part in (
            ("Log", "j.log", b"what was printed\r\n"),
            ("Text", "j.txt", b"what was printed\n"),
            ("Recording", "j.cast", b'{"version":3'),
            ("SVG", "j.svg", b"<svg "),
            ("HTML", "j.html", b"what was printed"),
        ):
            find = "[...document.querySelectorAll('#saves button')]"
            browser.wait(f"{find}.some(b => b.textContent === '{words}')")
            browser.run(f"{find}.find(b => b.textContent === '{words}').click()")
            browser.wait(f"document.getElementById('note').textContent === '{file} is saved'")
            assert part in written(folder / file, part)


def test_search_marks_and_counts_all_matches(tmp_path: Path, browser: Browser) -> None:
    command = "for i in $(seq 1 200); do echo line $i; done; echo needle; echo a needle; exec cat"
    run(tmp_path, "run", "-d", "--name", "j", "--", command)
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        browser.wait(f"{SCREEN}.includes('a needle')")
        found = "document.getElementById('found').textContent"
        for text, words in (("needle", "of 2"), ("line 1", "of 111"), ("nowhere", "no match")):
            browser.run(f"document.getElementById('needle').value = '{text}'")
            browser.run("document.getElementById('needle').oninput()")
            browser.wait(f"{found}.endsWith('{words}')")
            marks = "document.querySelectorAll('.xterm-find-result-decoration').length"
            marks += " + document.querySelectorAll('.xterm-find-active-result-decoration').length"
            browser.wait(f"({marks}) > 0" if words != "no match" else f"({marks}) === 0")


def test_the_terminal_has_no_line_at_its_left_edge(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "j", "--", "echo shown; exec cat")
    with serving(tmp_path) as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        browser.wait(f"{SCREEN}.includes('shown')")
        behind = "getComputedStyle(document.querySelector('#terminal .xterm-viewport'))"
        before = "getComputedStyle(document.querySelector('#terminal .xterm-scrollable-element'))"
        for theme in ("light", "dark"):
            browser.run(f"localStorage.setItem('theme', '{theme}')")
            browser.run("location.reload()")
            browser.wait(f"document.documentElement.dataset.theme === '{theme}'")
            browser.wait(f"{SCREEN}.includes('shown')")
            browser.wait(f"{behind}.backgroundColor === {before}.backgroundColor")


def test_the_keyboard_gets_into_the_terminal_and_out_of_it(
    tmp_path: Path, browser: Browser
) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "cat")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait(f"{MODE} === 'you can type'")
        browser.run("ptyjobsTerminal.focus()")
        browser.press("Tab", 9)  # the program's, who can type
        inside = "document.getElementById('terminal').contains(document.activeElement)"
        assert browser.run(inside)
        browser.press("L", 76, modifiers=2 | 8)  # Control, Shift
        assert browser.run("document.activeElement.id") == "home"


def test_a_hidden_page_under_a_flood_is_sent_no_more_than_it_draws(
    tmp_path: Path, browser: Browser
) -> None:
    flood = "read go; yes 0123456789abcdef0123456789abcdef | head -c 20000000; echo; echo the end"
    run(tmp_path, "run", "-d", "--name", "j", "--", flood)
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        browser.wait(f"{MODE} === 'you can type'")
        browser.run(
            "(() => { const write = ptyjobsTerminal.write.bind(ptyjobsTerminal); window.bytes = 0;"
            "window.later = []; ptyjobsTerminal.write = (data, done) => {"
            "window.bytes += data.length; later.push(() => write(data, done)); } })()"
        )  # it draws nothing, as a page in the background
        run(tmp_path, "send", "j", "")
        run(tmp_path, "wait", "j", "--exited", "--timeout", "120")
        assert browser.run("window.bytes") < 2_500_000
        browser.run("setInterval(() => later.splice(0).forEach(draw => draw()), 10)")
        browser.wait(f"{SCREEN}.includes('the end')")


def test_a_page_that_was_left_behind_has_the_lines_above_once_it_is_quiet(
    tmp_path: Path, browser: Browser
) -> None:
    run(tmp_path, "run", "-d", "--name", "j", "--", "read go; seq -w 1 400000; exec cat")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        browser.wait(f"{MODE} === 'you can type'")
        run(tmp_path, "send", "j", "")
        browser.wait(f"{SCREEN}.includes('400000')")
        lines = "ptyjobsTerminal.buffer.active.length"
        browser.wait(f"{lines} > 4900")
        first = "ptyjobsTerminal.buffer.active.getLine({}).translateToString(true)"
        last = f"{first.format(f'{lines} - 2')}"
        browser.wait(f"Number({first.format(0)}) + {lines} - 2 === Number({last})")


def test_a_new_screen_never_shows_the_terminal_empty(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "j", "--", "read go; yes; exec cat")
    with serving(tmp_path, "--write") as url:
        browser.go(url)
        browser.wait(f"{CARDS}.length === 1")
        browser.run("location.hash = '#/job/j'")
        browser.wait(f"{MODE} === 'you can type'")
        browser.run(
            "(() => { window.resets = [];"
            "const write = ptyjobsTerminal.write.bind(ptyjobsTerminal);"
            "const reset = ptyjobsTerminal.reset.bind(ptyjobsTerminal);"
            "ptyjobsTerminal.reset = () => { resets.push(0); reset(); };"
            "ptyjobsTerminal.write = (data, done) => {"
            "if (data[0] === 0x1b && data[1] === 0x63) resets.push(data.length);"
            "write(data, done); } })()"
        )
        run(tmp_path, "send", "j", "", "--timeout", "0", check=False)
        browser.wait("resets.length >= 4")
        # Each is one piece with the screen: between two pieces a frame may be drawn.
        assert min(browser.run("resets")) > 40
