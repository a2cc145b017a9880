"""One session of a server on a difficult machine, in the current directory; prints a JSON object.

`python -m tests.security.edge_session STATE SECONDS`: the state directory of the server, and the
duration of its sleeping processes, by which the caller recognises them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.mcp.live import Server

OTHERS = """
import os
for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
    for file in ("environ", "mem"):
        try:
            with open(f"/proc/{name}/{file}", "rb", buffering=0) as opened:
                print("secret" if b"hunter2" in opened.read(1 << 16) else "opened", name, file)
        except OSError: pass
print("looked")
"""


def main(state: str, seconds: str) -> None:
    said: dict[str, str] = {}
    tree = f"sleep {seconds} & setsid sleep {seconds} & trap '' TERM; echo tree; sleep {seconds}; :"
    Path("others.py").write_text(OTHERS)
    Path("others.py").chmod(0o600)  # whatever the umask
    with Server(Path(state), env={"PTYJOBS_SECRET_VAULT": "hunter2"}) as server:
        said["once"] = server.text("execute", command="echo one; exit 3", wait=20)
        said["start"] = server.text("execute", command="cat", name="c", wait=5)
        said["interact"] = server.text("interact", job_id="c", input="hello", timeout=5)
        server.text("execute", command="python3 -q", name="p", wait=10)
        said["sum"] = server.text("interact", job_id="p", input="20+22", timeout=10)
        said["tree"] = server.text("execute", command=tree, name="t", wait=0.3)
        server.text("wait", job_id="t", pattern=["tree"], timeout=10)
        said["list"] = server.text("list")
        said["status"] = server.text("status", job_id="t")
        said["kill"] = server.text("kill", job_id="t", grace=0.2)
        said["kill c"] = server.text("kill", job_id="c")
        said["after"] = server.text("list")
        said["others"] = server.text("execute", command="python3 others.py", wait=20)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PTYJOBS")}
    for name, words in (("doctor", ["doctor"]), ("default", ["run", "echo default"])):
        done = subprocess.run(
            [sys.executable, "-m", "ptyjobs", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=kept,
        )
        said[name] = done.stdout + done.stderr
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
