"""An agent as a job: whole lines are submitted, its work is busy, its questions wait for input."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from tests.clients.claude import Blocks, Client, Request, text
from tests.clients.conftest import package
from tests.clients.loopback import Command, Loopback, loopback

pytestmark = pytest.mark.live


def test_claude_code_works_and_asks(tmp_path: Path) -> None:
    asked, think = threading.Event(), threading.Event()
    command = {"command": "touch made", "description": "make a file"}
    blocks: list[Blocks] = [[{"type": "tool_use", "name": "Bash", "input": command}]]

    def script(request: Request) -> Blocks:
        asked.set()
        think.wait(60)
        return blocks.pop() if blocks else [text("It is made.")]

    client = Client(tmp_path, script, needs="Bash")
    (client.home / ".claude" / "settings.json").write_text(
        json.dumps({"permissions": {"defaultMode": "default", "ask": ["Bash"]}})
    )
    with client.interactive(tmp_path) as terminal:
        answer = terminal.interact("claude", input="make a file", timeout=3)
        assert asked.wait(60), terminal.tail("claude").text
        assert not answer.verdict.reason.ready
        for _ in range(4):  # its screen is animated, and it takes keys all the time
            assert not terminal.wait("claude", timeout=1).verdict.reason.ready
        assert terminal.status("claude").waiting is None
        think.set()
        answer = terminal.wait("claude", timeout=60)
        assert answer.verdict.reason.ready
        wanted = "blocked (permission): approve Bash: touch made"
        assert answer.verdict.says == wanted, terminal.tail("claude").text
        answer = terminal.interact("claude", keys=["Enter"], timeout=60)
        assert answer.verdict.reason.ready
        assert (client.project / "made").exists()
        assert "It is made." in terminal.tail("claude").text
    client.close()


class Agent:
    """A scratch home and project, and the command line of one agent in them."""

    def __init__(self, folder: Path, model: str, node: str) -> None:
        self.home, self.project, self.model = folder / "home", folder / "project", model
        self.home.mkdir()
        self.project.mkdir()
        self.node = node
        self.argv: list[str] = []
        self.env = {
            "HOME": str(self.home), "PATH": f"{Path(node).parent}:/usr/local/bin:/usr/bin:/bin",
            "COLORTERM": "truecolor",
        }  # fmt: skip

    def write(self, path: str, value: object) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value))


def codex(agent: Agent) -> None:
    package("@openai/codex")
    system = next(package("@openai").glob("codex-linux-*"))
    agent.argv = [
        str(next(p for p in system.rglob("codex") if os.access(p, os.X_OK) and p.is_file()))
    ]
    agent.env["OPENAI_API_KEY"] = "sk-x"
    agent.write(".codex/config.toml", f"""
model = "scripted"
model_provider = "loop"
check_for_update_on_startup = false
[model_providers.loop]
name = "loop"
base_url = "{agent.model}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
[projects."{agent.project}"]
trust_level = "trusted"
""")  # fmt: skip


def gemini(agent: Agent) -> None:
    program = package("@google/gemini-cli") / "bundle" / "gemini.js"
    agent.argv = [agent.node, str(program), "-m", "gemini-2.5-pro"]
    agent.env |= {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": agent.model,
                  "GEMINI_CLI_NO_RELAUNCH": "1"}  # fmt: skip
    agent.write(".gemini/settings.json", {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "general": {"enableAutoUpdate": False}, "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    })  # fmt: skip


def opencode(agent: Agent) -> None:
    agent.argv = [str(package("opencode-linux-x64") / "bin" / "opencode")]
    agent.env |= {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1",
                  "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}  # fmt: skip
    limit = {"context": 100_000, "output": 10_000}
    agent.write("../project/opencode.json", {
        "autoupdate": False, "share": "disabled", "permission": {"bash": "ask"},
        "model": "loop/scripted", "small_model": "loop/scripted",
        "provider": {"loop": {
            "npm": "@ai-sdk/openai-compatible", "name": "loop",
            "options": {"baseURL": f"{agent.model}/v1", "apiKey": "x"},
            "models": {"scripted": {"name": "scripted", "tool_call": True, "limit": limit}},
        }},
    })  # fmt: skip


def pi(agent: Agent) -> None:
    program = package("@mariozechner/pi-coding-agent") / "dist" / "cli.js"
    agent.argv = [agent.node, str(program), "--provider", "loop", "--model", "scripted"]
    agent.env |= {"PI_SKIP_VERSION_CHECK": "1", "PI_OFFLINE": "1"}
    cost = dict.fromkeys(("input", "output", "cacheRead", "cacheWrite"), 0)
    agent.write(".pi/agent/models.json", {"providers": {"loop": {
        "baseUrl": f"{agent.model}/v1", "apiKey": "x", "api": "openai-completions",
        "models": [{"id": "scripted", "name": "scripted", "reasoning": False, "input": ["text"],
                    "contextWindow": 100_000, "maxTokens": 10_000, "cost": cost}],
    }}})  # fmt: skip


def aider(agent: Agent) -> None:
    program = os.environ.get("PTYJOBS_TEST_AIDER") or shutil.which("aider")
    if program is None:
        pytest.skip("aider is not installed (PTYJOBS_TEST_AIDER)")
    subprocess.run(["git", "init", "-q", str(agent.project)], check=True)
    agent.env |= {"OPENAI_API_KEY": "x", "OPENAI_API_BASE": f"{agent.model}/v1"}
    agent.argv = [
        program, "--model", "openai/scripted", "--map-tokens", "0", "--no-check-update",
        "--no-show-model-warnings", "--no-show-release-notes", "--no-analytics", "--no-gitignore",
    ]  # fmt: skip


def shell_call(tool: str) -> dict[str, object]:
    """Arguments of the agents' tools for a shell command."""
    if tool == "exec_command":
        return {"cmd": "touch made"}
    return {"command": "touch made", "description": "make a file"}


TOUCH = Command(shell_call, ("bash", "run_shell_command", "exec_command"))


@pytest.mark.parametrize("prepare", [codex, gemini, opencode, pi, aider])
def test_an_agent_gets_whole_lines_and_its_work_is_no_turn(
    prepare: Callable[[Agent], None], tmp_path: Path, node: str
) -> None:
    asks = prepare in (gemini, opencode)  # the others run a command without a question
    steps = [TOUCH, "It is made."] if prepare is not aider else ["It is made."]
    config = Config(state_dir=str(tmp_path / "state"), env_allow=("NOTHING",))
    with Jobs(config) as terminal, contextlib.ExitStack() as stack:
        terminal.warm_up()  # before the model has threads
        model = stack.enter_context(loopback(*steps, tools=prepare is not aider))
        agent = Agent(tmp_path, model.url, node)
        prepare(agent)
        terminal.execute(
            argv=agent.argv, name="agent", cwd=str(agent.project), env=agent.env, rows=50,
            cols=150, notify=(), wait=90,
        )  # fmt: skip
        terminal.wait("agent", until="quiet", timeout=20)
        _work(terminal, model)
        answer = terminal.wait("agent", timeout=60)
        assert answer.verdict.reason.ready
        if asks:
            assert "touch made" in terminal.tail("agent").text
            assert not (agent.project / "made").exists()
            terminal.interact("agent", keys=["Enter"], timeout=60)
        terminal.wait("agent", until="pattern", patterns=["It is made"], timeout=60)
        assert terminal.wait("agent", timeout=60).verdict.reason.ready
        assert (agent.project / "made").exists() == (prepare in (gemini, opencode, pi))
        terminal.kill("agent")


def _work(terminal: Jobs, model: Loopback) -> None:
    """Submit a line; while the model thinks, no wait calls the screen a question."""
    answer = terminal.interact("agent", input="make a file", timeout=15)
    assert model.working.wait(60), terminal.tail("agent").text
    assert not answer.verdict.reason.ready
    for _ in range(5):
        assert not terminal.wait("agent", timeout=1).verdict.reason.ready
    assert terminal.status("agent").waiting is None
    model.think.set()
