"""Settings that confine are floors: no call can loosen them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ptyjobs.client import Jobs, prepare
from ptyjobs.config import Config, load
from ptyjobs.errors import BadInput, Refused, UnknownJob
from ptyjobs.process import sandbox
from tests.mcp.live import Server


def config(tmp_path: Path, **settings: str) -> Config:
    (tmp_path / "work").mkdir(exist_ok=True)
    paths = {"PTYJOBS_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    settings = {"PTYJOBS_WORKING_DIR": str(tmp_path / "work"), **settings}
    return load(environ={**paths, **settings})


@pytest.mark.parametrize("floor", ["bwrap", "landlock"])
@pytest.mark.parametrize("asked", ["none", "bwrap", "landlock"])
@pytest.mark.stops("floors", "a call that chooses another sandbox")
def test_a_call_cannot_choose_another_sandbox(tmp_path: Path, floor: str, asked: str) -> None:
    settings = config(tmp_path, PTYJOBS_SANDBOX=floor)
    if asked == floor:
        assert prepare(settings, command="true", sandbox=asked).sandbox == floor
        return
    for call in ({"sandbox": asked}, {"target": f"sandbox:{asked}"}):
        if call == {"target": "sandbox:none"}:
            continue  # there is no such target
        with pytest.raises(Refused) as refusal:
            prepare(settings, command="true", **call)  # type: ignore[arg-type]
        assert "none" not in refusal.value.advice  # it must not advise to disable the sandbox


def test_without_the_setting_a_call_may_confine_itself(tmp_path: Path) -> None:
    assert prepare(config(tmp_path), command="true", sandbox="landlock").sandbox == "landlock"


@pytest.mark.parametrize("target", ["ssh:host", "docker:box"])
@pytest.mark.stops("floors", "a target in place of the sandbox")
def test_a_target_is_no_way_out_of_the_sandbox(tmp_path: Path, target: str) -> None:
    settings = config(tmp_path, PTYJOBS_SANDBOX="landlock")
    with pytest.raises(Refused) as refusal:
        prepare(settings, command="true", target=target)
    assert "none" not in refusal.value.advice


@pytest.mark.stops("floors", "a command at the job's end outside the sandbox")
def test_on_exit_does_not_run_outside_the_sandbox(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        prepare(config(tmp_path, PTYJOBS_SANDBOX="landlock"), command="true", on_exit="id")


@pytest.mark.stops("floors", "requests by the holder to other machines (`ready` with a URL)")
@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "[2001:db8::1]", "300.0.0.1"])
def test_a_ready_url_is_no_way_out_of_the_sandbox(tmp_path: Path, host: str) -> None:
    url = f"http://{host}:80/?what=was-read"
    with pytest.raises(Refused, match="outside the sandbox"):
        prepare(config(tmp_path, PTYJOBS_SANDBOX="landlock"), command="true", ready=[url])
    prepare(config(tmp_path), command="true", ready=[url])
    own = ["http://127.0.0.1:80/", "http://localhost:80/", "http://[::1]:80/"]
    prepare(config(tmp_path, PTYJOBS_SANDBOX="landlock"), command="true", ready=own)


@pytest.mark.parametrize("ready", ["http://192.0.2.1/", "command:id"])
@pytest.mark.stops("floors", "requests and commands of the holder for a later wait")
def test_the_conditions_of_a_later_wait_do_not_act_outside(tmp_path: Path, ready: str) -> None:
    with Jobs(config(tmp_path, PTYJOBS_SANDBOX="landlock")) as jobs:
        with pytest.raises(Refused, match="outside the sandbox"):
            jobs.wait("any", ready=[ready])
        with pytest.raises(UnknownJob):
            jobs.wait("any", ready=["port", "http://127.0.0.1:80/"])


@pytest.mark.stops("floors", "a call that sets a longer time limit")
def test_the_time_limit_of_the_settings_is_the_longest(tmp_path: Path) -> None:
    settings = config(tmp_path, PTYJOBS_JOB_TIMEOUT="60")
    assert prepare(settings, command="true", timeout=600).timeout == 60
    assert prepare(settings, command="true", timeout=6).timeout == 6
    assert prepare(settings, command="true").timeout == 60
    assert prepare(settings, command="true", timeout=float("inf")).timeout == 60
    for wrong in (float("nan"), -1.0, 0.0):
        with pytest.raises(BadInput, match="is no time limit"):
            prepare(settings, command="true", timeout=wrong)


@pytest.mark.live
@pytest.mark.parametrize("floor", ["bwrap", "landlock"])
@pytest.mark.stops("floors", "requests by the holder to a port that the job does not own")
def test_a_ready_url_reaches_no_other_service_of_this_machine(tmp_path: Path, floor: str) -> None:
    if not sandbox.available()[floor]["available"]:
        pytest.skip(f"no {floor} here")
    with Jobs(config(tmp_path, PTYJOBS_SANDBOX=floor)) as jobs:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        jobs.execute("sleep 600", name="other", ready=[url], wait=0)
        with socket.create_server(("127.0.0.1", port)) as other:  # later than the job
            other.settimeout(0)
            answer = jobs.wait("other", timeout=1)
            with pytest.raises(BlockingIOError):
                other.accept()
        assert answer.service is not None
        assert answer.service.why == f"no process of it listens on port {port}"
        line = f"/usr/bin/python3 -u -m http.server {port} --bind 127.0.0.1"
        own = jobs.execute(line, name="own", ready=[url], wait=60)
        assert own.service is not None
        assert own.service.ready


@pytest.mark.live
@pytest.mark.stops("floors", "looser settings of an earlier start, when an ended job starts again")
def test_a_restart_obeys_the_settings_of_now(tmp_path: Path) -> None:
    if not sandbox.available()["landlock"]["available"]:
        pytest.skip("no landlock here")
    line = f"touch {tmp_path}/made{{}}; pwd"
    with Jobs(config(tmp_path)) as jobs:
        jobs.execute(line.format(""), name="free", timeout=600, wait=20)
        jobs.execute("true", name="after", on_exit=f"touch {tmp_path}/made", wait=20)
        jobs.execute("true", name="plain", wait=20)
    assert (tmp_path / "made").exists()
    for file in ("made", "work/made"):
        (tmp_path / file).unlink(missing_ok=True)
    stricter = config(tmp_path, PTYJOBS_SANDBOX="landlock", PTYJOBS_JOB_TIMEOUT="60")
    with Jobs(stricter) as jobs:
        assert jobs.restart("free", wait=20).verdict.exit is not None
        assert not (tmp_path / "made").exists()
        spec = jobs.registry.find("free").spec()
        assert spec is not None
        assert (spec.sandbox, spec.timeout) == ("landlock", 60)
        with pytest.raises(Refused, match="on_exit"):
            jobs.restart("after", wait=20)
    with Jobs(config(tmp_path, PTYJOBS_ALLOWED_COMMANDS="^true$")) as jobs:
        for name in ("free", "after"):
            with pytest.raises(Refused, match="not allowed: 'touch"):
                jobs.restart(name, wait=20)
        assert jobs.restart("plain", wait=20).verdict.exit is not None


@pytest.mark.live
@pytest.mark.parametrize("floor", ["bwrap", "landlock"])
@pytest.mark.stops("floors", "a writable directory of the caller's choice")
def test_the_callers_directory_is_not_made_writable(tmp_path: Path, floor: str) -> None:
    if not sandbox.available()[floor]["available"]:
        pytest.skip(f"no {floor} here")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    env = {
        "PTYJOBS_SANDBOX": floor,
        "PTYJOBS_WORKING_DIR": str(work),
        "HOME": str(home),
        "PTYJOBS_SHELL": "/bin/sh",
    }
    with Server(tmp_path / "state", env=env) as server:
        line = f"pwd; touch {home}/out; touch {work}/in && echo wrote"
        text = server.text("execute", command=line, cwd=str(home), wait=15)
        if "hides the directory" not in text:  # bwrap has its own /tmp, where pytest works
            assert "wrote" in text, text
            assert (work / "in").exists()
        again = server.text("execute", command=line, wait=15)
        assert "wrote" in again, again
    assert not (home / "out").exists()
