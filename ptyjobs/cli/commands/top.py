"""`top`: live dashboard of all jobs; attach to a job or end it from there.

Owns the dashboard: the contents of its rows, the selected job, and the keys. It is drawn with plain
escape sequences on the alternate screen, only when something has changed. It is hidden while a job
is attached and shown again after detaching. Never starts a job.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import select
import signal
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.advice import HINTS
from ptyjobs.cli.commands.status import page
from ptyjobs.cli.format import age, amount, fit, line, listening, safe, turn, widths
from ptyjobs.cli.program_reports import ProgramReports
from ptyjobs.cli.query import glance
from ptyjobs.cli.terminal import Terminal
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput, PtyJobsError
from ptyjobs.json_values import to_json
from ptyjobs.model import Size, Status

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

PAUSE = 1.0  # seconds between two updates
HELP = ("up/down select", "Enter attach", "x end it", "s status", "a ended too", "q quit")
"""The keys; in a narrow terminal those before `q` are left out, the last one first."""
HEAD = ("JOB", "STATE", "AGE", "QUIET", "CPU", "MEM", "OUT", "LISTENS", "WHY", "LAST LINE")
LIMITS = (64, 9, 4, 5, 5, 5, 5, 40, 28)  # columns at most; a job id is never cut
WIDE = 120  # columns from which the address and owner of a listening socket have room
LAST_LINE = 20  # minimum columns of the last line
NARROW = ((6, 0), (3, 0), (8, 18), (5, 0), (2, 0), (7, 0))
"""Columns narrowed for it: output, silence, part of the reason, memory, age, sockets."""
KEY = re.compile(rb"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[^\x00]", re.DOTALL)
KEYS = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"k": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"j": "down", b"\r": "attach", b"\n": "attach", b"x": "kill", b"s": "status",
    b"a": "all", b"q": "quit", b"\x03": "quit", b"\x1b": "back",
}  # fmt: skip


def register(add: Add) -> None:
    watching = add("top", top)
    watching.add_argument("--all", action="store_true", help="begin with ended jobs as well")


def top(args: argparse.Namespace, settings: Config) -> int:
    """Show all jobs live: state, silence, CPU, memory, output, ports; attach to or end a job."""
    with Jobs(settings) as jobs:
        if args.json:
            print(json.dumps(to_json(glance(jobs.registry, all=args.all))))
            return 0
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise BadInput("top needs a terminal.", advice="Use ptyjobs list.")
        terminal = Terminal()
        if terminal.dumb:
            advice = "Use ptyjobs list --watch, or set TERM."
            raise BadInput(
                "top needs a terminal that can move the cursor; TERM is dumb.", advice=advice
            )
        board = Board(jobs, terminal, all=args.all)
        while True:
            with terminal.raw(own_screen=True):
                chosen = board.run()
            board.reports.clear()
            if chosen is None:
                return 0
            _attach(jobs, chosen, settings, board)


def _attach(jobs: Jobs, job_id: str, settings: Config, board: Board) -> None:
    from ptyjobs.cli.attach import attach

    try:
        attach(jobs, job_id, detach_key=settings.detach_key)
    except PtyJobsError as error:  # its holder was lost: the dashboard reports it
        board.notice = error.worded(HINTS)


def _help(cols: int) -> str:
    """The keys that have room."""
    keys = list(HELP)
    while len(keys) > 1 and len(f" {'   '.join(keys)}") > cols:
        del keys[-2]
    return f" {'   '.join(keys)}"


class Board:
    """The dashboard on one terminal."""

    def __init__(self, jobs: Jobs, terminal: Terminal, *, all: bool) -> None:
        self._jobs, self._terminal, self._all = jobs, terminal, all
        self._found: list[Status] = []
        self._selected = ""  # a job id, because rows change
        self._used: dict[str, tuple[float, float]] = {}  # job id -> (time, CPU seconds then)
        self._load: dict[str, float] = {}  # job id -> CPU in percent since the last update
        self._shown: list[str] = []
        self._details = False
        self._doomed = ""  # the job to end once the user confirms
        self.notice = ""
        self.reports = ProgramReports(terminal)

    def run(self) -> str | None:
        """Run until the user attaches (returns that job's id) or quits (None)."""
        self._shown = []
        self.reports.begin()
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                self._look()
                self.reports.update(self._found, now=due)
                due = time.monotonic() + PAUSE
            self._draw()
            sources = [sys.stdin.fileno(), self._terminal.signals]
            ready, _, _ = select.select(sources, [], [], max(0.0, due - time.monotonic()))
            if self._terminal.signals in ready:
                self._on_signals()
            if sys.stdin.fileno() in ready:
                for key in KEY.findall(self._terminal.read()):
                    done, chosen = self._on_key(key)
                    if done:
                        return chosen

    def _on_signals(self) -> None:
        for number in self._terminal.take_signals():
            if number == signal.SIGTSTP:
                self._terminal.suspend()
            elif number == signal.SIGCONT:
                self._terminal.resume()
            self._shown = []

    def _look(self) -> None:
        now = time.monotonic()
        self._found = glance(self._jobs.registry, all=self._all)
        if not self._all:
            self._found = [status for status in self._found if not status.state.ended]
        for status in self._found:
            before, used = self._used.get(status.job_id, (now, status.cpu))
            if now > before:
                self._load[status.job_id] = 100 * max(0.0, status.cpu - used) / (now - before)
            self._used[status.job_id] = (now, status.cpu)
        ids = [status.job_id for status in self._found]
        if self._selected not in ids:
            self._selected = ids[0] if ids else ""

    def _on_key(self, data: bytes) -> tuple[bool, str | None]:
        """Handle a key; returns (leave the dashboard, job to attach to)."""
        doomed, self._doomed = self._doomed, ""
        self.notice = ""
        if doomed and data not in (b"y", b"Y"):
            return False, None  # the key only answers the question
        if doomed:
            with contextlib.suppress(PtyJobsError):  # it has already ended
                self._jobs.kill(doomed)
            self.notice = f"{doomed} was ended"
            self._look()
            return False, None
        key = KEYS.get(data, "")
        if key == "quit":
            return True, None
        if key == "attach" and self._selected:
            return True, self._selected
        if key in ("up", "down"):
            self._move(-1 if key == "up" else 1)
        elif key == "kill":
            self._doomed = self._selected
        elif key == "status" or (key == "back" and self._details):
            self._details = not self._details
        elif key == "all":
            self._all = not self._all
            self._look()
        return False, None

    def _move(self, by: int) -> None:
        ids = [status.job_id for status in self._found]
        if ids:
            at = ids.index(self._selected) if self._selected in ids else 0
            self._selected = ids[max(0, min(len(ids) - 1, at + by))]

    def _draw(self) -> None:
        size = self._terminal.size() or Size(24, 80)
        lines = self.lines(size, now=time.time())
        if lines == self._shown:
            return
        self._shown = lines
        # Erase first: in the last column EL would erase the character just written.
        body = "\r\n".join(f"\x1b[m\x1b[K{line}" for line in lines)
        picture = f"\x1b[?2026h\x1b[H{body}\x1b[m\x1b[?2026l"
        self._terminal.write(picture.encode("utf-8", "replace"))

    def lines(self, size: Size, *, now: float) -> list[str]:
        """The complete dashboard: `size.rows` lines, but never fewer than four."""
        running = [status for status in self._found if not status.state.ended]
        memory, load = (
            sum(s.rss for s in running),
            sum(self._load.get(s.job_id, 0) for s in running),
        )
        summary = f"ptyjobs: {len(running)} running, {load:.0f}% CPU, {amount(memory)} of memory"
        details = self._detail_lines(now, size) if self._details else []
        room = max(1, size.rows - 3 - len(details))
        ids = [status.job_id for status in self._found]
        at = ids.index(self._selected) if self._selected in ids else 0
        first = max(0, min(at - room // 2, len(ids) - room))
        seen = self._found[first : first + room]
        wide = size.cols >= WIDE
        cells = [HEAD, *(self._row(status, now, wide=wide) for status in seen)]
        columns = widths(cells, LIMITS, width=size.cols, last=LAST_LINE, narrow=NARROW)
        head, *rows = (fit(line(row, columns, width=0), size.cols) for row in cells)
        rows = [
            f"\x1b[7m{row}" if status.job_id == self._selected else row
            for status, row in zip(seen, rows, strict=True)
        ]
        if not rows:
            rows = [" No job runs. Start one: ptyjobs run -d -- CMD"]
        ask = f" End {self._doomed} and all that it started? y/n " if self._doomed else ""
        foot = ask or (f" {safe(self.notice)} " if self.notice else "") or _help(size.cols)
        blank = [""] * (room - len(rows))
        return [fit(summary, size.cols), f"\x1b[1m{head}", *rows, *blank, *details,
                f"\x1b[7m{fit(foot, size.cols)}"]  # fmt: skip

    def _detail_lines(self, now: float, size: Size) -> list[str]:
        chosen = next((s for s in self._found if s.job_id == self._selected), None)
        facts = page(chosen, now=now) if chosen else []
        return ["-" * size.cols, *(fit(fact, size.cols) for fact in facts)][: size.rows // 2]

    def _row(self, status: Status, now: float, *, wide: bool) -> tuple[str, ...]:
        since = status.ended if status.ended is not None else status.started
        live = not status.state.ended
        return (
            status.job_id,
            status.state.value,
            age(now - since),
            "" if status.output_age is None else age(status.output_age),
            f"{self._load.get(status.job_id, 0):.0f}%" if live else "",
            amount(status.rss) if live else "",
            amount(status.end),
            listening(status) if wide else ",".join(map(str, status.ports)),
            turn(status),
            safe((status.last_line or status.title or status.command).strip()),
        )
