"""Kinds of programs that were answered too early, too late or wrongly, each as a session.

Child programs are inline; `PY` runs them. Bounds are generous: the order of events or a reason in
the answer decides, never a short time.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.model import Answer, Confidence, Reason

pytestmark = pytest.mark.live


class Session:
    """One job, driven as a model drives it."""

    def __init__(self, jobs: Jobs, command: str, **more: Any) -> None:
        self.jobs = jobs
        self.first = jobs.execute(command, name="j", **more)

    def send(self, text: str = "", **more: Any) -> Answer:
        return self.jobs.interact("j", input=text, **more)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


def program(source: str) -> str:
    return f"{sys.executable} -c {shlex.quote(source)}"


LATE = """
import os, select, tty
tty.setraw(0); r, w = os.pipe(); os.write(1, b"\\x1b[?1049h\\x1b[2J\\x1b[H")
select.select([0, r], [], [], 1.5)
os.write(1, b"1. Sign in"); select.select([0, r], [], [])
"""

BUILDING = """
import os, select, threading, time, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[2J\\x1b[H")
threading.Thread(target=lambda: select.select([0], [], []), daemon=True).start()
end = time.time() + 2
while time.time() < end: sum(range(1000))
os.write(1, b"1. Sign in\\r\\n"); time.sleep(60)
"""


@pytest.mark.parametrize("source", [LATE, BUILDING], ids=["waits", "computes"])
def test_an_empty_alternate_screen_is_not_waiting(jobs: Jobs, source: str) -> None:
    assert "Sign in" in Session(jobs, program(source), wait=20).first.fresh.text


def test_a_threaded_reader_without_a_prompt_is_waiting(jobs: Jobs) -> None:
    session = Session(
        jobs,
        program(
            "import threading\n"
            "def read():\n"
            " while 1:\n"
            "  if input('> ') == '{':\n"
            "   while input() != '}': pass\n"
            "threading.Thread(target=read).start()"
        ),
    )
    assert session.send("{").verdict.reason is Reason.WAITING_FOR_INPUT
    assert session.send("}").verdict.prompt == "> "


def test_a_prompt_behind_output_is_a_first_prompt_whatever_it_was(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    session.send("PS1='> '")
    answer = session.send("echo x")
    assert not answer.verdict.continuation
    assert answer.fresh.text.strip() == "x"


def test_an_open_block_is_still_told(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    assert session.send("for i in 1 2").verdict.continuation
    assert session.send("do echo $i").verdict.continuation
    assert not session.send("done").verdict.continuation


def test_a_line_editor_that_never_turns_paste_off_works_until_its_prompt_comes(jobs: Jobs) -> None:
    session = Session(
        jobs,
        program(
            "import os, select, time, tty\n"
            "tty.setraw(0); r, w = os.pipe()\n"
            "os.write(1, b'\\x1b[?2004hcmd> ')\n"
            "while 1:\n"
            "  line = b''\n"
            "  while not line.endswith(b'\\r'):\n"
            "    select.select([0, r], [], []); d = os.read(0, 99); os.write(1, d); line += d\n"
            "  os.write(1, b'\\r\\n')\n"
            "  select.select([0, r], [], [], 1.5) if b'slow' in line else None\n"
            "  os.write(1, b'done\\r\\ncmd> ')\n"
        ),
    )
    session.send("quick")
    assert "done" in session.send("slow").fresh.text


def test_a_pattern_that_cannot_come_is_reported_at_the_prompt(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    answer = session.send("echo building; false", until=["Build succeeded"], timeout=60)
    assert answer.unmatched == 'no match of "Build succeeded"'
    assert answer.verdict.prompt
    assert "building" in answer.fresh.text


def test_a_match_in_the_last_line_of_a_job_is_reported_with_its_exit(jobs: Jobs) -> None:
    for _ in range(5):
        session = Session(jobs, "read x; echo got error: $x")
        answer = session.send("abc", until=["error: abc"], timeout=60)
        assert (answer.verdict.match, answer.unmatched) == ("error: abc", "")
        jobs.wait("j", until="exited", timeout=60)


def test_a_pattern_of_a_background_job_is_waited_for(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    answer = session.send("(sleep 1.5; echo re''ady) &", until=["ready"], timeout=60)
    assert answer.verdict.reason is Reason.PATTERN


def test_a_pattern_that_was_printed_before_is_named_with_its_offset(jobs: Jobs) -> None:
    Session(jobs, "echo one; echo READY; sleep 60", wait=0.5)
    found = jobs.wait("j", until="pattern", patterns=["READ."], timeout=0.5)
    assert found.verdict.reason is Reason.TIMEOUT
    assert '"READY" came before this wait, at log 5' in found.unmatched


def test_keys_typed_without_enter_are_no_prompt(jobs: Jobs) -> None:
    session = Session(
        jobs,
        program(
            "import os, select\n"
            "r, w = os.pipe(); print('menu: h help', flush=True)\n"
            "while 1:\n"
            "  select.select([0, r], [], [])\n"
            "  if os.read(0, 999) == b'h\\n': print('HELP', flush=True)\n"
        ),
    )
    session.send("h")
    session.send(keys=["x"])
    session.send(keys=["BSpace"], timeout=5)
    answer = session.send("h", timeout=9)
    assert answer.verdict.reason is not Reason.TIMEOUT
    assert "HELP" in answer.fresh.text


def test_what_a_pager_read_is_not_called_unread(jobs: Jobs) -> None:
    session = Session(jobs, """bash -c 'seq 200 | less; read -p "Again: " x'""")
    assert session.send("q", enter=False).verdict.input_consumed


def test_a_program_that_draws_and_takes_keys_has_no_prompt(jobs: Jobs) -> None:
    drawn = program(
        "import os, select, tty\n"
        "tty.setraw(0); r, w = os.pipe()\n"
        "os.write(1, b'\\x1b[?1h\\x1b[H\\x1b[2JPID USER\\r\\n 17 root')\n"
        "select.select([0, r], [], [])"
    )
    answer = Session(jobs, drawn, wait=5).first
    assert answer.verdict.prompt == ""
    assert "17 root" in answer.fresh.text


def test_escape_is_answered_after_the_time_out_of_the_program(jobs: Jobs) -> None:
    session = Session(
        jobs,
        program(
            "import os, termios, tty\n"
            "tty.setraw(0); os.write(1, b'\\x1b[?1049h\\x1b[Hready')\n"
            "def key(wait):\n"
            "  a = termios.tcgetattr(0)\n"
            "  a[6][termios.VMIN], a[6][termios.VTIME] = (0, 8) if wait else (1, 0)\n"
            "  termios.tcsetattr(0, termios.TCSANOW, a); return os.read(0, 1)\n"
            "while 1:\n"
            "  if key(False) == b'\\x1b' and key(True) == b'': os.write(1, b'MENU')\n"
        ),
    )
    assert "MENU" in session.send(keys=["Escape"]).fresh.text


CHUNKS = program(
    "import os, tty\n"
    "tty.setraw(0); os.write(1, b'\\x1b[?1049h\\x1b[Hgo')\n"
    "while 1: os.write(1, b' %r' % os.read(0, 99))"
)


def test_each_key_is_read_before_the_next_is_typed(jobs: Jobs) -> None:
    session = Session(jobs, CHUNKS)
    text = session.send(keys=["Down", "Enter", "Escape", "q"]).fresh.text
    assert text.split()[1:] == ["b'\\x1b[B'", "b'\\r'", "b'\\x1b'", "b'q'"]


@pytest.mark.parametrize("lag", [0.0, 0.05, 0.2])
def test_enter_behind_a_text_is_read_by_itself(jobs: Jobs, lag: float) -> None:
    session = Session(
        jobs,
        program(
            "import os, select, time, tty\n"
            "tty.setraw(0); r, w = os.pipe(); os.write(1, b'\\x1b[?25l> ')\n"
            "while 1:\n"
            f"  select.select([0, r], [], []); time.sleep({lag})\n"
            "  d = os.read(0, 4096)\n"
            "  said = b'SUBMIT' if d == b'\\r' else b'text %r' % d\n"
            "  os.write(1, b'\\r\\n' + said + b'\\r\\n> ')\n"
        ),
    )
    for number in range(5):
        assert "SUBMIT" in session.send(f"message {number}").fresh.text


def test_a_certain_wait_for_a_pattern_ends_at_once(jobs: Jobs) -> None:
    Session(jobs, """bash -c "read -p 'Overwrite? ' x" """, wait=5)
    answer = jobs.wait("j", until="pattern", patterns=["done"], timeout=60)
    assert answer.verdict.prompt == "Overwrite? "
    assert answer.verdict.confidence is Confidence.CERTAIN


MENU = program(
    "import os, select, sys, tty\n"
    "tty.setraw(0); r, w = os.pipe(); at = 0\n"
    "def rows():\n"
    "  items = ['>*'[i == at] + ' ' + t for i, t in enumerate(['No', 'Yes'])]\n"
    "  return ['Trust?', ''] + items\n"
    "os.write(1, b'\\x1b[?25l' + '\\r\\n'.join(rows()).encode())\n"
    "while 1:\n"
    "  select.select([0, r], [], []); d = os.read(0, 99)\n"
    "  at = 1 if d == b'\\x1b[B' else 0\n"
    "  os.write(1, b'\\x1b[3A\\r' + '\\r\\n'.join(x + '\\x1b[K' for x in rows()).encode())\n"
)


def test_upper_rows_of_a_question_are_text(jobs: Jobs) -> None:
    session = Session(
        jobs, """bash -c 'read -e -p "Name: " a; read -e -p "Type DELETE to wipe PROD\n> " c'"""
    )
    answer = session.send("bob")
    assert "Type DELETE to wipe PROD" in answer.fresh.text
    assert answer.verdict.prompt == "> "


def test_lines_behind_a_full_screen_that_began_in_a_row_are_kept(jobs: Jobs) -> None:
    session = Session(
        jobs,
        r"""bash -c "printf 'hint: '; printf '\e[?1049hFULL'; read x; """
        r"""printf '\e[?1049l\r\e[K'; echo first; echo second" """,
    )
    assert session.send("go").fresh.text.split() == ["first", "second"]


def test_rows_of_a_menu_redrawn_in_place_are_news(jobs: Jobs) -> None:
    session = Session(jobs, MENU)
    down = session.send(keys=["Down"])
    assert (down.fresh.text, down.verdict.prompt) == ("> No", "* Yes")
    up = session.send(keys=["Up"])
    assert (up.fresh.text, up.verdict.prompt) == ("* No", "> Yes")


def test_a_question_wider_than_the_terminal_is_whole(jobs: Jobs) -> None:
    question = "Delete the production configuration of every host? " * 3 + "[y/N] "
    answer = Session(jobs, f"""bash -c 'read -p "{question}" a'""").first
    assert answer.verdict.prompt == question


def test_a_question_that_ends_like_an_earlier_one_is_whole(jobs: Jobs) -> None:
    session = Session(
        jobs, """bash -c 'read -p "Name: " a; read -p "Confirm Name: " b; read -p "New Name: " c'"""
    )
    assert session.send("x").verdict.prompt == "Confirm Name: "
    assert session.send("x").verdict.prompt == "New Name: "


def test_a_default_right_of_the_cursor_is_part_of_the_prompt(jobs: Jobs) -> None:
    session = Session(
        jobs,
        program(
            "import sys; sys.stdout.write('Name: [jane]\\x1b[6D'); sys.stdout.flush()\n"
            "print('hello', input())"
        ),
    )
    assert session.first.verdict.prompt == "Name: [jane]"
    assert session.send("bob").fresh.text == "hello bob"


def test_control_c_reaches_a_cooked_terminal_whatever_modes_were_left_on(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    session.send("printf '\\e[>1u'")
    session.send("sleep 60", timeout=0.5)
    assert session.send(keys=["C-c"], timeout=20).verdict.reason is not Reason.TIMEOUT


def test_lines_that_the_log_gave_up_are_counted(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=tmp_path / "state", log_limit=65536)) as jobs:
        fresh = jobs.execute("seq 1 60000", budget=4000).fresh
    shown = len(fresh.text.split("\n")) - 1
    assert fresh.omitted_lines == 60_000 - shown
    assert fresh.text.endswith("60000")


def test_one_long_line_is_not_counted_as_lines(jobs: Jobs) -> None:
    fresh = jobs.execute(program("print('x' * 300_000)"), budget=4000).fresh
    assert fresh.omitted_lines == 0
    assert fresh.omitted_chars > 290_000


OWN_PTY = """
import os, pty, select, tty
pid, master = pty.fork()
if pid == 0: os.execvp("sleep", ["sleep", "60"])
tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[Hready\\r\\n")
while True:
    if 0 in select.select([0, master], [], [])[0]:
        key = os.read(0, 99); os.write(1, b"key %r\\r\\n" % key)
"""


def test_a_program_with_a_pty_of_its_own_is_no_relay(jobs: Jobs) -> None:
    job = Session(jobs, program(OWN_PTY))
    assert job.first.verdict.reason is Reason.WAITING_FOR_INPUT
    answer = job.send(keys=["a"], timeout=5)
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert "key b'a'" in answer.fresh.text


FRAME_FIRST = r"""
import os, pty, select, tty
pid, master = pty.fork()
if pid == 0:
    import time
    end = time.time() + 2
    while time.time() < end: sum(range(999))
    os.write(1, b"(inner) "); tty.setraw(0); os.read(0, 1)
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[HFRAME\x1b[5;1H")
while True:
    ready, _, _ = select.select([0, master], [], [])
    if master in ready: os.write(1, os.read(master, 999))
    if 0 in ready: os.write(master, os.read(0, 999))
"""


def test_a_frame_around_a_program_that_starts_is_not_waiting(jobs: Jobs) -> None:
    job = Session(jobs, program(FRAME_FIRST), wait=20)
    assert "(inner)" in job.first.fresh.text
    waiting = jobs.status("j").waiting
    assert waiting is not None
    assert waiting.prompt == ""  # a row of the alternate screen is no prompt


def test_a_relay_whose_program_does_not_read_is_busy(jobs: Jobs) -> None:
    job = Session(jobs, "script -qc bash /dev/null")
    job.send("sleep 3", timeout=0.3)
    answer = job.send("typed ahead", timeout=0.5)
    assert answer.verdict.reason is Reason.TIMEOUT
    assert "sleep" in answer.verdict.doing


DRAWING = """
import os, time, tty
tty.setraw(0); os.set_blocking(0, False); os.write(1, b"\\x1b[?1049h"); n, key = 0, b""
while True:
    n += 1; os.write(1, b"\\x1b[H" + b"%d " % n * 300 + b"\\x1b[Kkey " + key); time.sleep(0.04)
    try: key = os.read(0, 9)
    except BlockingIOError: pass
"""

POLLING_BEFORE_IT_DRAWS = """
import os, select, time, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[2J\\x1b[H"); end = time.time() + 2
while time.time() < end: select.select([0], [], [], 0); time.sleep(0.02)
os.write(1, b"1. Sign in")
while not select.select([0], [], [], 0)[0]: time.sleep(0.02)
"""


def test_an_empty_screen_is_not_waiting_though_the_terminal_is_polled(jobs: Jobs) -> None:
    assert "1. Sign in" in Session(jobs, program(POLLING_BEFORE_IT_DRAWS)).first.fresh.text


POLLING_AN_EMPTY_SCREEN = """
import os, select, time, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[2J\\x1b[H")
while True:
    if select.select([0], [], [], 0)[0]: os.read(0, 9)
    time.sleep(0.05)
"""


def test_a_key_that_draws_nothing_on_an_empty_polled_screen_is_answered(jobs: Jobs) -> None:
    job = Session(jobs, program(POLLING_AN_EMPTY_SCREEN), wait=1)
    assert job.send(keys=["a"]).verdict.reason is not Reason.TIMEOUT


SPINNING = """
import os, tty
tty.setraw(0); os.set_blocking(0, False); os.write(1, b"\\x1b[?1049h\\x1b[HEDIT")
while True:
    try: os.write(1, b" key " + os.read(0, 9))
    except BlockingIOError: pass
"""

POLLING_LINES = """
import select, sys, time
while True:
    if select.select([0], [], [], 0)[0]: print("got", sys.stdin.readline().strip(), flush=True)
    time.sleep(0.05)
"""


SPINNING_IN_POLL = """
import os, select, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[HEDIT"); poll = select.poll()
for fd in (0, *(os.dup(0) for _ in range(200))): poll.register(fd, select.POLLIN)
while True:
    if poll.poll(0): os.write(1, b" key " + os.read(0, 9))
"""


@pytest.mark.parametrize(
    "source",
    [DRAWING, SPINNING, SPINNING_IN_POLL],
    ids=["draws and sleeps", "spins", "spins without a read"],
)
def test_a_full_screen_program_that_polls_for_keys(jobs: Jobs, source: str) -> None:
    job = Session(jobs, program(source))
    assert job.first.verdict.reason in (Reason.WAITING_FOR_INPUT, Reason.QUIET)
    for key in "ab":
        answer = job.send(keys=[key])
        assert (answer.verdict.reason, answer.verdict.confidence) == (
            Reason.WAITING_FOR_INPUT,
            Confidence.MEDIUM,
        )
        assert f"key {key}" in answer.fresh.text


ANIMATED = """
import os, select, tty
input("Level? "); tty.setraw(0); os.write(1, b"\\x1b[?1049h\\x1b[2J"); n = 0
while True:
    n += 1; os.write(1, b"\\x1b[%d;1H piece" % (n % 20 + 1))
    if select.select([0], [], [], 0.2)[0]: os.write(1, b" key " + os.read(0, 9))
"""


def test_an_animation_that_an_answer_started_is_waiting_for_keys(jobs: Jobs) -> None:
    job = Session(jobs, program(ANIMATED))
    for answer in (job.send("3"), job.send(keys=["a"])):
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT


def test_a_program_that_polls_for_lines(jobs: Jobs) -> None:
    job = Session(jobs, program(POLLING_LINES), wait=0.5)
    assert job.first.verdict.reason is Reason.TIMEOUT  # no evidence yet that it reads
    answer = job.send("one")
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert answer.fresh.text == "got one"


def test_work_on_a_processor_in_raw_mode_is_no_polling(jobs: Jobs) -> None:
    work = (
        "import os, tty\ntty.setraw(0); os.write(1, b'\\x1b[?1049hX')\nwhile True: sum(range(99))"
    )
    job = Session(jobs, program(work), wait=2.5)
    assert job.first.verdict.reason is Reason.TIMEOUT


LOOKING_NOW_AND_THEN = """
import os, select, time, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049hX"); poll = select.poll(); poll.register(0, 1)
while not poll.poll(0):
    end = time.monotonic() + 0.01
    while time.monotonic() < end: sum(range(99))
"""


def test_work_that_looks_at_its_terminal_now_and_then_is_no_polling(jobs: Jobs) -> None:
    job = Session(jobs, program(LOOKING_NOW_AND_THEN), wait=3)
    assert job.first.verdict.reason is Reason.TIMEOUT


BOXES = r"""
import os, select, sys, tty
tty.setraw(0); r, w = os.pipe()
for field in ("URL:", "File:", sys.argv[1]):
    os.write(1, f"\x1b[2J\x1b[5;10H│ {field:<20} │\x1b[6;10H│ [ OK ]               │".encode())
    os.write(1, b"\x1b[5;%dH" % (13 + len(field)))
    select.select([0, r], [], []); os.read(0, 9)
"""


def test_a_row_of_a_drawn_box_is_no_prompt(jobs: Jobs) -> None:
    job = Session(jobs, f"{program(BOXES)} End:")
    assert job.first.verdict.prompt == ""
    answer = job.send(keys=["Enter"])
    assert (answer.verdict.reason, answer.verdict.prompt) == (Reason.WAITING_FOR_INPUT, "")
    assert "│ File:                │" in answer.fresh.text
    waiting = jobs.status("j").waiting
    assert waiting is not None
    assert waiting.prompt == ""


SERVED_BY_A_THREAD = """
import sys, threading, time
def serve():
    print("t> ", end="", flush=True)
    for line in sys.stdin:
        time.sleep(1); print("got", line.strip()); print("t> ", end="", flush=True)
thread = threading.Thread(target=serve); thread.start(); thread.join()
"""


@pytest.mark.skipif(shutil.which("rlwrap") is None, reason="needs rlwrap")
def test_behind_a_relay_a_thread_that_has_read_the_line_works(jobs: Jobs) -> None:
    job = Session(jobs, "rlwrap -c " + program(SERVED_BY_A_THREAD))
    for word in ("one", "two"):
        answer = job.send(word)
        assert answer.fresh.text == f"got {word}"
        assert answer.verdict.prompt == "t> "


def test_a_prompt_beside_one_line_is_a_prompt(jobs: Jobs) -> None:
    raw = "import os, tty\ntty.setraw(0)\nwhile 1: os.write(1, '│ name: '.encode()); os.read(0, 9)"
    assert Session(jobs, program(raw)).first.verdict.prompt == "│ name: "


INSIDE = r"""
import os, tty
tty.setraw(0); os.write(1, b"\x1b[?1h\x1b[2J\x1b[H+------+\r\n|      |\r\n+------+\x1b[2;2H")
text = b""
while True:
    text += os.read(0, 9); os.write(1, b"\x1b[2;2H" + text)
"""


def test_the_row_of_a_drawn_form_is_whole(jobs: Jobs) -> None:
    job = Session(jobs, program(INSIDE))
    assert job.send(keys=["a", "b"]).fresh.text == "|ab    |"


FRAMES = """
import os, select, time, tty
tty.setraw(0); os.write(1, b"> "); n = 0
os.read(0, 99); os.write(1, b"\\x1b[?25l\\r\\n")
end = time.time() + 2
while (left := end - time.time()) > 0:
    n += 1; os.write(1, b"\\r" + b"|/-"[n % 3:][:1] + b" working")
    select.select([0], [], [], 0.09)
os.write(1, b"\\rdone      \\r\\n> "); os.read(0, 9)
"""


def test_frames_of_a_spinner_that_takes_keys_are_work(jobs: Jobs) -> None:
    job = Session(jobs, program(FRAMES))
    answer = job.send("go")
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert answer.fresh.text.endswith("done")


DEPTHS = """
depth = 0
for n in range(1, 9):
    line = input(f"r:{n:03}:{depth}{'*' if depth else '>'} " + "  " * depth)
    depth += line.endswith("{") - line.endswith("}")
"""


def test_a_prompt_with_a_depth_is_an_open_block(jobs: Jobs) -> None:
    job = Session(jobs, program(DEPTHS))
    assert [job.send(line).verdict.continuation for line in ("a", "f {", "b", "}", "c")] == [
        False, True, True, False, False,
    ]  # fmt: skip


TOOLBAR = r"""
import os, tty
tty.setraw(0)
def toolbar(n): os.write(1, b"\x1b7\x1b[40;1H\x1b[7m [F4] Emacs %d/9\x1b[m\x1b8" % n)
os.write(1, b"\x1b[?2004h> "); toolbar(1)
for n in range(2, 9):
    while not os.read(0, 99).endswith(b"\r"): pass
    os.write(1, b"\x1b[?2004l\r\n\x1b[Janswer %d\r\n\x1b[?2004h> " % n); toolbar(min(n, 3))
"""


def test_a_toolbar_costs_no_blank_rows(jobs: Jobs) -> None:
    job = Session(jobs, program(TOOLBAR))
    assert job.send("one").fresh.text == "answer 2\n [F4] Emacs 2/9"
    job.send("two")
    assert job.send("three").fresh.text == "answer 4"


def test_background_processes_that_are_hung_up_are_noted(jobs: Jobs) -> None:
    wait = "python3 -c 'import signal, time; time.sleep(60)' & sleep 0.2; echo up"
    notes = []
    for _ in range(5):  # on a busy machine it may still be dying when the reply is made
        answer = jobs.execute(f"bash -c {shlex.quote(wait)}")
        assert str(answer.verdict.exit) == "exited with code 0"
        notes += answer.notes
        if any("1 background process was hung up" in note for note in notes):
            break
    else:
        pytest.fail(str(notes))
    assert not jobs.execute("sleep 0.1 & wait; echo fine", name="fine").notes


CBREAK = """
import os, sys, termios, tty
tty.setcbreak(0); os.write(1, b"\\x1b[>1uready\\r\\n")
try:
    while True: os.write(1, b"key %r\\r\\n" % os.read(0, 20))
except KeyboardInterrupt: print("interrupted")
"""


def test_a_signal_key_is_a_signal_while_the_kernel_makes_one_of_it(jobs: Jobs) -> None:
    """Kitty's keyboard mode is on, and yet the line discipline knows C-c only as the byte 03."""
    job = Session(jobs, program(CBREAK))
    assert "[27u" in job.send(keys=["Escape"]).fresh.text
    answer = job.send(keys=["C-c"])
    assert answer.state.ended
    assert answer.fresh.text.endswith("interrupted")


READER_THREAD = r"""
import os, select, threading, time, tty
tty.setraw(0); lines, (r, w) = [], os.pipe()
def prompt(): os.write(1, b"\x1b[?2004hcmd> ")
def read():
    while True:
        data = os.read(0, 99)
        if not data.endswith(b"\r"): continue
        os.write(1, b"\x1b[?2004l\r\n"); lines.append(data); os.write(w, b"x")
def work():
    while os.read(r, 1):
        if b"slow" in lines.pop(): time.sleep(3)
        os.write(1, b"done\r\n"); prompt()
threading.Thread(target=read, daemon=True).start(); prompt()
worker = threading.Thread(target=work); worker.start(); worker.join()
"""


def test_a_command_that_a_thread_read_is_not_over_while_nothing_is_shown(jobs: Jobs) -> None:
    job = Session(jobs, program(READER_THREAD))
    assert job.send("quick").fresh.text == "done"
    assert job.send("slow").fresh.text == "done"


SIGNAL_THREAD = r"""
import os, select, signal, threading, time, tty
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
def handle():
    while True:
        signal.sigwait([signal.SIGINT]); time.sleep(0.5); os.write(1, b"interrupted\r\n> ")
threading.Thread(target=handle, daemon=True).start()
r, w = os.pipe(); os.write(1, b"> ")
while True:
    select.select([0, r], [], []); os.write(1, b"got " + os.read(0, 99) + b"> ")
"""


def test_the_echo_of_a_signal_key_is_no_answer(jobs: Jobs) -> None:
    job = Session(jobs, program(SIGNAL_THREAD))
    job.send("a")
    answer = job.send(keys=["C-c"])
    assert answer.fresh.text.endswith("interrupted")
    assert answer.verdict.prompt == "> "


def test_a_question_is_not_split_by_the_end_of_a_wrapped_one(jobs: Jobs) -> None:
    long = "Shall the file that was not found be made again in the directory of the user? " * 2
    source = f"input({long + '(yes/no) '!r}); input('Delete it? (yes/no) ')"
    width = len(long) + 1  # the row wraps behind the bracket
    job = Session(jobs, program(source), cols=width)
    assert job.first.verdict.prompt == long + "(yes/no) "
    answer = job.send("yes")
    assert (answer.fresh.text, answer.verdict.prompt) == ("", "Delete it? (yes/no) ")


TWO_STEPS = program(
    "import os, select, time, tty\n"
    "tty.setraw(0); r, w = os.pipe(); os.write(1, b'\\x1b[?25l> ')\n"
    "while 1:\n"
    "  select.select([0, r], [], []); key = os.read(0, 4096)\n"
    "  if key == b'\\r': os.write(1, b'\\r\\nSUBMIT\\r\\n> '); continue\n"
    "  os.write(1, key); time.sleep(0.03)\n"  # drawn, but the state is set a moment later
    "  if select.select([0], [], [], 0)[0]: os.write(1, b' TOO EARLY ')\n"
)


@pytest.mark.parametrize("typed", [{"text": "message"}, {"keys": ["a", "Enter"]}])
def test_enter_comes_when_the_program_waits_again(jobs: Jobs, typed: dict[str, Any]) -> None:
    session = Session(jobs, TWO_STEPS)
    for _ in range(5):
        text = session.send(**typed).fresh.text
        assert "SUBMIT" in text
        assert "TOO EARLY" not in text


BUILDS = """
import os, tty
print("built 3 files", flush=True); tty.setcbreak(0)
os.write(1, b"\\x1b[?1049h\\x1b[HMENU"); os.read(0, 1); os.write(1, b"\\x1b[?1049l")
print("bye"); input("next? ")
"""


def test_lines_before_a_full_screen_program_are_reported_when_it_has_left(jobs: Jobs) -> None:
    session = Session(jobs, program(BUILDS))
    assert session.first.fresh.text == "MENU"
    answer = session.send(keys=["q"])
    assert answer.fresh.text == "built 3 files\nbye"
    assert session.send("x").fresh.text == ""


MODES = r"""
import os, select, threading, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hready"); r, w = os.pipe(); keys, end = os.pipe()
def read():
    while select.select([0, keys], [], []): os.write(w, os.read(0, 1))
threading.Thread(target=read, daemon=True).start()
loop = select.epoll(); loop.register(r)
def mode(depth):  # the loop waits one call deeper after each key, as the modes of an editor do
    loop.poll(); os.write(1, b" key " + os.read(r, 1)); list(map(mode, [depth + 1]))
mode(0)
"""


def test_an_event_loop_entered_from_another_function_is_idle(jobs: Jobs) -> None:
    job = Session(jobs, program(MODES))
    for key in "abc":
        answer = job.send(keys=[key])
        assert f"key {key}" in answer.fresh.text
        assert answer.verdict.confidence is Confidence.HIGH, "answered as never resting"


POPUP = r"""
import os, select, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hready"); r, w = os.pipe(); pending = False
while True:
    if select.select([0, r], [], [], 0.2 if pending else None)[0]:
        os.write(1, b" key " + os.read(0, 9)); pending = True
    else: os.write(1, b" hint"); pending = False
"""


def test_a_hint_that_a_key_brings_a_moment_later_is_in_its_reply(jobs: Jobs) -> None:
    job = Session(jobs, program(POPUP))
    assert job.send(keys=["g"]).fresh.text.endswith("key g hint")


LONG_SLEEPS = r"""
import os, time, tty
tty.setraw(0); os.set_blocking(0, False); os.write(1, b"\x1b[?1049h\x1b[Hready")
while True:
    try: os.write(1, b" key " + os.read(0, 9))
    except BlockingIOError: pass
    time.sleep(1.5)
"""


def test_a_key_that_is_read_between_long_sleeps_is_answered(jobs: Jobs) -> None:
    job = Session(jobs, program(LONG_SLEEPS), wait=4)
    answer = job.send(keys=["x"], timeout=5)  # four sleeps would take six seconds
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert answer.fresh.text.endswith("key x")


TWO_LOCKS = r"""
import itertools, os, threading, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hready"); keys = []
locks = [threading.Lock(), threading.Lock()]; [lock.acquire() for lock in locks]
def read():  # a condition variable of the C library also sleeps on two addresses by turns
    for lock in itertools.cycle(locks): keys.append(os.read(0, 1)); lock.release()
threading.Thread(target=read, daemon=True).start()
for lock in itertools.cycle(locks): lock.acquire(); os.write(1, b" key " + keys.pop())
"""


def test_a_main_thread_that_sleeps_on_another_lock_each_time_is_idle(jobs: Jobs) -> None:
    job = Session(jobs, program(TWO_LOCKS))
    for key in "abcd":
        answer = job.send(keys=[key])
        assert f"key {key}" in answer.fresh.text
        assert answer.verdict.confidence is Confidence.HIGH, "answered as never resting"


KEYPAD_LINES = r"""
import os, tty
tty.setraw(0)
while True:
    os.write(1, b"\x1b[?1h\x1b=# "); line = b""
    while not line.endswith(b"\r"): line += os.read(0, 9); os.write(1, b"\r\x1b[J# " + line.strip())
    os.write(1, b"\x1b[?1l\x1b>\r\nsaid " + line.strip() + b"\r\n")
"""


def test_a_line_editor_that_asks_for_cursor_keys_has_a_prompt(jobs: Jobs) -> None:
    job = Session(jobs, program(KEYPAD_LINES))
    answer = job.send("hi")
    assert (answer.fresh.text, answer.verdict.prompt) == ("said hi", "# ")


ESCAPE_TIMER = r"""
import os, select, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hready"); r, w = os.pipe(); escape = False
while True:
    if select.select([0, r], [], [], 0.6 if escape else None)[0]:
        key = os.read(0, 9); escape = key == b"\x1b"
        if not escape: os.write(1, b" " + key)
    else: os.write(1, b" MENU"); escape = False
"""


def test_escape_behind_a_text_is_answered_after_its_time_out(jobs: Jobs) -> None:
    job = Session(jobs, program(ESCAPE_TIMER))
    assert job.send("text", keys=["Escape"]).fresh.text.endswith("text MENU")


EXPRESSIONS = """
import os, select, threading, time, tty
tty.setraw(0); r, w = os.pipe(); watch = select.epoll()
watch.register(0, select.EPOLLIN); watch.register(r, select.EPOLLIN)
def wake(): time.sleep(2); os.write(w, b'x')
open_, typed = '', ''
os.write(1, b'user=> ')
while 1:
    ready = [fd for fd, _ in watch.poll()]
    if r in ready: os.read(r, 9); os.write(1, b'done\\r\\nuser=> ')
    if 0 not in ready: continue
    for key in os.read(0, 999).decode():
        if key != '\\r': typed += key; os.write(1, key.encode()); continue
        os.write(1, b'\\r\\n'); open_, typed = open_ + typed, ''
        if open_ == 'thread': threading.Thread(target=wake).start()
        elif open_.count('(') == open_.count(')'):
            os.write(1, b'=> ' + open_.encode() + b'\\r\\nuser=> ')
        else: continue
        open_ = ''
"""


def test_an_event_loop_at_rest_is_waiting_without_a_prompt(jobs: Jobs) -> None:
    session = Session(jobs, program(EXPRESSIONS))
    answer = session.send("(+ 1", timeout=60)
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert "only input" in answer.verdict.why
    assert "(+ 12)" in session.send("2)").fresh.text


def test_an_event_loop_that_a_thread_wakes_is_not_at_rest(jobs: Jobs) -> None:
    assert "done" in Session(jobs, program(EXPRESSIONS)).send("thread", timeout=60).fresh.text


FIELD = """
import os, select, tty
tty.setraw(0); r, w = os.pipe(); age = ''
def draw(error=''):
    os.write(1, ('\\r\\x1b[JAge: ' + age + '\\x1b7\\r\\n' + error + '\\x1b8').encode())
draw()
while 1:
    select.select([0, r], [], [], 8)
    for key in os.read(0, 99).decode():
        if key != '\\r': age += key; draw()
        elif age.isdigit(): os.write(1, b'\\r\\n\\x1b[JName: ')
        else: draw('not a number')
"""


def test_a_field_that_refuses_its_answer_is_waiting(jobs: Jobs) -> None:
    answer = Session(jobs, program(FIELD)).send("old", timeout=60)
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert answer.verdict.confidence is Confidence.HIGH
    assert "not a number" in answer.fresh.text


PACED = """
import os, select, threading
def read(line=''):
    while not line.endswith('\\n'):
        if select.select([0], [], [], 0.5)[0]: line += os.read(0, 999).decode()
    return line.strip()
def loop():
    os.write(1, b'> ')
    while 1:
        line = read()
        if line == 'line': line = read()
        elif line == 'work': done.clear(); go.set(); done.wait()
        os.write(1, b'got ' + line.encode() + b'\\r\\n> ')
go, done = threading.Event(), threading.Event()
threading.Thread(target=loop, daemon=True).start()
while 1:
    while not go.wait(60): pass
    go.clear(); select.select([], [], [], 3); done.set()
"""


def test_a_thread_that_selects_its_terminal_is_waiting_without_a_prompt(jobs: Jobs) -> None:
    session = Session(jobs, program(PACED))
    answer = session.send("line", timeout=60)
    assert "as when it was idle" in answer.verdict.why
    assert "got abc" in session.send("abc").fresh.text
    assert "got work" in session.send("work", timeout=60).fresh.text


BREAK = """
import os, select, signal, termios, threading, tty
cooked = termios.tcgetattr(0); tty.setraw(0); stop = threading.Event(); r, w = os.pipe()
mode = termios.tcgetattr(0); mode[3] |= termios.ISIG; termios.tcsetattr(0, termios.TCSANOW, mode)
signal.signal(signal.SIGINT, lambda *_: os.write(w, b'x'))
def loop():
    os.write(1, b'1> ')
    while 1:
        ready, _, _ = select.select([0, r], [], [])
        if r in ready: break
        os.write(1, os.read(0, 99))
    termios.tcsetattr(0, termios.TCSANOW, cooked)
    os.write(1, b'\\r\\nBREAK: (a)bort (c)ontinue\\r\\n')
    select.select([0], [], []); os._exit(3)
threading.Thread(target=loop).start()
while 1: select.select([], [], [], 9)
"""


def test_a_menu_that_a_signal_key_opens_in_a_line_editor_is_waiting(jobs: Jobs) -> None:
    session = Session(jobs, program(BREAK))
    answer = session.send(keys=["C-c"], timeout=60)
    assert "BREAK" in answer.fresh.text
    assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
    assert session.send("a").verdict.exit is not None


DEBUGGER = """
import os, select, subprocess, time
r, w = os.pipe(); os.write(1, b'> ')
while 1:
    select.select([0, r], [], []); line = os.read(0, 99)
    if line == b'run\\n':
        subprocess.Popen(['sleep', '60']); os.write(1, b'Breakpoint hit\\r\\nmain[1] ')
    else: subprocess.Popen(['sleep', '60']); time.sleep(1); os.write(1, b'loaded\\r\\nmain[1] ')
"""


def test_a_debugger_asks_while_its_program_runs(jobs: Jobs) -> None:
    session = Session(jobs, program(DEBUGGER))
    answer = session.send("run", timeout=60)
    assert answer.verdict.reason in (Reason.WAITING_FOR_INPUT, Reason.PROMPT)
    assert answer.verdict.prompt == "main[1] "
    assert "loaded" in session.send("load", timeout=60).fresh.text


def test_numbers_without_a_line_end_do_not_hide_each_other(jobs: Jobs) -> None:
    session = Session(jobs, "dash")
    for number in ("5", "17", "4"):
        answer = session.send(f"printf $(({number}))")
        assert (answer.fresh.text, answer.verdict.prompt) == (number, session.first.verdict.prompt)


def test_a_silent_command_at_a_prompt_of_two_rows_changes_no_screen(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    session.send("PS1='\\n$ '")
    for command in ("true", "x=1"):
        answer = session.send(command)
        assert (answer.fresh.text, answer.fresh.redrawn) == ("", False)


LINES_BELOW_A_FORM = r"""
import os, tty
tty.setraw(0)
os.write(1, "".join(f"\x1b[{n};1Htitle {n}\x1b[K" for n in range(1, 6)).encode() + b"\r\n")
while True:
    os.write(1, b"# "); line = b""
    while not line.endswith(b"\r"): line += os.read(0, 9); os.write(1, b"\r# " + line.strip())
    os.write(1, b"\r\nsaid " + line.strip() + b"\r\n")
"""


ROWS_OF_AN_EDITOR = r"""
import os, tty
tty.setraw(0); rows, line = ["welcome", "", "> "], ""
def draw():
    drawn = "".join(f"\x1b[{n + 1};1H\x1b[K{row}" for n, row in enumerate(rows))
    os.write(1, f"{drawn}\x1b[30;1H\x1b[Ka bar\x1b[{len(rows)};{len(rows[-1]) + 1}H".encode())
os.write(1, b"\x1b[?2004h"); draw()
while True:
    for key in os.read(0, 99).decode():
        if key == "\r": rows += [f"said {line}", "> "]; line = ""
        else: line += key; rows[-1] += key
        draw()
"""


SETS_ITS_ROW = r"""
import os, re, tty
tty.setraw(0); os.write(1, b"\x1b[?1h\x1b=hello\r\n")
while True:
    os.write(1, b"> \x1b[6n"); reply = b""
    while not reply.endswith(b"R"): reply += os.read(0, 1)
    row = int(re.search(rb"\[(\d+)", reply)[1]); line = b""
    while (key := os.read(0, 1)) != b"\r":
        line += key; os.write(1, key + b"\x1b[%d;%dH" % (row, 3 + len(line)))
    os.write(1, b"\r\nsaid " + line + b"\r\n")
"""


def test_a_line_editor_that_sets_only_its_own_row_has_a_prompt(jobs: Jobs) -> None:
    job = Session(jobs, program(SETS_ITS_ROW))
    assert job.first.verdict.prompt == "> "
    for _ in range(2):
        answer = job.send("hi")
        assert (answer.fresh.text, answer.verdict.prompt) == ("said hi", "> ")
    status = jobs.status("j").waiting
    assert status is not None
    assert status.prompt == "> "


def test_a_line_editor_that_sets_each_row_has_a_prompt(jobs: Jobs) -> None:
    job = Session(jobs, program(ROWS_OF_AN_EDITOR))
    assert job.first.verdict.prompt == "> "
    answer = job.send("hi")
    assert (answer.fresh.text.endswith("said hi"), answer.verdict.prompt) == (True, "> ")


def test_a_line_editor_below_such_rows_has_a_prompt(jobs: Jobs) -> None:
    job = Session(jobs, program(LINES_BELOW_A_FORM))
    assert job.first.verdict.prompt == "# "
    answer = job.send("hi")
    assert (answer.fresh.text, answer.verdict.prompt) == ("said hi", "# ")


REFUSES = r"""
import os, select, tty
tty.setraw(0); other, _ = os.pipe(); text = ""
def draw(below=""):
    end = f"\x1b[{9 + len(text)}G"
    os.write(1, f"\x1b[2K\x1b[G? Name: {text}\x1b[J\r\n{below}\x1b[A{end}".encode())
draw()
while True:
    if 0 in select.select([0, other], [], [])[0]:
        for key in os.read(0, 99).decode():
            if key == "\r" and len(text) < 4: draw("too short")
            elif key == "\r": os.write(1, f"\r\nhello {text}\r\n".encode()); text = ""; draw()
            else: text += key; draw()
"""


def test_a_field_that_refuses_its_text_is_waiting(jobs: Jobs) -> None:
    job = Session(jobs, program(REFUSES))
    assert job.first.verdict.prompt == "? Name: "
    answer = job.send("ab")
    assert answer.verdict.confidence is Confidence.HIGH
    assert "too short" in answer.fresh.text
    assert answer.verdict.prompt == "? Name: ab"
    assert "hello abcd" in job.send("cd").fresh.text


HINT_BESIDE_A_CLOCK = r"""
import os, select, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hready"); r, w = os.pipe(); wait = 0.5; key = b""
while True:
    if select.select([0, r], [], [], wait)[0]:
        key = os.read(0, 9); wait = 0.08; os.write(1, b" " + key)
    else:
        if key: os.write(1, b" HINT")
        wait = 0.5; key = b""
"""


def test_a_hint_after_a_key_is_in_the_answer_beside_a_slow_timer(jobs: Jobs) -> None:
    job = Session(jobs, program(HINT_BESIDE_A_CLOCK))
    for key in "abc":
        assert job.send(keys=[key]).fresh.text.endswith(f" {key} HINT")


CHAT = """
import os, select, socket, threading, tty
tty.setraw(0); peer = socket.create_connection(('127.0.0.1', {port})); r, w = os.pipe()
def receive():
    while 1: os.write(w, peer.recv(99))
threading.Thread(target=receive, daemon=True).start()
os.write(1, b'chat> ')
while 1:
    ready, _, _ = select.select([0, r], [], [])
    if r in ready: os.write(1, b'\\r\\n' + os.read(r, 99) + b'\\r\\nchat> ')
    if 0 in ready: peer.sendall(os.read(0, 99)); os.write(1, b'\\r\\nsent')
"""


def test_a_thread_that_receives_from_a_peer_is_not_at_rest(jobs: Jobs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        session = Session(jobs, program(CHAT.format(port=server.getsockname()[1])))
        peer, _ = server.accept()
        with peer:
            answer = session.send("hello", timeout=60)
            assert answer.verdict.confidence is Confidence.LOW
            assert peer.recv(99)
            peer.sendall(b"reply")
            answer = jobs.wait("j", until="pattern", patterns=["reply"], timeout=30)
            assert answer.verdict.reason is Reason.PATTERN


RELAY = """
import os, select, socket, threading, tty
tty.setraw(0); peer = socket.create_connection(('127.0.0.1', {port})); r, w = os.pipe()
def send():
    while 1: peer.sendall(os.read(0, 99))
def poll():
    watch = select.epoll(); watch.register(peer, select.EPOLLIN | select.EPOLLET)
    while 1: watch.poll(); os.write(w, b'x')
for work in (send, poll): threading.Thread(target=work, daemon=True).start()
while 1: os.read(r, 99); os.write(1, peer.recv(99))
"""


def test_a_client_whose_threads_share_its_connection_is_not_at_rest(jobs: Jobs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"$ ")
                while not peer.recv(99).endswith(b"\r"):
                    pass
                peer.sendall(b"\r\n")
                time.sleep(1)
                peer.sendall(b"out\r\n$ ")
                peer.recv(99)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        session = Session(jobs, program(RELAY.format(port=server.getsockname()[1])))
        assert "out" in session.send("command", timeout=60).fresh.text
        jobs.kill("j")
        thread.join(30)


# An event loop re-arms its line editor when it has the line and runs it then (tarantool). `ask`
# calls the line editor anew, without a prompt, and sets its terminal up (JLine).
FIBERS = """
import os, select, tty
tty.setraw(0); r, w = os.pipe(); os.write(1, b'\\x1b[?2004hdb> ')
while 1:
    line = b''
    while not line.endswith(b'\\r'):
        select.select([0, r], [], []); data = os.read(0, 99); os.write(1, data); line += data
    again = b'\\x1b[?1h\\x1b=\\x1b[?2004h' if b'ask' in line else b'\\x1b[?2004h'
    os.write(1, b'\\r\\n\\x1b[?2004l\\r' + again)
    if b'sleep' in line: select.select([0, r], [], [], 1.5)
    if b'ask' in line: select.select([0, r], [], []); os.read(0, 99); os.write(1, b'\\r\\n')
    os.write(1, b'did ' + line[:-1] + b'\\r\\ndb> ')
"""


def test_paste_mode_that_is_set_again_before_the_line_runs_is_no_prompt(jobs: Jobs) -> None:
    session = Session(jobs, program(FIBERS))
    assert session.send("quick").fresh.text == "did quick"
    answer = session.send("sleep", timeout=60)
    assert (answer.fresh.text, answer.verdict.prompt) == ("did sleep", "db> ")
    answer = session.send("ask", timeout=60)
    assert (answer.verdict.reason, answer.verdict.prompt) == (Reason.PROMPT, "")
    assert session.send("name", timeout=60).fresh.text == "did ask"


# An event loop whose collector of garbage has a timer of eight seconds (V8). Its mode for several
# lines shows no prompt.
PENDING = r"""
import os, select, time, tty
tty.setraw(0); os.write(1, b'> '); due = [0.0]; p = select.epoll(); p.register(0, 1)
p.register(os.pipe()[0], 1)
def line():
    data = b''
    while not data.endswith(b'\r'):
        if p.poll(due[0] - time.monotonic() if due[0] else -1):
            key = os.read(0, 99); os.write(1, key); data += key
        else:
            due[0] = 0.0
    os.write(1, b'\r\n')
    return data
while 1:
    if b'block' in line():
        due[0] = time.monotonic() + 8; os.write(1, b'Entering a block\r\n')
        while line() != b'end\r': pass
    os.write(1, b'done\r\n> ')
"""


def test_a_timer_of_the_run_time_beside_an_empty_row_is_not_awaited(jobs: Jobs) -> None:
    session = Session(jobs, program(PENDING))
    for text, shown in (("block", "Entering a block"), ("x = 5", ""), ("y = 6", "")):
        answer = session.send(text, timeout=60)
        assert (answer.fresh.text, answer.verdict.reason) == (shown, Reason.QUIET)
        assert "with a timer" in answer.verdict.why
    assert session.send("end").verdict.prompt == "> "


# A shell whose threads take turns at the terminal (elvish): the line editor waits for keys or a
# signal, and a command's read of a line is made by another thread, in canonical mode.
TURNS = r"""
import os, queue, select, socket, threading, time, tty, termios
cooked = termios.tcgetattr(0); lines = queue.Queue(); r, w = os.pipe()
here, there = socket.socketpair()
threading.Thread(target=here.recv, args=(9,), daemon=True).start()
def edit():
    while True:
        tty.setraw(0); os.write(1, b"\x1b[?2004h~> "); line = b""
        while not line.endswith(b"\r"):
            select.select([0, r], [], []); key = os.read(0, 99); os.write(1, key); line += key
        os.write(1, b"\x1b[?2004l\r\n"); termios.tcsetattr(0, termios.TCSANOW, cooked)
        back = threading.Event(); lines.put((line, back)); back.wait()
def run():
    while True:
        line, back = lines.get()
        if b"sleep" in line: time.sleep(1.5)
        if b"read" in line: os.write(1, b"read " + os.read(0, 99))
        os.write(1, b"done\r\n"); back.set()
threading.Thread(target=run, daemon=True).start()
worker = threading.Thread(target=edit); worker.start(); worker.join()
"""


def test_a_line_that_another_thread_of_a_shell_reads_is_asked_for(jobs: Jobs) -> None:
    session = Session(jobs, program(TURNS))
    assert session.send("echo").fresh.text == "done"
    for command in ("read", "sleep; read"):
        answer = session.send(command, timeout=60)
        assert answer.verdict.reason is Reason.QUIET
        assert "begun to read a line" in answer.verdict.why
        assert session.send("name").fresh.text == "read name\ndone"


CLIENT = """
import os, select, sys, time, tty
tty.setraw(0)
os.write(1, {start!r})
line, due = b"", 0
while True:
    ready = select.select([0], [], [], {wait})[0]
    {nap}
    if ready:
        key = os.read(0, 1)
        os.write(1, b"\\r\\n" if key == b"\\r" else key)
        line += key
    if line.endswith(b"\\r"):
        due, line = time.monotonic() + (1.5 if b"slow" in line else 0), b""
    if due and time.monotonic() >= due:
        due = 0
        os.write(1, b"done\\r\\n> ")
"""


@pytest.mark.parametrize(
    "source",
    [
        CLIENT.format(start=b"\x1b[?1h\x1b[H\x1b[J\x1b[2;1H> ", wait=0.5, nap=""),
        CLIENT.format(start=b"> ", wait=0, nap="time.sleep(0.01)"),
    ],
    ids=["draws", "polls"],
)
def test_only_the_echo_of_a_line_is_no_answer(jobs: Jobs, source: str) -> None:
    session = Session(jobs, program(source))
    for typed in ("now", "now", "slow", "slow"):
        answer = session.send(typed)
        assert "done" in answer.fresh.text, (typed, answer.verdict)
