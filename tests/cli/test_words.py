"""The few words about a job that a list has room for."""

from __future__ import annotations

import pytest

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
