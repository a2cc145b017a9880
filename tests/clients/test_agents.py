"""An agent as a job: its work is busy, its questions wait for input."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.clients.claude import Blocks, Client, Request, text

pytestmark = pytest.mark.live


def test_claude_code_works_and_asks(tmp_path: Path) -> None:
    think = threading.Event()
    command = {"command": "touch made", "description": "make a file"}
    blocks: list[Blocks] = [[{"type": "tool_use", "name": "Bash", "input": command}]]

    def script(request: Request) -> Blocks:
        think.wait(60)
        return blocks.pop() if blocks else [text("It is made.")]

    client = Client(tmp_path, script, needs="Bash")
    (client.home / ".claude" / "settings.json").write_text(
        json.dumps({"permissions": {"defaultMode": "default", "ask": ["Bash"]}})
    )
    with client.interactive(tmp_path) as terminal:
        answer = terminal.interact("claude", input="make a file", timeout=3)
        assert not answer.verdict.reason.ready
        for _ in range(4):  # its screen is animated, and it takes keys all the time
            assert not terminal.wait("claude", timeout=1).verdict.reason.ready
        assert terminal.status("claude").waiting is None
        think.set()
        answer = terminal.wait("claude", timeout=60)
        assert answer.verdict.reason.ready
        assert answer.verdict.says == "blocked (permission): approve Bash: touch made"
        answer = terminal.interact("claude", keys=["Enter"], timeout=60)
        assert answer.verdict.reason.ready
        assert (client.project / "made").exists()
        assert "It is made." in terminal.tail("claude").text
    client.close()
