"""A user interface with a text field on the primary screen, as agents draw it."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.holder.waiter import ENTER_FOLLOWS
from ptyjobs.model import Reason

pytestmark = pytest.mark.live

# It takes an Enter within 0.12 s of the last key for a line break, as in a paste.
INTERFACE = r"""
import os, select, time, tty
tty.setraw(0)
other, _ = os.pipe()
text, last, until, frame = "", 0.0, 0.0, 0
os.write(1, b"\x1b[?2004h\x1b[?1004h")
def draw(above):
    field = text.replace("\n", "/")
    os.write(1, f"\r\x1b[J{above}\r\n > {field}\r\n status\x1b[A\x1b[{4 + len(field)}G".encode())
draw("welcome")
while True:
    ready, _, _ = select.select([0, other], [], [], 0.08 if until else None)
    now = time.monotonic()
    if 0 in ready:
        for char in os.read(0, 1000).decode():
            if char != "\r":
                text += char
            elif now - last < 0.12:
                text += "\n"
            else:
                said, text, until = text, "", now + 4.0
            last = now
        os.write(1, b"\x1b[A")
        draw("working" if until else "welcome")
    elif until:
        frame += 1
        os.write(1, b"\x1b[A")
        if now >= until:
            draw(f"you said {said}")
            until = 0.0
        else:
            draw("working " + "|/-\\"[frame % 4])
"""
READS = "    if 0 in ready:\n"
GET = """
    try:
        data = keys.get(timeout=0.08 if until else None)
    except queue.Empty:
        data = ""
"""
COMPUTE = """
        end = time.monotonic() + (0.0 if last else 0.8)
        while time.monotonic() < end:
            pass
        now = time.monotonic()
"""


def test_a_line_is_submitted_and_its_work_is_no_turn(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", INTERFACE], name="a", wait=20)
        for line in ("make a file", "and another one"):
            answer = jobs.interact("a", input=line, timeout=0.6)
            assert not answer.verdict.reason.ready
            assert "working" in jobs.tail("a").text
            assert jobs.status("a").waiting is None
            answer = jobs.wait("a", timeout=20)
            assert answer.verdict.reason.ready
            assert f"you said {line}" in jobs.tail("a").text
        assert jobs.status("a").waiting is not None


def test_enter_follows_after_the_answer_if_the_interface_is_slow(tmp_path: Path) -> None:
    slow = INTERFACE.replace(READS, f"{READS}        time.sleep(1.5)\n")
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", slow], name="a", wait=20)
        answer = jobs.interact("a", input="make a file", timeout=0.2)
        assert answer.unsent == 0
        assert answer.notes == (ENTER_FOLLOWS,)
        assert jobs.wait("a", until="pattern", patterns=["you said make a file"], timeout=30)
        answer = jobs.wait("a", timeout=20)
        assert answer.verdict.reason.ready
        assert "you said make a file" in jobs.tail("a").text


def test_enter_waits_for_the_thread_that_draws_not_only_for_the_one_that_reads(
    tmp_path: Path,
) -> None:
    """A thread reads the keys at once; the one that draws them is at work, or has no processor."""
    reader = "def read():\n    while True: keys.put(os.read(0, 1000).decode())\n"
    threaded = (
        INTERFACE.replace("import os,", "import os, queue, threading,")
        .replace("tty.setraw(0)", "tty.setraw(0)\nkeys = queue.Queue()\n" + reader)
        .replace("def draw", "threading.Thread(target=read, daemon=True).start()\ndef draw")
        .replace(
            "    ready, _, _ = select.select([0, other], [], [], 0.08 if until else None)\n", GET
        )
        .replace(READS, "    if data:\n" + COMPUTE)
        .replace("os.read(0, 1000).decode():", "data:")
    )
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", threaded], name="a", wait=20, until=["welcome"])
        jobs.interact("a", input="make a file", timeout=0.2)
        jobs.wait("a", until="pattern", patterns=["you said make a file"], timeout=30)
        assert "you said make a file" in jobs.tail("a").text


def test_an_interrupt_does_not_wait_behind_such_an_enter(tmp_path: Path) -> None:
    deaf = INTERFACE.replace("tty.setraw(0)", "tty.setcbreak(0)")
    deaf = deaf.replace(READS, f"{READS}        time.sleep(60)\n")
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", deaf], name="a", wait=20)
        jobs.interact("a", input="make a file", timeout=0.2)
        answer = jobs.interact("a", keys=["C-c"], timeout=5)
        assert answer.verdict.exit is not None


def test_a_text_that_is_dropped_behind_such_an_enter_is_not_said_to_be_typed(
    tmp_path: Path,
) -> None:
    deaf = INTERFACE.replace(READS, f"{READS}        time.sleep(60)\n")
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", deaf], name="a", wait=20)
        assert jobs.interact("a", input="one", timeout=0.2).notes == (ENTER_FOLLOWS,)
        answer = jobs.interact("a", input="two", timeout=0.2)
        assert answer.unsent == len("two\r")
        assert answer.notes == ()


def test_such_an_enter_ends_with_its_job(tmp_path: Path) -> None:
    ends = INTERFACE.replace(READS, f"{READS}        time.sleep(1); os._exit(0)\n")
    stays = f"setsid sleep 300 & exec {shlex.quote(sys.executable)} -c {shlex.quote(ends)}"
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(stays, name="a", wait=20)
        holder = jobs.status("a").holder
        jobs.interact("a", input="one", timeout=0.2)
        assert jobs.wait("a", until="exited", timeout=30).verdict.exit is not None
        before = wakeups(holder)
        time.sleep(1)
        assert wakeups(holder) - before < 200


# A single key answers it: the Enter behind that key comes too late.
CONFIRM = r"""
import os, tty
tty.setraw(0)
os.write(1, b"\x1b[?25lSure? (y/n)")
os.read(0, 1)
os.write(1, b" yes\r\n")
"""


def test_an_enter_behind_the_key_that_ended_the_program_does_not_follow(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", CONFIRM], name="a", wait=20)
        answer = jobs.interact("a", input="y", timeout=20)
        assert answer.verdict.exit is not None
        assert answer.notes == ()


# A list that is filtered 0.25 s after each key, and reloaded after Enter, which moves the cursor to
# the start of the text (as Node's readline does).
FILTERED = r"""
import os, select, tty
tty.setraw(0)
other, _ = os.pipe()
text, wait = "", None
def draw(items):
    os.write(1, f"\r\x1b[JSearch {text}\r\n{items}\x1b[A\x1b[{8 + len(text)}G".encode())
draw("apple apricot")
while True:
    if not select.select([0, other], [], [], wait)[0]:
        draw(" ".join(name for name in ("apple", "apricot") if text in name) or "none")
        wait = None
        continue
    for char in os.read(0, 1000).decode():
        if char == "\r":
            os.write(1, b"\x1b[8G")
        else:
            text = "" if char == "\x15" else text + char
            draw("...")
        wait = 0.25
"""


def test_a_known_prompt_before_the_typed_line_does_not_end_its_search(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", FILTERED], name="a", wait=20)
        answer = jobs.interact("a", input="apr", timeout=20)
        assert answer.verdict.prompt == "Search apr"
        assert answer.fresh.text == "apricot"
        answer = jobs.interact("a", keys=["C-u"], timeout=20)
        assert answer.verdict.prompt == "Search "
        assert "apple apricot" in jobs.tail("a").text


# A reader, a model and a renderer in three threads, as in bubbletea: the renderer looks 60 times a
# second for something to draw; a message is handled in its own time; a chunk that is read is a key.
THREADS = r"""
import os, queue, select, sys, threading, time, tty
tty.setraw(0)
lag = float(sys.argv[1])
keys, view, shown = queue.Queue(), ["name: "], [""]
def render():
    while True:
        time.sleep(1 / 60)
        if view[0] != shown[0]:
            shown[0] = view[0]
            os.write(1, b"\r\x1b[J" + view[0].encode())
def model():
    text, lines = "", []
    while True:
        key = keys.get()
        time.sleep(lag)
        if key == "\r":
            lines.append(text)
            text = ""
        else:
            text += key.replace("\r", "?")
        if lines[-1:] == ["load"]:
            for frame in range(15):
                view[0] = "loading " + "|/-\\"[frame % 4]
                time.sleep(0.1)
            lines[-1] = "loaded"
        view[0] = f"{','.join(lines)} name: {text}"
os.write(1, b"\x1b[?25l")
for task in (render, model):
    threading.Thread(target=task, daemon=True).start()
other, _ = os.pipe()
while True:
    select.select([0, other], [], [])
    keys.put(os.read(0, 1000).decode())
"""


@pytest.mark.parametrize("lag", ["0", "0.2"])
def test_frames_of_a_renderer_thread_are_no_turn(tmp_path: Path, lag: str) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", THREADS, lag], name="a", wait=20)
        answer = jobs.interact("a", input="one", timeout=20)
        assert "one name:" in answer.fresh.text + answer.verdict.prompt
        answer = jobs.interact("a", input="two\nthree", timeout=20)
        assert "one,two,three name:" in answer.fresh.text + answer.verdict.prompt
        answer = jobs.interact("a", input="load", timeout=20)
        assert answer.verdict.reason.ready
        assert "three,loaded name:" in answer.fresh.text + answer.verdict.prompt


# A question, then a menu whose visible cursor is at the start of the selected row.
MENU_AFTER_QUESTION = r"""
import os, select, tty
tty.setraw(0)
other, _ = os.pipe()
def read():
    select.select([0, other], [], [])
    return os.read(0, 1000)
os.write(1, b"Name: ")
while b"\r" not in (data := read()):
    os.write(1, data)
items, at = ["red", "green", "blue"], 0
os.write(1, b"\r\n")
while True:
    for row, item in enumerate(items):
        style = 7 if row == at else 0
        os.write(1, f"\x1b[{3 + row};1H\x1b[{style}m{item}\x1b[m".encode())
    os.write(1, f"\x1b[{3 + at};1H".encode())
    read()
    at = (at + 1) % 3
"""


def test_a_menu_with_the_cursor_before_its_row_waits(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(argv=[sys.executable, "-c", MENU_AFTER_QUESTION], name="a", wait=20)
        answer = jobs.interact("a", input="bob", timeout=20)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert answer.fresh.text.split() == ["red", "green", "blue"]
        answer = jobs.interact("a", keys=["Down"], timeout=20)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT


def wakeups(pid: int) -> int:
    """How often a process has gone to sleep."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


SLOW_READER = r"""
import os, time, tty
tty.setraw(0); os.write(1, b"\x1b[?1049h\x1b[Hedit\x1b[?25l")
lines, line = [], b""
while True:
    key = os.read(0, 1); line += key
    if key == b"\r":
        lines.append(line.strip().decode()); line = b""; time.sleep(0.4)
        os.write(1, b"\x1b[2J\x1b[H%d %s" % (len(lines), lines[-1].encode()))
"""


def test_lines_typed_one_by_one_all_arrive_however_long_that_takes(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        jobs.execute(f"{shlex.quote(sys.executable)} -c {shlex.quote(SLOW_READER)}", name="a")
        answer = jobs.interact("a", input="\n".join("abcdef"), timeout=60)
        assert answer.unsent == 0
        assert answer.fresh.text.startswith("6 f")
