"""`attach`: join a job from this terminal."""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.attach import attach
from ptyjobs.client.sync import Jobs
from ptyjobs.config import flag_dest
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs attach                  the only job, or the one started last
  ptyjobs attach web -r           watch without typing
  ptyjobs attach vim --detach-key C-]"""


def register(add: Add) -> None:
    joining = add("attach", attach_job, examples=EXAMPLES)
    joining.add_argument("job", nargs="?", default="", metavar="JOB", help="default: the newest")
    joining.add_argument("-r", "--read-only", action="store_true", help="watch without typing")
    joining.add_argument(
        "--status-line", action="store_true", help="show the job's state in the last row"
    )
    joining.add_argument(
        "--detach-key",
        dest=flag_dest("detach_key"),
        metavar="KEY",
        help="the key that leaves, default C-\\",
    )


def attach_job(args: argparse.Namespace, settings: Config) -> int:
    """Join a job from this terminal; C-\\ leaves it running.

    While you are attached, the job's terminal has the size of yours, and your terminal's scrollback
    receives the lines above its screen. Several people may be attached; the last to attach sets the
    size. Exits with 0 after the detach key, else with the job's own exit code; 4 if its holder was
    lost.
    """
    with Jobs(settings) as jobs:
        job_id = args.job or _newest(jobs)
        return attach(
            jobs,
            job_id,
            read_only=args.read_only,
            detach_key=settings.detach_key,
            status_line=args.status_line,
            hold_key=settings.hold_key,
        )


def _newest(jobs: Jobs) -> str:
    for status in jobs.list():
        if not status.state.ended:
            return status.job_id
    raise BadInput("No job runs.", advice="Start one: ptyjobs run -- CMD")
