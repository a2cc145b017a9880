"""Claude Code: registers the server and says that it is connected (no account, no network)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import SERVER, package

pytestmark = pytest.mark.live


def test_it_connects(tmp_path: Path) -> None:
    program = package("@anthropic-ai/claude-code-linux-x64") / "claude"
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }

    def claude(*arguments: str) -> str:
        return subprocess.run(
            [program, *arguments],
            env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    claude("mcp", "add", "ptyjobs", "--", *SERVER)
    assert "✔ Connected" in claude("mcp", "list")
