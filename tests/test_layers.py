"""Imports go one way, and each mandated library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ptyjobs"
PURE_BAN = {
    "os", "asyncio", "socket", "time", "subprocess", "selectors", "threading", "mcp", "ptyprocess",
}  # fmt: skip
HOMES = {"pyte": "core/vt/", "ptyprocess": "host/pty.py", "mcp": "mcp/", "mcp_types": "mcp/"}
FRONTS = ("mcp", "cli", "web", "testing", "pytest_plugin")
# A layer may import what stands to its left.
LAYERS = ["frozen", "model", "errors", "core", "host", "client", "recordings"]


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            if node.module == "ptyjobs":
                yield from (f"ptyjobs.{alias.name}" for alias in node.names)


def layer(name: str) -> int | None:
    top = name.removeprefix("ptyjobs.").split(".")[0].split("/")[0].removesuffix(".py")
    return LAYERS.index(top) if top in LAYERS else None


MODULES = dict(modules())


@pytest.mark.parametrize("name", MODULES)
def test_a_library_is_imported_in_its_home_alone(name: str) -> None:
    for module in imports(MODULES[name]):
        home = HOMES.get(module.split(".")[0])
        allowed = home is None or name.startswith(home) or name == "pytest_plugin.py"
        assert allowed or name.startswith("testing/"), f"{name} imports {module}"


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("core/")])
def test_the_core_does_no_io(name: str) -> None:
    assert not {m.split(".")[0] for m in imports(MODULES[name])} & PURE_BAN


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    mine = layer(name)
    front = name.split("/")[0].removesuffix(".py")
    for module in imports(MODULES[name]):
        if not module.startswith("ptyjobs."):
            continue
        theirs = layer(module)
        if mine is not None and theirs is not None:
            assert theirs <= mine, f"{name} imports {module}"
        other = module.split(".")[1]
        if mine is not None:
            assert other not in FRONTS, f"{name} imports {module}"
        if front in FRONTS and other in FRONTS:
            deferred = front in (
                "cli",
                "testing",
                "pytest_plugin",
            )  # starts the others, imports nothing of them
            assert other == front or deferred, f"{name} imports {module}"
