"""`web`: start the browser viewer. Owns its messages; the viewer itself is `ptyjobs.web`."""

from __future__ import annotations

import argparse
import asyncio
import json

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.config import Config
from ptyjobs.errors import Unsupported

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

EXAMPLES = """  ptyjobs web                 print the address, serve until C-c
  ptyjobs web --port 8900     the same address each time
  ptyjobs web --write --open  let the browser type, and open it now"""


def register(add: Add) -> None:
    viewing = add("web", web, examples=EXAMPLES)
    viewing.add_argument(
        "--port", type=_port, default=0, help="keep the address; default: any port that is free"
    )
    viewing.add_argument("--write", action="store_true", help="let browsers type and resize")
    viewing.add_argument(
        "--new-token", action="store_true", help="with --port: lock out who has the old address"
    )
    viewing.add_argument("--open", action="store_true", help="open the page in the browser")


def _port(word: str) -> int:
    if not (word.isdecimal() and int(word) <= 65535):
        raise argparse.ArgumentTypeError(f"{word} is not a port: 0 to 65535")
    return int(word)


def web(args: argparse.Namespace, settings: Config) -> int:
    """Show all jobs in a browser, live and recorded.

    Serves on this machine only. The printed address contains a secret: anyone who has it can see
    your jobs, and with --write can type into them. With --port the address stays the same, and open
    pages reconnect to a restarted viewer. C-c stops it.
    """
    try:
        from ptyjobs.web.server import Viewer, forever
        from ptyjobs.web.session import token_for
    except ImportError as error:
        raise Unsupported(
            f"The viewer needs a package that is not installed ({error.name}).",
            advice="pip install 'ptyjobs[web]'",
        ) from None
    from ptyjobs.client import AsyncJobs

    def ready(url: str) -> None:
        print(json.dumps({"url": url}) if args.json else url, flush=True)
        if args.open:
            import webbrowser

            webbrowser.open(url)

    token = token_for(settings.state_dir, port=args.port, write=args.write, fresh=args.new_token)

    async def serve() -> None:
        jobs = AsyncJobs(settings)
        try:
            await forever(
                Viewer(jobs, write=args.write, token=token, kept=bool(args.port)),
                port=args.port,
                ready=ready,
            )
        finally:
            await jobs.close()

    asyncio.run(serve())
    return 0
