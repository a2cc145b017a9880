"""Written files are private, and a password is written nowhere."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.errors import Refused
from ptyjobs.model import Reason

pytestmark = [pytest.mark.live, pytest.mark.fault]
SECRET = "tr0ub4dor&3-unseen"


def test_a_password_is_recorded_nowhere(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = config.load(environ={"PTYJOBS_STATE": str(state)})
    script = "import getpass\np=getpass.getpass()\nprint(len(p))\ninput('more> ')"
    with Jobs(settings) as jobs:
        job = jobs.start(prepare(settings, argv=(sys.executable, "-c", script)), wait=10)
        assert job.verdict.reason is Reason.PASSWORD
        reply = jobs.interact(job.job_id, input=SECRET)
        assert reply.fresh.text.strip() == str(len(SECRET))
        assert SECRET not in repr(jobs.status(job.job_id))
        assert SECRET not in jobs.tail(job.job_id).text
        with pytest.raises(Refused):
            jobs.interact(job.job_id, input=SECRET, secret=True)
    for path in state.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


MASKED = """
import sys, termios, tty
old = termios.tcgetattr(0); tty.setcbreak(0); n = 0
sys.stdout.write("Password: "); sys.stdout.flush()
while sys.stdin.read(1) not in "\\r\\n": n += 1; sys.stdout.write("*"); sys.stdout.flush()
termios.tcsetattr(0, termios.TCSANOW, old); print(); print(n); input("more> ")
"""


def test_a_secret_for_a_prompt_that_masks_by_itself(tmp_path: Path) -> None:
    """Not surely a password prompt: refused with the reason, typed and kept out if insisted on."""
    state = tmp_path / "state"
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(state)})) as jobs:
        job_id = jobs.execute(argv=(sys.executable, "-c", MASKED)).job_id
        with pytest.raises(Refused, match=r"reads keys by itself.*insist"):
            jobs.interact(job_id, input=SECRET, secret=True)
        reply = jobs.interact(job_id, input=SECRET, secret=True, insist=True)
        assert reply.fresh.text == "*" * len(SECRET) + f"\n{len(SECRET)}"
        assert reply.verdict.prompt == "more> "
        with pytest.raises(Refused, match="shows what is typed"):
            jobs.interact(job_id, input=SECRET, secret=True)
    for path in state.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_values_of_the_environment_are_not_written(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = config.load(environ={"PTYJOBS_STATE": str(state)})
    with Jobs(settings) as jobs:
        job = jobs.start(
            prepare(settings, command='test "$TOKEN" && echo there', env={"TOKEN": SECRET}), wait=10
        )
        assert job.fresh.text == "there"
    for path in state.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.stops("files", "other users, under any umask")
def test_everything_is_private_under_any_umask(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = config.load(environ={"PTYJOBS_STATE": str(state)})
    old = os.umask(0)
    try:
        with Jobs(settings) as jobs:
            job = jobs.start(prepare(settings, command="cat"), wait=10)
            jobs.interact(job.job_id, input="x")
            for path in (state, *state.rglob("*")):
                mode = stat.S_IMODE(path.lstat().st_mode)
                assert mode & 0o077 == 0, (path, oct(mode))
    finally:
        os.umask(old)


@pytest.mark.stops("files", "a state directory that another user has prepared")
def test_a_state_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "link")})
    with Jobs(settings) as jobs, pytest.raises(Refused):
        jobs.start(prepare(settings, command="true"), wait=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("name", ["jobs", "events", "audit", "cursors", "spare"])
@pytest.mark.stops("files", "what another user has put into a state directory with a loose mode")
def test_what_another_user_put_into_the_state_directory_is_refused(
    tmp_path: Path, name: str
) -> None:
    state, victim = tmp_path / "state", tmp_path / "victim"
    victim.mkdir()
    state.mkdir()
    state.chmod(0o777)
    (state / name).symlink_to(victim)
    os.lchown(state / name, 65534, 65534)
    settings = config.load(environ={"PTYJOBS_STATE": str(state)})
    with Jobs(settings) as jobs:
        for _ in range(2):
            with pytest.raises(Refused, match=f"'{name}' in it is of uid 65534"):
                jobs.start(prepare(settings, command="true"), wait=1)
        assert list(victim.iterdir()) == []
        (state / name).unlink()
        assert jobs.start(prepare(settings, command="echo hi"), wait=20).fresh.text == "hi"
    assert state.stat().st_mode & 0o777 == 0o700
