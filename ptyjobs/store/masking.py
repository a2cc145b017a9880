"""Mask secrets in the files of an ended job: its log and its typed input.

Owns the masking of bytes: a secret becomes as many asterisks, so that no offset changes its
meaning. Never touches a job that runs. The subtle thing: colours may occur within a value, so
secrets are looked for in the text without escape sequences. These stay as they are; only strings
such as a title are searched, too.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.process.regular import open_regular
from ptyjobs.text.patterns import ESCAPES

if TYPE_CHECKING:
    from ptyjobs.store.jobdir import JobDir
    from ptyjobs.text.redaction import Redactor

STRINGS = (b"]", b"P", b"X", b"^", b"_")  # second byte of OSC, DCS, SOS, PM, APC (ECMA-48)
BLOCK = 4 << 20  # bytes that are looked at together
OVERLAP = 16 << 10  # bytes of the block before that are looked at again: a longer value is none


def mask_job(job: JobDir, redactor: Redactor) -> int:
    """Mask the secrets in a job's log, typed text and marks; return their number."""
    return _mask_log(job, redactor) + _mask_typed(job, redactor)


def secret_ranges(data: bytes, redactor: Redactor) -> list[tuple[int, int]]:
    """Start and end of each piece of a secret in terminal output.

    Looked for in the text without escape sequences, and within each string such as a title.
    """
    found: list[tuple[int, int]] = []
    views, places, gone = [0], [0], 0
    for match in ESCAPES.finditer(data):
        if match[0][1:2] in STRINGS:
            inner = match[0].decode("utf-8", "surrogateescape")
            for first, last, _ in redactor.spans(inner):
                sizes = [len(inner[:at].encode("utf-8", "surrogateescape")) for at in (first, last)]
                found.append((match.start() + sizes[0], match.start() + sizes[1]))
        views.append(match.start() - gone)
        gone += match.end() - match.start()
        places.append(match.end())
    view = ESCAPES.sub(b"", data)
    text = view.decode("utf-8", "surrogateescape")
    for first, last, _ in redactor.spans(text):
        start = len(text[:first].encode("utf-8", "surrogateescape"))
        end = start + len(text[first:last].encode("utf-8", "surrogateescape"))
        at = bisect_right(views, start) - 1
        while start < end:
            stop = min(end, views[at + 1]) if at + 1 < len(views) else end
            if stop > start:
                found.append((places[at] + start - views[at], places[at] + stop - views[at]))
            start, at = stop, at + 1
    return found


def masked(data: bytes, redactor: Redactor) -> bytes:
    """`data` with an asterisk for each byte of a secret; line ends stay."""
    changed = bytearray(data)
    for start, end in secret_ranges(data, redactor):
        for at in range(start, end):
            if changed[at] not in b"\r\n":
                changed[at] = ord("*")
    return bytes(changed)


def _mask_log(job: JobDir, redactor: Redactor) -> int:
    at, before, count = job.log.floor, b"", 0
    while True:
        first, data = job.log.read(at, BLOCK)
        if not data:
            return count
        block = before + data if first == at else data
        start = first + len(data) - len(block)
        changed = masked(block, redactor)
        if changed != block:
            count += 1
            _write(job, start, changed)
        at, before = first + len(data), changed[-OVERLAP:]


def _write(job: JobDir, offset: int, data: bytes) -> None:
    """Put `data` at a log offset that the log already has."""
    for first, size in job.log.segments():
        start, end = max(offset, first), min(offset + len(data), first + size)
        if start < end:
            path = os.path.join(job.folder, f"log.{first:016d}")
            with open(open_regular(path, os.O_RDWR), "r+b") as file:
                file.seek(start - first)
                file.write(data[start - offset : end - offset])


def _mask_typed(job: JobDir, redactor: Redactor) -> int:
    path = os.path.join(job.folder, "events")
    try:
        with open(open_regular(path), encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return 0
    changed = [_masked_event(line, redactor) for line in lines]
    if changed == lines:
        return 0
    with open(open_regular(path, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
        file.writelines(changed)
    return 1


def _masked_event(line: str, redactor: Redactor) -> str:
    try:
        entry = json.loads(line)
        if entry[2] not in ("i", "m") or len(entry) < 4:
            return line
    except (ValueError, LookupError, TypeError, RecursionError):  # cut by a crash, or the job's
        return line
    clean = redactor.redact(str(entry[3]))
    if not clean.count:
        return line
    entry[3] = clean.text
    return json.dumps(entry, separators=(",", ":")) + "\n"
