"""Probe results for children that each do one thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from ptyjobs.model import Reason, Tier
from ptyjobs.process import procfs
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.readiness.linux import blocked, fallback, pidfd, relays, syscalls
from ptyjobs.readiness.linux import probe as kernel
from ptyjobs.readiness.linux.classify import Judge
from ptyjobs.readiness.linux.probe import Kernel
from ptyjobs.readiness.linux.syscalls import Kind
from tests.faults import world
from tests.readiness.driver import Job, python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")

RAW = "import os, sys, tty, select, time, threading, socket, signal\ntty.setraw(0)\n"

READER = RAW + (
    "import queue\nkeys = queue.Queue()\n"
    "def read():\n    while True: keys.put(os.read(0, 1))\n"
    "threading.Thread(target=read, daemon=True).start()\n"
)


def settle_on(job: Job, *wanted: Wait, patience: float = 5.0) -> Probe:
    """The first probe that says one of `wanted` and is stable."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        job.drain()
        probe = job.kernel.probe()
        if probe.wait in wanted and not probe.unread:
            return probe
    raise AssertionError(f"never {wanted}, at last {probe}")


# Nested epoll: the outer set is readable when the inner one has an event.
NESTED = "p = select.epoll(); p.register(0, 1); q = select.epoll(); q.register(p.fileno(), 1);"


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        ("os.read(0, 9)", Wait.HARD),
        ("os.readv(0, [bytearray(9)])", Wait.HARD),
        ("os.read(os.open('/dev/tty', os.O_RDWR), 9)", Wait.HARD),
        ("select.select([0], [], [])", Wait.HARD),
        ("select.select([0], [], [], 99)", Wait.SOFT),
        ("select.select([0, os.pipe()[0]], [], [])", Wait.SOFT),
        ("p = select.poll(); p.register(0, 1); p.poll()", Wait.HARD),
        ("p = select.poll(); p.register(0, 1); p.poll(99000)", Wait.SOFT),
        ("p = select.poll(); p.register(0, 4); p.register(os.pipe()[0]); p.poll()", None),
        ("p = select.epoll(); p.register(0, 1); p.poll()", Wait.HARD),
        ("p = select.epoll(); p.register(0, 1); p.register(os.pipe()[0], 1); p.poll()", Wait.SOFT),
        (NESTED + "q.poll()", Wait.HARD),
        (NESTED + "select.select([q.fileno(), os.pipe()[0]], [], [])", Wait.SOFT),
        ("p = select.epoll(); p.register(os.pipe()[0], 1); select.select([p], [], [])", Wait.BUSY),
        ("select.select([os.pipe()[0]], [], [])", Wait.BUSY),
        ("os.read(os.pipe()[0], 1)", Wait.BUSY),
        ("time.sleep(99)", Wait.BUSY),
        ("threading.Thread(target=os.read, args=(0, 9)).start()", Wait.SOFT),
        ("signal.pause()", Wait.OPAQUE),
        ("a, b = socket.socketpair(); a.recv(1)", Wait.OPAQUE),
    ],
)
def test_what_each_call_means(code: str, wait: Wait | None) -> None:
    with python(RAW + code) as job:
        if wait is not None:
            probe = settle_on(job, wait)
            assert probe.tier is Tier.FULL
            assert probe.main is ("Thread" not in code)


@pytest.mark.parametrize(
    ("code", "wakes"),
    [
        ("select.select([0], [], [], 99.5)", 99.5),
        ("select.select([0], [], [])", 0.0),
        ("p = select.poll(); p.register(0, 1); p.poll(99500)", 99.5),
        ("p = select.epoll(); p.register(0, 1); p.poll(99.5)", 99.5),
        ("p = select.epoll(); p.register(0, 1); p.poll()", 0.0),
    ],
)
def test_when_a_wait_ends_by_itself(code: str, wakes: float) -> None:
    with python(RAW + code) as job:
        assert settle_on(job, Wait.SOFT, Wait.HARD).wakes == pytest.approx(wakes, abs=0.002)


SIGWAIT = (
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
    "def served():\n    while True: signal.sigwait({signal.SIGUSR1})\n"
    "threading.Thread(target=served, daemon=True).start()\n"
)


@pytest.mark.parametrize(
    ("code", "threaded"),
    [
        ("", False),
        ("threading.Thread(target=threading.Event().wait).start()", False),
        (SIGWAIT, False),
        ("threading.Thread(target=threading.Event().wait, args=(99,)).start()", True),
        ("threading.Thread(target=time.sleep, args=(99,)).start()", True),
        ("threading.Thread(target=os.read, args=(os.pipe()[0], 9)).start()", True),
        (
            "for _ in range(2): threading.Thread(target=threading.Event().wait).start()\n"
            "threading.Thread(target=time.sleep, args=(99,)).start()",
            True,
        ),
    ],
)
def test_threads_that_only_the_reader_can_wake_do_not_count(code: str, threaded: bool) -> None:
    ready = "\nos.write(1, b'on'); os.read(0, 9)"
    with python(RAW + code + ready) as job:
        assert "on" in job.interact(timeout=20).text
        assert settle_on(job, Wait.HARD).threaded is threaded


def test_a_thread_that_runs_while_the_others_are_looked_at_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with python(RAW + SIGWAIT + "os.write(1, b'on'); os.read(0, 9)") as job:
        assert "on" in job.interact(timeout=20).text
        assert not settle_on(job, Wait.HARD).threaded
        (thread,) = job.kernel._census.processes[job.pid].others(1)
        parked, looks = blocked.BlockedOn.parked, []

        def meanwhile(reader: blocked.BlockedOn, line: bytes) -> bool:
            looks.append(line)
            found = parked(reader, line)
            if len(looks) == 1:
                ran = thread.ran()[0]
                os.kill(job.pid, signal.SIGUSR1)
                while thread.ran()[0] == ran or not parked(reader, thread.syscall()):
                    time.sleep(0.01)
            return found

        monkeypatch.setattr(blocked.BlockedOn, "parked", meanwhile)
        job.kernel._last = None
        probe = job.kernel.probe()
        assert probe.threaded
        assert len(looks) == 2


def test_a_spinner_that_takes_keys_is_work_until_it_stops() -> None:
    """It shows a frame every 80 ms, is silent in between, and reads typed keys."""
    code = RAW + (
        "def key(timeout):\n"
        "    return os.read(0, 99) if select.select([0, r], [], [], timeout)[0] else b''\n"
        "r = os.pipe()[0]\n"
        "os.write(1, b'any key\\r\\n'); key(None)\n"
        "for n in range(15):\n"
        "    os.write(1, b'\\r' + b'-/|'[n % 3:][:1] + b' working'); key(.08)\n"
        "os.write(1, b'\\r done   \\r\\nagain\\r\\n'); key(None)\n"
    )
    with python(code) as job:
        assert "any key" in job.interact(timeout=20).text
        answer = job.interact(b"x\r", timeout=20)
        assert "done" in answer.text
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT


def test_a_main_thread_that_left_its_loop_is_not_idle_while_another_one_reads() -> None:
    """A program that ends in its own time, its input thread still at the terminal."""
    code = READER + (
        "os.write(1, b'on')\n"
        "while keys.get() != b'q': os.write(1, b'.')\n"
        "os.write(1, b'bye'); time.sleep(.7); os._exit(3)"
    )
    with python(code) as job:
        assert job.interact(timeout=20).verdict.reason is Reason.WAITING_FOR_INPUT
        answer = job.interact(b"x", timeout=20)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert answer.text == "."
        assert job.interact(b"q", timeout=20).verdict.reason is Reason.EXITED


def test_a_main_thread_that_is_woken_while_others_are_looked_at_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between two probes, its reader thread hands over the input and waits again."""
    code = READER + "while True: keys.get(); os.write(1, b'.')\n"
    with python(code) as job:
        assert job.interact(timeout=20).verdict.reason is Reason.WAITING_FOR_INPUT
        assert job.interact(b"a", timeout=20).text == "."  # it is in its loop
        probe = settle_on(job, Wait.SOFT)
        assert not probe.works
        others = Judge._other_threads

        def meanwhile(judge: Judge, *args: Any) -> Any:
            ran = job.kernel._census.processes[job.pid].main.ran()[0]
            os.write(job.master, b"x")
            while job.kernel._census.processes[job.pid].main.ran()[0] == ran:
                time.sleep(0.01)
            return others(judge, *args)

        monkeypatch.setattr(Judge, "_other_threads", meanwhile)
        job.kernel._last = None
        woken = job.kernel.probe()
        assert woken.wait is Wait.SOFT
        assert woken.works


@pytest.mark.parametrize(
    ("made", "wait"),
    [
        ("s = socket.create_server(('127.0.0.1', 0))", Wait.SOFT),  # a dev server
        ("s, other = socket.socketpair()", Wait.SOFT),  # node's pipe to a child
        (
            "t = socket.create_server(('127.0.0.1', 0))\n"
            "s = socket.create_connection(t.getsockname())",
            Wait.OPAQUE,
        ),
        (
            "t = socket.socket(socket.AF_UNIX); t.bind('\\0' + str(os.getpid())); t.listen()\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(t.getsockname())",
            Wait.OPAQUE,
        ),
        (
            "a, s = socket.socketpair()\nif os.fork(): os.waitpid(-1, 0)\n"  # its parent's
            "signal.signal(signal.SIGTTIN, signal.SIG_IGN)",
            Wait.OPAQUE,
        ),
    ],
    ids=["listens", "its own pair", "tcp", "unix", "its parent's pair"],
)
def test_only_a_connection_to_somebody_else_leads_away(made: str, wait: Wait) -> None:
    with python(f"{RAW}{made}\nselect.select([0, s], [], [])") as job:
        settle_on(job, wait)


def test_a_read_that_returns_without_input_is_soft() -> None:
    code = RAW + (
        "import termios\na = termios.tcgetattr(0)\na[6][termios.VMIN] = 0\n"
        "a[6][termios.VTIME] = 255\n"
        "termios.tcsetattr(0, 0, a)\nos.read(0, 9)"
    )
    with python(code) as job:
        settle_on(job, Wait.SOFT)


def test_on_cpu_and_the_words_for_it() -> None:
    with python("while True: pass") as job:
        assert job.interact(timeout=0.3).verdict.doing.endswith("on CPU")
    with python("import time; time.sleep(99)") as job:
        verdict = job.interact(timeout=0.3).verdict
        assert verdict.reason is Reason.TIMEOUT
        assert verdict.doing.endswith("nanosleep")
    with python("import os, time\nif os.fork(): os.wait()\ntime.sleep(99)") as job:
        assert "nanosleep" in job.interact(timeout=0.3).verdict.doing


def test_waiting_for_a_child_that_is_not_in_the_foreground() -> None:
    code = (
        "import os, time\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nos.setsid(); time.sleep(99)"
    )
    with python(code) as job:
        assert "waiting for child" in job.interact(timeout=0.4).verdict.doing


def test_a_group_of_several_processes() -> None:
    # The reader makes it the caller's turn, whatever the others do; a reader of a pipe does not.
    with python("import os, time\nif os.fork(): os.read(0, 9)\ntime.sleep(9)") as job:
        assert job.interact(timeout=5).verdict.reason is Reason.WAITING_FOR_INPUT
    code = "import os, time\nr, w = os.pipe()\nif os.fork(): os.read(r, 9)\nelse: time.sleep(.3)"
    with python(code) as job:
        answer = job.interact(timeout=0.2)
        assert answer.verdict.reason is Reason.TIMEOUT


def test_the_leader_of_the_foreground_group_has_exited() -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
leader = os.fork()
if leader == 0:
    os.setpgid(0, 0)
    if os.fork() == 0:
        os.setpgid(0, os.getppid()) if False else None
        time.sleep(.1)
        os.write(1, b"name? ")
        os.read(0, 9)
    os._exit(0)
os.setpgid(leader, leader) if os.path.exists(f"/proc/{leader}") else None
os.tcsetpgrp(0, leader)
os.waitpid(leader, 0)
time.sleep(99)
"""
    with python(code) as job:
        answer = job.interact(timeout=5)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert answer.output.endswith(b"name? ")


def test_a_stopped_job() -> None:
    with python(
        "import os\nos.write(1, b'> ')\nos.read(0, 9)\nos.write(1, b'ok')\nos.read(0, 9)"
    ) as job:
        assert job.interact(timeout=5).verdict.reason is Reason.WAITING_FOR_INPUT
        os.kill(job.pid, signal.SIGSTOP)
        verdict = job.interact(b"x\r", timeout=5).verdict
        assert verdict.reason is Reason.QUIET
        assert "stopped" in verdict.doing
        assert not verdict.input_consumed
        os.kill(job.pid, signal.SIGCONT)
        answer = job.interact(timeout=5)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert job.log.endswith(b"ok")


@pytest.mark.parametrize("call", ["p.poll()", "p.poll(60000)"])
def test_a_poll_that_was_restarted_after_a_stop(call: str) -> None:
    with python(RAW + f"p = select.poll(); p.register(0, 1); {call}") as job:
        before = settle_on(job, Wait.HARD, Wait.SOFT)
        os.kill(job.pid, signal.SIGSTOP)
        settle_on(job, Wait.BUSY)
        os.kill(job.pid, signal.SIGCONT)
        assert settle_on(job, Wait.HARD, Wait.SOFT).wait is before.wait


def test_a_reused_number_is_another_process() -> None:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    kept = procfs.Process("/proc", pid)
    assert kept.stat().pid == pid
    kept.main.syscall()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    again = _fork_as(pid)
    try:
        for answer in (kept.stat, kept.main.syscall):
            with pytest.raises(procfs.ProcessExited):
                answer()
    finally:
        kept.close()
        if again:
            os.kill(again, signal.SIGKILL)
            os.waitpid(again, 0)


def _fork_as(pid: int) -> int:
    """A child with that very number where we may choose it (root); else 0."""
    try:
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(pid - 1))
    except OSError:
        return 0
    child = os.fork()
    if child == 0:
        signal.pause()
    return child


def test_a_leader_with_a_reused_number_is_looked_at_anew() -> None:
    with python("import os; os.read(0, 9)") as job:
        first = settle_on(job, Wait.HARD)
        process = job.kernel._census.processes[first.pid]
        process.main.close()  # as if it had ended: the kept files answer no more
        process.main._base = "/proc/0/task/0/"
        assert job.kernel.probe().wait in (Wait.HARD, Wait.BUSY)
        assert settle_on(job, Wait.HARD).start == first.start


def test_proc_hidden() -> None:
    with python("import os\nos.write(1, b'name? ')\nos.read(0, 9)", proc="/nowhere") as job:
        answer = job.interact(timeout=5)
        assert answer.verdict.tier is Tier.EVIDENCE
        assert answer.verdict.reason is Reason.QUIET
        assert answer.output == b"name? "
        assert job.kernel.foreground() == ""


@pytest.mark.parametrize("tier", [Tier.NO_SYSCALL, Tier.EVIDENCE])
def test_lower_tiers_still_see_the_turn(tier: Tier) -> None:
    code = "import time\nwhile True:\n    x = input('go> ')\n    time.sleep(.4); print('did', x)"
    with python(code, tier=tier) as job:
        assert job.interact(timeout=5).output.endswith(b"go> ")
        for word in (b"a", b"b"):
            answer = job.interact(word + b"\r", timeout=5)
            assert b"did " + word in answer.output
            assert answer.verdict.reason.ready
            assert answer.verdict.confidence.value != "certain"
            assert answer.verdict.tier is tier


@pytest.mark.parametrize(
    ("sleep", "least", "most"),
    [
        ("time.sleep(0.05)", 0.0005, 0.06),
        ("threading.Event().wait(0.05)", 0.0005, 0.06),
        ("select.select([], [], [], 0.05)", 0.0005, 0.06),
        ("time.sleep(60)", 50, 60),
        ("threading.Event().wait()", 0, 0),
    ],
)
@pytest.mark.parametrize("main", ["os.read(0, 9)", "select.select([0, os.pipe()[0]], [], [])"])
def test_the_short_timer_of_another_thread_is_seen(
    main: str, sleep: str, least: float, most: float
) -> None:
    code = f"{RAW}def ring():\n while True: {sleep}\n"
    with python(f"{code}threading.Thread(target=ring, daemon=True).start()\n{main}") as job:
        deadline = time.monotonic() + 5
        seen = -1.0
        while not (seen >= least and bool(seen) == bool(most)) and time.monotonic() < deadline:
            seen = settle_on(job, Wait.HARD, Wait.SOFT).rings  # it may be running just now
        assert least <= seen <= most


def test_without_syscall_a_reader_thread_is_seen() -> None:
    code = RAW + "threading.Thread(target=os.read, args=(0, 9)).start()"
    with python(code, tier=Tier.NO_SYSCALL) as job:
        assert not settle_on(job, Wait.SOFT).main


def test_without_syscall_a_blocked_writer_is_no_reader() -> None:
    with python(
        "import os\nos.write(1, b'x' * 1000000)\nos.read(0, 9)", tier=Tier.NO_SYSCALL
    ) as job:
        assert len(job.interact(timeout=10).output) == 1000000


def test_a_process_that_is_not_ours_to_see() -> None:
    """A hardened (or setuid) child of an ordinary user: this job falls to the tier below."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            code = "import ctypes, os\nctypes.CDLL(None).prctl(4, 0)\n"
            code += "os.write(1, b'go? ')\nos.read(0, 9)"
            job = Job(
                [
                    "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable,
                    "-u",
                    "-c",
                    code,
                ]
            )
            answer = job.interact(timeout=8)
            probe = job.kernel.probe()
            os.write(
                writer,
                f"{answer.verdict.tier}|{probe.wait}|{probe.foreign}|"
                f"{answer.verdict.reason}|{answer.text}".encode(),
            )
            job.close()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode()
    os.waitpid(pid, 0)
    assert said == "evidence|unknown|True|quiet|go? "


def test_another_pid_namespace() -> None:
    code = """
import ctypes, os
if ctypes.CDLL(None).unshare(0x20000000 | (0x10000000 if os.getuid() else 0)):
    os.write(1, b"refused")
    os._exit(3)
pid = os.fork()
if pid == 0:
    os.write(1, f"I am {os.getpid()}> ".encode())
    os.read(0, 9)
    os._exit(0)
os.waitpid(pid, 0)
"""
    with python(code) as job:
        answer = job.interact(timeout=5)
        if answer.verdict.exit is not None:
            pytest.skip("no right to a pid namespace")
        assert answer.output == b"I am 1> "
        assert (answer.verdict.reason, answer.verdict.tier) == (Reason.WAITING_FOR_INPUT, Tier.FULL)


def test_a_reader_in_another_session() -> None:
    """ssh below sshpass: the foreground only waits, a process of another session reads."""
    code = (
        "import os, time\nif os.fork(): os.wait()\nos.setsid()\ntime.sleep(.1)\n"
        "os.write(1, b'$ ')\nos.read(0, 9)"
    )
    with python(code) as job:
        answer = job.interact(timeout=5)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT
        assert answer.verdict.confidence.value == "high"


def test_a_client_with_a_network_peer_is_opaque() -> None:
    code = (
        "import select, socket\na = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen()\n"
        "b = socket.create_connection(a.getsockname())\nselect.select([0, b], [], [])"
    )
    with python(code) as job:
        settle_on(job, Wait.OPAQUE)


def test_without_syscall_a_bare_terminal_and_a_socket_are_opaque() -> None:
    code = RAW + "a, b = socket.socketpair(); select.select([a], [], [])"
    with python(code, tier=Tier.NO_SYSCALL) as job:
        settle_on(job, Wait.OPAQUE)


def test_12_a_fork_during_the_walk_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of its children is old before it is used, and the parent sleeps ever after."""
    code = "import os\ninput()\nif os.fork() == 0: input('child> ')\nos.wait()"
    original = procfs.Process.children
    with python(code) as job:
        job.interact(timeout=5)
        forked = []

        def children(self: procfs.Process, threads: int) -> list[int]:
            found = original(self, threads)
            if self.pid == job.pid and not forked:
                os.write(job.master, b"\r")
                while b"child> " not in job.log:
                    job.drain()
                    time.sleep(0.001)
                (child,) = original(self, threads)
                while {world.state(pid) for pid in (job.pid, child)} != {"S"}:
                    time.sleep(0.001)
                forked.append(True)
            return found

        monkeypatch.setattr(procfs.Process, "children", children)
        job.kernel._last = None
        job.kernel.probe()
        assert forked
        answer = job.interact(timeout=5)
        assert answer.verdict.reason is Reason.WAITING_FOR_INPUT, answer


def test_what_lies_unread_in_a_relay() -> None:
    code = (
        "import os, select\nmaster, slave = os.openpty()\nos.write(slave, b'out')\n"
        "print(master, flush=True)\ninput()\nos.dup2(slave, 2)\nselect.select([0], [], [])"
    )
    with python(code) as job:
        job.interact(timeout=5)
        master = int(job.log.split()[0])
        assert relays.index("/proc", job.pid, master) is not None
        assert pidfd.readable(job.pid, master)
        tty = relays.terminal("/proc", job.pid, master)
        assert tty is not None
        own = procfs.stat("/proc", job.pid)
        assert relays.look({}, tty, "/proc", pid=job.pid, master=master) is None  # an unknown peer
        holder = {own.pid: own._replace(tty=tty.rdev)}
        assert relays.look(holder, tty, "/proc", pid=job.pid, master=master) is None  # nor open
        os.write(job.master, b"go\r")
        job.interact(timeout=5)
        inner = relays.look(holder, tty, "/proc", pid=job.pid, master=master)
        assert inner is not None
        assert inner.unread


def test_a_terminal_that_nobody_has_opened_yet_stays_whole() -> None:
    """Were we to open and close it first, the relay would read EIO, and end."""
    code = (
        "import errno, fcntl, os, select, struct, termios\n"
        "master = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)\n"
        "fcntl.ioctl(master, 0x40045431, struct.pack('i', 0))  # TIOCSPTLCK: unlockpt\n"
        "print('made', flush=True)\n"
        "while select.select([0, master], [], [], 30)[0] == []: pass\n"
        "try: os.read(master, 1)\n"
        "except OSError as error: print(errno.errorcode[error.errno])\n"
    )
    with python(code) as job:
        job.interact(timeout=1)
        for _ in range(50):
            job.kernel.probe()
        assert b"made" in job.log
        assert b"EAGAIN" in job.interact(b"\r", timeout=20).output


def test_descriptors_are_given_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with python(
        "import subprocess, sys\nfor i in range(9):\n    input()\n    "
        "subprocess.run([sys.executable, '-S', '-c', 'pass'])"
    ) as job:
        for _ in range(9):
            job.interact(b"\r", timeout=5)
        kept = len(os.listdir("/proc/self/fd")) - before
        assert kept < 200  # of at most 48 processes: orphans of other tests are adopted too
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_child_of_a_killed_self_test_ends() -> None:
    code = """
import os, signal
from ptyjobs.readiness.linux import probe
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as in a zygote
def killed(*, leader, **more):
    print(leader, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
probe.Kernel = killed
probe.self_test()
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    assert world.exited(int(done.stdout), within=20)


def test_self_test_and_foreground() -> None:
    assert kernel.self_test() is Tier.FULL
    with python("input()") as job:
        assert settle_on(job, Wait.HARD).doing
        assert job.kernel.foreground().startswith("python")


def test_the_tables_agree_on_what_is_waited_for() -> None:
    for machine in ("x86_64", "aarch64"):
        table = syscalls.calls(machine)
        assert table is not None
        kinds = {call.name: call.kind for call in table.values()}
        assert kinds["read"] is Kind.READ
        assert kinds["pselect6"] is Kind.SELECT
        assert kinds["ppoll"] is Kind.PPOLL
        assert kinds["epoll_pwait"] is Kind.EPOLL
    assert syscalls.calls("riscv64") is None


def test_an_aarch64_line_is_read_with_its_own_numbers() -> None:
    table = syscalls.calls("aarch64")
    assert table is not None
    reader = blocked.BlockedOn("/proc", procfs.Process("/proc", os.getpid()), table)
    line = b"115 0x0 0x0 0x7fffffffe000 0x0 0x0 0x0 0x7fffffffd000 0x7ffff7e00000\n"
    sleep = reader.sleep(line, os.getpid(), procfs.Tty(0, 0))
    assert (sleep.call, sleep.kind) == ("clock_nanosleep", Kind.TIMED)


def test_an_unknown_machine_starts_one_tier_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    with python("import os; os.read(0, 9)") as job:
        monkeypatch.setattr(syscalls, "calls", lambda machine: None)
        other = Kernel(master=job.master, leader=job.pid)
        assert other.tier is Tier.NO_SYSCALL
        other.close()


def test_where_the_kernel_lists_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise procfs.ProcessExited("children")

    monkeypatch.setattr(procfs.Thread, "children", gone)
    with python("import os\nif os.fork(): os.wait()\nelse: os.read(0, 9)") as job:
        assert job.interact(timeout=5).verdict.reason is Reason.WAITING_FOR_INPUT


def test_a_system_without_proc_is_judged_by_output() -> None:
    code = "import time\nwhile True:\n    x = input('go> '); time.sleep(.3); print('did', x)"
    with python(code) as job:
        job.kernel.close()
        job.kernel = fallback.Kernel(master=job.master, leader=job.pid)  # type: ignore[assignment]
        assert job.interact(timeout=5).output == b"go> "
        probe = job.kernel.probe()
        assert (probe.wait, probe.canonical, probe.echo) == (Wait.UNKNOWN, True, True)
        os.write(job.master, b"typed\r")
        answer = job.interact(timeout=5)
        assert b"did typed" in answer.output
        assert job.kernel.foreground() == ""


def test_names_with_brackets_and_spaces() -> None:
    stat = procfs.parse_stat(
        b"12 (a) b (c) S 1 12 12 34817 12 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 0 0\n"
    )
    assert (stat.name, stat.state, stat.start) == ("a) b (c", "S", 99)
    assert stat.tty == os.makedev(136, 1)


def test_a_hung_up_terminal_can_still_be_asked() -> None:
    with python("import os, time\nfor n in (0, 1, 2): os.close(n)\ntime.sleep(99)") as job:
        deadline = time.monotonic() + 5
        while not job.eof and time.monotonic() < deadline:
            job.drain()
            assert isinstance(job.kernel.probe(), Probe)
        assert job.eof, "our look kept the terminal open"  # race 10
        assert job.kernel.probe().wait is Wait.BUSY
