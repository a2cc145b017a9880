"""Programs that report their own state: OSC 7501 (Program Status Protocol), OSC 9;4 (progress).

Owns the reports of one job (`ESC ] 7501 ; key=value:key=value ST`): a tree of records, bounded, and
independent of how the output is split into chunks; and whether a progress indicator runs (`ESC ] 9
; 4 ; state ; percent ST`, ConEmu's, which many terminals show). Never decides that a wait is over.
The subtle thing: any printed file can contain such a report, so it counts only for the process
group that had the terminal when it came, and its texts are untrusted.

Both are dropped on OSC 133;A (a shell is back at its prompt) and on RIS.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

MAX_RECORDS = 64
MAX_SEQUENCE = 4096  # bytes
MAX_ID, MAX_SEGMENT, MAX_DEPTH = 128, 32, 8
MAX_TITLE, MAX_MESSAGE = 192, 2048  # bytes of UTF-8
STATES = ("idle", "working", "done", "blocked", "error")
KINDS = ("permission", "question", "auth")

_START, _PROMPT, _PROGRESS = b"\x1b]7501;", b"\x1b]133;", b"\x1b]9;4;"
_STARTS = (_START, _PROMPT, _PROGRESS)
_MARKS = (_START, b"\x1b]133;A", _PROGRESS, b"\x1bc")
_SEQUENCE = re.compile(
    rb"\x1b\]7501;([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b\]133;(A)|\x1b(c)"
    rb"|\x1b\]9;4;([0-4])(?:;[0-9;]{0,16})?(?:\x07|\x1b\\)"
)
_RUNS = (b"1", b"3")  # with a percentage, without; 0 removes it, 2 is an error, 4 a pause
_OPEN = re.compile(rb"\x1b(?:\][0-9]{0,4}(?:;[^\x07\x1b]*\x1b?)?)?\Z")
_APP = re.compile(r"[A-Za-z0-9_.+-]{1,32}\Z")


@dataclass(frozen=True, slots=True)
class Record:
    """The last report of one part of a program."""

    state: str
    kind: str = ""  # of a blocked record: permission, question, auth
    progress: int | None = None
    app: str = ""
    title: str = ""
    message: str = ""
    group: int = 0  # process group that had the terminal

    @property
    def words(self) -> str:
        """`blocked (permission): the message`, at most 120 characters."""
        kind = f" ({self.kind})" if self.kind else ""
        what = self.message or self.title
        return f"{self.state}{kind}" + (f": {what}" if what else "")[:120]


class ProgramStatus:
    """The records of one job."""

    def __init__(self) -> None:
        self._carry = b""
        self._records: dict[str, Record] = {}
        self._progress = 0  # process group whose progress indicator runs

    @property
    def open(self) -> bool:
        """True if the output so far ends within a sequence."""
        return bool(self._carry)

    def feed(self, data: bytes, *, group: int) -> bool:
        """Process output; True if it contained a 7501 report. `group` has the terminal now."""
        if not self._carry and b"\x1b" not in data:
            return False
        data = self._carry + data
        self._carry = b""
        unfinished = _OPEN.search(data, max(0, len(data) - MAX_SEQUENCE))
        if unfinished is not None:
            tail = data[unfinished.start() :]
            if any(tail.startswith(start) or start.startswith(tail) for start in _STARTS):
                self._carry, data = tail, data[: unfinished.start()]
        if not any(mark in data for mark in _MARKS):
            return False
        reported = False
        for body, prompt, reset, progress in _SEQUENCE.findall(data):
            if prompt or reset:
                self._records.clear()
                self._progress = 0
            elif progress:
                self._progress = group if progress in _RUNS else 0
            elif len(body) <= MAX_SEQUENCE:
                reported |= self._report(body.decode("utf-8", "replace"), group)
        return reported

    def _report(self, body: str, group: int) -> bool:
        fields = dict(pair.partition("=")[::2] for pair in body.split(":"))
        path, state = fields.get("id", ""), fields.get("state", "")
        if not _is_path(path):
            return False
        if state == "clear":
            for known in [k for k in self._records if k == path or _below(k, path)]:
                del self._records[known]
            return True
        title = _text(fields.get("title", ""), MAX_TITLE)
        message = _text(fields.get("msg", ""), MAX_MESSAGE)
        if state not in STATES or title is None or message is None:
            return False
        progress = fields.get("progress", "")
        kind, app = fields.get("kind", ""), fields.get("app", "")
        self._records.pop(path, None)
        self._records[path] = Record(
            state,
            kind=kind if state == "blocked" and kind in KINDS else "",
            progress=min(int(progress), 100) if re.fullmatch("[0-9]{1,3}", progress) else None,
            app=app if _APP.match(app) else "",
            title=title,
            message=message,
            group=group,
        )
        while len(self._records) > MAX_RECORDS:
            self._records.pop(next(iter(self._records)))
        return True

    def progresses(self, *, group: int) -> bool:
        """True if a progress indicator of that process group runs."""
        return bool(group) and self._progress == group

    def current(self, *, group: int) -> Record | None:
        """The record of that process group: blocked first, then working, then its own.

        None if it has reported nothing; reports of other groups do not count.
        """
        if not self._records:
            return None
        said = [r for r in self._records.values() if r.group == group]
        for state in ("blocked", "working"):
            for record in reversed(said):
                if record.state == state:
                    return record
        own = self._records.get("")
        return own if own in said else (said[-1] if said else None)


def _is_path(path: str) -> bool:
    parts = path.split("/")
    sizes = [len(part.encode()) for part in parts]
    whole = len(path.encode()) <= MAX_ID and len(parts) <= MAX_DEPTH and max(sizes) <= MAX_SEGMENT
    return whole and path.isprintable() and (not path or all(sizes))


def _below(path: str, parent: str) -> bool:
    return not parent or path.startswith(parent + "/")


def _text(encoded: str, limit: int) -> str | None:
    """The text of a base64 value; None if the report must be discarded."""
    try:
        data = base64.b64decode(encoded, validate=True)
        text = data.decode()
    except (binascii.Error, ValueError):  # UnicodeDecodeError is a ValueError
        return None
    if len(data) > limit or any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text):
        return None
    return text
