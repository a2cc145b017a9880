"""The twelve races of asking a kernel, each with a child made to lose it.

docs/decisions/kernel-readiness.md says what was measured of them.

Every test fails when its countermeasure is removed from the code. If that can be done from outside,
the test itself removes it and shows the failure.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ptyjobs.model import Confidence, Exit, Reason, Tier
from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Probe, Sent, Wait
from ptyjobs.readiness.linux import pidfd
from ptyjobs.readiness.linux.classify import Judge
from ptyjobs.readiness.linux.probe import Kernel
from tests.readiness import mutations
from tests.readiness.driver import Answer, Job, python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")

ECHO = "while True:\n    x = input('> ')\n    print('did', x)"


def ready(answer: Answer) -> bool:
    return answer.verdict.reason in (Reason.WAITING_FOR_INPUT, Reason.PROMPT)


def test_1_written_but_not_yet_read() -> None:
    """Bytes sit in the flip buffer and the reader still looks asleep: unread input says no."""
    with python(
        "import os, tty\ntty.setraw(0)\nwhile True: os.read(0, 1); os.write(1, b'.')"
    ) as job:
        assert ready(job.interact(timeout=20))
        fooled = 0
        for sent in range(1, 301):
            os.write(job.master, b"x")
            probe = job.kernel.probe()
            if probe.wait is Wait.HARD:
                # It looks as if it waited. Either it has not read (and we know), or it is through.
                job.drain()
                assert probe.unread or job.log.count(b".") == sent
                fooled += probe.unread
            while not ready(job.interact(timeout=20)):
                continue
    if not fooled:
        pytest.skip("the race did not show itself in 300 writes")


def test_1_without_the_closure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "unread", lambda self: False)
    with python(ECHO) as job:
        job.interact(timeout=20)
        # The kernel decides when the race occurs: on a busy machine late, or never.
        shown = any(b"did" not in job.interact(b"a\r", timeout=20).output for _ in range(3000))
    if not shown:
        pytest.skip("the race did not show itself in 3,000 answers")


def test_2_woken_but_not_scheduled() -> None:
    with python("print('on')\nwhile True: pass") as job:
        job.interact(timeout=0.5)
        assert job.log
        for _ in range(200):
            assert job.kernel.probe().wait is Wait.BUSY


def test_3_output_in_flight() -> None:
    """The last bytes before the prompt are there, whatever their number."""
    code = "n = 0\nwhile True:\n    n += 1; input(('%d' % n) * (37 * n % 9000) + f'end{n}> ')"
    with python(code) as job:
        assert job.interact(timeout=20).output.endswith(b"end1> ")
        for n in range(2, 150):
            assert job.interact(b"\r", timeout=20).output.endswith(b"end%d> " % n)


HINT = """
import os, select, tty
tty.setraw(0); os.write(1, b"\\x1b[?1049hready"); key = b""; hint = os.open({path!r}, os.O_RDWR)
while True:
    ready, _, _ = select.select([0, hint], [], [], 0.08 if key else 0.5)
    if 0 in ready: key = os.read(0, 9); os.write(1, key)
    if hint in ready: os.read(hint, 9); os.write(1, b" HINT"); key = b""
"""


def test_3_output_in_flight_of_a_program_that_sleeps_as_before(tmp_path: Path) -> None:
    """It draws between the drain and the probe: the probe finds nothing to wait for."""
    os.mkfifo(path := tmp_path / "hint")
    with python(HINT.format(path=str(path))) as job:
        assert ready(job.interact(timeout=20))
        hint = os.open(path, os.O_RDWR)

        def draw() -> None:
            if b"g" not in job.log or time.monotonic() - job.trace[-1][0] < tuning.PAINT:
                return
            job.before_probe = None
            os.write(hint, b"x")
            while not job.kernel.probe().wakes > tuning.TICK:
                continue

        job.before_probe = draw
        answer = job.interact(b"g", timeout=20)
        os.close(hint)
    assert ready(answer)
    assert answer.output == b"g HINT"


def test_4_changed_its_mind_between_two_looks() -> None:
    """Awake for a moment at every line: output, a look at the terminal, output, a read."""
    code = (
        "import os, select\nwhile True:\n    os.write(1, b'> ')\n    select.select([0], [], [])\n"
        "    os.read(0, 99)\n    os.write(1, b'one')\n    select.select([0], [], [], 0)\n"
        "    os.write(1, b'two')"
    )
    with python(code) as job:
        job.interact(timeout=20)
        for _ in range(300):
            assert job.interact(b"a\r", timeout=20).output.endswith(b"onetwo> ")


def test_4_a_signal_handler_that_writes_restarts_the_confirmation() -> None:
    code = (
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os.write(1, b't'))\n"
        "signal.setitimer(signal.ITIMER_REAL, .001, .001)\nwhile True: os.read(0, 99)"
    )
    seen: list[Probe] = []
    with python(code) as job:
        job.on_probe = seen.append
        answer = job.interact(timeout=20)
        assert ready(answer)
    last = seen[-2:]
    assert last[0].runtime == last[1].runtime
    assert all(p.wait is Wait.HARD and not p.unread for p in last)


def test_5_blocked_on_a_full_terminal() -> None:
    with python("import os\nos.write(1, b'x' * 300000)\nos.read(0, 9)") as job:
        deadline = time.monotonic() + 5
        probe = job.kernel.probe()
        while not probe.blocked and time.monotonic() < deadline:
            probe = job.kernel.probe()
        assert (probe.wait, probe.doing.split()[-2:]) == (Wait.BUSY, ["blocked", "writing"])
        answer = job.interact(timeout=20)
        assert ready(answer)
        assert len(job.log) == 300000


def test_6_typed_ahead() -> None:
    code = "import time\nwhile True:\n    x = input('> ')\n    time.sleep(.03); print('did', x)"
    with python(code) as job:
        job.interact(timeout=20)
        for round_ in range(10):
            answer = job.interact(b"".join(b"%d%d\r" % (round_, n) for n in range(4)), timeout=20)
            assert ready(answer)
            assert answer.output.count(b"did") == 4


RELAY = """
import os, pty, select, sys, tty
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-S", "-u", "-c", INNER])
tty.setraw(0)
while True:
    ready, _, _ = select.select([0, master], [], [])
    for fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            sys.exit(0)
        os.write(master if fd == 0 else 1, data)
"""


def relayed(inner: str, **options: object) -> Job:
    return python(f"INNER = {inner!r}\n{RELAY}", **options)


def test_7_a_relay_without_the_right_to_ask_for_system_calls() -> None:
    code = "import time\nwhile True:\n    x = input('> ')\n    time.sleep(.5); print('did', x)"
    with relayed(code, tier=Tier.NO_SYSCALL) as job:
        assert job.interact(timeout=20).output.endswith(b"> ")
        for n in range(3):
            assert b"did %d" % n in job.interact(b"%d\r" % n, timeout=20).output


def test_7_looked_at_through_a_relay() -> None:
    with relayed(ECHO) as job:
        assert job.interact(timeout=20).output.endswith(b"> ")
        for n in range(150):
            answer = job.interact(b"%d\r" % n, timeout=20)
            assert answer.output.endswith(b"did %d\r\n> " % n), answer
            assert answer.verdict.confidence is Confidence.CERTAIN
        assert job.interact(b"no enter", timeout=20).verdict.input_consumed is False


def test_7_a_slow_program_and_a_password_behind_a_relay() -> None:
    code = "import time, getpass\ntime.sleep(.4)\ngetpass.getpass('secret: ')\n"
    code += "time.sleep(.4)\ninput('x> ')"
    with relayed(code) as job:
        answer = job.interact(timeout=20)
        assert answer.verdict.reason is Reason.PASSWORD
        assert answer.output.endswith(b"secret: ")
        assert job.interact(b"pw\r", timeout=20).output.endswith(b"x> ")


LAZY = """
import os, pty, select, sys, time, tty
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-S", "-u", "-c", INNER])
tty.setraw(0)
poll = select.poll()
poll.register(0, select.POLLIN)
while True:
    # It has the inner terminal in its set, but takes what is there only every now and then.
    poll.register(master, 0)
    if poll.poll(120):
        os.write(master, os.read(0, 999))
    while select.select([master], [], [], 0)[0]:
        try:
            os.write(1, os.read(master, 65536))
        except OSError:
            sys.exit(0)
"""


def test_7_output_that_a_relay_has_not_taken_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def session() -> int:
        early = 0
        with python(f"INNER = {ECHO!r}\n{LAZY}") as job:
            job.interact(timeout=20)
            for n in range(8):
                early += b"did %d" % n not in job.interact(b"%d\r" % n, timeout=20).output
        return early

    assert session() == 0
    monkeypatch.setattr(pidfd, "readable", lambda pid, number: False)
    assert session() > 0, "answers were whole without the closure: it is not tested here"


def test_8_a_far_program_is_judged_by_what_it_shows() -> None:
    """A network client: the answer arrives later, while the client always looks idle."""
    code = """
import os, select, socket, sys, time, tty
a = socket.socket(); a.bind(("127.0.0.1", 0)); a.listen()
far = socket.create_connection(a.getsockname())
if os.fork() == 0:
    os.setsid()
    os.close(0)
    peer, _ = a.accept()
    peer.sendall(b"hello, wait")
    time.sleep(.15)
    peer.sendall(b"\\r\\n\\x1b[?2004hfar> ")
    while data := peer.recv(99):
        peer.sendall(b"\\r\\n\\x1b[?2004l")
        time.sleep(.7)
        peer.sendall(b"done\\r\\n\\x1b[?2004hfar> ")
tty.setraw(0)
while True:
    for fd in select.select([0, far], [], [])[0]:
        data = os.read(0, 99) if fd == 0 else far.recv(99)
        far.sendall(data) if fd == 0 else os.write(1, data)
"""
    with python(code) as job:
        assert job.interact(timeout=20).output.endswith(b"far> ")
        for _ in range(2):
            answer = job.interact(b"work\r", timeout=20)
            assert b"done" in answer.output
            assert (answer.verdict.reason, answer.verdict.confidence) == (
                Reason.PROMPT,
                Confidence.HIGH,
            )


def test_9_input_that_cannot_be_delivered() -> None:
    with python(
        "import os\nos.write(1, b'> ')\nwhile True: os.read(0, 9); os.write(1, b'got')"
    ) as job:
        job.interact(timeout=20)
        verdict = job.interact(b"no enter", timeout=20).verdict
        assert (verdict.reason, verdict.input_consumed) == (Reason.WAITING_FOR_INPUT, False)
        verdict = job.interact(b"\r", timeout=20).verdict
        assert verdict.input_consumed


def test_9_a_stopped_terminal() -> None:
    with python(ECHO) as job:
        job.interact(timeout=20)
        job.interact(b"\x13", timeout=5, sent=Sent(nbytes=1))
        verdict = job.interact(b"a\r", timeout=20).verdict
        assert (verdict.reason, verdict.input_consumed) == (Reason.QUIET, False)
        assert "C-q" in verdict.why
        answer = job.interact(b"\x11", timeout=5, sent=Sent(nbytes=1))
        assert b"did" in answer.output  # the kernel may put its late echo between
        assert ready(answer)


def test_10_the_end_comes_after_the_last_output() -> None:
    for n in range(20):
        with python(
            f"import os, sys\ninput()\nos.write(1, b'x' * {n * 4000 + 1})\nsys.exit({n})"
        ) as job:
            job.interact(timeout=20)
            answer = job.interact(b"\r", timeout=20)
            assert answer.verdict.exit == Exit(code=n)
            assert answer.output.count(b"x") == n * 4000 + 1


def test_12_the_foreground_changes_while_we_look() -> None:
    """A shell with job control: fork, setpgid, tcsetpgrp, exec, wait, take the terminal back."""
    code = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
n = 0
while True:
    n += 1
    word = input(f"{n}$ ")
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        os.write(1, b"child " + word.encode() + b"\\n")
        os._exit(0)
    os.waitpid(pid, 0)
    os.tcsetpgrp(0, os.getpgrp())
"""
    with python(code) as job:
        assert ready(job.interact(timeout=20))
        for n in range(150):
            answer = job.interact(b"w%d\r" % n, timeout=20)
            assert answer.output.endswith(b"child w%d\r\n%d$ " % (n, n + 2)), answer
            assert ready(answer)


def test_main_thread_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader thread waits for keys while the main thread still draws."""
    code = """
import os, threading, time, tty
tty.setraw(0)
def read():
    while True: os.read(0, 9)
threading.Thread(target=read, daemon=True).start()
for n in range(8):
    os.write(1, b"line %d\\r\\n" % n)
    time.sleep(.01)
os.write(1, b"painted")
time.sleep(99)
"""
    with python(code) as job:
        answer = job.interact(timeout=20)
        assert answer.output.endswith(b"painted")
        assert answer.verdict.confidence is Confidence.HIGH
    # Without the countermeasure any thread that reads is believed, after the first line.
    original = Judge._other_threads

    def believed(self: Judge, *args: object) -> object:
        found = original(self, *args)  # type: ignore[arg-type]
        return found and replace(found, wait=Wait.HARD)

    monkeypatch.setattr(Judge, "_other_threads", believed)
    monkeypatch.setattr(tuning, "CLOCK", 0.0)  # its short sleeps count as a frame clock, too
    with python(code) as job:
        assert not job.interact(timeout=20).output.endswith(b"painted")


def test_a_background_thread_that_prints_does_not_hold_up_the_prompt() -> None:
    code = (
        "import threading, time\ndef tick():\n    while True: time.sleep(.05); print('tick')\n"
        "threading.Thread(target=tick, daemon=True).start()\n" + ECHO
    )
    with python(code) as job:
        job.interact(timeout=20)
        for n in range(10):
            answer = job.interact(b"%d\r" % n, timeout=20)
            assert b"did %d" % n in answer.output
            assert ready(answer)


@pytest.mark.parametrize("pause", ["time.sleep(.02)", "select.select([], [], [], .02)"])
def test_a_program_that_looks_at_its_terminal_now_and_then(pause: str) -> None:
    code = """
import os, select, time, tty
tty.setraw(0)
os.set_blocking(0, False)
os.write(1, b"\\x1b[?1049hpress keys")
while True:
    try:
        key = os.read(0, 9)
        os.write(1, b"you pressed " + key)
    except BlockingIOError:
        pass
    PAUSE
"""
    with python(code.replace("PAUSE", pause)) as job:
        answer = job.interact(b"", timeout=20)
        assert (answer.verdict.reason, answer.verdict.confidence) == (Reason.QUIET, Confidence.LOW)
        answer = job.interact(b"k", timeout=20)  # it read the key between two looks
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert answer.verdict.confidence is Confidence.MEDIUM
        assert answer.output == b"you pressed k"


def test_a_full_screen_program_that_loads_in_other_threads() -> None:
    code = """
import hashlib, os, select, threading, time, tty
tty.setraw(0)
os.write(1, b"\\x1b[?1049hloading")
def load():
    end = time.monotonic() + 1
    while time.monotonic() < end: hashlib.sha256(bytes(1 << 20)).digest()
for _ in range(8): threading.Thread(target=load).start()  # some run on a busy machine too
while True:
    if select.select([0], [], [], 5)[0]: os.read(0, 9)
"""
    with python(code) as job:
        answer = job.interact(timeout=20)
        assert ready(answer)
        assert answer.verdict.waited > 0.9  # it has started meanwhile


@pytest.mark.parametrize(("delay", "patient"), [(0.6, "None"), (0.09, "4")])
def test_a_lone_escape_may_begin_a_key(delay: float, patient: str) -> None:
    """As ncurses, newt and vim do it: for a moment the rest of a key is waited for."""
    code = f"""
import os, select, tty
tty.setraw(0)
os.write(1, b"\\x1b[?1049hmenu")
while True:
    if select.select([0], [], [], {patient})[0] and os.read(0, 9) == b"\\x1b":
        if not select.select([0], [], [], {delay})[0]: os.write(1, b" closed")
"""
    with python(code) as job:
        assert ready(job.interact(timeout=20))
        answer = job.interact(b"\x1b", timeout=20)
        assert ready(answer)
        assert answer.output == b" closed"


def test_a_full_screen_program_that_never_stops_drawing() -> None:
    code = """
import os, select, tty
tty.setraw(0)
os.write(1, b"\\x1b[?1049h")
key, n = b"", 0
while True:
    n += 1
    os.write(1, b"\\x1b[Hframe %d key %s" % (n, key))
    if select.select([0], [], [], .01)[0]:
        key = os.read(0, 9)
"""
    with python(code) as job:
        assert ready(job.interact(timeout=20))
        answer = job.interact(b"k", timeout=20)
        assert ready(answer)
        assert b"key k" in answer.output


def test_a_full_screen_program_that_refreshes_each_second() -> None:
    code = (
        "import os, select, tty\ntty.setraw(0)\nos.write(1, b'\\x1b[?1049h')\nkey = b''\n"
        "while True:\n    os.write(1, b'\\x1b[Hload 1.%s' % key)\n"
        "    if select.select([0], [], [], 1)[0]: key = os.read(0, 9)"
    )
    with python(code) as job:
        job.interact(timeout=20)
        for _ in range(3):
            answer = job.interact(b"k", timeout=20)
            assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
            assert answer.verdict.confidence is Confidence.HIGH


def test_a_program_in_the_hands_of_its_debugger_is_not_stopped_for_good() -> None:
    code = """
import ctypes, os, signal, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)  # PTRACE_TRACEME
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(pid, os.WUNTRACED)
time.sleep(1)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
os.tcsetpgrp(0, os.getpgrp())
input("(dbg) ")
"""
    with python(code) as job:
        assert job.interact(timeout=20).output.endswith(b"(dbg) ")


def test_a_daemon_that_keeps_the_terminal_open_is_not_asked() -> None:
    code = """
import os, select, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        select.select([0], [], [], 30)
    os._exit(0)
os.wait()
os.write(1, b"working ")
time.sleep(1)
input("> ")
"""
    with python(code) as job:
        assert job.interact(timeout=20).output.endswith(b"working > ")


def test_every_closure_can_still_be_taken_out() -> None:
    """By `python -m tests.readiness.mutations`, which is too slow to run with the tests."""
    for mutation in mutations.ALL:
        source = (mutations.ROOT / mutation.path).read_text()
        assert source.count(mutation.old) == 1, mutation.race
