"""Generate the methods of `Jobs` from those of `AsyncJobs`.

    python tools/unasync.py [--check]

`ptyjobs/client/async_methods.py` is the source, `ptyjobs/client/sync_methods.py` the result. With
`--check` nothing is written; it exits with 1 if the result is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent / "ptyjobs" / "client"
SOURCE, RESULT = CLIENT / "async_methods.py", CLIENT / "sync_methods.py"
HEAD = '"""Generated from `async_methods.py` by `tools/unasync.py`: do not edit."""\n'
RULES = (
    (r'\A""".*?"""\n', HEAD),
    (r"# ruff: noqa: ASYNC.*?\n\n\n", "\n"),
    (r"\basync def\b", "def"),
    (r"\bawait ", ""),
    (r"\bAsyncMethods\b", "Methods"),
)


def generated() -> str:
    """The synchronous methods."""
    text = SOURCE.read_text()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


def main() -> int:
    text = generated()
    if "--check" in sys.argv[1:]:
        return int(not RESULT.exists() or RESULT.read_text() != text)
    RESULT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
