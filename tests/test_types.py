"""No `Any` in a public signature of the packages that an interaction passes through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ptyjobs"
FILES = [
    *sorted((PACKAGE / "client").glob("*.py")),
    *sorted((PACKAGE / "holder").glob("*.py")),
    PACKAGE / "protocol.py",
    PACKAGE / "requests.py",
]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(body: list[ast.stmt]) -> Iterator[Function]:
    """Public functions and methods; nested functions are private."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body)
        elif isinstance(node, Function) and (
            not node.name.startswith("_") or node.name == "__init__"
        ):
            yield node


def untyped(tree: ast.Module) -> list[str]:
    """`function: annotation` of each signature with `Any`, or with an alias that holds it."""
    aliases = {"Any"}
    for node in tree.body:
        if isinstance(node, ast.Assign) and "Any" in names(node.value):
            aliases |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    found = []
    for function in functions(tree.body):
        arguments = function.args
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [one for one in (arguments.vararg, arguments.kwarg) if one]
        annotations = [*(parameter.annotation for parameter in parameters), function.returns]
        found += [
            f"{function.name}: {ast.unparse(annotation)}"
            for annotation in annotations
            if annotation is not None and aliases & names(annotation)
        ]
    return found


def names(node: ast.expr) -> set[str]:
    """Every name in an expression, and in its string annotations."""
    inside = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            inside.add(part.id)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            inside |= set(part.value.replace("[", " ").replace("]", " ").replace(",", " ").split())
    return inside


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_public_signature_holds_any(path: Path) -> None:
    assert untyped(ast.parse(path.read_text())) == []


def test_an_alias_does_not_hide_it() -> None:
    source = 'Params = dict[str, "Any"]\ndef f(params: Params) -> list[Any]: ...\n'
    assert untyped(ast.parse(source)) == ["f: Params", "f: list[Any]"]
