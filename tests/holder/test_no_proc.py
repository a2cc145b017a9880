"""The children of a process, found without /proc."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ptyjobs.process import no_proc

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="clone3 and WNOWAIT are Linux's")


def test_exactly_the_own_children_are_found() -> None:
    script = (
        "import os, subprocess\n"
        "from ptyjobs.process import no_proc\n"
        "living = subprocess.Popen(['sleep', '60'])\n"
        "dead = os.posix_spawn('/bin/true', ['true'], {})\n"
        "os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)\n"
        "found = {pid: no_proc.state(pid) for pid in no_proc.children()}\n"
        "living.kill()\n"
        "assert found == {living.pid: 'S', dead: 'Z'}, (found, living.pid, dead)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("mine", "newest", "inside", "outside"),
    [
        (100, 200, {101, 199}, {100, 200, 99}),
        (32000, 300, {32001, 32767, 2, 299}, {31999, 300, 1}),
        (40000, 300, {40001, 4194303, 2, 299}, {39999, 300}),
    ],
)
def test_numbers_that_start_over(
    mine: int, newest: int, inside: set[int], outside: set[int]
) -> None:
    numbers = no_proc._since(mine, newest)
    assert all(any(pid in some for some in numbers) for pid in inside)
    assert not any(pid in some for some in numbers for pid in outside)
