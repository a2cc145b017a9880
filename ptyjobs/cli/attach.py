"""Attach the user's terminal to a job: a repaint, then live output; keys are sent to the job.

Owns the display and the keys while attached (the terminal's modes are in `terminal.py`). Never
interprets the output while the terminal has the job's size: the bytes come from the job's screen
(the repaint) and then from its log. For a terminal of another size, or with a status line, the
screen is drawn here (`viewport.py`).

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

from ptyjobs.cli import person
from ptyjobs.cli.format import exit_code, turn
from ptyjobs.cli.holding import Holding, key_bytes
from ptyjobs.cli.program_reports import ProgramReports
from ptyjobs.cli.terminal import RESTORE, Terminal, plain, terminal_size
from ptyjobs.cli.viewport import Mirror
from ptyjobs.client import orphans
from ptyjobs.client.connection import Follow
from ptyjobs.client.files import JobDir
from ptyjobs.client.sync import Jobs
from ptyjobs.errors import BadInput, HolderLost, Refused, UnknownJob
from ptyjobs.json_values import from_json
from ptyjobs.model import Size, Status
from ptyjobs.protocol import Data, member

__all__ = ["DETACH", "RESTORE", "attach", "terminal_size"]

DETACH = b"\x1c"  # C-\, as in dtach and abduco
DETACHES = (DETACH, b"\x1b[92;5u", b"\x1b[27;5;92~")  # plain, kitty's form, xterm's form
HINT_AFTER = 0.3  # seconds until the hint is shown: short commands need none
NOTICE = 30.0  # seconds that a notice is shown, at most until the next key or output
HINT = 2.0  # seconds that it covers the last row, at most until the next key or output
HISTORY = 1000  # job scrollback lines copied into the terminal's own scrollback
BAR_PAUSE = 1.0  # seconds between two updates of the status line
BETWEEN = 0.05  # seconds until the next attempt to write between two sequences
_CLEAR = b"\x1b[H\x1b[2J"


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
                    session.unbar()
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
    terminal.announce(f"{status.job_id} has {status.exit or status.state}")
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
        self._leave = re.compile(b"|".join(map(re.escape, leave)))
        self._bar_due = 0.0 if status_line and not terminal.dumb else None
        self._name = person.name()
        self.holds: Holding
        size = None if read_only else self._size()
        self._typing = jobs.follow(
            job_id, input=not read_only, size=size, scrollback=HISTORY, name=self._name
        )
        self._view = self._typing  # the connection that supplies the output
        self._mirror: Mirror | None = None
        self._hint_at: float | None = None
        self._hint_until: float | None = None
        self._hint_next = False  # the next repaint gets the hint
        self._notice = ""  # text of the hint, if not the detach key
        self._below: tuple[bytes, Size] | None = None  # the repaint that the hint covers
        self._painted = False
        self.reports = ProgramReports(terminal)
        self._reported = 0  # bytes shown when the job was last reported
        self._bytes = 0

    def unbar(self) -> None:
        """Erase the status line: nothing of ours remains on the terminal."""
        size = self._terminal.size()
        if self._bar_due is not None and self._mirror is not None and size is not None:
            self._terminal.write(f"\x1b[{size.rows};1H\x1b[m\x1b[2K".encode())

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

    def _size(self) -> Size | None:
        """The size of the terminal area that shows the job."""
        size = self._terminal.size()
        if size is None or self._bar_due is None or size.rows < 2:
            return size
        return Size(size.rows - 1, size.cols)

    def _on_time(self, now: float) -> None:
        if self._bar_due is not None and self._mirror is not None and now >= self._bar_due:
            self._bar_due = now + BAR_PAUSE
            self._mirror.bar(self._status_words(), f"{self._key} detaches")
        if self._mirror is not None:
            self._mirror.draw(now)
        if self._hint_at is not None and now >= self._hint_at:
            self._hint_at = None
            self._hint_next = True
            self._refresh()
        if self._hint_until is not None and now >= self._hint_until:
            self._unhint()
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
        picture = self._mirror.due if self._mirror is not None else None
        bar = self._bar_due if self._mirror is not None else None
        report = self.reports.due if self.reports.wanted else None
        times = [
            t for t in (self._hint_at, self._hint_until, picture, bar, report) if t is not None
        ]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _on_keys(self, data: bytes) -> None:
        leaving = self._leave.search(data)
        if not self._read_only:
            self._send(data[: leaving.start()] if leaving else data)
        if leaving:
            self._unhint()
            raise Detached
        self._unhint()

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
                self._below = None
                size = self._size()
                whole = size is not None and self._mirror is None and not self._read_only
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
        self._hint_until = self._below = None
        claim = claim and not self._read_only
        try:
            fresh = self._jobs.follow(
                self._job_id,
                input=claim,
                size=self._size() if claim else None,
                name=self._name,
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
            self._unhint()
            raise Ended(from_json(Status, message["status"]))
        if not isinstance(message, Data) and message.get("event") == "person":
            if follow is self._typing:
                self.holds.changed(message, bell=self._terminal.announce)
            return True
        if follow is not self._view:  # the view connection delivers the same bytes
            return True
        if isinstance(message, Data):
            self._show(message.data)
        elif message.get("event") == "repaint":
            self._paint(
                member(message, "data", str).encode("latin-1"), from_json(Size, message["size"])
            )
        elif message.get("event") == "resize":
            self._on_resized(from_json(Size, message["size"]))
        return True

    def _on_resized(self, size: Size) -> None:
        """Handle a change of the job's size, to our size or to a later viewer's."""
        if size != self._size():
            self._refresh(claim=False)
        elif self._view is not self._typing:  # the other viewer left: one output stream suffices
            self._refresh()

    def _show(self, data: bytes) -> None:
        self._unhint()
        self._bytes += len(data)
        if self._mirror is not None:
            replies = self._mirror.feed(data)
            if replies and not self._read_only:
                self._typing.send(replies)
        elif self._terminal.dumb:
            self._terminal.write(self._terminal.strip(data))
        else:
            self._terminal.pass_on(data)

    def _paint(self, data: bytes, size: Size) -> None:
        if self._terminal.dumb:
            if not self._painted:
                self._terminal.write(plain(data, size))
            self._painted = True
            return
        mine = self._size()
        if not self._painted:
            self._terminal.title(self._words)
        if mine is not None and (size != mine or self._bar_due is not None):
            self._mirror = Mirror(size, mine, self._terminal.write)
            self._mirror.feed(data)
            self._bar_due = None if self._bar_due is None else 0.0
            self._terminal.passing = False
        else:
            self._mirror = None
            self._pass_repaint(data, mine)
        if not self._painted:
            self._painted = True
            self._hint_at = None if self._bar_due is not None else time.monotonic() + HINT_AFTER
        elif self._hint_next:
            self._hint_next = False
            self._hint(data, size)

    def _pass_repaint(self, data: bytes, mine: Size | None) -> None:
        """Paint the job's screen without erasing the display: terminals save erased screens."""
        rows = mine.rows if mine else 24
        erase = b"\x1b[H" + b"\x1b[2K\r\x1b[B" * (rows - 1) + b"\x1b[2K\x1b[H"
        # Scroll instead of erasing: the previous contents stay readable in the scrollback.
        away = f"\x1b[{rows};1H" + "\n" * rows if mine and not self._painted else ""
        data = data.replace(_CLEAR, erase)
        self._terminal.pass_on(RESTORE.encode() + away.encode() + data)

    @property
    def _words(self) -> str:
        return f"{self._job_id}: {self._key} detaches{self.holds.words}"

    def notice(self, words: str) -> None:
        """Show a notice in the title, and in the last row until the next key or output."""
        self._terminal.title(f"{self._job_id}: {words}")
        if self._terminal.dumb:
            return
        unhinted = not self._painted or self._hint_at is not None
        self._notice = f"{words} \u00b7 {self._key} detaches" if unhinted else words
        if self._painted:
            self._hint_at = None  # the general hint would replace it
            self._hint_next = True
            self._refresh(claim=False)

    def _hint(self, data: bytes, size: Size) -> None:
        """Show the detach key once, briefly in the last row (it is in the title as well).

        `data` is the repaint just painted; painting it again removes the hint.
        """
        mine = self._terminal.size()
        if mine is None:
            return
        seconds = NOTICE if self._notice else HINT
        words, self._notice = f" {self._notice or self._words} "[: mine.cols], ""
        self._terminal.write(f"\x1b[?25l\x1b[{mine.rows};1H\x1b[0;7m{words}\x1b[m".encode())
        self._below = data, size
        self._hint_until = time.monotonic() + seconds

    def _unhint(self) -> None:
        """Remove the hint, before anything else is drawn and before detaching."""
        below, self._below, self._hint_until = self._below, None, None
        if below is None:
            return
        self._paint(*below)
        if self._mirror is not None:
            self._mirror.draw(self._mirror.due or 0.0)
