"""Prints docs/transcripts.md: what a model asks and reads, from real calls.

    python -m tests.docs.transcripts

Only times and paths of this machine are edited, because they differ in every run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HEAD = """# Transcripts

Real calls and their whole replies, made by `python -m tests.docs.transcripts`. One call
is one step: no sleeping, no polling, no second call to read.
"""

BUGGY = """def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)

print(mean([]))
"""
DEV_SERVER = (
    "import http.server,time; print('compiling...', flush=True); time.sleep(1.2);"
    "s=http.server.HTTPServer(('127.0.0.1',0),http.server.SimpleHTTPRequestHandler);"
    "print('ready on port %d' % s.server_port, flush=True); s.serve_forever()"
)
Step = tuple[str, dict[str, Any]]

SESSIONS: list[tuple[str, list[Step]]] = [
    (
        "A REPL",
        [
            ("execute", {"command": "python3 -q -i", "name": "py"}),
            ("interact", {"job_id": "py", "input": "import statistics as s"}),
            ("interact", {"job_id": "py", "input": "s.stdev([2, 4, 4, 4, 5, 5, 7, 9])"}),
            ("interact", {"job_id": "py", "input": "for i in range(2):\n    print(i)\n"}),
            (
                "interact",
                {"job_id": "py", "input": "import time; time.sleep(100)", "timeout": 1},
            ),
            ("interact", {"job_id": "py", "keys": ["C-c"]}),
            ("interact", {"job_id": "py", "input": "exit(3)"}),
        ],
    ),
    (
        "A debugger",
        [
            ("execute", {"command": "python3 -m pdb mean.py", "name": "pdb"}),
            ("interact", {"job_id": "pdb", "input": "b 5"}),
            ("interact", {"job_id": "pdb", "input": "c"}),
            ("interact", {"job_id": "pdb", "input": "p values, total, len(values)"}),
            ("interact", {"job_id": "pdb", "input": "n"}),
            ("kill", {"job_id": "pdb"}),
        ],
    ),
    (
        "A dev server, watched with `wait`",
        [
            ("execute", {"command": f'python3 -c "{DEV_SERVER}"', "name": "web", "wait": 0}),
            ("wait", {"job_id": ["web"], "pattern": ["ready on port \\d+", "Error"]}),
            ("status", {"job_id": "web"}),
            ("kill", {"job_id": "web"}),
        ],
    ),
    (
        "A password prompt",
        [
            (
                "execute",
                {
                    "command": "python3 -c \"import getpass; p = getpass.getpass('Passphrase: ');"
                    " print('unlocked' if p == 'correct horse' else 'wrong')\"",
                    "name": "vault",
                },
            ),
            ("interact", {"job_id": "vault", "secret": "VAULT"}),
        ],
    ),
    (
        "An editor",
        [
            ("execute", {"command": "vim -u NONE note.txt", "name": "vim", "rows": 8, "cols": 60}),
            ("interact", {"job_id": "vim", "input": "ihello from a model", "enter": False}),
            ("interact", {"job_id": "vim", "keys": ["Escape"], "view": "rows"}),
            ("interact", {"job_id": "vim", "input": ":wq"}),
            ("execute", {"command": "cat note.txt"}),
        ],
    ),
]


class Server:
    """The server as a process, asked one thing after another."""

    def __init__(self, directory: Path, *, state: Path | None = None) -> None:
        self.number = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ptyjobs.mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=directory,
            env={
                **os.environ,
                "PTYJOBS_STATE": str(state or directory / ".state"),
                "PTYJOBS_SECRET_VAULT": "correct horse",
                "PYTHON_BASIC_REPL": "1",
            },
        )
        info = {"name": "transcript", "version": "0"}
        self.ask(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info},
        )

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.number += 1
        body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.process.stdin.write(json.dumps(body).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            if message.get("id") == self.number:
                return message

    def call(self, name: str, arguments: dict[str, Any]) -> str:
        answer = self.ask("tools/call", {"name": name, "arguments": arguments})
        text: str = answer["result"]["content"][0]["text"]
        return text

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def shown_call(name: str, arguments: dict[str, Any]) -> str:
    words = [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in arguments.items()]
    return f"{name}({', '.join(words)})"


def page(directory: Path) -> str:
    """Run all sessions in an empty directory; return the page."""
    (directory / "mean.py").write_text(BUGGY)
    server = Server(directory)
    try:
        parts = [HEAD]
        for title, steps in SESSIONS:
            lines = []
            for tool, arguments in steps:
                lines += ["> " + shown_call(tool, arguments), server.call(tool, arguments), ""]
            text = "\n".join(lines).rstrip().replace(str(directory), "/home/me/project")
            text = re.sub(r"/\S*/lib/python", "/usr/lib/python", text)
            parts.append(f"## {title}\n\n```\n{text}\n```\n")
    finally:
        server.close()
    return "\n".join(parts)


def comparable(text: str) -> str:
    """The page without what differs from run to run: times, sizes, numbers of ports and processes.

    Also without the activity of a server that has just printed its address, and the source line
    that Python 3.13 adds to a traceback of typed lines.
    """
    text = re.sub(r"^doing: .*$", "doing", text, flags=re.MULTILINE)
    text = re.sub(r"\d+(\.\d+)? (ms|s|B|MiB)\b", r"N \2", text)
    text = re.sub(r"(pid |session |on |:|processes: |\(|log: 0-|log )\d+\b", r"\1N", text)
    text = re.sub(r"\b\d{4,5}\b", "N", text)  # ports
    text = re.sub(r"\n    .*\n *[~^]+(?=\n)", "", text)
    return re.sub(r"\bN m?s\b", "N s", text)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ptyjobs-docs-") as name:
        print(page(Path(name)), end="")


if __name__ == "__main__":
    main()
