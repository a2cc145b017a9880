"""The methods of both clients have one source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_synchronous_methods_are_generated_from_the_asynchronous_ones() -> None:
    check = [sys.executable, str(ROOT / "tools" / "unasync.py"), "--check"]
    assert subprocess.run(check).returncode == 0, "run python tools/unasync.py"
