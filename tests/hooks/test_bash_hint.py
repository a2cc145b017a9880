"""Bash commands that get a hint; all others are unaffected."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import ptyjobs

PLUGIN = Path(ptyjobs.__file__).parent / "plugin"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bash_hint", PLUGIN / "hooks" / "bash_hint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hint = load().hint


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python3 -i", "open a prompt"),
        ("cd src && python", "open a prompt"),
        ("PYTHONPATH=. python3.12 -i app.py", "open a prompt"),
        ("python -m pdb app.py", "open a prompt"),
        ("uv run python", "open a prompt"),
        ("node inspect app.js", "open a prompt"),
        ("psql -h db app", "open a prompt"),
        ("sqlite3 app.db", "open a prompt"),
        ("gdb ./a.out core", "open a prompt"),
        ("ssh me@host", "open a prompt"),
        ("ssh -p 22 host", None),  # 22 may be the host: two words, so it stays silent
        ("sudo apt install jq", "password"),
        ("nohup ./server > log 2>&1 &", "background"),
        ("npm start &", "background"),
        ("(cd web; ./run) & sleep 5; curl localhost", "sleep is a guess"),
        ("sleep 30", "sleep is a guess"),
        ("sleep 5 && cat log", "sleep is a guess"),
        ("while ! curl -s localhost; do sleep 1; done", "sleep is a guess"),
        ("vim notes.txt", "needs a terminal"),
        ("docker exec -it db bash", "needs a terminal"),
        ("git add -p", "asks questions"),
        ("git rebase -i main", "asks questions"),
        ("tail -f log", "never ends"),
        ("kubectl logs -f pod", "never ends"),
        ("docker compose logs --follow", "never ends"),
        ("watch ls", "never ends"),
        ("npm run dev", "not end"),
        ("vitest --watch", "not end"),
        ("python3 -m http.server 8000", "not end"),
        ("docker compose up", "not end"),
    ],
)
def test_a_command_that_hangs_gets_a_hint(command: str, words: str | None) -> None:
    text = hint(command)
    if words is None:
        assert text == ""
    else:
        assert words in text
        assert len(text) <= 300


@pytest.mark.parametrize(
    "command",
    [
        "ls -la",
        "python3 script.py",
        "python3 -c 'print(1)'",
        "python3 -m pytest -q",
        "echo 1 | python3",
        "python3 < script.py",
        "python3 --version",
        "node -e 'console.log(1)'",
        "psql -c 'select 1'",
        "sqlite3 app.db 'select 1'",
        "ssh host uptime",
        "sudo -n true",
        "echo 'sleep 5 &' > notes",
        "grep -r 'npm run dev' .",
        "git commit -m 'use vim & nohup'",
        "git log -p",
        "tail -f log | head -3",
        "tail -n 5 log",
        "cat a >& b",
        "make 2>&1 | tee log",
        "make &> log",
        "docker compose up -d",
        "timeout 5 tail -f log",
        "ls # then vim &",
        "cat <<EOF\nnohup x &\nEOF",
        'echo "unfinished',
        "",
        "&&&",
        "top -b -n 1",
        "man ls | cat",
    ],
)
def test_other_commands_get_none(command: str) -> None:
    assert hint(command) == ""


def run(event: object, **options: str) -> str:
    done = subprocess.run(
        ["sh", str(PLUGIN / "scripts/python.sh"), str(PLUGIN / "hooks/bash_hint.py")],
        input=event if isinstance(event, str) else json.dumps(event),
        env={"PATH": os.environ["PATH"], **options},
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def test_the_hook_speaks_the_protocol() -> None:
    event = {"tool_name": "Bash", "tool_input": {"command": "python3 -i"}}
    answer = json.loads(run(event))["hookSpecificOutput"]
    assert answer["hookEventName"] == "PreToolUse"
    assert 'execute(command="python3 -i")' in answer["additionalContext"]
    assert "permissionDecision" not in answer
    denied = json.loads(run(event, CLAUDE_PLUGIN_OPTION_BASH_HINTS="deny"))["hookSpecificOutput"]
    assert denied["permissionDecision"] == "deny"
    assert run(event, CLAUDE_PLUGIN_OPTION_BASH_HINTS="off") == ""


@pytest.mark.parametrize("event", ["", "{", "[]", "{}", '{"tool_input": {"command": 1}}'])
def test_an_event_that_cannot_be_read_is_passed_in_silence(event: str) -> None:
    assert run(event) == ""
