"""Large and odd streams arrive byte for byte, and the holder does not grow with them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.store.log import MAX_SEGMENT
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]

MEGABYTES = int(os.environ.get("PTYJOBS_TEST_STREAM_MB", "200"))
"""Size of the long stream; 1000 takes about ten seconds more."""
GROWTH = 24 << 20  # growth of a holder in bytes: output kept for the next fold, and a screen

STREAM = """
import os, sys, termios
mode = termios.tcgetattr(0); mode[1] &= ~termios.OPOST; mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
os.write(1, b"ready> "); sys.stdin.readline()
body = bytes(range(256)) * 256
for number in range(int(sys.argv[1])):
    data = memoryview(b"%015d " % number + body)
    while data: data = data[os.write(1, data):]
os.write(1, b"done> "); sys.stdin.readline()
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client:
        yield client


def peak(pid: int) -> int:
    """The most memory that the process ever had resident, in bytes (VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


@pytest.mark.parametrize("kept", ["all", "the last"])
def test_a_long_stream_of_all_bytes_is_whole_and_costs_no_memory(jobs: Jobs, kept: str) -> None:
    blocks = (MEGABYTES << 20) // (16 + (64 << 10))
    limit = 4 << 30 if kept == "all" else MAX_SEGMENT * 4
    argv = (sys.executable, "-S", "-u", "-c", STREAM, str(blocks))
    spec = dataclasses.replace(prepare(jobs.config, argv=argv), log_limit=limit)
    job_id = jobs.start(spec, wait=20).job_id
    holder = jobs.status(job_id).holder
    assert holder
    before = peak(holder)
    jobs.interact(job_id, input="go", timeout=0)
    body = bytes(range(256)) * 256
    size = 16 + len(body)
    end = len("ready> done> ") + blocks * size
    log = jobs.registry.find(job_id).log
    assert world.eventually(lambda: log.end == end, within=600.0), (log.end, end)
    assert peak(holder) - before < GROWTH
    status = jobs.status(job_id)
    assert status.end == end
    assert not status.gaps
    start = status.floor
    assert start == 0 if kept == "all" else status.end - start <= limit
    first = max(0, (start - 7) // size)
    expected, found = hashlib.sha256(), hashlib.sha256()
    skip = max(0, start - 7 - first * size)  # into the first block that is kept
    if start == 0:
        expected.update(b"ready> ")
    for number in range(first, blocks):
        expected.update((b"%015d " % number + body)[skip:])
        skip = 0
    expected.update(b"done> ")
    offset = start
    while offset < status.end:
        at, data = jobs.raw(job_id, since=offset, limit=8 << 20)
        assert at == offset
        assert data
        found.update(data)
        offset += len(data)
    assert found.digest() == expected.digest()
    jobs.interact(job_id, input="", timeout=20)
    assert world.eventually(lambda: not world.running(holder))


def test_one_line_of_twenty_megabytes(jobs: Jobs) -> None:
    script = (
        "import os, sys\n"
        "data = memoryview(b'start ' + b'\\xc3\\xa9' * 10_000_000 + b' end')\n"
        "while data: data = data[os.write(1, data):]\n"
        "print(); input('more> ')"
    )
    spec = prepare(jobs.config, argv=(sys.executable, "-S", "-c", script))
    answer = jobs.start(spec, wait=60)
    assert answer.verdict.prompt == "more> "
    assert answer.fresh.text.rstrip("\n").endswith("é end")
    assert len(answer.fresh.text) <= 2 * jobs.config.max_chars
    assert answer.fresh.omitted_chars > 9_000_000
    status = jobs.status(answer.job_id)
    assert status.end == len("start ") + 20_000_000 + len(" end\r\nmore> ")
    assert status.holder
    assert peak(status.holder) < 320 << 20  # ten thousand rows of it are kept as scrollback
    assert jobs.interact(answer.job_id, input="x").verdict.exit
    page = jobs.output(answer.job_id, since=20_000_000 - 100, limit=1000)
    assert page.text.endswith("é end\nmore> x")
