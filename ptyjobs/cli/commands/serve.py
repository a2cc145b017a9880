"""`serve`: the MCP server."""

from __future__ import annotations

import argparse
import sys

from ptyjobs import config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

AT_A_TERMINAL = """\
ptyjobs: an MCP client belongs here (claude mcp add ptyjobs -- ptyjobs); C-c ends this.
For people: ptyjobs --help, ptyjobs demo, ptyjobs run -- CMD"""


def register(add: Add) -> None:
    serving = add("serve", serve)
    before = len(serving._actions)
    config.add_flags(serving)
    for action in serving._actions[before:]:  # defaults here would override top-level flags
        action.default = argparse.SUPPRESS


def serve(args: argparse.Namespace, settings: Config) -> int:
    """Serve MCP on standard input and output (what a client starts)."""
    from ptyjobs.mcp import main as serve_mcp

    if settings.http == "none" and sys.stdin.isatty():  # a user ran the client's command by hand
        print(AT_A_TERMINAL, file=sys.stderr, flush=True)
    return serve_mcp(settings)
