"""A person holds a job, hands it back, and answers when one is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.errors import BadInput, JobEnded, Refused
from ptyjobs.mcp import results
from ptyjobs.model import Answer, Reason
from tests.faults import world

pytestmark = pytest.mark.live


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    with Jobs(settings) as agent:
        yield agent


def python(jobs: Jobs) -> str:
    env = {"PYTHON_BASIC_REPL": "1"}  # one whose prompt is plain text in the log
    spec = prepare(jobs.config, argv=(sys.executable, "-i", "-q"), name="py", env=env)
    return jobs.start(spec, name="py", wait=15).job_id


class Someone:
    """A person attached to a job: their connection, their keys."""

    def __init__(self, jobs: Jobs, name: str, job_id: str = "py") -> None:
        self.jobs, self.name, self.job_id = jobs, name, job_id
        self.follow = jobs.follow(job_id, input=True, name=name)

    def type(self, text: str, shows: str) -> None:
        """Type a line and see what it prints."""
        before = self.count(shows)
        self.follow.send(text.encode() + b"\r")
        assert world.eventually(lambda: self.count(shows) > before)

    def count(self, text: str) -> int:
        """How often `text` stands in the log."""
        return self.jobs.raw(self.job_id, limit=1 << 25)[1].count(text.encode())


def test_while_a_person_holds_the_agent_reads_and_does_not_type(jobs: Jobs) -> None:
    job_id = python(jobs)
    ben = Someone(jobs, "ben@pts/3")
    jobs.hold(job_id, by=ben.name)
    with pytest.raises(Refused, match=r"held by ben@pts/3 since \d\d:\d\d:\d\d: nothing was typed"):
        jobs.interact(job_id, input="print('agent')")
    with pytest.raises(Refused):
        jobs.interact(job_id, keys=["C-c"])
    ben.type("print(6 * 7)", "42")
    assert "42" in jobs.tail(job_id).text
    status = jobs.status(job_id)
    assert status.held.startswith("held by ben@pts/3 since")
    assert status.people == ("ben@pts/3",)
    waited = jobs.wait(job_id, until="quiet", timeout=10)
    assert waited.held == status.held
    assert jobs.hand_back(job_id, by=ben.name)
    assert not jobs.hand_back(job_id, by=ben.name)
    assert jobs.interact(job_id, input="print('agent')").fresh.text == "agent"
    assert "agent" not in waited.fresh.text


def test_the_next_reply_begins_with_what_happened(jobs: Jobs) -> None:
    job_id = python(jobs)
    ben = Someone(jobs, "ben")
    jobs.hold(job_id, by="ben")
    ben.type("import getpass; x = getpass.getpass('PIN? ')", "PIN? ")
    ben.type("hunter2-very-secret", "\r\n>>> ")
    ben.type("print('now', 1 + 1)", "now 2")
    jobs.hand_back(job_id, by="ben")
    answer = jobs.interact(job_id, input="3 + 4")
    report = answer.handback.split("\n")
    assert report[0].startswith("held by ben for ")
    assert "typed: import getpass; x = getpass.getpass('PIN? ')" in report
    assert "typed: (typed unseen)" in report
    assert "typed: print('now', 1 + 1)" in report
    assert "now: at '>>>'" in report
    assert report[-1].startswith("output meanwhile: ")
    assert "hunter2" not in repr(answer)
    assert answer.fresh.text == "7"
    shown = results.of_answer(answer).text.split("\n")
    assert shown[1] == "--- a person:"
    assert shown[-1] == "7"
    assert jobs.interact(job_id, input="1").handback == "", "told once"


def test_a_long_hold_is_reported_in_twenty_lines(jobs: Jobs) -> None:
    job_id = python(jobs)
    ben = Someone(jobs, "ben")
    jobs.hold(job_id, by="ben")
    for number in range(30):
        ben.type(f"print({number} + 1000)", f"{number + 1000}\r\n")
    ben.type("print('x' * 10_000_000); print('e' + 'nd')", "end")
    jobs.hand_back(job_id, by="ben")
    answer = jobs.interact(job_id, input="5")
    report = answer.handback.split("\n")
    assert len(report) <= 20
    assert "typed: 19 lines before these" in report
    assert any("output meanwhile: 10,0" in line for line in report)
    assert len(results.of_answer(answer).text) < 12_000


@world.SEES_ALL
def test_input_that_waits_for_its_turn_is_reported_as_not_typed(jobs: Jobs) -> None:
    script = "import time; input('> '); time.sleep(600)"
    spec = prepare(jobs.config, argv=(sys.executable, "-c", script), name="py")
    job_id = jobs.start(spec, name="py", wait=15).job_id
    told: list[Exception | Answer] = []

    def agent(text: str) -> None:
        with Jobs(jobs.config) as other:
            try:
                told.append(other.interact(job_id, input=text, until=["never"], timeout=10))
            except Refused as error:
                told.append(error)

    first = threading.Thread(target=agent, args=("one",))
    first.start()
    assert world.eventually(lambda: jobs.status(job_id).waiters == 1)
    second = threading.Thread(target=agent, args=("two",))
    second.start()
    assert world.eventually(lambda: _connections(jobs, job_id) >= 3)
    jobs.hold(job_id, by="ben", session=os.getsid(0))
    second.join(10)
    assert [type(t) for t in told] == [Refused]
    assert "nothing was typed" in str(told[0])
    jobs.kill(job_id)
    first.join(10)
    assert isinstance(told[1], Answer)


def _connections(jobs: Jobs, job_id: str) -> int:
    holder = jobs.status(job_id).holder
    fds = Path(f"/proc/{holder}/fd")
    return sum("socket" in os.readlink(fd) for fd in fds.iterdir() if fd.is_symlink())


def test_a_wait_goes_on_while_a_person_holds(jobs: Jobs) -> None:
    job_id = python(jobs)
    answers: list[Answer] = []

    def agent() -> None:
        with Jobs(jobs.config) as other:
            answers.append(other.wait(job_id, until="exited", timeout=30))

    waiting = threading.Thread(target=agent)
    waiting.start()
    assert world.eventually(lambda: jobs.status(job_id).waiters == 1)
    ben = Someone(jobs, "ben")
    jobs.hold(job_id, by="ben")
    ben.type("exit(print('READY'))", "READY")
    waiting.join(20)
    assert answers[0].verdict.reason is Reason.EXITED
    assert "READY" in answers[0].fresh.text
    assert answers[0].handback.startswith("held by ben")
    assert "now: the job has ended" in answers[0].handback
    assert answers[0].by_person


def test_two_people_cannot_hold_one_job(jobs: Jobs) -> None:
    job_id = python(jobs)
    ann, ben = Someone(jobs, "ann"), Someone(jobs, "ben")
    jobs.hold(job_id, by="ann")
    with pytest.raises(Refused, match=r"held by ann since .* already"):
        jobs.hold(job_id, by="ben")
    jobs.hold(job_id, by="ann")  # again: still hers
    ben.follow.send(b"print('by ben')\r")
    ann.type("print('by', 'ann')", "by ann\r\n")
    assert b"by ben" not in jobs.raw(job_id)[1]
    jobs.hand_back(job_id, by="ben")  # who asks for it is said
    jobs.hold(job_id, by="ben")


def test_an_ended_job_cannot_be_held(jobs: Jobs) -> None:
    spec = prepare(jobs.config, command="true", name="t")
    jobs.start(spec, name="t", wait=10)
    with pytest.raises(JobEnded):
        jobs.hold("t", by="ben")


def test_a_person_whose_terminal_dies_is_released_after_a_grace(jobs: Jobs) -> None:
    job_id = python(jobs)
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    ) as terminal:
        jobs.hold(job_id, by="ben@pts/9", session=terminal.pid)
        answer = jobs.wait(job_id, until="person", timeout=2)
        assert answer.verdict.reason is Reason.TIMEOUT
        terminal.send_signal(signal.SIGKILL)
        terminal.wait()
        answer = jobs.wait(job_id, until="person", timeout=30)
    assert answer.verdict.reason is Reason.PERSON
    assert "released (their terminal has gone)" in answer.handback
    assert not jobs.status(job_id).held


def test_a_person_is_asked_and_says_done(jobs: Jobs, tmp_path: Path) -> None:
    note = tmp_path / "note"
    settings = config.load(
        environ={
            "PTYJOBS_STATE": str(tmp_path / "state"),
            "PTYJOBS_NOTIFY_COMMAND": f'echo "$PTYJOBS_JOB: $PTYJOBS_MESSAGE" > {note}.part; '
            f"mv {note}.part {note}",
        }
    )
    spec = prepare(settings, argv=(sys.executable, "-i", "-q"), name="py")
    job_id = jobs.start(spec, name="py", wait=15).job_id
    ben = Someone(jobs, "ben")
    first = jobs.wait(job_id, until="person", message="log in; $(rm)", timeout=1)
    assert first.verdict.reason is Reason.TIMEOUT
    assert jobs.status(job_id).asks == "log in; $(rm)"
    assert world.eventually(note.exists)
    assert note.read_text() == "py: log in; $(rm)\n"
    events = iter(ben.follow.receive, None)
    assert any(isinstance(e, dict) and e.get("event") == "person" and e["asks"] for e in events), (
        "attached people hear of it"
    )
    jobs.done(job_id, by="ben", message="logged in as ro")
    answer = jobs.wait(job_id, until="person", message="log in; $(rm)", timeout=10)
    assert answer.verdict.reason is Reason.PERSON
    assert (answer.verdict.why, answer.verdict.match) == ("done by ben", "logged in as ro")
    assert 'person: done by ben "logged in as ro"' in results.of_answer(answer).text
    assert not jobs.status(job_id).asks


def test_a_person_declines(jobs: Jobs) -> None:
    job_id = python(jobs)
    with pytest.raises(BadInput, match="does not ask"):
        jobs.done(job_id, by="ben")
    with pytest.raises(BadInput, match="no message"):
        jobs.wait(job_id, until="person", timeout=1)
    jobs.wait(job_id, until="person", message="approve", timeout=0)
    jobs.done(job_id, by="ben", message="not today", declined=True)
    answer = jobs.wait(job_id, until="person", timeout=10)
    assert answer.verdict.why == "declined by ben"


def test_releasing_a_hold_answers_the_request(jobs: Jobs) -> None:
    job_id = python(jobs)
    jobs.wait(job_id, until="person", message="set x", timeout=0)
    ben = Someone(jobs, "ben")
    jobs.hold(job_id, by="ben")
    ben.type("x = 5; print('s' + 'et')", "set\r\n")
    jobs.hand_back(job_id, by="ben", message="it is 5")
    answer = jobs.wait(job_id, until="person", timeout=10)
    assert (answer.verdict.why, answer.verdict.match) == ("done by ben", "it is 5")
    assert "typed: x = 5; print('s' + 'et')" in answer.handback


def test_who_typed_what_stays_apart(jobs: Jobs) -> None:
    job_id = python(jobs)
    jobs.who = "agent one"
    jobs.release(job_id)  # the next connection says who it is
    jobs.interact(job_id, input="1 + 1")
    ben = Someone(jobs, "ben")
    ben.type("2 + 2", "4\r\n")
    jobs.interact(job_id, input="3 + 3")

    def typed() -> dict[str, str]:
        found: dict[str, str] = {}
        for event in jobs.registry.find(job_id).events():
            if event.code == "i":
                found[event.who] = found.get(event.who, "") + event.data
        return {who: " ".join(text.split()) for who, text in found.items()}

    # the line of an answer is judged behind the answer
    assert world.eventually(lambda: typed() == {"agent one": "1 + 1 3 + 3", "ben": "2 + 2"})


def test_a_hold_goes_on_in_the_next_run(jobs: Jobs) -> None:
    script = "import os; print('run of', os.getpid()); input('? ')"
    argv = (sys.executable, "-c", script)
    jobs.start(prepare(jobs.config, argv=argv, name="py", restart="always"), name="py", wait=15)
    jobs.hold("py", by="ben", session=os.getsid(0))
    held = jobs.status("py").held
    Someone(jobs, "ben").follow.send(b"\x04")
    assert world.eventually(lambda: jobs.status("py").run == 2)
    assert jobs.status("py").held == held
    with pytest.raises(Refused, match="held by ben since"):
        jobs.interact("py", input="agent")
    jobs.hand_back("py", by="ben")
    assert jobs.wait("py", timeout=10).handback.startswith("held by ben for ")


def test_a_hold_ends_with_a_job_that_does_not_restart_after_all(jobs: Jobs) -> None:
    argv = (sys.executable, "-c", "input('? '); 1 / 0")
    spec = prepare(jobs.config, argv=argv, name="py", restart="on-failure")
    jobs.start(spec, name="py", wait=15)
    jobs.hold("py", by="ben", session=os.getsid(0))
    Someone(jobs, "ben").follow.send(b"\r")
    assert world.eventually(lambda: jobs.status("py").state.ended)
    assert jobs.status("py").held, "the next run is to come"
    jobs.kill("py")
    assert not jobs.status("py").held


def test_done_hands_back_the_hold_of_its_person_and_of_no_other(jobs: Jobs) -> None:
    job_id = python(jobs)
    for by, held in (("ann", True), ("ben", False)):
        ben = Someone(jobs, "ben")
        jobs.hold(job_id, by="ben")
        ben.type("20 + 22", "42\r\n")
        jobs.wait(job_id, until="person", message=f"look, {by}", timeout=0)
        jobs.done(job_id, by=by, message="looked")
        assert bool(jobs.status(job_id).held) is held
        answer = jobs.wait(job_id, until="person", timeout=10)
        assert answer.verdict.why == f"done by {by}"
        assert answer.verdict.match == "looked"
        assert ("typed: 20 + 22" in answer.handback) is not held
        ben.follow.close()
