"""The real server process: a session at a terminal, and every road by which it can end."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import world
from tests.mcp.live import START, Server, alive, gone

pytestmark = pytest.mark.live
PYTHON = f"{sys.executable} -i"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "state") as server:
        yield server


def first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def test_a_session_with_python(server: Server) -> None:
    started = server.text("execute", command=PYTHON, name="py", env={"PYTHON_BASIC_REPL": "1"})
    assert re.match(r'\[py\] waiting for input at ">>> "\nPython', started)
    answer = server.text("interact", job_id="py", input="1+1")
    assert re.fullmatch(r'\[py\] waiting for input at ">>> "\n2', answer)
    silent = server.text("interact", job_id="py", input="x = 5")
    assert "\n" not in silent
    late = server.text("interact", job_id="py", input="import time; time.sleep(1); print('late')")
    assert late.endswith("\nlate")
    hasty = server.text(
        "interact", job_id="py", input="time.sleep(0.8); print('slow')", timeout="0.2"
    )
    assert "still running: python" in hasty
    assert hasty.endswith('interact(keys=["C-c"])')
    assert server.text("wait", job_id="py").endswith("\nslow")
    block = server.text("interact", job_id="py", input="def f():")
    assert "waiting for the rest of an open block" in block
    assert server.text("interact", job_id="py", keys="C-c").endswith("KeyboardInterrupt")
    gone_now = server.text("interact", job_id="py", input="raise SystemExit(9)")
    assert first_line(gone_now).startswith("[py] exited with code 9")
    after = server.call("interact", job_id="py", input="1")
    assert after["isError"]
    assert "late" in server.text("output", job_id="py", grep="^late")


def test_one_call_commands_and_their_exit(server: Server) -> None:
    good = server.text("execute", command="echo hello; exit 0")
    assert re.fullmatch(r"\[echo-1\] exited with code 0\nhello", good)
    bad = server.text("execute", command="nosuchprogram_x")
    assert "exited with code 127" in bad
    assert "not found" in bad
    killed = server.text("execute", command="kill -9 $$", name="k")
    assert "[k] killed (SIGKILL)" in killed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"command": ""}, "The command is empty."),
        ({"command": "ls", "cwd": "/nowhere/at/all"}, "does not exist"),
        ({"command": "ls", "name": "../x"}, "cannot name a job"),
        ({"command": "ls", "rows": 0}, "rows must be from 1 to 1000; got 0."),
        ({"command": "ls", "lifetime": "forever"}, "one of session, persistent"),
        ({"command": "ls\0"}, "NUL"),
    ],
)
def test_bad_starts_are_refused_in_a_line(
    server: Server, arguments: dict[str, object], words: str
) -> None:
    result = server.call("execute", **arguments)
    assert result["isError"]
    assert words in result["content"][0]["text"]
    assert len(result["content"][0]["text"]) < 300


def test_bad_input_to_a_job_is_refused_and_loses_nothing(server: Server) -> None:
    server.call("execute", command=PYTHON, name="py", env={"PYTHON_BASIC_REPL": "1"})
    for arguments, words in (
        ({"keys": ["C-cc"]}, "C-cc"),
        ({"until": "(["}, "is not a regular expression"),
        ({"mouse": "click 1,1"}, "did not ask for the mouse"),
        ({"secret": "NOPE"}, "There is no secret 'NOPE'"),
    ):
        result = server.call("interact", job_id="py", **arguments)
        assert result["isError"], arguments
        assert words in result["content"][0]["text"]
    duplicate = server.call("execute", command="ls", name="py")
    assert duplicate["isError"]
    assert "'py'" in duplicate["content"][0]["text"]
    assert server.text("interact", job_id="py", input="1+1").endswith("\n2")


READS = r"""
import os, select, sys, time, tty
tty.setraw(0)
pipe = os.pipe()[0]
if "draws" in sys.argv: os.write(1, b"\x1b[?25l")  # its cursor is its own
while True:
    if sys.argv[1:]: select.select([0, pipe], [], [])
    data = os.read(0, 99)
    if data[:4] == b"nap ": time.sleep(1.5)
    os.write(1, b"%r\r\n" % data)
"""


def test_an_event_loop_gets_enter_by_itself_as_from_a_person(
    tmp_path: Path, server: Server
) -> None:
    """To ink and its like a text and a return in one read are a paste with a line end in it."""
    program = tmp_path / "reads.py"
    program.write_text(READS)
    start = f"{sys.executable} {program}"
    server.text("execute", command=f"{start} draws", name="loop", wait=10)
    assert "b'hello'\nb'\\r'" in server.text("interact", job_id="loop", input="hello")
    late = server.text("interact", job_id="loop", input="nap two", timeout=20)
    assert "b'nap two'\nb'\\r'" in late  # it did not read immediately: Enter was typed ahead
    for kind in ("edits", ""):  # line editors, and who only reads, take it byte by byte
        server.text("execute", command=f"{start} {kind}", name=f"plain{kind}", wait=10)
        assert "b'hello\\r'" in server.text("interact", job_id=f"plain{kind}", input="hello")


def test_a_password_is_asked_for_and_recorded_nowhere(tmp_path: Path) -> None:
    code = "import getpass; print(len(getpass.getpass('Passphrase: ')))"
    with Server(tmp_path / "state", env={"PTYJOBS_SECRET_PW": "hunter2hunter2"}) as server:
        asked = server.text("execute", command=f'{sys.executable} -c "{code}"', name="pw")
        assert 'password prompt "Passphrase: "' in asked
        assert 'interact(secret="PW")' in asked
        assert server.text("interact", job_id="pw", secret="PW").endswith("\n14")
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path


def test_a_secret_is_refused_where_it_would_be_shown(tmp_path: Path) -> None:
    with Server(tmp_path / "state", env={"PTYJOBS_SECRET_PW": "hunter2"}) as server:
        server.call("execute", command="cat", name="c")
        refused = server.call("interact", job_id="c", secret="PW")
        assert refused["isError"]
        assert "hunter2" not in json.dumps(server.call("tail", job_id="c"))


def test_waiting_for_several_jobs(server: Server) -> None:
    server.call("execute", command="sleep 30", name="never", wait=0)
    server.call("execute", command="sleep 0.5; echo ready on 80; sleep 30", name="web", wait=0)
    text = server.text("wait", job_id=["never", "web"], pattern="ready on .*")
    assert first_line(text).startswith("[wait] 1 of 2 jobs: web")
    assert '[web] matched "ready on 80"' in text


def test_calls_pass_a_waiting_one(server: Server) -> None:
    server.call("execute", command="sleep 30", name="s", wait=0)
    waiting = server.request("tools/call", {"name": "wait", "arguments": {"job_id": "s"}})
    assert "sleep" in server.text("status", job_id="s")
    assert "killed" in server.text("kill", job_id="s")
    answer = [note for note in server.notes if note.get("id") == waiting] or [
        server.answer(waiting)
    ]
    assert "[s] killed on request · ended by SIGTERM" in answer[0]["result"]["content"][0]["text"]


def test_a_full_screen_program_shows_its_screen(server: Server) -> None:
    code = (
        "import sys,tty,os; tty.setraw(0); os.write(1, b'\\x1b[?1049h\\x1b[2J\\x1b[3;5Hmenu');"
        "[os.write(1, b'\\x1b[4;5H' + os.read(0,9)) for _ in range(2)]"
    )
    shown = server.text("execute", command=f'{sys.executable} -c "{code}"', name="tui")
    assert first_line(shown).endswith("· screen")
    assert "menu" in shown
    tail = server.text("tail", job_id="tui")
    assert re.match(r"\[tui\] screen · 40x120 · cursor 3,9 · log \d+\n", tail)
    svg = server.text("tail", job_id="tui", format="svg")
    assert svg.startswith("<svg")


def test_slow_answers_come_after_the_end_of_input(tmp_path: Path) -> None:
    server = Server(tmp_path / "state").initialize()
    request = server.request(
        "tools/call", {"name": "execute", "arguments": {"command": "sleep 0.3; echo done"}}
    )
    assert server.process.stdin is not None
    server.process.stdin.close()
    text = server.answer(request)["result"]["content"][0]["text"]
    assert text.endswith("\ndone")
    server.close()


DEAF = "trap '' TERM HUP INT; while :; do sleep 1; done"


@pytest.mark.parametrize("road", ["eof", "SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "broken pipe"])
def test_every_end_of_the_server_ends_its_jobs(tmp_path: Path, road: str) -> None:
    marker = f"mark_{road.replace(' ', '_')}_{os.getpid()}"
    server = Server(tmp_path / "state").initialize()
    server.call("execute", command=f": {marker}; {DEAF}", name="deaf", wait=0)
    server.call("execute", command=f"setsid sh -c ': {marker}; sleep 99' & sleep 99", wait=0.2)
    assert alive(marker)
    process = server.process
    assert process.stdin is not None
    assert process.stdout is not None
    if road == "eof":
        process.stdin.close()
    elif road == "broken pipe":
        process.stdout.close()
        server.send({"jsonrpc": "2.0", "id": 99, "method": "ping"})
    else:
        process.send_signal(getattr(signal, road))
    process.wait(20)
    assert gone(marker, within=3.0), "no process of a session job remains"
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def runs(pid: int) -> bool:
    """True if a process still runs. It may be reparented to this one, which does not reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_dead_launcher_ends_the_server(tmp_path: Path) -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
        "print(inner.pid, file=sys.stderr, flush=True)\n"
        "inner.wait()\n"
    )
    env = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")}
    launcher = subprocess.Popen(
        [sys.executable, "-c", code, START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    )
    assert launcher.stderr is not None
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    pid = int(launcher.stderr.readline())
    info = {"name": "t", "version": "0"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    launcher.stdin.write(json.dumps(body).encode() + b"\n")
    launcher.stdin.flush()
    launcher.stdout.readline()
    launcher.kill()
    launcher.wait()
    assert world.exited(pid, within=30)
    for pipe in (launcher.stdin, launcher.stdout, launcher.stderr):
        pipe.close()


def test_an_unread_standard_error_does_not_stop_the_server(tmp_path: Path) -> None:
    noisy = START.replace(
        "sys.exit", "import logging, ptyjobs.mcp.handlers as h\n"
        "old = h.status\n"
        "async def loud(call, args):\n"
        "    logging.getLogger('x').error('y' * 5000)\n"
        "    print('z' * 5000)\n"
        "    return await old(call, args)\n"
        "import ptyjobs.mcp.tools as t\n"
        "object.__setattr__(t.STATUS, 'handler', loud)\n"
        "sys.exit",
    )  # fmt: skip
    with Server(tmp_path / "state", code=noisy) as server:
        server.call("execute", command="sleep 30", name="s", wait=0)
        for _ in range(60):
            assert not server.call("status", job_id="s")["isError"]


def test_ended_jobs_are_forgotten_by_the_retention(tmp_path: Path) -> None:
    code = START.replace(
        "sys.exit", "import ptyjobs.mcp.session as s\n"
        "clean = s._clean\n"
        "s._clean = lambda jobs, interval: clean(jobs, interval / 100)\n"
        "sys.exit",
    )  # fmt: skip
    env = {"PTYJOBS_RETENTION": "0", "MCP_BG_CLEANUP_INTERVAL": "10"}
    with Server(tmp_path / "state", code=code, env=env) as server:
        server.call("execute", command="true", name="gone")
        server.call("execute", command="sleep 30", name="kept", wait=0)
        limit = time.monotonic() + 5
        while "gone" in server.text("list"):
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert "[kept] running" in server.text("list")


def test_a_job_is_killed_after_the_configured_time(tmp_path: Path) -> None:
    with Server(tmp_path / "state", env={"MCP_BG_JOB_TIMEOUT": "1"}) as server:
        server.call("execute", command="sleep 30", name="s", wait=0)
        text = server.text("wait", job_id="s", until="exited", timeout=5)
        assert "[s] killed: its time limit of 1 s was over · ended by SIGTERM" in text


def test_an_allow_list_without_its_parser_stops_the_server(tmp_path: Path) -> None:
    code = "import sys\nsys.modules['tree_sitter_bash'] = None\n" + START
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path), "MCP_BG_ALLOWED_COMMANDS": "^ls"},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install tree-sitter tree-sitter-bash" in done.stderr.splitlines()[-1]


def test_a_screen_as_a_picture(server: Server) -> None:
    pytest.importorskip("PIL", reason="the image extra is not installed")
    server.call("execute", command="printf hello; sleep 30", name="p", wait=0.3)
    text, image = server.call("tail", job_id="p", format="png")["content"]
    assert text["text"] == "[p] screen 40x120 as a picture"
    assert image["type"] == "image"
    assert image["mimeType"] == "image/png"
    assert base64.b64decode(image["data"]).startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_made_is_text(server: Server) -> None:
    command = "printf hello; sleep 30"
    server.call("execute", command=command, name="wide", rows=1000, cols=1000, wait=0.3)
    shown = server.text("tail", job_id="wide", format="png")
    assert "hello" in shown
    assert "\n(no picture: " in shown


def test_an_unusable_setting_stops_the_server_with_one_line(tmp_path: Path) -> None:
    code = START.replace("load()", "load(flags={'max_jobs': 'x'})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "flag --max-jobs: max_jobs = 'x' is not usable" in done.stderr.splitlines()[-1]
