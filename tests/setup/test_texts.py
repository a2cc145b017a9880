"""One entry changes; every other byte of the text stays."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.setup import jsonc, toml_text, yaml_text
from ptyjobs.setup.jsonc import Broken

SAMPLES = Path(__file__).parent / "samples"
ENTRY = {"command": "/opt/p y/bin/ptyjobs", "args": ["--rows", "50"]}
AT = ("mcpServers", "ptyjobs")


def lines_added(before: str, after: str) -> list[str]:
    """The lines of `after` that `before` has not; the rest must be all of `before`, in order."""
    old, new, added = before.splitlines(), after.splitlines(), []
    for line in new:
        if old and (line == old[0] or line == old[0] + ","):
            old.pop(0)
        else:
            added.append(line)
    assert not old, f"lost: {old}"
    return added


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "mcpServers": {\n    "ptyjobs": {\n      "command": "x"\n    }\n  }\n}\n'),
        ("{}", '{\n  "mcpServers": {\n    "ptyjobs": {\n      "command": "x"\n    }\n  }\n}'),
        ('{"a": 1}', '{"a": 1, "mcpServers": {"ptyjobs": {"command": "x"}}}'),
        (
            '{\n\t"a": 1 // one\n}\n',
            '{\n\t"a": 1, // one\n\t"mcpServers": {\n\t\t"ptyjobs": {\n\t\t\t"command": "x"\n'
            "\t\t}\n\t}\n}\n",
        ),
        (
            '{\n  "mcpServers": {\n    "b": {}, // it\n  },\n}',
            '{\n  "mcpServers": {\n    "b": {}, // it\n    "ptyjobs": {\n      "command": "x"\n'
            "    },\n  },\n}",
        ),
    ],
)
def test_an_entry_goes_to_the_end_in_the_style_of_the_file(text: str, expected: str) -> None:
    changed = jsonc.put(text, AT, {"command": "x"})
    assert changed == expected
    assert jsonc.put(changed, AT, {"command": "x"}) == changed


def test_comments_and_line_ends_of_json_stay() -> None:
    for name in ("zed.json", "vscode.json", "gemini.json", "cursor.json", "windsurf.json"):
        text = (SAMPLES / name).read_bytes().decode()
        changed = jsonc.put(text, AT, ENTRY)
        assert jsonc.get(changed, AT) == ENTRY
        added = lines_added(text, changed) if name != "windsurf.json" else []
        assert all("ptyjobs" in a or a.strip(" \t{}[],") == "" or ":" in a for a in added), added
        assert ("\r\n" in changed) == ("\r\n" in text)
        assert changed.count("\n") - changed.count("\r\n") in (0, changed.count("\n"))


@pytest.mark.parametrize("name", ["zed.json", "vscode.json", "cursor.json", "cline.json"])
def test_an_entry_is_cut_out_exactly(name: str) -> None:
    text = (SAMPLES / name).read_bytes().decode()
    at = {"zed.json": "context_servers", "vscode.json": "servers"}.get(name, "mcpServers")
    assert jsonc.drop(jsonc.put(text, (at, "ptyjobs"), ENTRY), (at, "ptyjobs")) == text


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ('{"a": 1, "b": 2}', "a", '{"b": 2}'),
        ('{"a": 1, "b": 2}', "b", '{"a": 1}'),
        ('{"a": 1}', "a", "{}"),
        ('{\n  "a": 1,\n}', "a", "{}"),
        ('{\n  "b": 2, // two\n  "a": 1\n}', "a", '{\n  "b": 2 // two\n}'),
        ('{\n  // first\n  "a": 1, "b": 2}', "a", '{\n  // first\n "b": 2}'),
        ('{\n  "b": 2 // two\n  , "a": 1}', "a", '{\n  "b": 2 // two\n  }'),
        ('{"a": 1, "a": 2, "b": 3}', "a", '{"b": 3}'),
        ('{"b": "//", "a": 1}', "a", '{"b": "//"}'),
    ],
)
def test_an_entry_can_be_cut_out_anywhere(text: str, key: str, expected: str) -> None:
    changed = jsonc.drop(text, (key,))
    assert jsonc.get(changed, (key,)) is None
    rest = {k: v for k, v in jsonc.get(text, ()).items() if k != key}
    assert jsonc.get(changed, ()) == rest
    assert changed.split() == expected.split()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=5), JSON, max_size=4),
    st.sampled_from([None, 2, 4, "\t"]),
    st.sampled_from(["", "// c\n", "/* c */ "]),
)
def test_json_of_any_shape_keeps_its_values(
    value: dict[str, Any], indent: int | str | None, comment: str
) -> None:
    value.pop("mcpServers", None)
    text = comment + json.dumps(value, indent=indent)
    changed = jsonc.put(text, AT, ENTRY)
    assert jsonc.get(changed, ()) == {**value, "mcpServers": {"ptyjobs": ENTRY}}
    assert jsonc.get(jsonc.drop(changed, ("mcpServers",)), ()) == value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, '","'),
        ('{\n  "a": 1,\n  b: 2\n}', 3, "double quotes"),
        ('{\n"a": [1, 2\n}', 3, '"]"'),
        ('{"a": tru}', 1, "a value"),
        ('{"a": 1}\n}', 2, "nothing more"),
        ('{ /* open\n"a": 1}', 1, "not closed"),
        ('{"a": "x\n"}', 1, "a value"),
        ("[" * 200, 1, "nested"),
    ],
)
def test_broken_json_is_named_by_line(text: str, line: int, words: str) -> None:
    with pytest.raises(Broken, match=words) as caught:
        jsonc.put(text, AT, ENTRY)
    assert caught.value.line == line


def test_an_array_is_extended_and_taken_back() -> None:
    text = (SAMPLES / "claude-settings.json").read_text()
    keys = ("permissions", "allow")
    changed = jsonc.extend(text, keys, ["A", "Bash(git log:*)", "B"])
    assert jsonc.get(changed, keys) == ["Bash(npm run lint)", "Bash(git log:*)", "A", "B"]
    assert lines_added(text, changed) == ['      "A",', '      "B"']
    assert jsonc.withdraw(changed, keys, ["A", "B"]) == text


def test_a_toml_table_is_added_changed_and_cut_out() -> None:
    text = (SAMPLES / "codex.toml").read_text()
    path = ("mcp_servers", "ptyjobs")
    changed = toml_text.put(text, path, ENTRY)
    assert changed.startswith(text)
    assert tomllib.loads(changed)["mcp_servers"]["ptyjobs"] == ENTRY
    again = toml_text.put(changed, path, {"command": "y"})
    assert toml_text.get(again, path) == {"command": "y"}
    assert toml_text.drop(again, path) == text
    between = ("mcp_servers", "context7")
    without = toml_text.drop(text, between)
    assert "context7" not in without
    assert "# Projects that I trust\n[projects" in without


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("[a]\nx = 1\n[a]\n", 3), ('mcp_servers = {a = {command = "b"}}\n', 2)],
)
def test_toml_that_cannot_be_edited_is_named_by_line(text: str, line: int) -> None:
    with pytest.raises(Broken) as caught:
        toml_text.put(text, ("mcp_servers", "ptyjobs"), ENTRY)
    assert caught.value.line == line


def test_a_yaml_entry_is_added_changed_and_cut_out() -> None:
    text = (SAMPLES / "goose.yaml").read_text()
    path = ("extensions", "ptyjobs")
    entry = {"name": "ptyjobs", "cmd": "/opt/x y", "args": ["a: b"], "enabled": True, "timeout": 3}
    changed = yaml_text.put(text, path, entry)
    assert yaml_text.get(changed, path) == entry
    assert lines_added(text, changed) == [
        "  ptyjobs:",
        '    name: "ptyjobs"',
        '    cmd: "/opt/x y"',
        '    args: ["a: b"]',
        "    enabled: true",
        "    timeout: 3",
    ]
    assert yaml_text.get(text, ("extensions", "fetch"))["args"] == ["mcp-server-fetch"]
    assert yaml_text.drop(changed, path) == text
    yaml = pytest.importorskip("yaml", reason="PyYAML, the oracle, is not installed")
    assert yaml.safe_load(changed)["extensions"]["ptyjobs"] == entry
    before = yaml.safe_load(text)
    before["extensions"]["ptyjobs"] = entry
    assert yaml.safe_load(changed) == before


@pytest.mark.parametrize("text", ["", "A: 1", "extensions: {}\nA: 1\n", "extensions:\nA: 1\n"])
def test_yaml_without_extensions_gets_them(text: str) -> None:
    changed = yaml_text.put(text, ("extensions", "ptyjobs"), {"cmd": "x"})
    assert 'extensions:\n  ptyjobs:\n    cmd: "x"\n' in changed
    assert yaml_text.get(changed, ("extensions", "ptyjobs")) == {"cmd": "x"}
    assert (
        yaml_text.get(yaml_text.drop(changed, ("extensions", "ptyjobs")), ("extensions", "ptyjobs"))
        is None
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A: 1\n\tB: 2\n", 2),
        ("A: 1\nB 2\n", 2),
        ('A: "x\nB: 1\n', 1),
        ("extensions: {a: {b: 1}}\n", 1),
        ("extensions:\n  ptyjobs: {cmd: x}\n", 2),
    ],
)
def test_yaml_that_cannot_be_edited_is_named_by_line(text: str, line: int) -> None:
    with pytest.raises(Broken) as caught:
        yaml_text.put(text, ("extensions", "ptyjobs"), {"cmd": "x"})
    assert caught.value.line == line
