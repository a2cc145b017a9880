"""`python -m ptyjobs.mcp`: only the server, with a flag for every setting."""

from __future__ import annotations

import argparse
import sys

from ptyjobs import config
from ptyjobs.errors import BadConfig, Unsupported
from ptyjobs.mcp import main
from ptyjobs.mcp.advice import HINTS


def run() -> int:
    """Load flags, file and environment, then serve.

    Returns 2 for invalid settings or a machine that lacks what a server needs.
    """
    parser = argparse.ArgumentParser(prog="ptyjobs.mcp", description="The MCP server of ptyjobs.")
    config.add_flags(parser)
    try:
        return main(config.load(flags=config.flags_of(parser.parse_args())))
    except (BadConfig, Unsupported) as error:
        print(f"ptyjobs: {error.worded(HINTS)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(run())
