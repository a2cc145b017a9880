"""`job(...)`: a program under a real terminal for the length of a test.

Owns the clean environment, the steps and the checks at the end: no process of the job remains, no
zombie, no descriptor of ours. Never sleeps or polls: each step types and then waits until the
program is ready for the next one, as the product's `interact` does.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from ptyjobs.client.preparation import prepare
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import HolderLost, JobEnded, PtyJobsError
from ptyjobs.input import keys
from ptyjobs.input.mouse_syntax import parse as parse_mouse
from ptyjobs.model import Answer, Confidence, Exit, Reason, Size, Status
from ptyjobs.protocol import Data
from ptyjobs.terminal import Screen
from ptyjobs.testing.picture import Picture

__tracebackhide__ = True  # a failing step is shown where the test makes it

TIMEOUT = 10.0
LINGERS = 0.5
"""Seconds that a screen may still change while its program waits for input."""
UNWAITED = 0.1
"""Seconds that a step without waiting leaves the terminal to take the input."""
KEPT = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "TMPDIR", "COVERAGE_*", "TZ")
"""Of the environment of the tests; all else is set here or by the test."""
CLEAN = {
    "LANG": "C.UTF-8", "PS1": "$ ", "PS2": "> ", "HISTFILE": "/dev/null", "PAGER": "cat",
    "PYTHON_HISTORY": "/dev/null", "NO_AT_BRIDGE": "1",
}  # fmt: skip


class NotSettled(AssertionError):
    """The program did not become ready in time; the message shows its state."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of a step: the fresh text, the prompt, and the reason for the verdict."""

    text: str
    prompt: str
    answer: Answer

    @property
    def reason(self) -> Reason:
        return self.answer.verdict.reason

    @property
    def password(self) -> bool:
        """The program reads a line without echo."""
        return self.reason is Reason.PASSWORD


class LiveJob:
    """A running program. Steps: `type`, `press`, `paste`, `mouse`, `resize`, `settles`, `expect`.

    Then `screen`, `fresh` and `exit()`.
    """

    def __init__(
        self, jobs: Jobs, answer: Answer, *, timeout: float, allow_left: bool, held: frozenset[str]
    ) -> None:
        self._jobs = jobs
        self._timeout = timeout
        self._allow_left = allow_left
        self._held = held  # descriptors that its start opened in this process
        self.job_id = answer.job_id
        self.replies: list[tuple[str, Answer]] = []  # every step and its answer
        self.reply = self._note("start", answer)

    @property
    def restless(self) -> bool:
        """The program did not settle after its start."""
        first = self.replies[0][1]
        return bool(first.verdict.waited) and first.verdict.reason is Reason.TIMEOUT

    def check_start(self) -> None:
        """Raise NotSettled if the program did not settle after its start."""
        if self.restless:
            self._restless("its start", self.replies[0][1], self._timeout)

    # --- steps --------------------------------------------------------------------------------

    def type(
        self, text: str, *, enter: bool = True, wait: bool = True, timeout: float | None = None
    ) -> Reply:
        """Type a text and Enter, then wait until the program is ready again.

        Without `wait` it returns as soon as the text has been written (0.1 s at most), for programs
        that never settle: use `expect`. Raises NotSettled after `timeout` seconds.
        """
        send = partial(self._jobs.interact, self.job_id, input=text, enter=enter)
        return self._step(f"type {text!r}", send, wait, timeout)

    def press(self, *names: str, wait: bool = True, timeout: float | None = None) -> Reply:
        """Press keys by name: `job.press("C-c")`, `job.press("Up", "Enter")`."""
        send = partial(self._jobs.interact, self.job_id, keys=names)
        return self._step(f"press {' '.join(names)}", send, wait, timeout)

    def paste(
        self, text: str, *, enter: bool = False, wait: bool = True, timeout: float | None = None
    ) -> Reply:
        """Paste a text as a terminal does: bracketed if the program enabled that."""
        raw = keys.paste(text, modes=self.screen.modes)
        raw += b"\r" if enter else b""
        send = partial(self._jobs.interact, self.job_id, raw=raw, shown=text, enter=False)
        return self._step(f"paste {text!r}", send, wait, timeout)

    def mouse(self, action: str, *, wait: bool = True, timeout: float | None = None) -> Reply:
        """Use the mouse: `job.mouse("click 3,10")` (row, column from 1) or `job.mouse("click OK")`.

        Other actions are right-click, wheel-up, drag and so on, as in the tool `interact`.
        """
        send = partial(self._jobs.interact, self.job_id, mouse=parse_mouse(action), enter=False)
        return self._step(f"mouse {action}", send, wait, timeout)

    def settles(self, *, timeout: float | None = None) -> Reply:
        """Wait until the program is ready for input or has ended."""
        limit = self._timeout if timeout is None else timeout
        return self._settled("settles", self._jobs.wait(self.job_id, timeout=limit), limit)

    def expect(self, what: str | re.Pattern[str], *, timeout: float | None = None) -> Reply:
        """Wait until a text or a match of a pattern is on the screen or was printed.

        Text returned by an earlier step counts only while it is still on the screen.
        """
        words = what.pattern if isinstance(what, re.Pattern) else what
        pattern = words if isinstance(what, re.Pattern) else re.escape(words)
        limit = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while True:
            if re.search(pattern, self.screen.searched):
                return self.reply
            left = deadline - time.monotonic()
            answer = self._jobs.wait(
                self.job_id, until="pattern", patterns=[pattern], timeout=max(0.0, left)
            )
            found = self._note(f"expect {words!r}", answer)
            if answer.verdict.reason is Reason.PATTERN:
                return found
            if answer.state.ended or left <= 0:
                if re.search(pattern, self.screen.searched + answer.fresh.text):
                    return found
                ended = f"it has ended ({answer.verdict.exit})" if answer.state.ended else ""
                self._fail(ended or f"{limit:g} s are over", f"{words!r} did not come")

    def resize(
        self, rows: int, cols: int, *, wait: bool = True, timeout: float | None = None
    ) -> Reply:
        """Resize the terminal and wait until the program has redrawn."""
        self._jobs.resize(self.job_id, Size(rows, cols))
        return self.settles(timeout=timeout) if wait else self.reply

    def exit(self, *, timeout: float | None = None) -> Exit:
        """Wait for the program's exit: `job.exit().code`, or `.signal` if it was killed by one."""
        if (end := self.reply.answer.verdict.exit) is not None:
            return end  # of the last step, whose output stays in `fresh`
        limit = self._timeout if timeout is None else timeout
        answer = self._jobs.wait(self.job_id, until="exited", timeout=limit)
        self._note("exit", answer)
        if answer.verdict.exit is None:
            self._fail(f"{limit:g} s are over", "it did not end")
        return answer.verdict.exit

    def ended(self, *, timeout: float) -> Exit | None:
        """The program's exit, None if it still runs after `timeout` seconds."""
        return self._jobs.wait(self.job_id, until="exited", timeout=timeout).verdict.exit

    def passes(self, seconds: float) -> None:
        """Let a program that never settles run for so long, or to its end."""
        self.ended(timeout=seconds)

    def changes(self, since: int, *, deadline: float) -> int | None:
        """Wait for output after log offset `since`; the new end, None if there is none.

        `deadline` in monotonic seconds. A program that certainly waits for input is given `LINGERS`
        seconds, in case another of its threads draws.
        """
        verdict = self.reply.answer.verdict
        certain = verdict.reason.ready and verdict.confidence is Confidence.CERTAIN
        limit = min(deadline, time.monotonic() + LINGERS) if certain else deadline
        try:
            follow = self._jobs.follow(self.job_id, since=since)
        except HolderLost:  # it has ended
            return None
        try:
            while (left := limit - time.monotonic()) > 0:
                message = follow.receive(timeout=left)
                if isinstance(message, Data):
                    return message.offset + len(message.data)
                if message is None or message.get("event") == "exit":
                    return None
        except TimeoutError:
            pass
        finally:
            follow.close()
        return None

    @property
    def timeout(self) -> float:
        """Seconds that a step may take by default."""
        return self._timeout

    # --- reading ------------------------------------------------------------------------------

    @property
    def screen(self) -> Picture:
        """The terminal's current screen."""
        size, data = self._jobs.repaint(self.job_id)
        screen = Screen(size)
        screen.feed(data)
        return Picture.of(screen)

    @property
    def fresh(self) -> str:
        """Output of the last step."""
        return self.reply.text

    @property
    def status(self) -> Status:
        """Full status of the job."""
        return self._jobs.status(self.job_id)

    @property
    def directory(self) -> Path:
        """The job's files: a recording that `replay` reads."""
        return self._jobs.registry.find(self.job_id).path

    # --- inside -------------------------------------------------------------------------------

    def _step(
        self, what: str, send: Callable[..., Answer], wait: bool, timeout: float | None
    ) -> Reply:
        limit = (self._timeout if timeout is None else timeout) if wait else UNWAITED
        try:
            answer = send(timeout=limit)
        except JobEnded as error:
            self._fail(f"cannot {what}", error.message)
        except PtyJobsError as error:  # an unknown key: reported where the test names it
            raise error.with_traceback(None) from None
        if wait:
            return self._settled(what, answer, limit)
        reply = self._note(what, answer)
        if answer.unsent:
            left = f"{answer.unsent} of {answer.sent + answer.unsent} bytes did not go in"
            self._fail(f"{what} in {limit:g} s", left)
        return reply

    def _note(self, what: str, answer: Answer) -> Reply:
        self.replies.append((what, answer))
        self.reply = Reply(answer.fresh.text, answer.verdict.prompt, answer)
        return self.reply

    def _settled(self, what: str, answer: Answer, limit: float) -> Reply:
        reply = self._note(what, answer)
        if answer.verdict.reason is Reason.TIMEOUT:
            self._restless(what, answer, limit)
        return reply

    def _restless(self, what: str, answer: Answer, limit: float) -> NoReturn:
        doing = answer.verdict.doing or "it still works"
        advice = "a program that never rests is tested with wait=False, then expect(...)"
        self._fail(f"after {what} it did not come to rest in {limit:g} s", f"{doing} ({advice})")

    def _fail(self, why: str, more: str) -> NoReturn:
        try:
            self.screen.fail(f"{self.job_id}: {why}: {more}")
        except AssertionError as error:
            raise NotSettled(str(error)) from None

    # --- the end ------------------------------------------------------------------------------

    def close(self) -> str:
        """End the job; a message about leftovers, "" if there are none."""
        left: tuple[str, ...] = ()
        zombies: list[str] = []
        try:
            status = self.status
            left = status.processes if status.state.ended else ()
            zombies = [name for process in status.processes for name in _zombies_of(process)]
            killed = self._jobs.kill(self.job_id, grace=0.2)
            alive = [name for name in killed.status.processes if _runs(name)]
        except PtyJobsError as error:
            return f"{self.job_id}: {error}"
        finally:
            self._jobs.release(self.job_id)
        if alive:
            return f"{self.job_id} could not be ended: {', '.join(alive)} still run"
        if zombies:
            return f"{self.job_id} left zombies of its own unreaped: {', '.join(zombies)}"
        if left and not self._allow_left:
            names = ", ".join(left)
            return (
                f"{self.job_id} ended and left running: {names} (job(allow_left=True) permits it)"
            )
        if kept := self._held & sockets():
            return f"{self.job_id} left descriptors of this process open: {', '.join(sorted(kept))}"
        return ""


def _zombies_of(process: str) -> list[str]:
    """The dead children of `"PID name"` that it has not reaped."""
    found: list[str] = []
    for listing in Path(f"/proc/{process.split()[0]}/task").glob("*/children"):
        try:
            children = listing.read_text().split()
        except OSError:  # exited meanwhile
            continue
        found += [f"{pid} (of {process})" for pid in children if _is_zombie(pid)]
    return found


def _is_zombie(process: str) -> bool:
    """True if `"PID name"` is dead and not yet reaped by its parent."""
    try:
        stat = Path(f"/proc/{process.split()[0]}/stat").read_text()
    except OSError:  # exited meanwhile
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"


def _runs(process: str) -> bool:
    return Path(f"/proc/{process.split()[0]}").exists() and not _is_zombie(process)


def start(
    jobs: Jobs,
    command: str | Sequence[str],
    *,
    rows: int = 24,
    cols: int = 80,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] = "",
    home: Path,
    timeout: float = TIMEOUT,
    wait: bool = True,
    allow_left: bool = False,
) -> LiveJob:
    """Start a command line or an argument vector under its own terminal.

    With `wait` it gets `timeout` seconds to settle; `check_start` raises if it did not. `cwd` is
    the directory of the test run by default. `allow_left`: processes that it leaves running are
    killed without failing the test.
    """
    line = command if isinstance(command, str) else shlex.join(command)
    clean = {**CLEAN, "HOME": str(home), **(env or {})}
    before = sockets()
    try:
        spec = prepare(
            jobs.config,
            command=line,
            argv=() if isinstance(command, str) else tuple(command),
            rows=rows,
            cols=cols,
            env=clean,
            cwd=os.fspath(cwd) or os.getcwd(),
        )
        answer = jobs.start(spec, wait=timeout if wait else 0.0)
    except PtyJobsError as error:  # a wrong parameter: reported where the test gives it
        raise error.with_traceback(None) from None
    held = sockets() - before
    return LiveJob(jobs, answer, timeout=timeout, allow_left=allow_left, held=held)


def settings(state: Path) -> Config:
    """Configuration for the jobs of a test session, without the user's own."""
    shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
    return Config(state_dir=os.fspath(state), shell=shell, env_allow=KEPT, retention_count=1000)


def sockets() -> frozenset[str]:
    """The sockets and terminals that this process has open; empty if that is unknown."""
    held = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            link = os.readlink(entry)
        except OSError:  # closed meanwhile, such as the listing's own
            continue
        if link.startswith(("socket:", "/dev/pt")):
            held.add(link)
    return frozenset(held)
