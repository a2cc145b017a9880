"""`screen`: print a job's present or past screen as text or as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.files import STDOUT, must_not_exist, named, source
from ptyjobs.cli.numbers import count
from ptyjobs.cli.positions import moment
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.json_values import to_json

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.terminal import Screen

FORMATS = ("text", "ansi", "svg", "png", "html")
EXAMPLES = """\
  ptyjobs screen web
  ptyjobs screen vim -o vim.svg           the format follows the name
  ptyjobs screen vim --at 3.5s --format ansi"""


def register(add: Add) -> None:
    showing = add("screen", screen, examples=EXAMPLES)
    showing.add_argument("source", metavar="JOB|FILE", help="a job, or a recording")
    showing.add_argument("--format", choices=FORMATS, help="default: by FILE's name, else text")
    showing.add_argument("-o", "--output", default="", metavar="FILE", help="write it there")
    showing.add_argument(
        "--at", default="", metavar="OFFSET|TIME", help="an earlier moment, e.g. 1234 or 3.5s"
    )
    showing.add_argument(
        "--lines", type=count, default=50, metavar="N", help="lines of text, default 50"
    )
    showing.add_argument("--force", action="store_true", help="replace FILE")
    showing.add_argument("--title", default="", metavar="TEXT", help="put on top of an svg")


def screen(args: argparse.Namespace, settings: Config) -> int:
    """Print a job's screen, now or at an earlier moment: text, ansi, svg, png or html.

    For a recording, its last screen or the one at a given moment.
    """
    form = args.format or _format_of(args.output)
    path, is_job = source(args.source, settings)
    if args.output == STDOUT:
        args.output = ""
    if args.output:
        must_not_exist(args.output, force=args.force)
    if is_job:
        with Jobs(settings) as jobs:
            if form == "text" and not args.at:
                view = jobs.tail(path.name, lines=args.lines)
                text = json.dumps(to_json(view)) if args.json else view.text
                _write((text + "\n").encode("utf-8", "replace"), args.output)
                return 0
            picture = _picture(jobs, path.name, args.at)
    else:
        with named(args.source):
            picture = _played(path, args.at)
    data = render(picture, form, title=args.title)
    if args.json:
        if form == "png":
            import base64

            data = base64.b64encode(data)
        data = (json.dumps({"format": form, "data": data.decode()}) + "\n").encode()
    _write(data, args.output)
    return 0


def _format_of(output: str) -> str:
    suffix = Path(output).suffix.lstrip(".").lower()
    return {"svg": "svg", "png": "png", "html": "html", "htm": "html", "ansi": "ansi"}.get(
        suffix, "text"
    )


def _picture(jobs: Jobs, job_id: str, at: str) -> Screen:
    from ptyjobs.client.files import views

    job = jobs.registry.find(job_id)
    if at:
        offset, seconds = moment(at)
        return views.screen_at(job, offset=offset, time=seconds)
    if jobs.status(job_id).state.ended:
        return views.screen_at(job)
    from ptyjobs.terminal import Screen

    size, data = jobs.repaint(job_id)
    shown = Screen(size)
    shown.feed(data)
    return shown


def _played(path: Path, at: str) -> Screen:
    """The screen of a recording at its end or at a given moment."""
    from ptyjobs.recordings import read
    from ptyjobs.recordings.turns import Terminal

    offset, seconds = moment(at) if at else (None, None)
    terminal = Terminal(read(path))
    while (coming := terminal.next) is not None:
        if seconds is not None and coming.time > seconds:
            break
        if offset is not None and terminal.offset + len(coming.data) > offset:
            terminal.screen.feed(coming.data[: offset - terminal.offset])
            break
        terminal.step()
    return terminal.screen


def render(picture: Screen, form: str, *, title: str = "") -> bytes:
    """Render the screen in one of FORMATS."""
    from ptyjobs.render import ansi as render

    if form == "png":
        from ptyjobs.render.png import to_png

        return to_png(picture)
    if form == "svg":
        text = render.to_svg(picture, title=title, bar=bool(title))
    elif form == "html":
        from ptyjobs.render.html import to_html

        text = to_html(picture, title=title)
    else:
        text = (render.to_ansi if form == "ansi" else render.to_text)(picture) + "\n"
    return text.encode("utf-8", "replace")


def _write(data: bytes, output: str) -> None:
    if output:
        with named(output):
            Path(output).write_bytes(data)
        return
    if sys.stdout.isatty() and data.startswith(b"\x89PNG"):
        raise BadInput("A PNG cannot be shown in a terminal.", advice="Name a file: -o screen.png")
    sys.stdout.buffer.write(data)
