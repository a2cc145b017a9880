"""Claude Code installs the output of `ptyjobs setup` and `claude mcp add`, and uses it.

No account and no network: its Messages API is a script on the loopback interface.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import CLAUDE_WAITS, SERVER, package
from tests.clients.scripted_model import ScriptedModel, Use, scripted_model

pytestmark = pytest.mark.live
TOOL = "mcp__plugin_ptyjobs_ptyjobs__"


class ClaudeCode:
    """The real client in a home folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.program = package("@anthropic-ai/claude-code-linux-x64") / "claude"
        self.home = folder / "home"
        self.project = folder / "project"
        self.home.mkdir()
        self.project.mkdir()
        self.environment = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            **CLAUDE_WAITS,
        }

    def __call__(self, *arguments: str) -> str:
        return self.run(self.program, *arguments)

    def ptyjobs(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "ptyjobs", *arguments)

    def run(self, *words: object) -> str:
        done = subprocess.run(
            [str(word) for word in words],
            env=self.environment, cwd=self.project, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, model: ScriptedModel) -> str:
        self.environment |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "none"}
        return self("-p", "go", "--allowedTools", f"Bash,{TOOL}execute,{TOOL}kill")

    def files(self) -> dict[str, bytes]:
        """The user's own files, without those that Claude Code writes itself."""
        own = (".claude.json", ".cache", ".claude/backups", ".claude/plugins", ".claude/projects")
        found = {}
        for path in self.home.rglob("*"):
            name = path.relative_to(self.home).as_posix()
            if path.is_file() and name.startswith((".claude/settings", ".claude/skills")):
                found[name] = path.read_bytes()
            assert name not in found or not name.startswith(own)
        return found


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeCode:
    return ClaudeCode(tmp_path)


def test_it_connects(claude: ClaudeCode) -> None:
    claude("mcp", "add", "ptyjobs", "--", *SERVER)
    assert "✔ Connected" in claude("mcp", "list")


def test_in_the_checkout_a_registration_conflicts_with_nothing(claude: ClaudeCode) -> None:
    claude.project = Path(__file__).parents[2]
    claude("mcp", "add", "ptyjobs", "--", *SERVER)
    listed = claude("mcp", "list")
    assert "✔ Connected" in listed
    assert "scope" not in listed


def test_one_line_installs_the_plugin_and_one_takes_it_away(claude: ClaudeCode) -> None:
    settings = claude.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n  "permissions": {"allow": ["Bash(ls:*)"]} \n}')
    before = claude.files()
    assert "added" in claude.ptyjobs("setup", "claude-code", "--permissions")
    listed = claude("mcp", "list")
    assert "plugin:ptyjobs:ptyjobs" in listed
    assert "✔ Connected" in listed
    assert f"{TOOL}wait" in settings.read_text()
    claude.ptyjobs("setup", "claude-code", "--remove")
    assert claude.files() == before
    assert "ptyjobs" not in claude("mcp", "list")


def test_a_session_sees_the_hint_and_uses_a_job_instead(claude: ClaudeCode) -> None:
    claude.ptyjobs("setup", "claude-code")
    steps = [
        Use("Bash", {"command": "python3 -i", "description": "Start Python"}),
        Use(f"{TOOL}execute", {"command": "python3 -i -q", "name": "py"}),
        Use(f"{TOOL}kill", {"job_id": "py"}),
        "done",
    ]
    with scripted_model(steps) as model:
        claude.ask(model)
    first, after_bash, after_execute, last = map(
        lambda request: json.dumps(request["messages"], ensure_ascii=False), model.requests
    )
    assert "SessionStart" not in first  # no jobs: not a token
    assert "python3 would open a prompt, which Bash cannot type into" in after_bash
    assert '[py] waiting for input at \\\\\\">>> \\\\\\"' in json.dumps(after_execute)
    assert "[py] killed" in last


def test_a_session_is_told_of_what_lives_on_and_of_what_it_leaves(claude: ClaudeCode) -> None:
    claude.ptyjobs("setup", "claude-code")
    kept = {"command": "sleep 1000", "name": "web", "lifetime": "persistent", "wait": 0}
    try:
        with scripted_model([Use(f"{TOOL}execute", kept), "done", "it stays"]) as model:
            claude.ask(model)
            assert model.steps == []  # the Stop hook asked once more
            assert "Still running: web (sleep 1000)" in model.told()
        with scripted_model(["hello"]) as model:
            claude.ask(model)
        assert "ptyjobs: 1 running here: web (sleep 1000)." in model.told()
    finally:
        claude.ptyjobs("kill", "web")


def test_the_marketplace_of_the_repository_installs_the_plugin(claude: ClaudeCode) -> None:
    claude("plugin", "marketplace", "add", str(Path(__file__).parents[2]))
    claude("plugin", "install", "ptyjobs@ptyjobs")
    claude.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin"
    assert "plugin:ptyjobs:ptyjobs" in claude("mcp", "list")
    assert "✔ Connected" in claude("mcp", "list")


def test_a_rule_that_asks_uses_the_clients_dialog(claude: ClaudeCode) -> None:
    """Without a person at a terminal the client declines, and the model learns that."""
    config = claude.home / ".config" / "ptyjobs" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[permissions]\nask = ["touch *"]\n')
    claude.ptyjobs("setup", "claude-code")
    touch = {"command": f"touch {claude.home}/made"}
    with scripted_model([Use(f"{TOOL}execute", touch), "done"]) as model:
        claude.ask(model)
    assert "The user declined: 'touch " in model.told()
    assert not (claude.home / "made").exists()
