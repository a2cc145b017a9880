"""`setup`: configure the MCP clients of this machine, or undo it.

Owns the wording of the report and the command that is written: this installation's, or uvx. Never
edits a file (`ptyjobs.setup` does).
"""

from __future__ import annotations

import argparse
import os
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput
from ptyjobs.setup.clients import Server, World

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config
    from ptyjobs.setup.work import Outcome

EXAMPLES = """\
  ptyjobs setup                     every client that is installed here
  ptyjobs setup claude-code codex   these two
  ptyjobs setup --dry-run           only say what would change
  ptyjobs setup --remove            take it back: the files are what they were"""


def register(add: Add) -> None:
    setting_up = add("setup", setup, examples=EXAMPLES)
    setting_up.add_argument("client", metavar="CLIENT", nargs="*", help="default: all found here")
    setting_up.add_argument("--dry-run", action="store_true", help="only say what would change")
    setting_up.add_argument("--remove", action="store_true", help="take it back")
    setting_up.add_argument(
        "--run", choices=("installed", "uvx"), help="what clients start; default: as this runs"
    )
    setting_up.add_argument("--name", default="ptyjobs", help="name of the server there")
    setting_up.add_argument(
        "--permissions", action="store_true", help="Claude Code: allow the tools that only read"
    )
    setting_up.add_argument(
        "--import-rules",
        action="store_true",
        help="take Claude Code's rules for Bash into [permissions] of our configuration",
    )


def setup(args: argparse.Namespace, settings: Config) -> int:
    """Configure the MCP clients of this machine; exits with 1 if one could not be configured."""
    from ptyjobs.setup import work

    world = here()
    if args.import_rules:
        outcomes = [work.import_rules(world, dry_run=args.dry_run)]
        _print(outcomes, as_json=args.json, dry_run=args.dry_run)
        return 1 if outcomes[0].action is work.Action.FAILED else 0
    for name in args.client:
        if name not in work.names():
            import difflib

            near = difflib.get_close_matches(name, work.names(), n=1)
            advice = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(work.names())}."
            raise BadInput(f"There is no client {name!r}.", advice=advice)
    chosen = args.client or work.found(world)
    if not chosen:
        raise BadInput("No client was found here.", advice=f"Known: {', '.join(work.names())}.")
    server = server_of(args.run)
    outcomes = []
    for name in chosen:
        if args.remove:
            outcomes += work.remove(name, world=world, entry_name=args.name, dry_run=args.dry_run)
        else:
            outcomes += work.configure(
                name,
                world=world,
                server=server,
                entry_name=args.name,
                permissions=args.permissions,
                dry_run=args.dry_run,
            )
    _print(outcomes, as_json=args.json, dry_run=args.dry_run)
    return 1 if any(outcome.action is work.Action.FAILED for outcome in outcomes) else 0


def _print(outcomes: list[Outcome], *, as_json: bool, dry_run: bool) -> None:
    from ptyjobs.cli.command import print_json

    if as_json:
        print_json(outcomes)
        return
    home = os.path.expanduser("~")
    for outcome in outcomes:
        path = outcome.path
        if path.startswith(home + "/"):
            path = "~" + path[len(home) :]
        action = f"{outcome.action}{' (dry run)' if dry_run else ''}"
        words = f"  {outcome.words}" if outcome.words else ""
        print(f"{outcome.client:15} {action:10} {path}{words}")


def here() -> World:
    """This machine."""
    return World(os.path.expanduser("~"), dict(os.environ), sys.platform)


def server_of(run: str | None) -> Server:
    """The command with which clients start ptyjobs: this installation's absolute path, or uvx."""
    if run == "uvx" or (run is None and _is_ephemeral()):
        return Server("uvx", ("ptyjobs",))
    script = os.path.join(os.path.dirname(sys.executable), "ptyjobs")
    if os.access(script, os.X_OK):
        return Server(script)
    return Server(sys.executable, ("-m", "ptyjobs"))


def _is_ephemeral() -> bool:
    """True in an environment created by uvx, which is deleted when uvx's cache is cleaned."""
    return f"{os.sep}archive-v0{os.sep}" in os.path.realpath(sys.prefix) + os.sep
