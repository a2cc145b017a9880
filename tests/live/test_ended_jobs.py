"""Waits for patterns of jobs that have ended already, by Python and by MCP."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadPattern
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Known
from tests.mcp.live import Server

pytestmark = pytest.mark.live

LINES = "echo one; echo READY; echo last"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


def ended(jobs: Jobs, command: str) -> None:
    """Run `command` as the job j; its holder has exited, so that its directory answers."""
    jobs.execute(command, name="j", wait=0)
    jobs.wait("j", until="exited", timeout=60)
    holder = jobs.status("j").holder
    if holder is not None:
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(holder)
            select.select([pidfd], [], [], 30)
            os.close(pidfd)


@pytest.mark.parametrize(
    ("pattern", "text"), [("READ.", "READY"), ("one\nREADY", "one\nREADY"), ("^last$", "last")]
)
def test_a_match_in_output_that_was_not_read_is_a_match(
    jobs: Jobs, pattern: str, text: str
) -> None:
    ended(jobs, LINES)
    with Jobs(jobs.config) as other:  # has read nothing of it
        result = other.wait_many(["j"], until="pattern", patterns=["none", pattern])
    verdict = result.answers[0].verdict
    assert (verdict.pattern, verdict.match, result.met) == (1, text, ("j",))
    assert verdict.exit is not None


def test_a_match_before_the_wait_is_named_with_its_offset(jobs: Jobs) -> None:
    ended(jobs, LINES)
    result = jobs.wait_many(["j"], until="pattern", patterns=["READ.", "none"])
    expected = 'no new match of "READ." or "none" ("READY" came before this wait, at log 5)'
    assert (result.answers[0].unmatched, result.met) == (expected, ())


def test_an_absent_pattern_is_reported(jobs: Jobs) -> None:
    ended(jobs, LINES)
    for client in (jobs, Jobs(jobs.config)):
        answer = client.wait("j", until="pattern", patterns=["READY!"])
        assert answer.unmatched == 'no match of "READY!"'
        with pytest.raises(BadPattern):
            client.wait("j", until="pattern", patterns=["("])


def test_an_old_match_that_is_far_from_the_end_is_found(jobs: Jobs) -> None:
    ended(jobs, "echo READY; seq 100000")
    with Jobs(jobs.config) as other:
        answer = other.wait("j", until="pattern", patterns=["READ."], timeout=60)
    assert answer.verdict.match == "READY"


def test_no_pattern_finds_a_secret(jobs: Jobs) -> None:
    ended(jobs, "echo hunter-two-hunter")
    with Jobs(jobs.config) as other:
        other.redactor = Redactor([Known.of("hunter-two-hunter", name="PASS")])
        answer = other.wait("j", until="pattern", patterns=["hunter.*", "two"])
    assert answer.verdict.pattern is None
    assert answer.unmatched.startswith("no match of")


def test_the_tool_says_both(tmp_path: Path, jobs: Jobs) -> None:
    ended(jobs, LINES)
    with contextlib.closing(Server(tmp_path / "state")) as server:
        server.initialize()

        def wait(pattern: str) -> str:
            arguments = {"job_id": ["j"], "pattern": [pattern]}
            answer = server.ask("tools/call", {"name": "wait", "arguments": arguments}, within=30)
            text: str = answer["result"]["content"][0]["text"]
            return text

        assert wait("READ.").startswith('[j] matched "READY" · exited with code 0')
        assert wait("nothing").startswith('[j] no match of "nothing" · exited with code 0')
        assert '"READY" came before this wait, at log 5' in wait("READ.")
