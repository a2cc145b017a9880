"""The few words about a job that a list has room for."""

from __future__ import annotations

import pytest

from ptyjobs.cli.commands.list import table
from ptyjobs.cli.commands.status import page
from ptyjobs.cli.format import turn
from ptyjobs.model import Exit, State, Status


@pytest.mark.parametrize(
    ("state", "end", "reason", "words"),
    [
        (State.COMPLETED, Exit(code=0), "", "code 0"),
        (State.FAILED, Exit(code=255), "not connected", "code 255, not connected"),
        (State.FAILED, None, "its holder was killed", "its holder was killed"),
    ],
)
def test_the_end_of_a_job_is_told_with_its_reason(
    state: State, end: Exit | None, reason: str, words: str
) -> None:
    status = Status("j1", state, "true", "/", exit=end, reason=reason)
    assert turn(status) == words


def test_the_reason_of_an_end_is_told_once() -> None:
    lost = Status("j1", State.KILLED, "true", "/", reason="its holder was killed")
    assert "\n".join(page(lost, now=1.0)).count("its holder was killed") == 1
    grown = Status("j1", State.RUNNING, "cat", "/", reason="restored")
    assert any(line.split() == ["why", "restored"] for line in page(grown, now=1.0))


@pytest.mark.parametrize("width", [0, 80, 200])
def test_a_list_shows_running_jobs_first_and_whole_ids(width: int) -> None:
    longest = "n" * 64
    ended = [Status(f"done-{n}", State.COMPLETED, "true", "/", exit=Exit(code=0)) for n in range(3)]
    running = Status(longest, State.RUNNING, "cat", "/")
    lines = table([*ended, running], now=0.0, width=width)[1:]
    assert [line.split()[0] for line in lines] == [longest, "done-0", "done-1", "done-2"]
    assert all(len(line) <= width for line in lines if width)
