"""The user's terminal while a command uses it: raw mode, and restoration afterwards.

Owns its modes, its size and the signals that concern it (resize, suspend, continue, hang-up). Never
interprets a job's output beyond what restoring needs. The subtle thing: the terminal is restored
after any exception or signal, and a terminal that was closed meanwhile is not a second error.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import Iterator

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.model import Size

if TYPE_CHECKING:
    from typing import Any

# Modes a program may leave set: alternate screen, mouse, focus, paste, keyboard, cursor, colours.
_MODES = (
    "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2026l"
    "\x1b[<u\x1b[>4m\x1b[?1l\x1b>\x1b[?7h\x1b[?25h\x1b[0 q\x1b[r"
)
RESTORE = f"{_MODES}\x1b[!p\x1b[m"
# The same, keeping the cursor: DECSTBM moves it, and DECSTR discards the saved position.
_RESTORE_HERE = f"\x1b7{_MODES}\x1b8\x1b[!p\x1b[m"
_ALTERNATE = (b"\x1b[?1049", b"\x1b[?1047", b"\x1b[?47")
# Our own alternate screen. No soft reset (DECSTR): it discards the saved cursor.
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l"
_NOTED = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
_FATAL = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_ESCAPES = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]|[\x0e\x0f]"
)
_PUSHES = re.compile(rb"\x1b\[2([23])(?:;[02][0-9;]*)?t")  # 22 saves the title, 23 restores it
_LONGEST = 4096  # maximum bytes of an incomplete sequence that are held back
_REPORTS = b"\x1b]7501;?\x1b\\"  # the query for program reports, and its answer
_ANSWER = re.compile(rb"\x1b\]7501;\?(?:\x1b\\|\x07)")
_STRINGS = re.compile(rb"\x1b[\]PX^_]|\x07|\x1b\\")
_CUT = re.compile(
    rb"(?:\x1b(?:\[[0-?]*)?[ -/]*"
    rb"|[\xc0-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf7][\x80-\xbf]{0,2})\Z"
)


def _leaving(number: int) -> SystemExit:
    """Exit for a signal; ignores further ones (a hang-up sends several) during clean-up."""
    for other in _FATAL:
        signal.signal(other, signal.SIG_IGN)
    return SystemExit(128 + number)


def terminal_size() -> Size | None:
    """The terminal's size; None if it has none (a serial line, `script`)."""
    cols, rows = os.get_terminal_size(sys.stdout.fileno())
    return Size(rows, cols) if rows and cols else None


def plain(data: bytes, size: Size) -> bytes:
    """The contents of a screen as lines without escape sequences."""
    from ptyjobs.render.ansi import to_text
    from ptyjobs.terminal import Screen

    screen = Screen(size)
    screen.feed(data)
    return to_text(screen).encode("utf-8", "replace").replace(b"\n", b"\r\n")


class Terminal:
    """Standard input and output as one terminal."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self.dumb = os.environ.get("TERM", "dumb") in ("dumb", "")
        self._old: list[Any] = termios.tcgetattr(self._in)
        self._unfinished = b""
        self._own_screen = False
        self._tail = b""  # end of the last output: a sequence may be split
        self._alternate = False  # the program is on the alternate screen
        self._titles = 0  # saved titles that are not yet restored
        self._string = False  # the last output ends within a control string
        self._asked = False  # the query for program reports is unanswered
        self._typed = b""  # perhaps the first part of its answer
        self.wants_reports = False  # the terminal shows program reports (OSC 7501)
        self.passing = False  # the terminal has the program's cursor position
        self.signals = -1  # readable when `take_signals` has something

    def size(self) -> Size | None:
        """The size; None if the terminal has none or is closed."""
        try:
            return terminal_size()
        except OSError:  # the terminal is closed
            return None

    def write(self, data: bytes) -> None:
        """Write all of `data`; raises SystemExit, as for SIGHUP, if the terminal is closed."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._out, view) :]
            except OSError:  # EIO: the terminal is closed
                raise _leaving(signal.SIGHUP) from None

    def pass_on(self, data: bytes) -> None:
        """Write a program's output; the shell's prompt later follows its last cursor position."""
        self.write(data)
        seen = self._tail + data
        on, off = (max(seen.rfind(word + end) for word in _ALTERNATE) for end in (b"h", b"l"))
        if on != off:
            self._alternate = on > off
        if self._string or b"\x1b" in data:
            for match in _STRINGS.finditer(seen):
                self._string = match[0] not in (b"\x07", b"\x1b\\")
        if b"t" in data:
            for match in _PUSHES.finditer(data):
                self._titles = max(0, self._titles + (1 if match[1] == b"2" else -1))
        self._tail = seen[-8:]
        self.passing = True

    @property
    def between(self) -> bool:
        """True if the passed output does not end within a sequence or a character."""
        return not self._string and _CUT.search(self._tail) is None

    def ask_for_reports(self) -> None:
        """Ask whether the terminal shows program reports; `wants_reports` is the answer."""
        if not self.wants_reports:
            self._asked = True
            self.write(_REPORTS)

    def title(self, text: str) -> None:
        """Set the window title until the terminal is restored; the old title is saved first."""
        if not self._titles:
            self._titles = 1
            self.write(b"\x1b[22;0t")
        self.write(f"\x1b]2;{text}\x07".encode("utf-8", "replace"))

    def read(self) -> bytes:
        """Read typed bytes; raises SystemExit, as for SIGHUP, if the terminal is closed."""
        try:
            data = os.read(self._in, 4096)
        except OSError:  # EIO: the terminal is closed
            data = b""
        if not data:
            raise _leaving(signal.SIGHUP)
        return self._without_answer(data) if self._asked else data

    def _without_answer(self, data: bytes) -> bytes:
        """Take the answer to our query out of the input; a later one is the job's."""
        data, self._typed = self._typed + data, b""
        match = _ANSWER.search(data)
        if match is not None:
            self._asked, self.wants_reports = False, True
            return data[: match.start()] + data[match.end() :]
        start = data.rfind(b"\x1b]7")  # shorter beginnings are keys
        if start >= 0 and _REPORTS.startswith(data[start:]):
            data, self._typed = data[:start], data[start:]
        return data

    def strip(self, data: bytes) -> bytes:
        """Remove escape sequences, for a dumb terminal; an incomplete one is held back."""
        data = _ESCAPES.sub(b"", self._unfinished + data)
        at = data.find(b"\x1b")
        self._unfinished = data[at:] if at >= 0 and len(data) - at < _LONGEST else b""
        return data[:at] if self._unfinished else data

    @contextlib.contextmanager
    def raw(self, *, own_screen: bool = False) -> Iterator[None]:
        """Raw mode, always restored on exit. SIGTERM, SIGHUP and SIGQUIT raise SystemExit.

        With `own_screen`, uses the alternate screen, so that nothing we draw remains.
        """
        self._own_screen = own_screen

        def leave(number: int, _frame: object) -> None:
            raise _leaving(number)

        self.signals, wake = os.pipe()
        os.set_blocking(wake, False)
        handlers = {n: signal.signal(n, leave) for n in _FATAL}
        handlers |= {n: signal.signal(n, lambda *_: None) for n in _NOTED}
        old_wake = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        try:
            self.resume()
            yield
        finally:
            signal.set_wakeup_fd(old_wake)
            self._restore()
            for number, handler in handlers.items():
                if signal.getsignal(number) is not signal.SIG_IGN:  # we are not exiting
                    signal.signal(number, handler)
            os.close(wake)
            os.close(self.signals)

    def _restore(self) -> None:
        with contextlib.suppress(OSError, termios.error, SystemExit):  # the terminal is closed
            self.write(b"\x1b[23;0t" * self._titles)
            self._titles = 0
            if self._own_screen:
                self.write(LEAVE.encode())
            elif self.dumb:
                self.write(b"\r\n")
            elif self.passing and not self._alternate:
                new_line = "" if self._tail.endswith(b"\n") else "\r\n"
                self.write(f"{_RESTORE_HERE}{new_line}".encode())
            else:
                # Move below the job's output: the prompt must not appear in the middle of it.
                rows = os.get_terminal_size(self._out).lines
                self.write(f"{RESTORE}\x1b[{rows or 1};1H\r\n".encode())
            termios.tcsetattr(self._in, termios.TCSAFLUSH, self._old)

    def take_signals(self) -> list[int]:
        """The signals since the last call, oldest first."""
        return list(os.read(self.signals, 64))

    def suspend(self) -> None:
        """Restore the terminal and stop this process; returns when it is continued."""
        self._restore()
        os.kill(os.getpid(), signal.SIGSTOP)

    def resume(self) -> None:
        """Set raw mode again: the shell may have set its own modes meanwhile."""
        tty.setraw(self._in, termios.TCSADRAIN)  # keep type-ahead
        if self._own_screen:
            self.write(ENTER.encode())

    def announce(self, words: str) -> None:
        """Ring the bell, and show a desktop notification if the terminal supports OSC 9."""
        if not self.dumb:
            with contextlib.suppress(SystemExit):  # the terminal is closed
                self.write(f"\x07\x1b]9;ptyjobs: {words}\x07".encode())
