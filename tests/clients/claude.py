"""Claude Code with a scripted model: the real client, no account, no network.

Owns the loopback Messages API, the client's scratch home and its terminal (a job of ours). A script
is a function from the conversation to the next content blocks; it runs once for each request.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from tests.clients.conftest import CLAUDE_WAITS, package

KEY = "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz"
PLUGIN = Path(__file__).parents[2] / "ptyjobs" / "plugin"
NEWS = re.compile(r"<event>(.*?)</event>|<result>(.*?)</result>", re.DOTALL)
Blocks = list[dict[str, Any]]
Script = Callable[["Request"], Blocks]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of one of our tools, as the plugin's server names it."""
    return {"type": "tool_use", "name": f"mcp__plugin_ptyjobs_ptyjobs__{tool}", "input": arguments}


class Request:
    """One request of the client's main conversation."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.time = time.time()

    @property
    def tools(self) -> set[str]:
        return {tool["name"] for tool in self.body.get("tools", ())}

    @property
    def last(self) -> str:
        """All text since the model's last answer: typed text, results, notifications."""
        texts: list[str] = []
        for message in reversed(self.body["messages"]):
            if message["role"] == "assistant":
                break
            texts.insert(0, _text_of(message["content"]))
        return "\n".join(texts)

    @property
    def all(self) -> str:
        return "\n".join(_text_of(m["content"]) for m in self.body["messages"])


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_text_of(item) for item in content)
    if isinstance(content, dict):
        return "\n".join(_text_of(content.get(key, "")) for key in ("text", "content"))
    return ""


class Model:
    """The Messages API: answers the main conversation by the script, everything else with "ok"."""

    def __init__(self, script: Script, *, needs: str) -> None:
        self._script = script
        self._needs = needs
        self.early = 0  # requests before the client had connected our server
        self.requests: list[Request] = []
        self.changed = threading.Condition()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.path.startswith("/v1/messages"):
                    self._json({})
                elif "count_tokens" in self.path:
                    self._json({"input_tokens": 10})
                else:
                    self._stream(model.answer(body))

            def do_GET(self) -> None:
                self._json({})

            def do_HEAD(self) -> None:
                self._json({})

            def _json(self, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _stream(self, blocks: Blocks) -> None:
                data = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n"
                               for e in events(blocks)).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, body: dict[str, Any]) -> Blocks:
        """The blocks for a request; only the main conversation has our tools."""
        request = Request(body)
        if "Bash" not in request.tools:
            return [text("ok")]
        with self.changed:
            if not any(name.startswith(self._needs) for name in request.tools):
                self.early += 1
                self.changed.notify_all()
                return [text("Not yet.")]
            self.requests.append(request)
            blocks = self._script(request)
            self.changed.notify_all()
        return blocks

    def wait(self, condition: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Until the condition holds after a request."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), [r.last[-300:] for r in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def events(blocks: Blocks) -> Iterator[dict[str, Any]]:
    """The blocks as the events of a streamed answer."""
    calls = any(block["type"] == "tool_use" for block in blocks)
    message = {
        "id": f"msg_{time.monotonic_ns()}", "type": "message", "role": "assistant",
        "content": [], "model": "m",
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(blocks):
        if block["type"] == "tool_use":
            start = {**block, "id": f"toolu_{time.monotonic_ns()}", "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            start, delta = text(""), {"type": "text_delta", "text": block["text"]}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    reason = "tool_use" if calls else "end_turn"
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 1},
    }
    yield {"type": "message_stop"}


class Client:
    """One session of the client in a scratch home."""

    def __init__(
        self,
        tmp_path: Path,
        script: Script,
        *,
        needs: str = "mcp__plugin_ptyjobs",
        beside: Client | None = None,
    ) -> None:
        """`needs`: prefix of a tool name; requests without such a tool do not use the script.
        `beside`: a client whose project and state directory this one shares.
        """
        self.program = package("@anthropic-ai/claude-code-linux-x64") / "claude"
        self.model = Model(script, needs=needs)
        self.home = tmp_path / "home"
        self.project = beside.project if beside else tmp_path / "project"
        (self.home / ".claude").mkdir(parents=True)
        self.project.mkdir(exist_ok=True)
        project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        (self.home / ".claude.json").write_text(json.dumps({
            "hasCompletedOnboarding": True, "theme": "dark", "numStartups": 5,
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
            "projects": {str(self.project): project},
        }))  # fmt: skip
        (self.home / ".claude" / "settings.json").write_text(
            json.dumps({"permissions": {"allow": ["mcp__plugin_ptyjobs_ptyjobs"]}})
        )
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "ANTHROPIC_BASE_URL": self.model.url,
            "ANTHROPIC_API_KEY": KEY,
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "PTYJOBS_STATE_DIR": beside.env["PTYJOBS_STATE_DIR"]
            if beside
            else str(tmp_path / "state"),
        }

    def command(self, *arguments: str) -> list[str]:
        return [str(self.program), "--plugin-dir", str(PLUGIN), *arguments]

    @contextmanager
    def interactive(self, tmp_path: Path, *arguments: str) -> Iterator[Jobs]:
        """The client in a terminal, as the job "claude"."""
        config = Config(state_dir=str(tmp_path / "terminal"), env_allow=("NOTHING",))
        with Jobs(config) as jobs:
            jobs.execute(
                argv=self.command(*arguments), name="claude", cwd=str(self.project), env=self.env,
                rows=50, cols=150, notify=(), wait=60, until=["❯"],
            )  # fmt: skip
            yield jobs
            jobs.kill("claude")

    def say(self, terminal: Jobs, words: str) -> None:
        """Type a message, again until the client has connected our server."""
        for early in range(1, 100):
            terminal.interact("claude", input=words, timeout=1)
            try:
                self.model.wait(lambda e=early: self.model.requests or self.model.early >= e)
            except AssertionError:
                raise AssertionError(terminal.tail("claude").text) from None
            if self.model.requests:
                return
            terminal.wait("claude", until="quiet", timeout=5)
        raise AssertionError("the client never connected the server")

    @property
    def woken(self) -> list[str]:
        """Events and task results that woke the session or came with its next request."""
        found = []
        for request in self.model.requests:
            found += NEWS.findall(request.last)
        return [html.unescape(event or result) for event, result in found]

    def print_(self, prompt: str) -> str:
        """One conversation without a terminal (`claude -p`), in which our server was connected."""
        env = {**self.env, **CLAUDE_WAITS}
        return subprocess.run(
            self.command("-p", prompt), env=env, cwd=self.project, check=True,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
        ).stdout  # fmt: skip

    def close(self) -> None:
        self.model.close()
