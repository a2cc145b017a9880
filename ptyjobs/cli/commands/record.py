"""`record`, `export` and `play`: recordings as files and on a terminal.

Owns where the files go and the keys while playing. What a recording is stands in
`ptyjobs.recordings`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shlex
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import attach
from ptyjobs.cli.files import named
from ptyjobs.client.files import JobDir
from ptyjobs.client.preparation import prepare
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.recordings import Moment, Recording, export_cast, export_raw, read, text_of
from ptyjobs.recordings.play import Wait
from ptyjobs.recordings.play import play as play_recording

if TYPE_CHECKING:
    from ptyjobs.cli.main import Add

FORMATS = ("v3", "v2", "raw", "txt")
RECORD_EXAMPLES = """\
  ptyjobs record -o demo.cast -- python3 -i
  ptyjobs record --input -- bash       what is typed and shown as well"""
EXPORT_EXAMPLES = """\
  ptyjobs export web web.cast          plays in asciinema and `ptyjobs play`
  ptyjobs export web --format txt | less"""
PLAY_EXAMPLES = """\
  ptyjobs play demo.cast --speed 2 --idle-limit 1
  ptyjobs play web                     a job of yours, from its start"""


def register(add: Add) -> None:
    recorder = add("record", record, examples=RECORD_EXAMPLES)
    recorder.add_argument("-o", "--output", default="", metavar="FILE", help="default: CMD.cast")
    recorder.add_argument("--input", action="store_true", help="write what is typed as well")
    recorder.add_argument("--force", action="store_true", help="replace FILE")
    recorder.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    exporter = add("export", export, job=True, examples=EXPORT_EXAMPLES)
    exporter.add_argument("file", nargs="?", default="", help="default: standard output")
    exporter.add_argument("--format", choices=FORMATS, default="v3", help="default v3")
    exporter.add_argument("--input", action="store_true", help="write what was typed as well")
    player = add("play", play, examples=PLAY_EXAMPLES)
    player.add_argument("file", metavar="FILE", help="a recording or a job id")
    player.add_argument("--speed", type=float, default=1.0, help="default 1")
    player.add_argument("--idle-limit", dest="pause", type=float, metavar="S", help="longest pause")


def record(args: argparse.Namespace, settings: Config) -> int:
    """Run a command in this terminal and write what it shows to a recording.

    Ends with the command's own exit code. Its bytes are kept beside the recording (FILE.raw) when
    they are no UTF-8. Without --input nothing that is typed is written; with it only what the
    terminal showed, so never a password.
    """
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise BadInput("record needs a command.", advice="ptyjobs record -o x.cast -- CMD")
    command = words[0] if len(words) == 1 else shlex.join(words)
    out = Path(args.output or f"{Path(words[0].split()[0]).name}.cast")
    if out.exists() and not args.force:
        raise BadInput(f"{out} exists already.", advice="Name another with -o, or use --force.")
    if not out.parent.is_dir():  # told before the command has run, not after
        raise BadInput(f"There is no directory {str(out.parent)!r}.", advice="Make it first.")
    with Jobs(settings) as jobs:
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        size = attach.terminal_size() if interactive else None
        rows, cols = (size.rows, size.cols) if size else (settings.rows, settings.cols)
        job_id = jobs.start(prepare(settings, command=command, rows=rows, cols=cols)).job_id
        if interactive:
            code = attach.attach(jobs, job_id, detach_key=settings.detach_key, stays=False)
            if not jobs.status(job_id).state.ended:  # detached: that ends a recording
                jobs.kill(job_id)
        else:
            from ptyjobs.cli.run import stream

            code = stream(jobs, job_id)
        kept = f"It is kept as a job: ptyjobs export {job_id} FILE"
        with named(out, advice=kept):
            write(jobs.registry.find(job_id), out, form="v3", input=args.input)
    print(f"[recorded in {out}; ptyjobs play {out}]", file=sys.stderr)
    return code


def export(args: argparse.Namespace, settings: Config) -> int:
    """Write a job's recording to a file, or to standard output.

    Formats: v3 and v2 (asciicast), raw (the bytes of the log), txt (all its text). What a cast
    cannot hold, bytes that are no UTF-8, is kept beside it as FILE.raw.
    """
    with Jobs(settings) as jobs:
        job = jobs.registry.find(args.job)
    out = Path(args.file) if args.file else None
    with named(out):
        write(job, out, form=args.format, input=args.input)
    return 0


def write(job: JobDir, out: Path | None, *, form: str, input: bool) -> None:
    """Write a job as `form` to `out`, None for standard output."""
    if form == "raw":
        with open(out, "wb") if out else contextlib.nullcontext(sys.stdout.buffer) as raw:
            export_raw(job, raw)
        return
    # What a file cannot hold must not raise in the middle of it.
    with (
        open(out, "w", encoding="utf-8", errors="replace", newline="")
        if out
        else contextlib.nullcontext(sys.stdout)
    ) as text:
        if form == "txt":
            text.write(text_of(read(job.path)))
            return
        exact = export_cast(job, text, version=2 if form == "v2" else 3, input=input)
    if out and not exact:
        twin = out.with_suffix(".raw")
        with open(twin, "wb") as raw:
            export_raw(job, raw)
        print(f"ptyjobs: not all of it is UTF-8; the exact bytes are in {twin}", file=sys.stderr)


def play(args: argparse.Namespace, settings: Config) -> int:
    """Replay a recording or a job in this terminal: blank pauses, '.' steps, q quits.

    FILE is an asciicast (v2, v3), a raw log or a job id. At its own pace, --speed times as fast,
    with pauses cut to --idle-limit seconds.
    """
    path = Path(args.file)
    if not path.exists():
        with Jobs(settings) as jobs:
            path = jobs.registry.find(args.file).path
    with named(path):
        recording = read(path)
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


def _warn_of_size(recording: Recording) -> None:
    size = attach.terminal_size() if sys.stdout.isatty() else None
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
    """Ask the terminal for the size (xterm's window operation 8; others ignore it)."""
    if sys.stdout.isatty():
        _out(f"\x1b[8;{moment.size.rows};{moment.size.cols}t".encode())


@contextlib.contextmanager
def _keys() -> Iterator[Wait]:
    """Keys from the terminal without echo; only time where there is none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield lambda seconds: _sleep(seconds)
        return
    fd = sys.stdin.fileno()
    old = termios.tcgetattr(fd)

    def wait(seconds: float | None) -> str:
        ready, _, _ = select.select([fd], [], [], seconds)
        return os.read(fd, 32).decode("utf-8", "replace")[:1] if ready else ""

    try:
        tty.setcbreak(fd)
        yield wait
    finally:
        os.write(sys.stdout.fileno(), attach.RESTORE.encode() + b"\x1b[999;1H\r\n")
        termios.tcsetattr(fd, termios.TCSAFLUSH, old)


def _sleep(seconds: float | None) -> str:
    if seconds:
        select.select([], [], [], seconds)
    return ""
