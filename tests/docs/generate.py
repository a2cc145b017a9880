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
from tests.docs import mechanisms
from tests.test_layers import GRAPH, package_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "SPEC.md",
    "docs/person.md",
    "docs/security.md",
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


def packages() -> str:
    """The picture of the packages: an arrow is an import that no longer chain of arrows implies."""
    uses = package_imports()
    lines = ["```mermaid", "flowchart TD"]
    for package, others in sorted(uses.items()):
        implied = {far for near in others for far in reachable(near, uses)}
        lines += [f"    {package} --> {other}" for other in sorted(others - implied)]
    return "\n".join([*lines, "```"])


def package_imports() -> dict[str, set[str]]:
    """Each package or module of the top level, and those that its files import."""
    uses: dict[str, set[str]] = {}
    for path, others in GRAPH.items():
        package = package_of(path)
        uses.setdefault(package, set()).update(map(package_of, others))
    for entry in ("__init__", "__main__"):
        uses.pop(entry, None)
    return {package: others & set(uses) - {package} for package, others in uses.items()}


def reachable(start: str, uses: dict[str, set[str]]) -> set[str]:
    """What `start` imports by any chain of imports."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = uses[todo.pop()] - found
        found |= new
        todo += new
    return found


BLOCKS: dict[str, Callable[[], str]] = {
    "states": states,
    "packages": packages,
    "tools": tools.reference,
    "config": config.docs_table,
    "commands": describe.reference,
    "mechanisms": mechanisms.reference,
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
