"""Probe results for 32-bit programs on a 64-bit kernel, written here byte by byte."""

from __future__ import annotations

import itertools
import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs.process import procfs
from ptyjobs.readiness.facts import Wait
from ptyjobs.readiness.linux import blocked, syscalls
from tests.readiness.driver import Job, python
from tests.readiness.test_kernel import settle_on

BASE = 0x08048000  # where the i386 ABI loads a program
CODE = 52 + 32  # behind the ELF header and one program header, see elf(5)
MOVE = (0xB8, 0xBB, 0xB9, 0xBA, 0xBE, 0xBF)  # mov $number, eax ebx ecx edx esi edi
AT = BASE + CODE + 64  # of the data
END = b"\xb8\x01\x00\x00\x00\xcd\x80"  # exit(2)


def program(number: int, *args: int, data: bytes = b"") -> bytes:
    """An i386 executable that makes one system call; its `data` is at the address AT."""
    code = b"".join(
        struct.pack("=BI", move, word & 0xFFFFFFFF)
        for move, word in zip(MOVE, (number, *args), strict=False)
    )
    body = (code + b"\xcd\x80" + END).ljust(64, b"\x90") + data
    size = CODE + len(body)
    head = b"\x7fELF" + bytes((1, 1, 1)) + bytes(9)
    head += struct.pack("=HHIIIIIHHHHHH", 2, 3, 1, BASE + CODE, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return head + struct.pack("=8I", 1, 0, BASE, BASE, size, size, 7, 4096) + body


def runs_here(path: Path) -> bool:
    path.write_bytes(program(1, 0))
    path.chmod(0o755)
    try:
        return subprocess.run([str(path)], timeout=20, check=False).returncode == 0
    except OSError:  # ENOEXEC: a kernel without IA32_EMULATION
        return False


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("needs an x86-64 Linux")
    place = tmp_path / "narrow"
    if not runs_here(place):
        pytest.skip("this kernel runs no 32-bit programs")
    return place


POLL = struct.pack("=iHH", 0, 1, 0)
BITS = struct.pack("=I", 1)
PACKED = struct.pack("=5I", 1, AT + 20, 0, 0, 0) + BITS


@pytest.mark.parametrize(
    ("number", "args", "data", "wait", "wakes"),
    [
        (3, (0, AT, 9), bytes(9), Wait.HARD, 0.0),  # read
        (145, (0, AT, 1), struct.pack("=II", AT + 8, 9) + bytes(9), Wait.HARD, 0.0),  # readv
        (168, (AT, 1, -1), POLL, Wait.HARD, 0.0),  # poll
        (168, (AT, 1, 99000), POLL, Wait.SOFT, 99.0),
        (309, (AT, 1, AT + 8, 0, 8), POLL + struct.pack("=ii", 99, 0), Wait.SOFT, 99.0),  # ppoll
        (414, (AT, 1, AT + 8, 0, 8), POLL + struct.pack("=qq", 99, 0), Wait.SOFT, 99.0),
        (142, (1, AT, 0, 0, 0), BITS, Wait.HARD, 0.0),  # _newselect
        (142, (1, AT, 0, 0, AT + 4), BITS + struct.pack("=ii", 99, 500000), Wait.SOFT, 99.5),
        (82, (AT,), PACKED, Wait.HARD, 0.0),  # select
        (308, (1, AT, 0, 0, AT + 4), BITS + struct.pack("=ii", 99, 0), Wait.SOFT, 99.0),  # pselect6
        (413, (1, AT, 0, 0, AT + 4), BITS + struct.pack("=qq", 99, 0), Wait.SOFT, 99.0),
        (162, (AT, 0), struct.pack("=ii", 99, 0), Wait.BUSY, 0.0),  # nanosleep
        (407, (1, 0, AT, 0), struct.pack("=qq", 99, 0), Wait.BUSY, 0.0),  # clock_nanosleep
        (179, (AT, 8), bytes(8), Wait.BUSY, 0.0),  # rt_sigsuspend
    ],
)
def test_what_each_call_of_a_32_bit_program_means(
    place: Path, number: int, args: tuple[int, ...], data: bytes, wait: Wait, wakes: float
) -> None:
    place.write_bytes(program(number, *args, data=data))
    with Job([str(place)]) as job:
        for _ in itertools.repeat(None):
            job.kernel._last = None
            probe = settle_on(job, wait)
            if not probe.running and probe.doing.startswith("narrow"):  # not before its exec
                break
        assert probe.wakes == pytest.approx(wakes)
        assert probe.doing == f"narrow in {CALLS[number].name}"
        assert probe.polling == (number in (162, 407))


CALLS = syscalls.calls("i386") or {}


def test_a_64_bit_program_with_a_low_stack_keeps_its_own_numbers() -> None:
    table = syscalls.calls("x86_64")
    assert table is not None
    line = b"0 0x0 0xffffd000 0x9 0x0 0x0 0x0 0xffffcfe0 0xf7fd0549\n"
    with python("import os; os.read(0, 9)") as job:
        settle_on(job, Wait.HARD)
        process = job.kernel._census.processes[job.pid]
        sleep = blocked.BlockedOn("/proc", process, table).sleep(line, job.pid, job.kernel._tty)
        assert (sleep.call, sleep.tty) == ("read", True)


def test_a_32_bit_program_of_another_processor_is_not_guessed_at(tmp_path: Path) -> None:
    table = syscalls.calls("aarch64")
    assert table is not None
    (tmp_path / "9").mkdir()
    arm = bytearray(program(1))
    arm[18] = 40  # EM_ARM
    (tmp_path / "9" / "exe").write_bytes(arm)
    process = procfs.Process("/proc", os.getpid())
    process.pid = 9
    line = b"3 0x0 0xffffd000 0x9 0x0 0x0 0x0 0xffffcfe0 0xf7fd0549\n"
    reader = blocked.BlockedOn(str(tmp_path), process, table)
    assert not reader.sleep(line, 9, procfs.Tty(0, 0)).seen
