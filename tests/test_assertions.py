"""Every test checks something: itself, or by a helper of the tests that does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
RAISING = {"raises", "warns", "fail", "fnmatch_lines", "assert_outcomes"}  # of pytest
SHOWN = {"check_text", "check_no_text", "check_cursor", "check_style"}  # of our pytest plugin

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def called(function: Function) -> set[str]:
    """Names of the functions and methods that it calls."""
    targets = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = {target.attr for target in targets if isinstance(target, ast.Attribute)}
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def asserts(function: Function) -> bool:
    bare = any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(function))
    return bare or bool(called(function) & (RAISING | SHOWN))


def unchecked(trees: dict[str, ast.AST]) -> list[str]:
    """Tests that neither assert nor call a function of the tests that does."""
    helpers = {
        function.name
        for tree in trees.values()
        for function in functions(tree)
        if asserts(function) and not function.name.startswith("test_")
    }
    return [
        f"{path}: {function.name}"
        for path, tree in trees.items()
        for function in functions(tree)
        if function.name.startswith("test_")
        and not asserts(function)
        and not called(function) & helpers
    ]


def test_every_test_has_an_assertion() -> None:
    files = {p.relative_to(TESTS).as_posix(): ast.parse(p.read_text()) for p in TESTS.rglob("*.py")}
    assert unchecked(files) == []


def test_a_test_without_one_would_be_noticed() -> None:
    code = "def test_a(): f()\ndef test_b(): check(1)\ndef check(x): assert x\ndef f(): pass"
    assert unchecked({"x.py": ast.parse(code)}) == ["x.py: test_a"]


#: Files with a sleep of fixed length, and why no event can replace it.
SLEEPS = {
    "terminal/test_oracles.py": "tmux has no event for output that is all on the screen",
    "holder/test_flood.py": "a machine too busy to run is the subject",
    "live/test_field.py": "a server that works for a second",
    "live/test_text_fields.py": "the wake-ups of one second are counted",
    "mcp/test_transport.py": "the calls in flight must still wait after a while",
    "mcp/fake.py": "a tool that takes time",
    "cases/oracle.py": "a person who thinks before the first input",
    "cases/runner.py": "a person who thinks before the first input",
}


def fixed_sleeps(tree: ast.AST) -> list[int]:
    """Lines of sleeps outside `while` and `for` loops, which wait for a condition."""
    looped = {
        id(node)
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for node in ast.walk(loop)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep", "anyio.sleep")
        and ast.unparse(node.args[0]) != "0"  # yields only
        and id(node) not in looped
    ]


def test_no_test_sleeps_where_an_event_exists() -> None:
    found = {
        name
        for path in TESTS.rglob("*.py")
        if "programs" not in (name := path.relative_to(TESTS).as_posix())
        and fixed_sleeps(ast.parse(path.read_text()))
    }
    assert found == set(SLEEPS)
    code = "while x: time.sleep(1)\ntime.sleep(1)\nawait asyncio.sleep(0)"
    assert fixed_sleeps(ast.parse(code)) == [2]
