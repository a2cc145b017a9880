"""Nothing in the package is dead, no package is large, each file names its subject."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = sorted((ROOT / "ptyjobs").rglob("*.py"))
EVERYWHERE = [*PRODUCT, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
HOOKS = ("__", "pytest_")  # called by name from Python and from pytest


def assigned(tree: ast.Module) -> Iterator[str]:
    """Names that a module assigns at top level."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def defined(tree: ast.Module) -> Iterator[str]:
    """Functions and classes at the top of a module; a decorator may register a function."""
    for node in tree.body:
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.ClassDef) or (function and not node.decorator_list):
            yield node.name


def used(files: list[Path]) -> set[str]:
    """Names that are read, as a variable, an attribute, an argument of a fixture or a string."""
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.update(node.value.replace(":", ".").split("."))
    return names


def unused(names: dict[str, str], read: set[str]) -> list[str]:
    return [f"{path}: {name}" for name, path in names.items() if name not in read]


def collect(names: Callable[[ast.Module], Iterator[str]]) -> dict[str, str]:
    found = {}
    for file in PRODUCT:
        for name in names(ast.parse(file.read_text())):
            if not name.startswith(HOOKS):
                found[name] = file.relative_to(ROOT).as_posix()
    return found


def test_every_module_variable_is_read_by_the_product() -> None:
    assert unused(collect(assigned), used(PRODUCT)) == []


def test_every_function_and_class_is_used() -> None:
    assert unused(collect(defined), used(EVERYWHERE)) == []


def test_a_dead_name_would_be_noticed() -> None:
    tree = ast.parse("_DEAD = 1\nLIVE: int = 2\ndef dead(): return LIVE\n")
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "LIVE"}
    names = dict.fromkeys((*assigned(tree), *defined(tree)), "x.py")
    assert unused(names, read) == ["x.py: _DEAD", "x.py: dead"]


LARGEST = 0.15  # share of the lines that one package may hold


def test_no_package_holds_too_much() -> None:
    lines: dict[str, int] = {}
    for file in PRODUCT:
        package = file.relative_to(ROOT / "ptyjobs").parts[0]
        lines[package] = lines.get(package, 0) + len(file.read_text().splitlines())
    largest = max(lines, key=lambda package: lines[package])
    assert lines[largest] <= LARGEST * sum(lines.values()), f"{largest}: {lines[largest]} lines"


def test_each_file_says_what_it_owns_once() -> None:
    """A second "Owns" in a module's text is a second subject."""
    several = {
        file.relative_to(ROOT).as_posix(): text.count("Owns ")
        for file in PRODUCT
        if (text := ast.get_docstring(ast.parse(file.read_text())) or "").count("Owns ") > 1
    }
    assert several == {}


def test_each_file_has_a_docstring() -> None:
    bare = [
        file.relative_to(ROOT).as_posix()
        for file in PRODUCT
        if file.stat().st_size and not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert bare == []
