"""`python -m ptyjobs.mcp`: the server alone, with every setting as a flag."""

from __future__ import annotations

import argparse
import sys

from ptyjobs import config
from ptyjobs.errors import BadConfig
from ptyjobs.mcp import main
from ptyjobs.mcp.advice import HINTS


def run() -> int:
    """Read flags, file and environment, then serve; 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="ptyjobs.mcp", description="The MCP server of ptyjobs.")
    config.add_flags(parser)
    try:
        return main(config.load(flags=config.flags_of(parser.parse_args())))
    except BadConfig as error:
        print(f"ptyjobs: {error.worded(HINTS)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(run())
