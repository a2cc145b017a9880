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
from ptyjobs.readiness import tuning
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
        terminal.interact("claude", input="make a file", timeout=3)
        assert asked.wait(60), terminal.tail("claude").text
        job = tmp_path / "terminal" / "jobs" / "claude"
        # Its frames are up to 0.5 s apart, and it takes keys all the time; it says that it works,
        # unless the machine was so busy that it has missed the terminal's answer to its question.
        says = _waits_for_work(terminal, "claude", job)
        think.set()
        _shown(terminal, "claude", "touch made")
        answer = terminal.wait("claude", timeout=60)
        assert answer.verdict.reason.ready
        wanted = "blocked (permission): approve Bash: touch made"
        assert answer.verdict.says == (wanted if says else ""), terminal.tail("claude").text
        terminal.interact("claude", keys=["Enter"], timeout=60)
        _shown(terminal, "claude", "It is made.")
        assert terminal.wait("claude", timeout=60).verdict.reason.ready
        assert (client.project / "made").exists()
    client.close()


def _shown(terminal: Jobs, job: str, words: str) -> None:
    """Wait until the screen shows these words."""
    for _ in range(60):
        if words in terminal.tail(job).text:
            return
        terminal.wait(job, timeout=1)
    raise AssertionError(terminal.tail(job).text)


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


def colour(tool: str) -> dict[str, object]:
    """Arguments of Gemini CLI's and opencode's tool for a question to the user."""
    options = [{"label": word, "description": word} for word in ("red", "blue")]
    question = {"question": "Which colour?", "header": "Colour", "options": options}
    return {"questions": [{**question, "type": "choice", "multiSelect": False}]}


QUESTION = Command(colour, ("ask_user", "question"))
TOUCH = Command(shell_call, ("bash", "run_shell_command", "exec_command"))


@pytest.mark.parametrize("prepare", [codex, gemini, opencode, pi, aider])
def test_an_agent_gets_whole_lines_works_and_asks(
    prepare: Callable[[Agent], None], tmp_path: Path, node: str
) -> None:
    asks = prepare in (gemini, opencode)  # the others run a command without a question
    steps = [TOUCH, "It is made."] if prepare is not aider else ["It is made."]
    steps += [QUESTION, "It is noted."] if asks else []
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
        _work(terminal, model, Path(config.state_dir))
        if asks:
            _shown(terminal, "agent", "touch made")
            assert terminal.wait("agent", timeout=60).verdict.reason.ready
            assert not (agent.project / "made").exists()
            terminal.interact("agent", keys=["Enter"], timeout=60)
        _shown(terminal, "agent", "It is made")
        assert terminal.wait("agent", timeout=60).verdict.reason.ready
        assert (agent.project / "made").exists() == (prepare in (gemini, opencode, pi))
        if asks:
            _chooses(terminal, model)
        terminal.kill("agent")


def _chooses(terminal: Jobs, model: Loopback) -> None:
    """The agent asks its user a question with two options; keys choose the second."""
    before = len(model.asked)
    terminal.interact("agent", input="ask me for a colour", timeout=15)
    _shown(terminal, "agent", "Which colour?")
    assert terminal.wait("agent", timeout=60).verdict.reason.ready
    assert len(model.asked) == before + 1
    assert terminal.interact("agent", keys=["Down"], timeout=60).verdict.reason.ready
    terminal.interact("agent", keys=["Enter"], timeout=60)
    _shown(terminal, "agent", "It is noted")
    assert "blue" in model.asked[before + 1].rpartition("Which colour?")[2]
    assert terminal.wait("agent", timeout=60).verdict.reason.ready


def _work(terminal: Jobs, model: Loopback, state: Path) -> None:
    """Submit several lines; while the model thinks, no wait calls the screen a question."""
    terminal.interact("agent", input="make a file\n\nand name it made", timeout=15)
    assert model.working.wait(180), terminal.tail("agent").text
    assert r"make a file\n\nand name it made" in model.asked[0]
    _waits_for_work(terminal, "agent", state / "jobs" / "agent")
    model.think.set()


def _waits_for_work(terminal: Jobs, name: str, job: Path) -> bool:
    """No wait calls a working screen a question; return True if the program says that it works.

    Without its word a pause between two frames may be as long as `STILL` on a busy machine.
    """
    for _ in range(5):
        answer = terminal.wait(name, timeout=1)
        if answer.verdict.reason.ready:
            assert not _says(job, answer.fresh.end), answer.verdict
            pause = _pause(terminal, name, job / "events", answer.fresh.end)
            assert pause >= tuning.STILL, (pause, answer.verdict)
    return _says(job, answer.fresh.end)


def _says(job: Path, end: int) -> bool:
    """True if the output up to `end` reports work (OSC 7501)."""
    log = b"".join(segment.read_bytes() for segment in sorted(job.glob("log.*")))
    return b"\x1b]7501;state=working" in log[:end]


def _pause(terminal: Jobs, name: str, events: Path, end: int) -> float:
    """Seconds without output around an answer that was given at this offset of the log."""
    for _ in range(100):
        lines = map(json.loads, events.read_text().splitlines())
        index = [(time, offset) for time, offset, code, *_ in lines if code == "o"]
        after = [time for time, offset in index if offset > end]
        if after:
            return float(after[0] - max(time for time, offset in index if offset <= end))
        terminal.wait(name, until="exited", timeout=0.1)
    raise AssertionError(f"nothing was drawn for 10 s: {terminal.tail(name).text}")
