"""Search a log for lines that match a pattern, in a separate process.

Owns `grep` and its part in that process (`search_process`). Never searches a pattern of unknown
cost in the server. The subtle thing: a search of the `re` module holds the GIL, and only a signal
in the main thread interrupts it, so the server would not answer for as long as the search takes.
Only searches that are certainly short run in the server.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ptyjobs.json_values import from_json, to_json
from ptyjobs.model import Page
from ptyjobs.store import search_process
from ptyjobs.store.log import LogReader
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.text.patterns import compile_patterns, plain
from ptyjobs.text.redaction import Redactor

CHUNK = 1 << 20  # bytes searched at once
CHUNK_TIME = 2.0  # seconds of CPU time for one chunk, twenty times the usual
LIMIT = 256 << 20  # maximum bytes that one call searches
SMALL = 1 << 20  # bytes that may be searched in the server
SHORT = 1 << 10  # length of their longest line, bytes

_IGNORES_CASE = "(?i)"
_ESCAPED = re.compile(r"\\.")
_REPEATS = re.compile(r"[*+?{]")


def grep(
    folder: str,
    pattern: str,
    *,
    since: int | None,
    limit: int,
    last: bool = False,
    redactor: Redactor | None = None,
) -> Page:
    """Lines of the text that match, each after its log offset, at most `limit` characters.

    Returns the first of them; with `last` the last. `redactor`: secrets removed from the lines
    before the search, so that no pattern can find one.

    `folder` is the job's directory. Raises BadPattern for an invalid or too slow pattern,
    LimitReached if no process can be started for it.
    """
    (compiled,) = compile_patterns([pattern])
    log = LogReader(folder)
    if _simple(pattern) and _few_short_lines(log, since):
        bound = contextlib.nullcontext
        return search(
            log, compiled, since=since, limit=limit, last=last, bound=bound, redactor=redactor
        )
    request = {
        "folder": folder,
        "pattern": pattern,
        "asked": {"since": since, "limit": limit, "last": last},
        "redactor": redactor.pack() if redactor else None,
    }
    found = search_process.answer(_searched, request, advice="Begin later with `since`.")
    return from_json(Page, found["page"])


def _simple(pattern: str) -> bool:
    """At most one repetition, and no groups: the time is quadratic in a line's length."""
    bare = _ESCAPED.sub("", pattern.removeprefix(_IGNORES_CASE))
    return "(" not in bare and len(_REPEATS.findall(bare)) <= 1


def _few_short_lines(log: LogReader, since: int | None) -> bool:
    start, end = max(since or 0, log.floor), log.end
    if end - start > SMALL:
        return False
    first, data = log.read(start, SMALL)
    whole = first == start and start + len(data) >= end  # no gap in it
    return whole and max(map(len, data.split(b"\n"))) <= SHORT


def _bounded() -> contextlib.AbstractContextManager[None]:
    return bounded_search(CHUNK_TIME)


def _searched(request: dict[str, Any]) -> dict[str, Any]:
    """The search of `grep` in its process."""
    (pattern,) = compile_patterns([request["pattern"]])
    redactor = Redactor.unpack(request["redactor"]) if request["redactor"] else None
    page = search(
        LogReader(request["folder"]),
        pattern,
        **request["asked"],
        bound=_bounded,
        needed=search_process.owned,
        redactor=redactor,
    )
    return {"page": to_json(page)}


def search(
    log: LogReader,
    pattern: re.Pattern[str],
    *,
    since: int | None,
    limit: int,
    last: bool = False,
    bound: Callable[[], contextlib.AbstractContextManager[None]],
    needed: Callable[[], bool] = lambda: True,
    redactor: Redactor | None = None,
) -> Page:
    """The answer of `grep`, while it is `needed`; each chunk is searched within `bound`."""
    floor, end = log.floor, log.end
    position = max(floor if since is None else since, floor)
    if last:
        position = max(position, end - LIMIT)
    start = position
    stop = min(end, position + LIMIT)
    found: deque[tuple[int, str]] = deque()
    used = lost = 0

    def told(following: int) -> Page:
        begin = found[0][0] if last and found else start
        text = "\n".join(entry for _, entry in found)
        return Page(text, begin, following, end, floor, len(found), lost, more=following < end)

    carry = b""
    while position < stop and needed():
        first, data = log.read(position, CHUNK)
        if not data:
            lost += stop - position
            break
        if first != position:  # a gap: only the truncated line before it exists
            carry = b""
            lost += first - position
        base = first - len(carry)
        block = carry + data
        position = first + len(data)
        cut = block.rfind(b"\n") + 1
        if position >= end or (cut == 0 and len(block) > CHUNK):
            cut = len(block)
        carry = block[cut:]
        with bound():
            for offset, line in _matching(block[:cut], base, pattern, redactor):
                entry = f"{offset}: {line[:1000]}"
                used += len(entry) + 1
                if used > limit and found and not last:
                    return told(offset)
                found.append((offset, entry))
                while used > limit and len(found) > 1:
                    used -= len(found.popleft()[1]) + 1
    return told(min(position - len(carry) if position < end else position, end))


def _matching(
    block: bytes, offset: int, pattern: re.Pattern[str], redactor: Redactor | None
) -> Iterator[tuple[int, str]]:
    """Offset and text of each matching line of `block`, which begins at `offset`."""
    lines = block.splitlines(keepends=True)
    texts = [plain(raw) for raw in lines]
    if redactor:  # all of them at once: a secret may continue in the next line
        whole = "\n".join(text.replace("\n", "") for text in texts)
        clean = redactor.redact(whole).text.split("\n")
        texts = clean if len(clean) == len(texts) else [redactor.redact(t).text for t in texts]
    for raw, line in zip(lines, texts, strict=True):
        if pattern.search(line):
            yield offset, line
        offset += len(raw)
