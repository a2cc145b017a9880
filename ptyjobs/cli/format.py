"""Format values for the command line: ages, sizes, exits, and terminal-safe program text.

Owns the wording; never prints and never asks. Every text from a program (title, last line) goes
through `safe`, because an escape sequence in it would act on the user's terminal.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.model import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

READER = "command line"
"""The one reader that all commands are: `wait` goes on where `run` or `send` has left off."""
LONGEST_PROMPT = 24  # characters
CUT = "\u2026"  # an ellipsis, one column


def age(seconds: float) -> str:
    """Format a duration in two or three characters: 4s, 12m, 3h, 2d."""
    seconds = max(0.0, seconds)
    for limit, unit, letter in ((100, 1, "s"), (6000, 60, "m"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds / unit)}{letter}"
    return f"{int(seconds / 86400)}d"


def amount(size: float) -> str:
    """Format a number of bytes: 512B, 1.4K, 23M."""
    for letter in "BKMGT":
        if size < 1000 or letter == "T":
            return f"{size:.0f}{letter}" if size >= 10 or letter == "B" else f"{size:.1f}{letter}"
        size /= 1024
    raise AssertionError("unreachable")


def processes(number: int) -> str:
    """A number of processes in words."""
    return f"{number} process{'es' if number != 1 else ''}"


def safe(text: str) -> str:
    """Program text as one line, without control or invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    from ptyjobs.text.sanitize import for_model

    return for_model(text.replace("\n", " ").replace("\t", " "))[0]


def fit(text: str, cells: int) -> str:
    """Cut and pad `text` to exactly `cells` terminal columns; "…" replaces what was cut off."""
    if text.isascii():
        return text[: cells - 1] + CUT if len(text) > cells > 0 else text.ljust(cells)
    widths = [_width(char) for char in text]
    used = sum(widths)
    if used <= cells:
        return text + " " * (cells - used)
    kept = len(text)
    while kept and used > cells - 1:
        kept -= 1
        used -= widths[kept]
    return text[:kept] + CUT[:cells] + " " * (cells - 1 - used)


def widths(
    rows: Sequence[Sequence[str]],
    limits: Sequence[int],
    *,
    width: int,
    last: int,
    narrow: Sequence[tuple[int, int]],
) -> list[int]:
    """Column widths of a table whose last column takes the rest of `width`; 0 omits a column.

    Each column is as wide as its widest cell, within `limits`. While the last column is narrower
    than `last`, `narrow` gives the next column to shrink and its new limit.
    """
    found = [min(max(len(row[n]) for row in rows), most) for n, most in enumerate(limits)]
    wanted = min(max(len(row[-1]) for row in rows), last)
    for column, limit in narrow if width else ():
        if sum(found) + 2 * sum(map(bool, found)) + wanted <= width:
            break
        found[column] = min(found[column], limit)
    return found


def line(cells: Sequence[str], widths: Sequence[int], *, width: int) -> str:
    """Format a row's cells in their columns, cut to `width` unless it is 0."""
    parts = [fit(cell, size) for cell, size in zip(cells, widths, strict=False) if size]
    whole = "  ".join([*parts, cells[-1]]).rstrip()
    return fit(whole, width).rstrip() if width else whole


def cells(text: str) -> int:
    """The terminal columns that `text` takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(char: str) -> int:
    import unicodedata  # an extension module that ASCII lines do not need

    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def listening(status: Status) -> str:
    """The listening sockets: address, protocol if it is not TCP, and owner."""
    return ", ".join(
        f"{one} ({one.pid} {safe(one.program)})" if one.pid else str(one)
        for one in status.listening
    )


def turn(status: Status) -> str:
    """A job's readiness, current activity or exit in a few words."""
    if status.state.ended:
        how = str(status.exit).removeprefix("exited with ") if status.exit else ""
        known = status.exit is not None and status.exit.cause
        why = "" if known else status.reason
        return ", ".join(filter(None, (how, why, status.restarts)))
    if status.service is not None:
        where = ", ".join(map(str, status.service.listening))
        return safe(" ".join(filter(None, (status.service.state, where or status.service.why))))
    if status.asks:
        return f"asks for a person: {safe(status.asks)}"
    if status.held:
        return safe(status.held)
    if status.waiting is None:
        return safe(status.no_room or status.doing)
    if status.waiting.reason is Reason.PASSWORD:
        return "asks for a secret"
    prompt = safe(status.waiting.prompt.strip())
    # A longer one is more likely an editor's line than a prompt.
    return f"waits at {prompt}" if 0 < len(prompt) <= LONGEST_PROMPT else "waits for input"


def exit_code(status: Status) -> int:
    """A job's exit as a shell exit code; 1 if unknown."""
    return 1 if status.exit is None else status.exit.shell_code
