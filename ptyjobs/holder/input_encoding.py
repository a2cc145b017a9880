"""The bytes of one input: text, keys and mouse actions in the modes of the job's screen.

Owns their encoding for the program that reads now, and its limits. Never writes to the terminal.
The subtle thing: in canonical mode no program reads keys, so keyboard modes that an ended program
left behind must not change a signal key, which the kernel recognizes as a byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ptyjobs.errors import BadInput, Hint
from ptyjobs.input import keys as keymap
from ptyjobs.input.mouse import MouseAction
from ptyjobs.input.mouse import mouse as encode_mouse
from ptyjobs.requests import InteractRequest
from ptyjobs.terminal.replies import CELL

if TYPE_CHECKING:
    from ptyjobs.holder.service import JobService
    from ptyjobs.requests import Packed
    from ptyjobs.terminal.values import Modes

MAX_INPUT = 16 << 20  # bytes of one input
SIGNAL_KEYS = ("C-c", "C-z", "C-\\")  # VINTR, VSUSP, VQUIT of stty(1)
COOKED_LINE = 4095  # bytes of a line in canonical mode (N_TTY_BUF_SIZE)


def encode(service: JobService, request: InteractRequest) -> tuple[bytes, list[bytes]]:
    """The bytes of an input, and the key presses at their end."""
    modes = _key_modes(service)
    data = _mouse(service, request.mouse, request.secrets) if request.mouse else b""
    if request.input or request.presses_enter:
        data += keymap.typed(request.input, modes=modes, enter=request.presses_enter)
    strokes = _strokes(service, request.keys, modes)
    data += b"".join(strokes) + request.raw
    if len(data) > MAX_INPUT:
        raise BadInput(
            f"{len(data)} bytes of input are more than the {MAX_INPUT} of one call.",
            advice="Write a file and have the program read it.",
        )
    return data, [] if request.raw else strokes


def _key_modes(service: JobService) -> Modes:
    """The modes that keys are encoded for.

    In canonical mode no program reads keys: keyboard modes and bracketed paste are leftovers of a
    program that has ended, and C-c must be the byte that the kernel recognizes.
    """
    modes = service.job.fold.screen.modes
    if not service.job.terminal().canonical:
        return modes
    return replace(modes, kitty_flags=0, modify_other_keys=0, bracketed_paste=False)


def _strokes(service: JobService, names: Sequence[str], modes: Modes) -> list[bytes]:
    """The bytes of each key. While ISIG is on, a signal key is the kernel's own byte."""
    if not names:
        return []
    plain = replace(modes, kitty_flags=0, modify_other_keys=0)
    signals = service.job.terminal().signals
    strokes: list[bytes] = []
    for name in names:
        own = plain if signals and name.partition("*")[0] in SIGNAL_KEYS else modes
        strokes += keymap.strokes((name,), modes=own)
    return strokes


def _mouse(service: JobService, action: MouseAction, secrets: Packed | None) -> bytes:
    """A mouse action at a cell, or at the first cell of a visible text."""
    service.observed_fold()
    screen = service.job.fold.screen
    row, col = action.row, action.col
    if action.text:
        rows = screen.text()
        if redactor := service.job.secrets.redactor(secrets):
            rows = redactor.redact("\n".join(rows)).text.split("\n")
        row = next((n for n, line in enumerate(rows) if action.text in line), None)
        if row is None:
            raise BadInput(
                f"{action.text!r} is not on the screen.",
                advice="Look with tail first.",
                hint=Hint.LOOK_FIRST,
                facts={"job_id": service.job.spec.job_id},
            )
        before = rows[row].partition(action.text)[0]
        col = next(c for c in range(screen.size.cols) if screen.row_text(row, 0, c) == before)
    if row is None or col is None:
        raise BadInput("A mouse action needs row and col, or text.")
    return encode_mouse(
        row,
        col,
        button=action.button,
        action=action.action,
        modifiers=action.modifiers,
        modes=screen.modes,
        size=screen.size,
        cell=CELL,
    )


def cooked_line_note(service: JobService, data: bytes) -> tuple[str, ...]:
    """Warn if the line discipline would truncate a line."""
    if not service.job.terminal().canonical:
        return ()
    longest = max(map(len, data.replace(b"\r", b"\n").split(b"\n")), default=0)
    if longest <= COOKED_LINE:
        return ()
    return (
        f"a line of {longest} bytes: this terminal keeps {COOKED_LINE} of a line in cooked mode "
        "and drops the rest; write a file or send shorter lines",
    )
