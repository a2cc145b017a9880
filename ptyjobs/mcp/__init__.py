"""The MCP server. Importing this package is cheap; `main` imports the SDK."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.client.zygote import Zygote
    from ptyjobs.config import Config


def main(config: Config, zygote: Zygote | None = None) -> int:
    """Serve MCP over standard input and output (or HTTP) until the client leaves; the exit code.

    The zygote is forked before the SDK is imported: its import takes half a second and 45 MB,
    which no holder should inherit, and holders get ready meanwhile.
    """
    from ptyjobs.client.preparation import check_config

    check_config(config)
    if zygote is None:
        from ptyjobs.client import zygote as zygotes

        zygote = zygotes.start(ahead=True, share_heap=config.share_heap)
    # Importing the SDK makes 120,000 objects that all live on: letting the collector
    # look at them time and again costs a tenth of the start. They are exempt from later rounds too.
    gc.disable()
    try:
        from ptyjobs.mcp import serve
    finally:
        gc.freeze()
        gc.enable()
    return serve.run(config, zygote)
