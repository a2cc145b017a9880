"""A client that starts the real server as a process and speaks raw lines to it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

START = (
    "import sys\n"
    "from ptyjobs.config import load\n"
    "from ptyjobs.mcp import main\n"
    "sys.exit(main(load()))\n"
)


class Server:
    """One server process with its own state directory; synchronous, for tests as sessions."""

    def __init__(
        self, state: Path, *, code: str = START, env: dict[str, str] | None = None
    ) -> None:
        self.state = state
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PTYJOBS", "MCP_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean, "PTYJOBS_STATE": str(state), **(env or {})},
            start_new_session=True,
        )
        self.next_id = 0
        self.notes: list[dict[str, Any]] = []
        self._buffer = b""

    def initialize(self) -> Server:
        info = {"name": "test", "version": "0"}
        self.ask(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info},
            within=20,
        )
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method: str, params: dict[str, Any] | None = None) -> int:
        self.next_id += 1
        body = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params or {}}
        self.send(body)
        return self.next_id

    def receive(self, *, within: float = 15.0) -> dict[str, Any]:
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        limit = time.monotonic() + within
        while b"\n" not in self._buffer:
            if not select.select([fd], [], [], max(0, limit - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(fd, 1 << 20)
            if not data:
                raise EOFError
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def answer(self, request_id: int, *, within: float = 15.0) -> dict[str, Any]:
        while True:
            message = self.receive(within=within)
            if message.get("id") == request_id:
                return message
            self.notes.append(message)

    def ask(
        self, method: str, params: dict[str, Any] | None = None, *, within: float = 15.0
    ) -> dict[str, Any]:
        return self.answer(self.request(method, params), within=within)

    def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The whole result of a tool."""
        answer = self.ask("tools/call", {"name": name, "arguments": arguments}, within=70)
        result: dict[str, Any] = answer["result"]
        return result

    def text(self, name: str, /, **arguments: Any) -> str:
        """The text that a model reads."""
        found: str = self.call(name, **arguments)["content"][0]["text"]
        return found

    def close(self) -> None:
        """End the session as the SDK's clients do, and see the process end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()

    def __enter__(self) -> Server:
        return self.initialize()

    def __exit__(self, *_: object) -> None:
        self.close()


def alive(marker: str) -> list[int]:
    """Processes whose command line holds `marker`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:  # ended meanwhile
                continue
            if marker.encode() in line:
                found.append(int(entry))
    return found


def gone(marker: str, *, within: float) -> bool:
    """True if every process with `marker` on its command line ends.

    `within` is the expected time; a loaded machine gets ten seconds more, because a test is not a
    measurement.
    """
    limit = time.monotonic() + within + 10.0
    while alive(marker):
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True
