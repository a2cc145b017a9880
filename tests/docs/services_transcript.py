"""Prints the transcript of docs/services.md, from real calls.

    python -m tests.docs.services_transcript

Two sessions in two worktrees of one project, with small servers. Only paths and the taken port are
edited, and ports of other programs are left out.
"""

from __future__ import annotations

import re
import socket
import tempfile
from pathlib import Path
from typing import Any

from tests.docs.transcripts import Server, shown_call

API = """import http.server, os

class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass

server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("api on", server.server_port, flush=True)
server.serve_forever()
"""
WORKER = "import time\nprint('worker ready', flush=True)\ntime.sleep(600)\n"
WEB = """import http.server, sys

port = int(sys.argv[1])
try:
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
except OSError:
    sys.exit(f"Error: port {port} is already in use")
print(f"  Local:   http://127.0.0.1:{port}/", flush=True)
server.serve_forever()
"""
READY = "http://127.0.0.1:$PORT/"


def steps(port: int) -> list[tuple[str, dict[str, Any]]]:
    web = {"command": f"python3 web.py {port}", "name": "web", "ready": f"port:{port}"}
    api = {"command": "python3 api.py", "name": "api", "port": "auto", "ready": READY}
    worker = {"command": "python3 worker.py", "name": "worker", "ready": "worker ready"}
    return [
        ("execute", api),
        ("execute", {**worker, "restart": "on-failure"}),
        ("execute", web),
        ("execute", {**web, "command": "python3 web.py $PORT", "ready": "port", "port": "auto"}),
        ("list", {"ports": True}),
        ("list", {}),
        ("execute", {**api, "replace": True}),
        ("output", {"job_id": "*", "grep": "ready|Error"}),
        *(("kill", {"job_id": name}) for name in ("api", "worker", "web")),
    ]


def worktrees(directory: Path) -> tuple[Path, Path]:
    """A project and another worktree of it, as git leaves them."""
    shop, other = directory / "shop", directory / "shop-b"
    gitdir = shop / ".git" / "worktrees" / "shop-b"
    gitdir.mkdir(parents=True)
    other.mkdir()
    (shop / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (gitdir / "HEAD").write_text("ref: refs/heads/feature-b\n")
    (other / ".git").write_text(f"gitdir: {gitdir}\n")
    for name, code in (("api.py", API), ("worker.py", WORKER), ("web.py", WEB)):
        (shop / name).write_text(code)
    (other / "web.py").write_text(WEB)
    return shop, other


def block(directory: Path) -> str:
    """The calls and replies of the session in the first worktree."""
    shop, other = worktrees(directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state = directory / "state"
    theirs, ours = Server(other, state=state), Server(shop, state=state)
    try:
        taken = {"command": f"python3 web.py {port}", "name": "shop-b", "ready": "port"}
        theirs.call("execute", taken)
        lines = []
        for tool, arguments in steps(port):
            lines += ["> " + shown_call(tool, arguments), ours.call(tool, arguments), ""]
    finally:
        ours.close()
        theirs.close()
    text = "\n".join(lines).rstrip() + "\n"
    text = re.sub(r"^[\d.:\[\]]+:\d+ · (?!\[).*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"/\S*/bin/python", "python", text)
    return text.replace(str(directory), "~").replace(str(port), "5173")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ptyjobs-docs-") as name:
        print(block(Path(name)), end="")
