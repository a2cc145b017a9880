"""Table of docs/security.md: what each mechanism stops and leaves, from the tests that try it.

A test says so by its marks: `@pytest.mark.stops(MECHANISM, WHAT)` and `@pytest.mark.leaves(...)`.
The marks are read from the source, so that the table needs no test run and names real tests only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/security", "tests/policy", "tests/faults")
ORDER = (
    "none", "bwrap", "landlock", "floors", "allowed_commands", "env_deny", "block_dangerous",
    "permissions", "redact", "own processes", "files", "attach and commands",
)  # fmt: skip


def reference() -> str:
    """The table, by mechanism: first what it stops, then what it leaves."""
    rows = sorted(marked(), key=lambda row: (ORDER.index(row[0]), row[1] != "stops"))
    lines = ["| mechanism | | what | tried by |", "|---|---|---|---|"]
    lines += [f"| {m} | {kind} | {what} | `{test}` |" for m, kind, what, test in rows]
    return "\n".join(lines)


def marked() -> Iterator[tuple[str, str, str, str]]:
    """(mechanism, "stops" or "leaves", what, test) of each mark."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("test_*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    name = f"{path.relative_to(ROOT)}::{node.name}"
                    for mark in map(_mark, reversed(node.decorator_list)):
                        if mark is not None:
                            yield (mark[1], mark[0], mark[2], name)


def _mark(decorator: ast.expr) -> tuple[str, str, str] | None:
    """(kind, mechanism, what) of `@pytest.mark.stops(...)` or `leaves`; None for another."""
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return None
    if decorator.func.attr not in ("stops", "leaves"):
        return None
    mechanism, what = map(ast.literal_eval, decorator.args)
    return decorator.func.attr, mechanism, what
