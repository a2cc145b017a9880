"""`export`: write a job's recording to a file or to standard output."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.files import named
from ptyjobs.client.files import JobDir
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.recordings import export_cast, export_raw, read, text_of

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

FORMATS = ("v3", "v2", "raw", "txt")
EXAMPLES = """\
  ptyjobs export web web.cast          plays in asciinema and `ptyjobs play`
  ptyjobs export web --format txt | less"""


def register(add: Add) -> None:
    exporter = add("export", export, job=True, examples=EXAMPLES)
    exporter.add_argument("file", nargs="?", default="", help="default: standard output")
    exporter.add_argument("--format", choices=FORMATS, default="v3", help="default v3")
    exporter.add_argument("--input", action="store_true", help="write what was typed as well")


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
