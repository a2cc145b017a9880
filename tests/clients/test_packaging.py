"""The files by which clients and registries find the server say the same as the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ptyjobs
from ptyjobs.config import SETTINGS
from ptyjobs.mcp import tools
from tests.clients.conftest import CLIENTS, package

ROOT = Path(__file__).parents[2]


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / name).read_text())
    return found


def test_every_version_is_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    server = read("server.json")
    assert {
        ptyjobs.__version__,
        project["version"],
        server["version"],
        server["packages"][0]["version"],
        read(".claude-plugin/plugin.json")["version"],
        read("manifest.json")["version"],
    } == {project["version"]}


def test_the_registry_entry_is_well_formed() -> None:
    server = read("server.json")
    assert len(server["description"]) <= 100
    assert f"mcp-name: {server['name']}" in (ROOT / "README.md").read_text()
    known = {f"PTYJOBS_{s.name.upper()}" for s in SETTINGS} | {"PTYJOBS_STATE"}
    for variable in server["packages"][0]["environmentVariables"]:
        assert variable["name"] in known


def test_the_bundle_lists_the_tools_there_are() -> None:
    listed = [(tool["name"], tool["description"]) for tool in read("manifest.json")["tools"]]
    assert listed == [(tool.name, tool.title) for tool in tools.TOOLS]


def test_the_skill_names_only_calls_that_exist() -> None:
    text = (ROOT / "skills/ptyjobs/SKILL.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert re.search(r"^name: ptyjobs$", front, re.MULTILINE)
    for name, arguments in re.findall(r"`(\w+)\(([^`]*)\)", body):
        tool = tools.by_name(name)
        assert tool is not None, name
        known = {param.name for param in tool.params}
        for word in re.findall(r"(\w+)=", arguments):
            assert word in known, (name, word)


def test_claude_code_accepts_the_plugin(tmp_path: Path) -> None:
    program = package("@anthropic-ai/claude-code-linux-x64") / "claude"
    plugin = tmp_path / "plugin"
    for name in (".claude-plugin", "skills"):
        shutil.copytree(ROOT / name, plugin / name)
    shutil.copy(ROOT / ".mcp.json", plugin)
    done = subprocess.run(
        [program, "plugin", "validate", str(plugin)],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "DISABLE_AUTOUPDATER": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bundle_tool_accepts_the_manifest(node: str) -> None:
    package("@anthropic-ai/mcpb")
    done = subprocess.run(
        [node, str(CLIENTS / ".bin" / "mcpb"), "validate", str(ROOT / "manifest.json")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_and_an_sdist_can_be_built(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    assert "ptyjobs/mcp/server.py" in names
    assert "ptyjobs/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]
