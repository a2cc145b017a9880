"""Matches of a wait's patterns in a log: the first after its read position, the last before it.

Owns the search in a job that has ended, and the note about output before a wait. Never searches a
pattern of unknown cost in a client (`search_process`). The text passes through the same stream as
in a live wait (`text.patterns.Until`), so a pattern may match across lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import BadPattern
from ptyjobs.store.log import LogReader
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.text.patterns import Until, compile_patterns, plain

if TYPE_CHECKING:
    from ptyjobs.text.redaction import Redactor

EARLIER = 64 << 10  # bytes before a wait that are searched for an earlier match
LATEST = 1 << 20  # bytes after it that are searched in an ended job, the newest ones
SEARCH_TIME = 2.0  # seconds of CPU time for the search in an ended job
BLOCK = 500  # lines searched at once
SHOWN = 60  # characters of an earlier match

Patterns = Sequence[re.Pattern[str]]


def earlier(
    log: LogReader, patterns: Patterns, *, before: int, redactor: Redactor | None
) -> tuple[int, str] | None:
    """Log offset of the last line before `before` that matches, and the match."""
    until, last = Until(patterns), None
    try:
        for at, line in _lines(log, max(0, before - EARLIER), before, redactor):
            with bounded_search():
                match = until.feed(line)
            if match is not None:
                last = at, match[1][:SHOWN]
                until = Until(patterns)
    except BadPattern:  # too slow on these lines: not worth it for a note
        return None
    return last


def no_match(patterns: Patterns, last: tuple[int, str] | None) -> str:
    """Text about patterns that did not match, and where they did before (`earlier`)."""
    wanted = " or ".join(f'"{pattern.pattern}"' for pattern in patterns)
    if last is None:
        return f"no match of {wanted}"
    offset, text = last
    return f'no new match of {wanted} ("{text}" came before this wait, at log {offset})'


def of_ended(
    folder: str, patterns: Sequence[str], *, since: int, redactor: Redactor | None
) -> tuple[tuple[int, str] | None, str]:
    """(index, text) of the first match from `since` on; if there is none, a text that says so.

    `folder` is the job's directory. Raises BadPattern for an invalid or too slow pattern.
    """
    from ptyjobs.store import search_process  # holders never need it

    compile_patterns(patterns)
    request = {
        "folder": folder,
        "patterns": list(patterns),
        "since": since,
        "redactor": redactor.pack() if redactor else None,
    }
    answer = search_process.answer(_searched, request)
    match = answer["match"]
    return (match[0], match[1]) if match else None, answer["unmatched"]


def _searched(request: dict[str, Any]) -> dict[str, Any]:
    """The search of `of_ended` in its process."""
    from ptyjobs.text.redaction import Redactor

    patterns = compile_patterns(request["patterns"])
    redactor = Redactor.unpack(request["redactor"]) if request["redactor"] else None
    log, since = LogReader(request["folder"]), request["since"]
    until = Until(patterns)
    lines = [line for _, line in _lines(log, max(since, log.end - LATEST), log.end, redactor)]
    with bounded_search(SEARCH_TIME):
        for at in range(0, len(lines), BLOCK):
            if (match := until.feed(b"".join(lines[at : at + BLOCK]))) is not None:
                return {"match": list(match), "unmatched": ""}
    last = earlier(log, patterns, before=since, redactor=redactor)
    return {"match": None, "unmatched": no_match(patterns, last)}


def _lines(
    log: LogReader, start: int, end: int, redactor: Redactor | None
) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each line, without secrets."""
    while start < end:
        at, data = log.read(start, end - start)
        if not data:
            return
        for line in data.splitlines(keepends=True):
            yield at, redactor.redact(plain(line)).text.encode() + b"\n" if redactor else line
            at += len(line)
        start = at  # after a gap
