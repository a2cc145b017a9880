"""Search a log for lines that match a pattern, in a separate process.

Owns `grep`, which starts that process, and the process's code. Never searches a pattern of unknown
cost in the server. The subtle thing: a search of the `re` module holds the GIL, and only a signal
in the main thread interrupts it, so the server would not answer for as long as the search takes.
Only searches that are certainly short run in the server: starting a process takes some 80 ms.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ptyjobs.errors import BadPattern, LimitReached, from_wire
from ptyjobs.model import Page, from_json, to_json
from ptyjobs.store.log import LogReader
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.text.patterns import compile_patterns, plain
from ptyjobs.text.redaction import Redactor

CHUNK = 1 << 20  # bytes searched at once
CHUNK_TIME = 2.0  # seconds of CPU time for one chunk, twenty times the usual
LIMIT = 256 << 20  # maximum bytes that one call searches
SMALL = 1 << 20  # bytes that may be searched in the server
SHORT = 1 << 10  # length of their longest line, bytes
LONGEST = 120.0  # seconds until a process that does not answer is killed

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
    asked = {"since": since, "limit": limit, "last": last}
    wanted: dict[str, Any] = {
        "asker": os.getpid(),
        "folder": folder,
        "pattern": pattern,
        "asked": asked,
    }
    wanted["redactor"] = redactor.pack() if redactor else None
    code = f"import sys; sys.path[:] = {sys.path!r}; from ptyjobs.store.grep import main; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            input=json.dumps(wanted).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BadPattern(
            f"The search took longer than {LONGEST:.0f} s.", advice="Begin later with `since`."
        ) from None
    except (
        OSError,
        subprocess.CalledProcessError,
    ) as failure:  # no process or memory left
        status = getattr(failure, "returncode", None)
        why = failure if status is None else f"its process ended with status {status}"
        raise LimitReached(
            f"The search could not be made: {why}.",
            advice="Kill or wait for other jobs, then try again.",
        ) from failure
    told = json.loads(done.stdout)
    if "error" in told:
        raise from_wire(told["error"])
    return from_json(Page, told["page"])


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


def main() -> None:
    """Main function of the process: request as JSON on stdin, page on stdout."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    (pattern,) = compile_patterns([wanted["pattern"]])
    log = LogReader(wanted["folder"])

    def needed() -> bool:
        return bool(os.getppid() == wanted["asker"])

    told: dict[str, Any]
    try:
        redactor = Redactor.unpack(wanted["redactor"]) if wanted["redactor"] else None
        page = search(
            log, pattern, **wanted["asked"], bound=_bounded, needed=needed, redactor=redactor
        )
        told = {"page": to_json(page)}
    except BadPattern as error:
        told = {"error": error.to_wire()}
    with contextlib.suppress(BrokenPipeError):  # the server no longer waits for it
        sys.stdout.write(json.dumps(told))
        sys.stdout.flush()


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
