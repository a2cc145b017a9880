"""An agent at work, a person who takes over: in attach below tmux, and in a browser.

A one-time password, a password at sudo and the question of ssh about an unknown host: the agent
asks, a person types, the agent goes on and learns what was done, but never what was typed unseen.
The programs ask in the words of the real ones and know their passwords only backwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from ptyjobs.web.server import PROTOCOL, TOKEN_PREFIX
from tests.faults import world
from tests.mcp.live import Server

pytestmark = pytest.mark.live

LOGIN = """
import getpass, sys
user = input('login: ')
password = getpass.getpass('Password: ')
code = getpass.getpass('One-time code: ')
if (password[::-1], code[::-1]) != ('7-esroh-tcerroc', '718294'):
    sys.exit('Login incorrect')
print(f'Welcome {user}')
while (line := input(f'{user}$ ')) != 'exit':
    print(line.upper())
"""
SUDO = """
import getpass, os, sys
for _ in range(3):
    if getpass.getpass('[sudo] password for agent: ')[::-1] == '7-esroh-tcerroc':
        os.execvp(sys.argv[1], sys.argv[1:])
    print('Sorry, try again.')
"""
HOST = """
print("The authenticity of host 'far (10.0.0.1)' can't be established.")
answer = input('Are you sure you want to continue connecting (yes/no/[fingerprint])? ')
print('Warning: Permanently added far.' if answer == 'yes' else 'Host key verification failed.')
input('far$ ')
"""
SECRETS = ("correct-horse-7", "492817")


def program(text: str, *words: str) -> str:
    return shlex.join([sys.executable, "-c", text, *words])


CASES: dict[str, tuple[str, list[tuple[str, str]], str]] = {
    # name: command, what a person answers to which prompt, what the agent sees in the end
    "one-time password": (
        program(LOGIN),
        [("login:", "ben"), ("Password:", SECRETS[0]), ("One-time code:", SECRETS[1])],
        "ben$",
    ),
    "sudo": (
        program(SUDO, "sh", "-c", "echo root shell; cat"),
        [("[sudo]", SECRETS[0])],
        "root shell",
    ),
    "ssh host question": (program(HOST), [("fingerprint]", "yes")], "far$"),
}
Typist = Callable[[Path, str, list[tuple[str, str]]], None]


def in_attach(state: Path, job_id: str, answers: list[tuple[str, str]]) -> None:
    """A person in tmux: attach, hold, type, release, detach."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux")
    socket = str(state / "tmux")
    command = shlex.join([sys.executable, "-m", "ptyjobs", "attach", job_id])
    env = {**os.environ, "PTYJOBS_STATE": str(state), "TERM": "xterm-256color"}

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words],
            env=env, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return done.stdout

    def shows(text: str) -> bool:
        return text in tmux("capture-pane", "-p")

    tmux("new-session", "-d", "-x", "100", "-y", "30", command)
    try:
        assert world.eventually(lambda: shows(answers[0][0]))
        tmux("send-keys", "C-]")
        assert world.eventually(lambda: _status(state, job_id)["held"] != "")
        for prompt, answer in answers:
            assert world.eventually(lambda prompt=prompt: shows(prompt))  # type: ignore[misc]
            tmux("send-keys", "-l", answer)
            tmux("send-keys", "Enter")
        assert world.eventually(lambda: _settled(state, job_id, answers[-1][0]))
        tmux("send-keys", "C-]")
        assert world.eventually(lambda: _status(state, job_id)["held"] == "")
        tmux("send-keys", "C-\\")
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            tmux("kill-server")


def in_the_browser(state: Path, job_id: str, answers: list[tuple[str, str]]) -> None:
    """A person at the page: what it sends and gets, over its own WebSocket."""
    assert world.eventually((state / "viewer.json").exists)
    url = json.loads((state / "viewer.json").read_text())["url"]
    base, _, token = url.partition("/#token=")
    protocols: list[Any] = [PROTOCOL, TOKEN_PREFIX + token]

    async def person() -> None:
        address = f"{base.replace('http', 'ws')}/ws/job/{job_id}"
        async with connect(address, subprotocols=protocols, compression=None) as page:
            seen, held = "", False

            async def take() -> None:
                nonlocal seen, held
                message = await asyncio.wait_for(page.recv(), 20)
                if isinstance(message, bytes):
                    seen += message.decode("utf-8", "replace")
                elif (told := json.loads(message))["type"] == "person":
                    held = told["mine"]

            await page.send(json.dumps({"hold": True}))
            while not held:
                await take()
            for prompt, answer in answers:
                while prompt not in seen:
                    await take()
                seen = ""
                await page.send(answer.encode() + b"\r")
            await asyncio.to_thread(
                world.eventually, lambda: _settled(state, job_id, answers[-1][0])
            )
            await page.send(json.dumps({"hold": False}))
            while held:
                await take()

    asyncio.run(person())


def _status(state: Path, job_id: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ptyjobs", "status", job_id, "--json"]
    env = {**os.environ, "PTYJOBS_STATE": str(state)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _settled(state: Path, job_id: str, prompt: str) -> bool:
    """True once the program waits again, at another prompt; the far side of ssh is only silent."""
    found = _status(state, job_id)
    if found["waiting"] is not None:
        return prompt not in found["waiting"]["prompt"]
    silent = (found["output_age"] or 0) > 0.5
    return silent and found["last_line"] != "" and prompt not in found["last_line"]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Server]:
    env = {"PTYJOBS_VIEWER": "write"}
    with Server(tmp_path / "state", env=env) as server:
        yield server


@pytest.mark.parametrize("person", [in_attach, in_the_browser])
@pytest.mark.parametrize("case", list(CASES))
def test_a_person_does_what_the_agent_may_not(agent: Server, case: str, person: Typist) -> None:
    command, answers, end = CASES[case]
    transcript = [
        agent.text("execute", command=command, name="job", wait=10, lifetime="persistent")
    ]
    assert answers[0][0] in transcript[0]
    typing = threading.Thread(target=person, args=(agent.state, "job", answers))
    typing.start()
    for _ in range(20):
        text = agent.text(
            "wait", job_id=["job"], until="person", message="please log in", timeout=5
        )
        transcript.append(text)
        if "person: " in text.split("\n")[0]:
            break
    typing.join(60)
    reply = transcript[-1].split("\n")
    name = "a browser" if person is in_the_browser else r"\w+@pts/\d+"
    assert re.match(rf"\[job\] person: done by {name}", reply[0]), reply
    assert "--- a person:" in reply
    assert any(re.match(rf"held by {name} for \d+ s, released", line) for line in reply)
    typed = [line.removeprefix("typed: ") for line in reply if line.startswith("typed: ")]
    expected = [a if a not in SECRETS else "(typed unseen)" for _, a in answers]
    assert typed == expected
    transcript.append(agent.text("interact", job_id="job", input="hello", timeout=3))
    transcript.append(agent.text("output", job_id="job"))
    assert any(end in text for text in transcript)
    for text in transcript:
        for secret in SECRETS:
            assert secret not in text, text
    journal = (agent.state / "audit" / "journal.jsonl").read_text()
    assert [json.loads(line)["what"] for line in journal.splitlines()][:3] == [
        "start",
        "ask",
        "hold",
    ]
    for secret in SECRETS:
        assert secret not in journal
    agent.text("kill", job_id="job")


def test_the_link_of_the_viewer_is_in_long_replies_and_status(agent: Server) -> None:
    text = agent.text("execute", command="sleep 99", name="long", wait=1)
    (link,) = re.findall(r"\(watch: (\S+)\)", text)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=[\w-]+&job=long", link)
    assert link in agent.text("status", job_id="long")
    command = [sys.executable, "-m", "ptyjobs", "status", "long"]
    env = {**os.environ, "PTYJOBS_STATE": str(agent.state)}
    shown = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60).stdout
    assert f"viewer     {link}\n" in shown
    line = shlex.join(["env", f"PTYJOBS_STATE={agent.state}", *command])
    agent.text("execute", command=line, name="person", wait=15)
    log = agent.state / "jobs" / "person" / "log.0000000000000000"
    assert f"\x1b]8;;{link}\x1b\\{link}\x1b]8;;" in log.read_text(), "clickable in a terminal"
    assert "(watch:" not in agent.text("execute", command="echo done", name="short")
