"""Decide whether an input may be typed, under an allow-list, blocked patterns or permission rules.

Owns the refusal of a secret that would be shown, and the one law of an allow-list for typed input:
what a shell may read is checked like a command, and what cannot be decided is refused. A line for a
program that a shell started is free only if one read of the program takes all of it. Never types
and never reads the terminal's output. The subtle things: a program that reads a part of a line
(`head -c 5`) leaves the rest to the shell, so each call types one line and none is typed ahead; an
input that was not read yet hides who reads the next one; and stty(1) can make any character end a
line or a program.
"""

from __future__ import annotations

import locale
import re
import time
from typing import TYPE_CHECKING

from ptyjobs.errors import Hint, NeedsApproval, Refused
from ptyjobs.holder import input_reader
from ptyjobs.holder.input_reader import InputReader
from ptyjobs.policy import Policy
from ptyjobs.policy.rules import Rules
from ptyjobs.process import termios_state
from ptyjobs.readiness.facts import Probe, Wait

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job
    from ptyjobs.model import JobSpec
    from ptyjobs.process.pty import LineMode
    from ptyjobs.requests import InteractRequest

TAKEN_MOST = 0.05  # seconds a program gets to read the previous input
TAKEN_STEP = 0.0005  # seconds between two checks

_SIGNALS = re.compile(rb"[\x03\x04\x1a\x1c]+")
"""Keys that end or stop a program: a shell that reads next gets nothing of them."""
_LINE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*[\r\n]")
"""A line without control characters: C-d would end the program before the rest of it."""
_ONE_KEY = re.compile(r"|[^\x1b]|\x1b[^\x1b]?|\x1b[\[O][0-9;?<]*[A-Za-z~]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ENDS = re.compile(r"\r\n|\r|\n")


def refuse_shown_secret(request: InteractRequest, mode: LineMode) -> None:
    """Raise Refused if the secret of the request might be shown; a caller can insist."""
    if not request.secret or request.insist or mode.secret:
        return
    why = (
        "its terminal shows what is typed"
        if mode.canonical
        else "it reads keys by itself and may show them"
    )
    raise Refused(
        f"The secret was not sent: this may not be a password prompt, {why}.",
        advice="If it asks for this secret, insist.",
        hint=Hint.INSIST,
    )


class InputPolicy:
    """The decisions for one job, in the order in which its inputs are typed."""

    __slots__ = ("_job", "_key_for", "_typed")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._typed = False  # an input was allowed before
        self._key_for: tuple[int, int] | None = None  # program given a key of several bytes

    def check(self, request: InteractRequest, data: bytes) -> None:
        """Raise Refused, or NeedsApproval, unless `request`, typed as `data`, is allowed now."""
        spec = self._job.spec
        if spec.allowed:
            self._confined(request, data)
        elif spec.block_dangerous or spec.permissions:
            self._guided(request, data)

    # -- an allow-list confines

    def _confined(self, request: InteractRequest, data: bytes) -> None:
        job = self._job
        if not data or input_reader.reader(job) is InputReader.PROGRAM:
            return
        signals = bool(_SIGNALS.fullmatch(data))
        if not signals:
            self._check_terminal(data)
        if input_reader.is_far(job):  # nothing is known of its reader
            self._check_shell(request, data)
            return
        reader, probe = self._reader()
        waiter = (probe.pid, probe.start)
        if reader in (InputReader.ONE_KEY, InputReader.ONE_LINE) and self._key_for == waiter:
            self._key_for = None  # it waits again and nothing is unread: it took the key
        if not signals:
            self._check_reader(reader, request, data, probe)
        if signals or reader is InputReader.SHELL:
            self._key_for = None
        elif reader is InputReader.ONE_KEY and len(data) > 1:
            self._key_for = waiter
        self._typed = True

    def _reader(self) -> tuple[InputReader, Probe]:
        """The reader of the next input, once the previous one has been read.

        A probe flushes the terminal's input first, which wakes its reader: a program that is seen
        asleep has no input left. `NOBODY` if that takes too long.

        Polled, because no event reports that the slave side was read: POLLOUT on the master reports
        only room, packet mode (ioctl_tty(2), TIOCPKT) flushes and stops. Blocks the loop for at
        most `TAKEN_MOST`, and only under an allow-list: check and write must be one step, or
        another input could come between them.
        """
        job = self._job
        until = time.monotonic() + TAKEN_MOST
        while True:
            probe = job.kernel.probe()
            if job.input.idle and not (probe.unread or job.kernel.pending()):
                reader = input_reader.reader(job)
                if probe.wait in (Wait.HARD, Wait.SOFT, Wait.OPAQUE):
                    again = job.kernel.probe()
                    if (again.pid, again.tid, again.wait) == (probe.pid, probe.tid, probe.wait):
                        return reader, again
                elif probe.wait is Wait.UNKNOWN or not self._typed:
                    return reader, probe  # a shell that starts
            if time.monotonic() >= until:
                return InputReader.NOBODY, probe
            time.sleep(TAKEN_STEP)

    def _check_reader(
        self, reader: InputReader, request: InteractRequest, data: bytes, probe: Probe
    ) -> None:
        if reader is InputReader.NOBODY:
            raise Refused(
                "not allowed: input that no program waits for; the shell that started this program "
                "may read it.",
                advice="Wait until the program reads, then send one line. C-c interrupts it.",
            )
        if reader is InputReader.ONE_KEY:
            if not _ONE_KEY.fullmatch(data.decode("utf-8", "replace")):
                raise _several_keys()
            return
        if reader is InputReader.ONE_LINE:
            if not _LINE.fullmatch(data):
                raise Refused(
                    "not allowed: not exactly one line for a program that a shell started; the "
                    "shell may read the rest.",
                    advice="Send one whole line a call, without control characters.",
                    hint=Hint.WHOLE_LINE,
                )
            self._check_whole(data, probe)
            return
        if self._key_for is not None:
            raise Refused(
                "not allowed: a part of the last key may be on the shell's line.",
                advice="Send C-c first.",
            )
        if probe.wait in (Wait.HARD, Wait.SOFT) and not input_reader.is_shell(probe.pid):
            if not _LINE.fullmatch(data):
                raise Refused(
                    "not allowed: not exactly one line for a program that a shell started; the "
                    "shell may read the rest.",
                    advice="Send one whole line a call.",
                    hint=Hint.WHOLE_LINE,
                )
            self._check_whole(data, probe)
        self._check_shell(request, data)

    def _check_whole(self, data: bytes, probe: Probe) -> None:
        """Raise Refused unless the program that waits takes all of `data` in one read."""
        if probe.takes < len(data):
            raise Refused(
                "not allowed: a line of which this program may read a part; the shell that started "
                "it would read the rest.",
                advice="Start the program as a job of its own with execute.",
                hint=Hint.OWN_JOB,
            )

    def _check_shell(self, request: InteractRequest, data: bytes) -> None:
        if request.raw or request.mouse:
            what = "raw bytes" if request.raw else "a mouse action"
            raise Refused(f"not allowed: {what} for a shell.", advice="Send a whole line.")
        if len(_ENDS.findall(request.input.removesuffix("\n"))) and not _SIGNALS.fullmatch(data):
            raise Refused(
                "not allowed: several lines at a shell prompt: a program that the first one "
                "starts could read a part of the next.",
                advice="Send one line a call, or join the commands with ;.",
                hint=Hint.WHOLE_LINE,
            )
        self._check_line(request, request.input)

    def _check_line(self, request: InteractRequest, text: str) -> None:
        spec = self._job.spec
        Policy(tuple(spec.allowed), spec.block_dangerous).check_shell_input(
            text,
            keys=request.keys,
            enter=request.enter and not request.keys,
            utf8=text.isascii() or is_utf8(spec),
        )
        if rules := Rules.of(spec.permissions):
            for line in _ENDS.split(text):
                rules.check(line, approved=request.approved)

    def _check_terminal(self, data: bytes) -> None:
        """Raise Refused if the terminal would change `data` or act on a character of it."""
        if self._job.pty is None:
            return
        special, changes = termios_state.edits(self._job.pty.master)
        if changes or special & set(data):
            raise Refused(
                "not allowed: the terminal's settings (stty) change what is typed or give "
                "printable characters a function.",
                advice="Use another job, or run stty sane there.",
            )

    # -- blocked patterns and permission rules guide

    def _guided(self, request: InteractRequest, data: bytes) -> None:
        """Check the lines that a shell reads now, or may read later."""
        reader = input_reader.reader(self._job)
        line = _LINE.fullmatch(data) or not data or _SIGNALS.fullmatch(data)
        if reader is InputReader.PROGRAM or (reader is InputReader.ONE_LINE and line):
            return
        if reader is InputReader.ONE_KEY and not self._job.spec.block_dangerous:
            return
        if reader is InputReader.ONE_KEY:
            if _ONE_KEY.fullmatch(data.decode("utf-8", "replace")):
                return
            raise _several_keys()
        text = request.input
        plain = not _CONTROL.search(_ENDS.split(text, maxsplit=1)[0])
        if reader is InputReader.ONE_LINE and plain and not request.keys and not request.raw:
            text = _ENDS.split(text, maxsplit=1)[-1]
        try:
            if request.raw:
                raise Refused("not allowed: raw bytes for a shell.", advice="Send a whole line.")
            self._check_line(request, text)
        except NeedsApproval:
            raise
        except Refused as error:
            if reader is InputReader.SHELL:
                raise
            raise Refused(
                f"{error.message.rstrip('.')}: the shell that started this program may read it.",
                advice="Wait until the program reads, then send it one whole line at a time.",
            ) from None


def _several_keys() -> Refused:
    return Refused(
        "not allowed: several keys for a program that a shell started, which may read the last "
        "of them.",
        advice="Send one key a call, or start the program as a job of its own with execute.",
        hint=Hint.ONE_KEY,
    )


def is_utf8(spec: JobSpec) -> bool:
    """True if the job's locale exists here and is UTF-8; else a line editor obeys such bytes.

    A shell whose locale is missing falls back to the C locale (locale(7)).
    """
    name = spec.env.get("LC_ALL") or spec.env.get("LC_CTYPE") or spec.env.get("LANG") or ""
    if not name or spec.target:
        return False
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
        return locale.nl_langinfo(locale.CODESET).upper() == "UTF-8"
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
