"""The files by which clients and registries find the server say the same as the code."""

from __future__ import annotations

import importlib.util
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


PLUGIN = "ptyjobs/plugin"
MANIFESTS = (
    "server.json",
    "manifest.json",
    "gemini-extension.json",
    f"{PLUGIN}/plugin.json",
    f"{PLUGIN}/.claude-plugin/plugin.json",
    f"{PLUGIN}/.codex-plugin/plugin.json",
    f"{PLUGIN}/.cursor-plugin/plugin.json",
)


def test_every_version_is_the_same() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ptyjobs.__version__ == version
    assert {read(name)["version"] for name in MANIFESTS} == {version}
    assert read("server.json")["packages"][0]["version"] == version
    named = [
        *re.findall(r"ptyjobs==([\d.]+)", (ROOT / PLUGIN / "scripts/ptyjobs.sh").read_text()),
        *re.findall(
            r"ptyjobs==([\d.]+)", (ROOT / PLUGIN / ".cursor-plugin/plugin.json").read_text()
        ),
    ]
    assert set(named) == {version}


def test_a_release_sets_every_version(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for name in (*tool.PLACES, *tool.PINS, "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    tool.release(tmp_path, "9.8.7", date="2030-01-02")
    old = ptyjobs.__version__
    for name in {*tool.PLACES, *tool.PINS}:
        text = (tmp_path / name).read_text()
        assert "9.8.7" in text
        assert f'"{old}"' not in text
        assert f"=={old}" not in text
    changelog = (tmp_path / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 9.8.7 - 2030-01-02\n\n### Added\n\n" in changelog


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("server.json", "mcp-registry-server-2025-12-11"),
        (f"{PLUGIN}/plugin.json", "agent-plugins-1.0.0-plugin"),
        (f"{PLUGIN}/mcp.json", "agent-plugins-1.0.0-mcp"),
        (f"{PLUGIN}/.cursor-plugin/plugin.json", "cursor-plugin"),
    ],
)
def test_manifests_follow_their_published_schemas(name: str, schema: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    path = CLIENTS.parent / "schemas" / f"{schema}.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} (PTYJOBS_TEST_CLIENTS/schemas)")
    jsonschema.validate(read(name), json.loads(path.read_text()))


def test_the_checkout_registers_no_server_of_its_own() -> None:
    """A .mcp.json here would conflict with `claude mcp add` in a checkout of ptyjobs."""
    assert not (ROOT / ".mcp.json").exists()


def test_the_marketplaces_point_at_the_plugin() -> None:
    (claude,) = read(".claude-plugin/marketplace.json")["plugins"]
    (codex,) = read(".agents/plugins/marketplace.json")["plugins"]
    assert (ROOT / claude["source"] / ".claude-plugin/plugin.json").is_file()
    assert (ROOT / codex["source"]["path"] / ".codex-plugin/plugin.json").is_file()
    command = read("gemini-extension.json")["mcpServers"]["ptyjobs"]["args"][0]
    assert (ROOT / command.removeprefix("${extensionPath}/")).is_file()


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
    text = (ROOT / PLUGIN / "skills/ptyjobs/SKILL.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert re.search(r"^name: ptyjobs$", front, re.MULTILINE)
    for name, arguments in re.findall(r"`(\w+)\(([^`]*)\)", body):
        tool = tools.by_name(name)
        assert tool is not None, name
        known = {param.name for param in tool.params}
        for word in re.findall(r"(\w+)=", arguments):
            assert word in known, (name, word)


@pytest.mark.parametrize("target", [("--profile", "directory", PLUGIN), (".",)])
def test_claude_code_accepts_plugin_and_marketplace(
    tmp_path: Path, target: tuple[str, ...]
) -> None:
    program = package("@anthropic-ai/claude-code-linux-x64") / "claude"
    done = subprocess.run(
        [program, "plugin", "validate", "--strict", *target],
        cwd=ROOT,
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
    plugin = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PLUGIN).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert plugin <= set(names)
    assert not [name for name in names if name.startswith("tests/")]
