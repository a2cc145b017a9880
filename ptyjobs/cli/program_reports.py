"""Report jobs to the user's terminal: OSC 7501, the Program Status Protocol, as its sender.

Owns the query and the reports to a terminal that has answered it: one record a job, below the path
`ptyjobs`. Never writes a report to a terminal that has not answered. The subtle thing: all programs
of a terminal share its records, and a shell's prompt mark (OSC 133;A) drops them, so a report is
repeated after output was passed on.

The format is in `ptyjobs/terminal/program_status.py`, which reads such reports.
"""

from __future__ import annotations

import base64
import re

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.format import safe, turn
from ptyjobs.model import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptyjobs.cli.terminal import Terminal
    from ptyjobs.model import Status

PAUSE = 1.0  # seconds between two reports
MOST = 60  # jobs reported at once; a terminal may keep as few as 64 records
ROOT = "ptyjobs"
SEGMENT, TITLE, MESSAGE = 32, 192, 400  # bytes; the protocol allows a message of 2048
_BLOCKED = re.compile(r"blocked(?: \((permission|question|auth)\))?(?:: (.*))?\Z", re.DOTALL)


class ProgramReports:
    """The reports of one command to one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._sent: dict[str, str] = {}  # path -> last report
        self.due = 0.0  # time of the next `update`

    def begin(self) -> None:
        """Ask the terminal; its answer arrives as input (`Terminal.read`)."""
        if not self._terminal.dumb:
            self._terminal.ask_for_reports()

    @property
    def wanted(self) -> bool:
        """True if the terminal has answered."""
        return self._terminal.wants_reports

    def update(self, statuses: Iterable[Status], *, now: float, again: bool = False) -> None:
        """Report changes; with `again` also what has not changed. Drop jobs that are not given."""
        self.due = now + PAUSE
        if not self.wanted:
            return
        reports = {path_of(one.job_id): report(one) for one in list(statuses)[:MOST]}
        out = [f"state=clear:id={path}" for path in self._sent if path not in reports]
        out += [r for path, r in reports.items() if again or self._sent.get(path) != r]
        self._sent = reports
        self._write(out)

    def clear(self) -> None:
        """Remove all records."""
        if self._sent:
            self._sent = {}
            self._write([f"state=clear:id={ROOT}"])

    def _write(self, reports: list[str]) -> None:
        if reports:
            self._terminal.write("".join(f"\x1b]7501;{one}\x1b\\" for one in reports).encode())


def path_of(job_id: str) -> str:
    """The record's path; a long job id is cut, and its digest keeps it distinct."""
    if len(job_id) > SEGMENT:
        import hashlib  # rarely; it costs 2 ms of attach

        digest = hashlib.sha256(job_id.encode()).hexdigest()[:8]
        job_id = f"{job_id[: SEGMENT - 9]}-{digest}"
    return f"{ROOT}/{job_id}"


def report(status: Status) -> str:
    """A job's state as the body of a report."""
    kind, message = "", ""
    said = _BLOCKED.match(status.waiting.says) if status.waiting is not None else None
    if status.state.ended:
        state = "done" if status.exit is not None and status.exit.code == 0 else "error"
        message = turn(status)
    elif status.asks:
        state, kind, message = "blocked", "question", status.asks
    elif status.waiting is None:
        state = "working"
    elif status.waiting.reason is Reason.PASSWORD:
        state, kind, message = "blocked", "auth", status.waiting.prompt.strip()
    elif said is not None:
        state, kind, message = "blocked", said[1] or "", said[2] or ""
    else:
        state = "idle"
    percent = status.progress.partition(" ")[2]
    fields = (
        ("state", state),
        ("kind", kind),
        ("app", "ptyjobs"),
        ("id", path_of(status.job_id)),
        ("progress", percent if state == "working" and percent.isdecimal() else ""),
        ("title", _encoded(f"{status.job_id}: {status.command}", TITLE)),
        ("msg", _encoded(message, MESSAGE)),
    )
    return ":".join(f"{name}={value}" for name, value in fields if value)


def _encoded(text: str, limit: int) -> str:
    """Program text in base64, without control characters, at most `limit` bytes of UTF-8."""
    data = safe(text).encode("utf-8", "replace")[:limit]
    return base64.b64encode(data.decode("utf-8", "ignore").encode()).decode("ascii")
