"""The MCP server. Importing this package is cheap; `main` imports the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.config import Config
    from ptyjobs.host.zygote import Zygote


def main(config: Config, zygote: Zygote | None = None) -> int:
    """Serve MCP over standard input and output (or HTTP) until the client leaves; the exit code.

    The zygote is forked before the SDK is imported: its import takes half a second and 45 MB,
    which no holder should inherit, and holders get ready meanwhile.
    """
    from ptyjobs.client.prepare import check_config

    check_config(config)
    if zygote is None:
        from ptyjobs.host import zygote as zygotes

        zygote = zygotes.start()
    from ptyjobs.mcp import serve

    return serve.run(config, zygote)
