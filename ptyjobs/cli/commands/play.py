"""`play`: replay a recording or a job in this terminal."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.files import named, source
from ptyjobs.cli.numbers import duration
from ptyjobs.cli.terminal import RESTORE, terminal_size
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.recordings import Moment, Recording, read
from ptyjobs.recordings.play import Wait
from ptyjobs.recordings.play import play as play_recording

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

EXAMPLES = """\
  ptyjobs play demo.cast --speed 2 --idle-limit 1
  ptyjobs play web                     a job of yours, from its start"""


def register(add: Add) -> None:
    player = add("play", play, examples=EXAMPLES)
    player.add_argument("source", metavar="JOB|FILE", help="a job, or a recording")
    player.add_argument("--speed", type=float, default=1.0, help="default 1")
    player.add_argument(
        "--idle-limit", dest="pause", type=duration, metavar="S", help="longest pause"
    )


def play(args: argparse.Namespace, settings: Config) -> int:
    """Replay a recording or a job in this terminal: blank pauses, '.' steps, q quits.

    A recording is an asciicast (v2, v3) or a raw log. It plays at its original speed times --speed,
    with pauses limited to --idle-limit seconds.
    """
    path, _ = source(args.source, settings)
    with named(path):
        recording = read(path)
    if args.json:
        print(json.dumps(_facts(recording)))
        return 0
    for code, count in recording.skipped.unknown.items():
        print(f"ptyjobs: {count} events {code!r} are unknown and were skipped", file=sys.stderr)
    if recording.skipped.truncated:
        print(f"ptyjobs: {recording.skipped.truncated}", file=sys.stderr)
    if args.speed <= 0:
        raise BadInput(f"--speed must be more than 0, not {args.speed:g}.")
    _warn_of_size(recording)
    with _keys() as wait:
        whole = play_recording(
            recording, _out, wait, speed=args.speed, idle_limit=args.pause, on_resize=_resize
        )
    return 0 if whole else 130


def _facts(recording: Recording) -> dict[str, object]:
    """The properties of a recording that a player needs."""
    return {
        "rows": recording.size.rows,
        "cols": recording.size.cols,
        "duration": round(recording.duration, 6),
        "command": recording.command,
        "markers": list(recording.markers),
        "exit_code": recording.exit.shell_code if recording.exit else None,
    }


def _warn_of_size(recording: Recording) -> None:
    size = terminal_size() if sys.stdout.isatty() else None
    need = recording.size
    if size is not None and (size.rows < need.rows or size.cols < need.cols):
        print(
            f"ptyjobs: recorded on {need.rows}x{need.cols}, this terminal has "
            f"{size.rows}x{size.cols}: lines may wrap",
            file=sys.stderr,
        )


def _out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _resize(moment: Moment) -> None:
    """Request the recorded size from the terminal (xterm window operation 8; others ignore it)."""
    if sys.stdout.isatty():
        _out(f"\x1b[8;{moment.size.rows};{moment.size.cols}t".encode())


@contextlib.contextmanager
def _keys() -> Iterator[Wait]:
    """Yield a wait for keys, read without echo; without a terminal it waits for time only."""
    if not sys.stdout.isatty():
        yield lambda seconds: _sleep(seconds)
        return
    out = sys.stdout.fileno()
    before = termios.tcgetattr(out)
    if not sys.stdin.isatty():
        try:
            _pass_line_feeds(out)
            yield lambda seconds: _sleep(seconds)
        finally:
            os.write(out, RESTORE.encode() + b"\x1b[999;1H\r\n")
            termios.tcsetattr(out, termios.TCSAFLUSH, before)
        return
    fd = sys.stdin.fileno()
    old = termios.tcgetattr(fd)

    def wait(seconds: float | None) -> str:
        ready, _, _ = select.select([fd], [], [], seconds)
        return os.read(fd, 32).decode("utf-8", "replace")[:1] if ready else ""

    try:
        tty.setcbreak(fd)
        _pass_line_feeds(out)
        yield wait
    finally:
        os.write(sys.stdout.fileno(), RESTORE.encode() + b"\x1b[999;1H\r\n")
        termios.tcsetattr(fd, termios.TCSAFLUSH, old)
        termios.tcsetattr(out, termios.TCSADRAIN, before)


def _pass_line_feeds(fd: int) -> None:
    """Stop the terminal from adding CR before LF: the recording has the original bytes."""
    modes = termios.tcgetattr(fd)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(fd, termios.TCSADRAIN, modes)


def _sleep(seconds: float | None) -> str:
    if seconds:
        select.select([], [], [], seconds)
    return ""
