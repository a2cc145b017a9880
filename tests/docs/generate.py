"""The generated blocks of the documents: `python -m tests.docs` writes them.

A block stands between `<!-- generated: NAME -->` and `<!-- end generated -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ptyjobs import config
from ptyjobs.cli.commands import describe
from ptyjobs.mcp import tools
from ptyjobs.model import TRANSITIONS
from ptyjobs.text import token_shapes

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "SPEC.md",
    "docs/person.md",
    "docs/reference/tools.md",
    "docs/reference/command-line.md",
    "docs/reference/settings.md",
)
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- end generated -->)", re.DOTALL)


def states() -> str:
    """The table of transitions and its picture."""
    lines = ["| state | what happens | next state |", "|---|---|---|"]
    lines += [f"| {a} | {event.value} | {b} |" for (a, event), b in TRANSITIONS.items()]
    lines += ["", "```mermaid", "stateDiagram-v2", "    [*] --> starting"]
    lines += [f"    {a} --> {b}: {event.value}" for (a, event), b in TRANSITIONS.items()]
    ended = dict.fromkeys(b for b in TRANSITIONS.values() if b.ended)
    return "\n".join([*lines, *(f"    {b} --> [*]" for b in ended), "```"])


BLOCKS: dict[str, Callable[[], str]] = {
    "states": states,
    "tools": tools.reference,
    "config": config.docs_table,
    "commands": describe.reference,
    "token-shapes": token_shapes.reference,
}


def rendered(text: str) -> str:
    """`text` with every generated block regenerated."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{BLOCKS[m[2]]().strip()}\n\n{m[4]}", text)


def main() -> int:
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(rendered(path.read_text()))
    return 0
