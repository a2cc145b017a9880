"""Attach the user's terminal to a job: a repaint, then live output; keys are sent to the job.

Owns the connection and the keys while attached; `display.py` paints, and `terminal.py` has the
terminal's modes. Never interprets the output: the bytes come from the job's screen (the repaint)
and then from its log.

The subtle thing: further repaints may be needed (the hint expires, the terminal resumes after a
suspension, another viewer's size becomes the job's). Each one is a new connection, whose live
bytes continue exactly at its repaint; the typing connection is kept, because it sets the job's
size.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import person
from ptyjobs.cli.display import Display
from ptyjobs.cli.format import exit_code, turn
from ptyjobs.cli.holding import Holding, key_bytes
from ptyjobs.cli.program_reports import ProgramReports
from ptyjobs.cli.terminal import RESTORE, Terminal, terminal_size
from ptyjobs.client import orphans
from ptyjobs.client.connection import Follow
from ptyjobs.client.files import JobDir
from ptyjobs.client.sync import Jobs
from ptyjobs.errors import BadInput, HolderLost, Refused, UnknownJob
from ptyjobs.json_values import from_json
from ptyjobs.model import Size, Status
from ptyjobs.protocol import Data, member

if TYPE_CHECKING:
    from ptyjobs.protocol import JsonObject

__all__ = ["DETACH", "RESTORE", "attach", "terminal_size"]

DETACH = b"\x1c"  # C-\, as in dtach and abduco
DETACHES = (DETACH, b"\x1b[92;5u", b"\x1b[27;5;92~")  # plain, kitty's form, xterm's form
HISTORY = 1000  # job scrollback lines copied into the terminal's own scrollback
BAR_PAUSE = 1.0  # seconds between two updates of the status line
BETWEEN = 0.05  # seconds until the next attempt to write between two sequences


class Ended(Exception):
    """The attached job has ended; `status` says how."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status.exit))
        self.status = status


class Detached(Exception):
    """The user detached."""


def refuse_own(job: JobDir) -> None:
    """Raise Refused if this process runs inside `job`: its output would feed back into it."""
    if os.environ.get(orphans.MARK) == orphans.name(job.path):
        raise Refused(
            f"This terminal is inside job {job.job_id} already.",
            advice="Attach from another terminal.",
        )


def attach(
    jobs: Jobs,
    job_id: str,
    *,
    read_only: bool = False,
    detach_key: str = "C-\\",
    hold_key: str = "C-]",
    stays: bool = True,
    status_line: bool = False,
) -> int:
    """Attach to a job until the detach key, its exit, or end of input; returns the exit code.

    `stays`: the job keeps running after detaching, and a message says so. `hold_key` toggles the
    hold. Returns 0 after detaching, or the job's own exit code (128 + signal) if it exits.
    Raises HolderLost if the holder is lost, SystemExit if the terminal is.
    """
    refuse_own(jobs.registry.find(job_id))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("attach needs a terminal.", advice=f"Use ptyjobs logs -f {job_id}.")
    leave = key_bytes(detach_key) if detach_key != "C-\\" else DETACHES  # no key table to load
    terminal = Terminal()
    try:
        session = Session(
            jobs, job_id, terminal, read_only=read_only, leave=leave, key=detach_key,
            status_line=status_line,
        )  # fmt: skip
        held = "" if read_only or hold_key == detach_key else hold_key
        session.holds = Holding(jobs, job_id, held, session.notice)
    except HolderLost:
        return _show_ended(jobs, job_id)
    with contextlib.closing(session):
        try:
            with terminal.raw():
                try:
                    session.run()
                finally:
                    session.display.unbar()
        except Ended as end:
            session.reports.update([end.status], now=time.monotonic(), again=True)
            return _tell_end(terminal, end.status)
        except Detached:
            session.holds.leave()
            session.reports.clear()
            if stays:
                print(f"[detached from {job_id}; it goes on: ptyjobs attach {job_id}]")
            return 0
    lost = jobs.status(job_id)
    if lost.state.ended and lost.exit is not None:  # it exited before the exit event arrived
        return _tell_end(terminal, lost)
    raise HolderLost(f"Lost {job_id}: {lost.reason or 'its holder does not answer'}.")


def _tell_end(terminal: Terminal, status: Status) -> int:
    """Announce the job's end by notification and on the terminal; returns its exit code."""
    terminal.announce(f"{status.job_id} has {_ending(status)}")
    print(f"[{status.job_id} has {_ending(status)}]")
    return exit_code(status)


def _ending(status: Status) -> str:
    if status.exit is None:
        return f"ended: {status.reason or status.state}"
    return f"been {status.exit}" if status.exit.cause else str(status.exit)


def _show_ended(jobs: Jobs, job_id: str) -> int:
    status = jobs.status(job_id)
    if not status.state.ended:
        raise HolderLost(f"The holder of {job_id} does not answer.", advice="Try again.")
    print(jobs.tail(job_id).text)
    print(f"[{job_id} has {_ending(status)}]")
    return exit_code(status)


def _top(event: JsonObject) -> int | None:
    """Lines above the job's screen; None if the holder is older and does not tell."""
    top = event.get("top")
    return top if isinstance(top, int) else None


class Session:
    """One attached user."""

    def __init__(
        self,
        jobs: Jobs,
        job_id: str,
        terminal: Terminal,
        *,
        read_only: bool,
        leave: tuple[bytes, ...],
        key: str,
        status_line: bool,
    ) -> None:
        self._jobs, self._job_id, self._terminal = jobs, job_id, terminal
        self._read_only, self._key = read_only, key
        self._told = False  # that keys are not sent
        self._leave = re.compile(b"|".join(map(re.escape, leave)))
        self.display = Display(terminal, status_line=status_line, words=lambda: self._words)
        self._name = person.name()
        self.holds: Holding
        size = None if read_only else self.display.size()
        self._typing = jobs.follow(
            job_id, input=not read_only, size=size, scrollback=HISTORY, name=self._name
        )
        self._view = self._typing  # the connection that supplies the output
        self.reports = ProgramReports(terminal)
        self._reported = 0  # bytes shown when the job was last reported
        self._bytes = 0

    def close(self) -> None:
        self._typing.close()
        self._view.close()

    def run(self) -> None:
        """Relay both directions. Returns if the connection is lost; raises Ended or Detached."""
        keyboard = sys.stdin.fileno()
        self.reports.begin()
        while True:
            follows = {self._typing.fileno(): self._typing}
            if self._view is not self._typing:
                follows[self._view.fileno()] = self._view
            ready = [number for number, follow in follows.items() if follow.pending]
            if not ready:
                sources = [*follows, keyboard, self._terminal.signals]
                ready, _, _ = select.select(sources, [], [], self._patience())
            if self._terminal.signals in ready:
                self._on_signals()
            if keyboard in ready:
                self._on_keys(self._terminal.read())
            for number in ready:
                follow = follows.get(number)
                if follow in (self._typing, self._view) and not self._on_event(follow):
                    return
            self._on_time(time.monotonic())

    def _on_time(self, now: float) -> None:
        if (
            self.display.bar_due is not None
            and self.display.mirror is not None
            and now >= self.display.bar_due
        ):
            self.display.bar_due = now + BAR_PAUSE
            self.display.mirror.bar(self._status_words(), f"{self._key} detaches")
        if self.display.mirror is not None:
            self.display.mirror.draw(now)
        if self.display.hint_at is not None and now >= self.display.hint_at:
            self.display.hint_at = None
            self.display.hint_next = True
            self._refresh()
        if self.display.hint_until is not None and now >= self.display.hint_until:
            self.display.unhint()
        if self.reports.wanted and now >= self.reports.due:
            self._report(now)

    def _status_words(self) -> str:
        try:
            status = self._jobs.status(self._job_id)
        except (HolderLost, UnknownJob):  # the typing connection reports the end
            return self._job_id
        others = [name for name in status.people if name != self._name]
        people = f"with {', '.join(others)}" if others else ""
        state = turn(status) or status.state.value  # last: it is cut where room is short
        words = (self._job_id, people, state)
        return " \u00b7 ".join(filter(None, words))

    def _report(self, now: float) -> None:
        """Report the job to the terminal, between two sequences of its output."""
        if not self._terminal.between:
            self.reports.due = now + BETWEEN
            return
        again, self._reported = self._reported != self._bytes, self._bytes
        with contextlib.suppress(HolderLost, UnknownJob):  # the typing connection reports the end
            self.reports.update([self._jobs.status(self._job_id)], now=now, again=again)

    def _patience(self) -> float | None:
        picture = self.display.mirror.due if self.display.mirror is not None else None
        bar = self.display.bar_due if self.display.mirror is not None else None
        report = self.reports.due if self.reports.wanted else None
        times = [
            t
            for t in (self.display.hint_at, self.display.hint_until, picture, bar, report)
            if t is not None
        ]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _on_keys(self, data: bytes) -> None:
        leaving = self._leave.search(data)
        if not self._read_only:
            self._send(data[: leaving.start()] if leaving else data)
        self.display.unhint()
        if leaving:
            raise Detached
        if self._read_only and not self._told and not data.startswith(b"\x1b"):
            self._told = True  # once; what begins with ESC may be a report of the terminal
            self._show_hint(f"read only: keys are not sent \u00b7 {self._key} detaches")

    def _send(self, data: bytes) -> None:
        """Type `data` into the job, except the hold key."""
        for number, piece in enumerate(self.holds.split(data)):
            if number:
                self.holds.toggle()
            if piece:
                self._typing.send(piece)

    def _on_signals(self) -> None:
        for number in self._terminal.take_signals():
            if number == signal.SIGWINCH:
                self.display.forget_hint()
                size = self.display.size()
                whole = size is not None and self.display.mirror is None and not self._read_only
                if whole and size is not None and self._view is self._typing:
                    self._typing.resize(size)
                else:
                    self._refresh()
            elif number == signal.SIGTSTP:
                self._terminal.suspend()
            elif number == signal.SIGCONT:
                self._terminal.resume()
                self._reported = -1  # the shell's prompt has dropped our report
                self._refresh()

    def _refresh(self, *, claim: bool = True) -> None:
        """Repaint everything; with `claim` the job takes this terminal's size again."""
        self.display.hint_until = None
        self.display.forget_hint()
        claim = claim and not self._read_only
        scrollback = HISTORY if self.display.wants_history else 0
        try:
            fresh = self._jobs.follow(
                self._job_id,
                input=claim,
                size=self.display.size() if claim else None,
                name=self._name,
                scrollback=scrollback,
            )
        except HolderLost:  # the typing connection reports the end
            return
        if self._view is not self._typing:
            self._view.close()
        self._view = fresh
        if claim or self._read_only:  # one output stream suffices
            self._typing.close()
            self._typing = fresh

    def _on_event(self, follow: Follow | None) -> bool:
        """Handle the next event; False if the connection is closed. Raises Ended."""
        assert follow is not None
        message = follow.receive()
        if message is None:
            return False
        if not isinstance(message, Data) and message.get("event") == "exit":
            self.display.unhint()
            raise Ended(from_json(Status, message["status"]))
        if not isinstance(message, Data) and message.get("event") == "person":
            if follow is self._typing:
                self.holds.changed(message, bell=self._terminal.announce)
            return True
        if follow is not self._view:  # the view connection delivers the same bytes
            return True
        if isinstance(message, Data):
            self._bytes += len(message.data)
            replies = self.display.show(message.data)
            if replies and not self._read_only:
                self._typing.send(replies)
        elif message.get("event") == "repaint":
            data = member(message, "data", str).encode("latin-1")
            self.display.paint(data, from_json(Size, message["size"]), top=_top(message))
        elif message.get("event") == "resize":
            self._on_resized(from_json(Size, message["size"]), message)
        return True

    def _on_resized(self, size: Size, event: JsonObject) -> None:
        """Handle a change of the job's size, to our size or to a later viewer's."""
        ours = size == self.display.size()
        if ours and self.display.mirror is None and self._view is self._typing:
            return  # our own change
        moved = event.get("moved")
        self.display.resized(size, top=_top(event), moved=moved if isinstance(moved, int) else 0)
        self._refresh(claim=ours)  # if ours, one output stream suffices

    @property
    def _words(self) -> str:
        return f"{self._job_id}: {self._key} detaches{self.holds.words}"

    def notice(self, words: str) -> None:
        """Show a notice in the title, and in the last row until the next key or output."""
        self._terminal.title(f"{self._job_id}: {words}")
        unhinted = not self.display.painted or self.display.hint_at is not None
        self._show_hint(f"{words} \u00b7 {self._key} detaches" if unhinted else words)

    def _show_hint(self, words: str) -> None:
        """Show a line in the last row until the next key or output."""
        if self._terminal.dumb:
            return
        self.display.notice = words
        if self.display.painted:
            self.display.hint_at = None  # the general hint would replace it
            self.display.hint_next = True
            self._refresh(claim=False)
