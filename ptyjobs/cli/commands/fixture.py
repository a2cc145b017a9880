"""`fixture`: from a recording to a regression test."""

from __future__ import annotations

import argparse
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.files import named
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add


def register(add: Add) -> None:
    writer = add("fixture", fixture)
    writer.add_argument("file", metavar="FILE", help="a recording (.cast or raw)")
    writer.add_argument("--into", default="", metavar="DIR", help="default: beside FILE")
    writer.add_argument("--force", action="store_true", help="replace an existing test")


def fixture(args: argparse.Namespace, settings: Config) -> int:
    """Write a pytest test for a recording: its last screen, and what each input brought.

    Run it with pytest; accept a changed screen with `pytest --screen-update`.
    """
    from ptyjobs.testing import stub

    into = Path(args.into) if args.into else None
    with named(args.file):
        written = stub.write(Path(args.file), into=into, force=args.force)
    for path in written:
        print(path)
    return 0
