"""`fixture`: turn a recording or a job into a regression test."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.files import named, source
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

EXAMPLES = """\
  ptyjobs record --input -o bug.cast -- ./app.py
  ptyjobs fixture bug.cast             runs ./app.py twice, writes test_bug.py and its screens
  ptyjobs fixture bug.cast --copy app.py --copy data    in a scratch directory with copies of these
  ptyjobs fixture bug.cast --replay    only plays the recording"""


def register(add: Add) -> None:
    writer = add("fixture", fixture, examples=EXAMPLES)
    writer.add_argument("source", metavar="FILE|JOB", help="a recording (.cast, raw) or a job")
    writer.add_argument("--into", default="", metavar="DIR", help="default: beside FILE, or here")
    writer.add_argument(
        "--cwd", default="", metavar="DIR", help="where the program runs; default: here"
    )
    writer.add_argument(
        "--copy", action="append", default=[], metavar="PATH",
        help="run in a scratch directory with a copy of this, each time; may be repeated",
    )  # fmt: skip
    writer.add_argument(
        "--replay", action="store_true", help="write a test that does not run the program"
    )
    writer.add_argument("--force", action="store_true", help="replace an existing test")


def fixture(args: argparse.Namespace, settings: Config) -> int:
    """Write a pytest test that runs a recorded program again, with its input, screen by screen.

    The program is run twice to find the parts that vary (times, process ids); the test accepts any
    text there. Accept changed screens with `pytest --screen-update`.
    """
    from ptyjobs.testing import stub

    path, is_job = source(args.source, settings)
    with named(args.source):
        written = stub.write(
            path,
            into=Path(args.into) if args.into else Path() if is_job else path.parent,
            cwd=Path(args.cwd or "."),
            copies=[Path(word) for word in args.copy],
            replay=args.replay,
            force=args.force,
        )
    for note in written.notes:
        print(f"ptyjobs: {note}", file=sys.stderr)
    paths = [str(path) for path in written.paths]
    print(json.dumps({"files": paths, "notes": written.notes}) if args.json else "\n".join(paths))
    return 0
