"""A start answers when its service is ready, has failed, has exited, or at the deadline."""

from __future__ import annotations

import os
import shlex
import socket
import threading
import time
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.client import AsyncJobs
from ptyjobs.config import load
from ptyjobs.errors import BadInput, Refused
from ptyjobs.model import Reason, State
from tests.faults.world import eventually
from tests.services.conftest import listener, python

pytestmark = pytest.mark.live


IDLE = python("import time; time.sleep(600)")


def test_a_port_is_reported_with_its_address_and_owner(jobs: Jobs, port: int) -> None:
    answer = jobs.execute(argv=listener(port), name="web", ready="port", wait=30)
    assert answer.verdict.reason is Reason.SERVICE_READY
    assert answer.verdict.match == f"127.0.0.1:{port}"
    status = jobs.status("web")
    assert status.service is not None
    assert status.service.ready
    (address,) = status.listening
    assert (address.port, address.pid, status.ports) == (port, status.pid, (port,))


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6_only(jobs: Jobs, port: int) -> None:
    answer = jobs.execute(argv=listener(port, host="::1"), ready=f"port:{port}", wait=30)
    assert answer.verdict.match == f"[::1]:{port}"


def test_a_port_that_a_grandchild_binds(jobs: Jobs, port: int) -> None:
    line = f"sh -c {shlex.quote(shlex.join(listener(port)) + '; true')}; true"
    answer = jobs.execute(line, ready=f"port:{port}", wait=30)
    assert answer.verdict.reason is Reason.SERVICE_READY


DAEMON = """
import os, socket, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.read(os.open({go!r}, os.O_RDONLY), 1)
    server = socket.socket()
    server.bind(("127.0.0.1", {port}))
    server.listen()
    time.sleep(600)
"""


def test_a_server_that_daemonizes_itself(jobs: Jobs, port: int, tmp_path: Path) -> None:
    """Its leader exits with 0 before it listens."""
    go = tmp_path / "go"
    os.mkfifo(go)
    result: list[object] = []

    def open_late() -> None:
        with Jobs(jobs.config) as other:  # the leader's end is published first
            for _ in range(600):
                if any(status.state is State.COMPLETED for status in other.list()):
                    break
                time.sleep(0.05)
            result.append([status.state for status in other.list()])
        go.write_bytes(b"x")

    thread = threading.Thread(target=open_late)
    thread.start()
    program = python(DAEMON.format(go=str(go), port=port))
    answer = jobs.execute(argv=program, name="d", ready="port", wait=30)
    thread.join()
    assert result == [[State.COMPLETED]]
    assert answer.verdict.reason is Reason.SERVICE_READY
    assert answer.state is State.COMPLETED
    assert answer.verdict.exit is not None
    assert answer.verdict.exit.code == 0
    service = jobs.status("d").service
    assert service is not None
    assert service.ready
    assert jobs.kill("d").processes == 1
    assert eventually(lambda: jobs.status("d").service is None)


def test_a_unix_socket(jobs: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "s"
    code = f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); "
    program = python(code + "s.listen(); print('up', flush=True); time.sleep(600)")
    answer = jobs.execute(argv=program, name="u", ready=f"port:{path}", wait=30)
    assert answer.verdict.match == f"unix:{path}"
    other = jobs.wait("u", until="port", timeout=0.5)
    assert other.verdict.reason is Reason.TIMEOUT
    assert other.service is not None
    assert f'only on unix:{path} (ready="port:{path}")' in other.service.why


HTTP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if os.path.exists({flag!r}) else 503
        self.send_response(status)
        self.end_headers()
    def log_message(self, *args): print("asked", flush=True)
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


def test_http_waits_for_the_good_answer_and_follows_health(
    jobs: Jobs, port: int, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    url = f"http://127.0.0.1:{port}/health"
    program = python(HTTP.format(flag=str(flag), port=port))
    answer = jobs.execute(argv=program, name="h", ready=[url, "every:0.1"], wait=0)
    jobs.wait("h", patterns=["asked"], until="pattern", timeout=30)
    answer = jobs.wait("h", timeout=0.2)
    assert answer.service is not None
    assert answer.service.why == f"{url}: answered 503"
    flag.touch()
    assert jobs.wait("h", timeout=30).verdict.reason is Reason.SERVICE_READY
    flag.unlink()
    for _ in range(300):
        service = jobs.status("h").service
        assert service is not None
        if not service.ready:
            break
        time.sleep(0.05)
    assert (service.state, service.why) == ("unhealthy", f"{url}: answered 503")
    flag.touch()
    assert jobs.wait("h", timeout=30).verdict.reason is Reason.SERVICE_READY


def test_a_given_status_counts(jobs: Jobs, port: int, tmp_path: Path) -> None:
    program = python(HTTP.format(flag=str(tmp_path / "none"), port=port))
    answer = jobs.execute(argv=program, ready=f"http://127.0.0.1:{port}/ 503", wait=30)
    assert answer.verdict.reason is Reason.SERVICE_READY


def test_a_port_that_somebody_else_holds_is_not_ours(jobs: Jobs, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        for condition in (f"port:{port}", f"http://127.0.0.1:{port}/"):
            answer = jobs.execute(argv=IDLE, ready=condition, wait=0)
            answer = jobs.wait(answer.job_id, ready=condition, timeout=0.3)
            assert answer.service is not None
            assert f"port {port} is held by process {os.getpid()} " in answer.service.why
            assert "not by this job" in answer.service.why


def test_a_command_that_exits_with_0(jobs: Jobs, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    condition = "command:test -e flag || { echo no flag; exit 3; }"
    jobs.execute(argv=IDLE, name="c", cwd=str(tmp_path), ready=condition)
    for _ in range(300):
        service = jobs.status("c").service
        assert service is not None
        if "exited with code 3" in service.why:
            break
        time.sleep(0.02)
    assert service.why.endswith("exited with code 3 (no flag)")
    flag.touch()
    assert jobs.wait("c", timeout=30).verdict.reason is Reason.SERVICE_READY


def test_a_probe_that_hangs_delays_nothing_and_is_no_process_of_the_job(jobs: Jobs) -> None:
    jobs.execute(argv=IDLE, name="c", wait=0, ready="command:sleep 600")
    for _ in range(100):
        began = time.monotonic()
        status = jobs.status("c")
        assert time.monotonic() - began < 2
    assert len(status.processes) == 1
    assert status.service is not None
    assert not status.service.ready
    killed = jobs.kill("c")
    assert killed.status.state is State.KILLED


def test_an_http_server_that_never_answers_delays_nothing(jobs: Jobs, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    jobs.execute(argv=listener(port), name="mute", ready=url, wait=0)
    jobs.wait("mute", until="pattern", patterns=["listens"], timeout=30)
    began = time.monotonic()
    assert jobs.status("mute").service is not None
    assert jobs.kill("mute").status.state is State.KILLED
    assert time.monotonic() - began < 4  # an answer would be given up after five


def test_a_pattern_and_a_failure_pattern(jobs: Jobs) -> None:
    answer = jobs.execute(
        argv=python("print('almost'); print('now ready to serve'); input()"),
        ready="ready to .*",
        wait=30,
    )
    assert answer.verdict.reason is Reason.SERVICE_READY
    assert "now ready to serve" in answer.fresh.text
    program = python("print('app crashed', flush=True); input(); print('app is up'); input()")
    answer = jobs.execute(argv=program, name="n", ready=["app is up", "!app crashed"], wait=30)
    assert answer.verdict.reason is Reason.SERVICE_FAILED
    assert answer.verdict.match == 'printed "app crashed"'
    jobs.interact("n", input="")
    assert jobs.wait("n", timeout=30).verdict.reason is Reason.SERVICE_READY


def test_a_pattern_in_the_echo_does_not_count(jobs: Jobs) -> None:
    jobs.execute("bash --norc --noprofile -i", name="sh", ready="all ready", wait=30)
    jobs.interact("sh", input="x='all ready'")
    service = jobs.status("sh").service
    assert service is not None
    assert (service.state, service.why) == ("not ready", 'has not printed "all ready"')
    jobs.interact("sh", input="echo $x")
    service = jobs.status("sh").service
    assert service is not None
    assert service.ready


def test_an_exit_and_a_question_come_before(jobs: Jobs) -> None:
    answer = jobs.execute("exit 3", ready="port", wait=30)
    assert answer.verdict.reason is Reason.EXITED
    answer = jobs.execute(
        argv=python("import os\nos.write(1, b'Port taken. Use another? ')\nos.read(0, 9)"),
        ready="port",
        wait=30,
    )
    assert answer.verdict.prompt == "Port taken. Use another? "
    assert answer.service is not None
    assert not answer.service.ready


def test_a_wait_with_conditions_of_its_own(jobs: Jobs, port: int) -> None:
    jobs.execute(argv=listener(port), name="web", wait=0)
    answer = jobs.wait("web", ready=f"port:{port}", timeout=30)
    assert answer.verdict.reason is Reason.SERVICE_READY
    assert jobs.status("web").service is None  # it was asked for this wait only
    answer = jobs.wait("web", ready="port:1", timeout=0.2)
    assert answer.service is not None
    assert answer.service.why == f"it listens on 127.0.0.1:{port}, not on port 1"


def test_both_clients_wait_for_a_port(jobs: Jobs, port: int) -> None:
    import asyncio

    jobs.execute(argv=listener(port), name="web", wait=0)
    assert jobs.wait("web", until="port", timeout=30).verdict.match == f"127.0.0.1:{port}"

    async def other() -> object:
        client = AsyncJobs(jobs.config)
        try:
            return await client.wait_many(["web"], until="port", timeout=30)
        finally:
            await client.close()

    result = asyncio.run(other())
    assert getattr(result, "met", ()) == ("web",)


def test_what_a_policy_forbids_is_no_probe(tmp_path: Path) -> None:
    flags = {"PTYJOBS_STATE": str(tmp_path / "s"), "PTYJOBS_ALLOWED_COMMANDS": "^sleep "}
    with Jobs(load(flags)) as jobs, pytest.raises(Refused, match="not allowed"):
        jobs.execute("sleep 9", ready="command:rm -rf x")
    free = load({"PTYJOBS_STATE": str(tmp_path / "s")})
    with Jobs(free) as jobs, pytest.raises(BadInput, match="on this machine"):
        jobs.execute("sleep 9", ready="port", target="ssh:host")
