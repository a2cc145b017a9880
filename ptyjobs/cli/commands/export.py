"""`export`: write a recording to a file or to standard output."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.cli.files import STDOUT, must_not_exist, named, source
from ptyjobs.client.files import JobDir
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.recordings import export_cast, export_raw, read, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ptyjobs.cli.command import Add
    from ptyjobs.recordings import Recording

FORMATS = ("v3", "v2", "raw", "txt", "html")
PICTURES = (".gif", ".webm", ".mp4", ".png", ".svg")  # docs/decisions/moving-pictures.md
EXAMPLES = """\
  ptyjobs export web web.cast          plays in asciinema and `ptyjobs play`
  ptyjobs export web web.html          one page with a player, for a browser or a bug report
  ptyjobs export web --format txt | less
  ptyjobs export old.cast --format v2 new.cast"""


def register(add: Add) -> None:
    exporter = add("export", export, examples=EXAMPLES)
    exporter.add_argument("source", metavar="JOB|FILE", help="a job, or a recording")
    exporter.add_argument("file", nargs="?", default="", help="default, and -: standard output")
    exporter.add_argument("--format", choices=FORMATS, help="default: by FILE's name, else v3")
    exporter.add_argument("--input", action="store_true", help="write what was typed as well")
    exporter.add_argument(
        "--redact", action="store_true", help="mask secrets (settings, environment, typed unseen)"
    )
    exporter.add_argument("--force", action="store_true", help="replace FILE")


def export(args: argparse.Namespace, settings: Config) -> int:
    """Write a job's recording to a file, or to standard output.

    Formats: v3 and v2 (asciicast), html (one page that plays it, with marks and search, without
    network), raw (the bytes of the log), txt (all its text). If the log is not valid UTF-8, which
    a cast cannot represent, the bytes are also written to FILE.raw.
    """
    out = Path(args.file) if args.file not in ("", STDOUT) else None
    form = args.format or form_of(args.file)
    if args.json and out is None:
        raise BadInput("--json needs a file to export to.", advice="ptyjobs export JOB FILE")
    with named(args.source):
        path, is_job = source(args.source, settings)
        what = JobDir(path) if is_job else read(path)
    if args.redact and not isinstance(what, JobDir):
        raise BadInput("--redact needs a job, not a recording.")
    if out is not None:
        must_not_exist(out, force=args.force)
    with named(out), contextlib.ExitStack() as stack:
        if args.redact and isinstance(what, JobDir):
            what = stack.enter_context(masked_copy(what, settings))
        files = write(what, out, form=form, input=args.input)
    if args.json:
        print(json.dumps({"format": form, "files": [str(file) for file in files]}))
    return 0


@contextlib.contextmanager
def masked_copy(job: JobDir, settings: Config) -> Iterator[JobDir]:
    """Yield a redacted copy of a job's files."""
    import shutil
    import tempfile

    from ptyjobs.client.files import mask_job
    from ptyjobs.client.known_secrets import redactor
    from ptyjobs.text.secrets import unpack

    secrets = redactor(replace(settings, redact=True))
    secrets.add(*unpack(job.secrets()))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, job.job_id)
        ignored = shutil.ignore_patterns("sock", "alive", ".*")
        shutil.copytree(job.path, copy, ignore=ignored)
        masked = JobDir(copy)
        mask_job(masked, secrets)
        if (spec := masked.spec()) is not None:
            command = secrets.redact(spec.command).text
            masked.write("spec.json", replace(spec, command=command, argv=()))
        yield masked


def form_of(file: str) -> str:
    """The format for a file's name."""
    suffix = Path(file).suffix.lower()
    if suffix in PICTURES:
        raise BadInput(
            f"A recording cannot be written as {suffix}.",
            advice="A page with a player: ptyjobs export JOB x.html. "
            "One picture: ptyjobs screen JOB. A GIF from a cast: asciinema's agg.",
        )
    forms = {".raw": "raw", ".log": "raw", ".txt": "txt", ".html": "html", ".htm": "html"}
    return forms.get(suffix, "v3")


def write(what: JobDir | Recording, out: Path | None, *, form: str, input: bool) -> list[Path]:
    """Write `what` as `form` to `out` (None: standard output); returns the files written."""
    files = [out] if out else []
    with _opened(out) as binary:
        if form == "raw":
            export_raw(what, binary)
            return files
        # UTF-8 in any locale: casts are UTF-8, and a text has the characters the program printed.
        text = io.TextIOWrapper(binary, encoding="utf-8", errors="replace", newline="")
        try:
            if form in ("txt", "html"):
                whole = read(what.path) if isinstance(what, JobDir) else what
                if form == "txt":
                    text.write(text_of(whole))
                else:
                    from ptyjobs.recordings.page import html_page  # loads the renderers

                    text.write(html_page(whole, input=input))
                return files
            exact = export_cast(what, text, version=2 if form == "v2" else 3, input=input)
        finally:
            text.flush()
            text.detach()
    if out and not exact:
        twin = out.with_suffix(".raw")
        with open(twin, "wb") as raw:
            export_raw(what, raw)
        print(f"ptyjobs: Not all of it is UTF-8; the exact bytes are in {twin}", file=sys.stderr)
        files.append(twin)
    return files


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with open(out, "wb") as file:
        yield file
