"""A disk that is full, too slow or frozen: nothing is shifted, no end is lost, no call hangs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.client.registry import Registry, is_alive
from ptyjobs.errors import StartFailed
from ptyjobs.model import Reason, State
from tests.faults import world
from tests.mcp.live import Server

pytestmark = [
    pytest.mark.live,
    pytest.mark.fault,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system of its own"),
]


def mounted(disk: Path, *arguments: str) -> Iterator[Path]:
    """`disk` as a file system of its own; skipped if none can be mounted."""
    disk.mkdir()
    done = subprocess.run(["mount", *arguments, disk], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "tmpfs")


@pytest.fixture
def freezing_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that the test may freeze; thawed at the end whatever happens."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", image], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no ext4 can be made here")
    for disk in mounted(tmp_path / "disk", "-o", "loop", os.fspath(image)):
        try:
            yield disk
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", disk], capture_output=True, check=False)


def client(folder: Path, **settings: str) -> Jobs:
    return Jobs(config.load(environ={"PTYJOBS_STATE": str(folder / "state"), **settings}))


def fill(path: Path) -> None:
    """Write until the disk accepts no more bytes."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # ENOSPC
        while file.write(bytes(4096)):
            pass


LINES = """
import os, sys, termios
mode = termios.tcgetattr(0); mode[1] &= ~termios.OPOST; mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
at = 0
os.write(1, b"ready> ")
for line in sys.stdin:
    if line.strip() == "end": sys.exit(6)
    for _ in range(int(line)):
        data = b"%015d\\n" % at
        while data: data = data[os.write(1, data):]
        at += 16
    os.write(1, b"ready> ")
"""


def writer(jobs: Jobs, **more: str) -> None:
    """Start job "w", which writes a given number of numbered lines."""
    argv = (sys.executable, "-S", "-u", "-c", LINES)
    jobs.start(prepare(jobs.config, argv=argv, name="w", **more), wait=20, name="w")  # type: ignore[arg-type]  # only texts are given


def test_a_full_disk_stops_no_job_and_offsets_keep_their_meaning(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs)
        ballast = small_disk / "ballast"
        fill(ballast)
        jobs.interact("w", input="50000", timeout=30)
        gaps = jobs.status("w").gaps
        assert gaps
        assert gaps[0][2] == "ENOSPC"
        ballast.unlink()
        jobs.interact("w", input="20000", timeout=30)
        status = jobs.status("w")
        assert status.end == 7 * 3 + 16 * 70_000
        floor = jobs.raw("w", since=0)[0]  # the oldest lines made room for the newest
        lost = floor + sum(to - start for start, to, _ in status.gaps if start >= floor)
        kept, offset = 0, floor
        while offset < status.end:
            first, data = jobs.raw("w", since=offset)
            assert data
            for at in range(first, first + len(data)):  # each byte is at its own offset
                prompts = 7 if at < 7 + 16 * 50_000 else 14
                row, column = divmod(at - prompts, 16)
                if 0 <= row < 70_000 and 7 < at < 7 + 16 * 50_000:
                    assert data[at - first] == (b"%015d\n" % (row * 16))[column], at
            kept, offset = kept + len(data), first + len(data)
        assert kept == status.end - lost
        assert "exited with code 6" in str(jobs.interact("w", input="end").verdict.exit)


def test_the_end_of_a_job_is_known_even_if_the_disk_stays_full(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs)
        fill(small_disk / "ballast")
        jobs.interact("w", input="50000", timeout=30)
        assert str(jobs.interact("w", input="end", timeout=30).verdict.exit).endswith("code 6")
        job = jobs.registry.find("w")
        assert world.eventually(lambda: not is_alive(job))
        status = Registry(small_disk / "state").status(job)
        assert str(status.exit) == "exited with code 6"
        assert status.gaps


def test_a_full_disk_keeps_the_end_of_the_output(small_disk: Path) -> None:
    """All state in 2 MB, 20 MB of output: the last line, and how much of the beginning is lost."""
    with client(small_disk) as jobs:
        flood = "seq -f %015.0f 1 1250000; echo ALLDONE"
        answer = jobs.execute(flood, name="w", wait=60)
        assert str(answer.verdict.exit) == "exited with code 0"
        assert world.eventually(lambda: not is_alive(jobs.registry.find("w")))
        assert jobs.tail("w").text.endswith("\nALLDONE")
        page = jobs.output("w", since=0, limit=8000)
        assert page.floor > 15_000_000
        assert page.end - page.floor >= 256 << 10
        second = int(page.text.split("\n")[1])  # 17 bytes a line, each at its own offset
        assert page.offset < 17 * (second - 1) <= page.offset + 2 * 17


def test_a_full_disk_refuses_a_start_in_words_and_works_again(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs)
        fill(small_disk / "ballast")
        for _ in range(3):
            with pytest.raises(StartFailed, match=r"No space left on device.*Make room"):
                jobs.start(prepare(jobs.config, command="echo lost"), wait=10)
        assert [status.job_id for status in jobs.list()] == ["w"]
        (small_disk / "ballast").unlink()
        assert jobs.start(prepare(jobs.config, command="echo back"), wait=20).fresh.text == "back"


def numbered(jobs: Jobs, count: int) -> bool:
    """True if the log of "w" holds its first prompt, exactly `count` lines and a second prompt."""
    data, offset = b"", 0
    while True:
        first, part = jobs.raw("w", since=offset)
        if not part:
            lines = b"".join(b"%015d\n" % (16 * row) for row in range(count))
            return data == b"ready> " + lines + b"ready> "
        assert first == offset
        data, offset = data + part, offset + len(part)


def test_a_job_may_wait_for_room_on_a_full_disk_and_loses_nothing(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs, log_full="wait")
        fill(small_disk / "ballast")
        answer = jobs.interact("w", input="5000", timeout=0.5)
        assert answer.verdict.reason is Reason.TIMEOUT
        assert any("No space left on device; the job waits" in note for note in answer.notes)
        status = jobs.status("w")
        assert status.state is State.RUNNING
        assert any("waits for room" in fault for fault in status.errors)
        assert status.end < 7 + 16 * 5_000
        assert jobs.tail("w").text  # everything else goes on
        (small_disk / "ballast").unlink()
        assert jobs.wait("w", until="pattern", patterns=["ready> $"], timeout=120).verdict.match
        status = jobs.status("w")
        assert not status.gaps
        assert not status.errors
        assert numbered(jobs, 5_000)
        assert str(jobs.interact("w", input="end", timeout=30).verdict.exit).endswith("code 6")


def test_a_job_that_ended_before_there_was_room_is_ended_when_there_is(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs, log_full="wait")
        pid = jobs.status("w").pid or 0
        fill(small_disk / "ballast")
        jobs.interact("w", input="500", timeout=0.5)
        jobs.interact("w", input="end", timeout=0)
        assert world.eventually(lambda: world.state(pid) in ("Z", ""))
        status = jobs.status("w")
        assert status.errors
        assert not status.state.ended
        (small_disk / "ballast").unlink()
        ended = jobs.wait("w", until="exited", timeout=30)
        assert str(ended.verdict.exit) == "exited with code 6"
        assert numbered(jobs, 500)


def test_a_job_that_waits_for_room_can_be_killed(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        writer(jobs, log_full="wait")
        fill(small_disk / "ballast")
        jobs.interact("w", input="50000", timeout=0.2)
        assert jobs.status("w").errors
        assert jobs.kill("w").result == "killed"
        assert world.eventually(lambda: not is_alive(jobs.registry.find("w")))
        status = jobs.status("w")
        assert status.state is State.KILLED
        assert status.gaps  # from then on output without room was lost, and is counted


STEADY = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
if os.fork() == 0: os.setsid()
with open(sys.argv[1], "a") as file: file.write(f"{os.getpid()}\\n")
while True: os.write(1, b"x" * 4000)
"""


@pytest.mark.parametrize("how", ["the server is killed", "the job is killed"])
def test_a_holder_stuck_in_a_disk_write_is_killed_through(
    freezing_disk: Path, tmp_path: Path, how: str
) -> None:
    notes = tmp_path / "notes"
    program = tmp_path / "steady.py"
    program.write_text(STEADY)
    with Server(freezing_disk / "state") as server:
        server.text("execute", command=f"{sys.executable} -S {program} {notes}", name="t", wait=0)
        assert world.eventually(lambda: len(world.noted(notes)) == 2)
        status = Registry(server.state).find("t").status()
        assert status is not None
        assert status.holder
        done = subprocess.run(["fsfreeze", "--freeze", freezing_disk], check=False)
        if done.returncode:
            pytest.skip("the file system cannot be frozen")
        assert world.eventually(lambda: world.state(status.holder or 0) == "D")
        if how == "the job is killed":
            assert "killed" in server.text("kill", job_id="t")
        else:
            server.process.send_signal(signal.SIGKILL)
        assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(
            world.noted(notes)
        )
        subprocess.run(["fsfreeze", "--unfreeze", freezing_disk], check=True)
        assert world.eventually(lambda: not world.running(status.holder or 0))
