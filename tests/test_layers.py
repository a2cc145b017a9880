"""Imports go in one direction, without cycles; one package imports each library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ptyjobs"
IO = {"os", "asyncio", "socket", "time", "subprocess", "selectors", "threading"}
PURE = ("terminal/", "input/", "text/", "render/", "readiness/")
HOMES = {
    "pyte": ("terminal/",),
    "ptyprocess": ("process/",),
    "mcp": ("mcp/", "testing/"),
    "mcp_types": ("mcp/", "testing/"),
    "pytest": ("testing/",),
}
# A package may import the packages of the tiers above it, and itself.
TIERS = (
    ("_dataclass",),
    ("errors", "model"),
    ("json_values",),
    ("terminal", "input", "policy", "targets", "config", "protocol", "setup", "plugin"),
    ("text", "render", "process", "requests"),
    ("readiness", "store"),
    ("holder",),
    ("spawn",),
    ("client",),
    ("recordings",),
    ("mcp", "cli", "web", "testing"),
)
TIER = {package: number for number, tier in enumerate(TIERS) for package in tier}
FRONTS = TIERS[-1]
BEHIND_CLIENT = ("process", "readiness", "store", "holder", "spawn")
# Commands that start another front, and the plugin's fixture that runs our own server.
STARTS = {"cli": ("mcp", "web", "testing"), "mcp": ("web",), "testing": ("mcp",)}


def module_names() -> dict[str, str]:
    """Dotted name → path below the package, of every module."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE).as_posix()
        dotted = ".".join(("ptyjobs", *Path(relative).with_suffix("").parts))
        names[dotted.removesuffix(".__init__")] = relative
    return names


NAMES = module_names()


def imported(path: str) -> Iterator[str]:
    """Dotted names that a file imports, also in functions, under TYPE_CHECKING and by name."""
    package = ["ptyjobs", *Path(path).parent.parts]
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{module}.{alias.name}"
                yield name if name in NAMES else module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (word.value for word in node.args if isinstance(word, ast.Constant))


IMPORTS = {path: sorted(set(imported(path))) for path in sorted(NAMES.values())}
GRAPH = {
    path: sorted({NAMES[name] for name in names if name in NAMES} - {path})
    for path, names in IMPORTS.items()
}


def package_of(path: str) -> str:
    return Path(path).parts[0].removesuffix(".py")


def circle(graph: dict[str, list[str]]) -> list[str]:
    """The files of one import circle, first file repeated at the end; empty without one."""
    done: set[str] = set()
    for start in graph:
        chain: list[str] = []
        branches = [iter([start])]
        while branches:
            following = next(branches[-1], None)
            if following is None:
                branches.pop()
                if chain:
                    done.add(chain.pop())
            elif following in chain:
                return [*chain[chain.index(following) :], following]
            elif following not in done:
                chain.append(following)
                branches.append(iter(graph[following]))
    return []


def test_a_circle_is_found_with_its_chain() -> None:
    assert circle({"a": ["b"], "b": ["c", "d"], "c": [], "d": ["b"]}) == ["b", "d", "b"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle(GRAPH) == [], " → ".join(circle(GRAPH))


def test_every_package_has_a_tier() -> None:
    assert {package_of(path) for path in GRAPH} - {"__init__", "__main__"} == set(TIER)


@pytest.mark.parametrize("path", GRAPH)
def test_imports_go_one_way(path: str) -> None:
    mine = package_of(path)
    if mine not in TIER:
        return  # the package's own entry points re-export lower layers
    for other in map(package_of, GRAPH[path]):
        if other in (mine, "__init__"):
            continue
        allowed = TIER[other] < TIER[mine] or other in STARTS.get(mine, ())
        assert allowed, f"{path} imports {other}"


@pytest.mark.parametrize("path", [p for p in GRAPH if package_of(p) in FRONTS])
def test_fronts_use_the_client(path: str) -> None:
    behind = [name for name in GRAPH[path] if package_of(name) in BEHIND_CLIENT]
    assert not behind, f"{path} imports {behind}"


@pytest.mark.parametrize("path", GRAPH)
def test_a_library_is_imported_in_its_home_alone(path: str) -> None:
    for name in IMPORTS[path]:
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or path.startswith(homes), f"{path} imports {name}"


@pytest.mark.parametrize(
    "path",
    [p for p in GRAPH if p.startswith(PURE) and not p.startswith("readiness/linux/")],
)
def test_pure_packages_do_no_io(path: str) -> None:
    assert not {name.split(".")[0] for name in IMPORTS[path]} & IO
