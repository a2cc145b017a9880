"""The MCP server. Importing this package is cheap; `main` imports the server."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from ptyjobs.config import umask

if TYPE_CHECKING:
    from ptyjobs.client.zygote import Zygote
    from ptyjobs.config import Config


def main(config: Config, zygote: Zygote | None = None) -> int:
    """Serve MCP over stdio or HTTP until the client disconnects; returns the exit code.

    The zygote is forked before the server's own modules are imported, which no holder should
    inherit, and pre-builds holders meanwhile.
    """
    from ptyjobs.client.preparation import check_config

    check_config(config)
    if words := umask.make_usable():
        print(f"ptyjobs: {words}", file=sys.stderr, flush=True)
    from ptyjobs.client import zygote as zygotes

    if zygote is None:
        zygote = zygotes.start(ahead=True, share_heap=config.share_heap)
    zygotes.close_memory()  # jobs run as this user; the server's environment may hold secrets
    gc.disable()  # what is imported stays: freezing exempts it from later collections too
    try:
        from ptyjobs.mcp import serve
    finally:
        gc.freeze()
        gc.enable()
    return serve.run(config, zygote)
