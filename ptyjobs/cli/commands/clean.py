"""`clean`: remove ended jobs past their retention."""

from __future__ import annotations

import argparse
import json

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add


def register(add: Add) -> None:
    cleaning = add("clean", clean)
    cleaning.add_argument("--dry-run", action="store_true", help="only say what would go")


def clean(args: argparse.Namespace, settings: Config) -> int:
    """Delete ended jobs that are older than the configured retention; prints their ids."""
    with Jobs(settings) as jobs:
        removed = jobs.registry.clean(
            retention=settings.retention,
            keep=settings.retention_count,
            total=settings.log_total,
            dry_run=args.dry_run,
        )
    if args.json:
        print(json.dumps(removed))
    else:
        print("".join(f"{job_id}\n" for job_id in removed), end="")
    return 0
