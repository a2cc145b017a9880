"""Start, type, list and kill on machines that lack something, or forbid it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import world
from tests.security import edge

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces and seccomp are Linux's"),
]

EDGES: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("user", {"default": "default"}),
    ("no-cgroups", {"doctor": "subreaper: kill reaches daemons too"}),
    ("user no-cgroups", {"doctor": "subreaper: kill reaches daemons too"}),
    ("user hidepid", {"doctor": "mounted with hidepid"}),
    ("no-proc", {"doctor": "Ports, programs and what a killed holder leaves cannot be found"}),
    ("user no-proc", {"doctor": "evidence: prompts and silence decide", "status": "evidence"}),
    ("user seccomp", {}),
    ("user sealed", {}),
    ("user read-only-home", {"default": "Read-only file system. Set state_dir"}),
    ("user no-home", {"default": "Permission denied. Set state_dir"}),
    ("stranger no-home", {"default": "HOME is not set, and user 123456 has no home in the"}),
    ("user no-shm", {}),
    ("ignored", {"default": "default"}),
    ("user umask", {"doctor": "The umask 777 locks the owner out: ptyjobs and its jobs use 077."}),
    ("user nofile", {"doctor": "24 of 24"}),
    ("nofile umask seccomp", {"doctor": "24 of 24"}),
]
"""The conditions, and by answer the words in which they are reported."""


def session(tmp_path: Path, conditions: str, mark: str) -> dict[str, str]:
    if os.geteuid() != 0 and (missing := edge.NEED_ROOT & set(conditions.split())):
        pytest.skip(f"only root can arrange {', '.join(sorted(missing))}")
    work = Path("/tmp", f"edge-{mark}")  # every user must reach it; pytest's own folder is private
    work.mkdir(mode=0o755)
    try:
        words = [sys.executable, edge.__file__, *conditions.split(), "--"]
        done = subprocess.run(
            [*words, "-m", "tests.security.edge_session", str(work / "state"), mark],
            cwd=work,
            env={**os.environ, "HOME": str(work), "TMPDIR": str(work)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        if "unshare" in done.stderr:
            pytest.skip("this root may not make a mount namespace")
        assert done.returncode == 0, done.stderr
        said: dict[str, str] = json.loads(done.stdout)
        return said
    finally:
        subprocess.run(["rm", "-rf", str(work)], check=False)


def sleepers(mark: str) -> list[str]:
    """Pids of the processes that sleep for `mark` seconds."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:  # it has exited
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            found.append(name)
    return found


@pytest.mark.parametrize(("conditions", "report"), EDGES, ids=[name or "root" for name, _ in EDGES])
def test_a_session_at_the_edge(tmp_path: Path, conditions: str, report: dict[str, str]) -> None:
    mark = str(random.randrange(10**8, 10**9))
    said = session(tmp_path, conditions, mark)
    assert "exited with code 3" in said["once"]
    assert said["once"].endswith("one")
    assert said["interact"].endswith("\nhello")
    assert said["sum"].endswith("\n42")
    assert "[t] " in said["list"]
    assert "[c] " in said["list"]
    assert "[t] killed" in said["kill"]
    assert said["kill"] == said["kill"].rstrip()  # no name without /proc
    assert "[c] killed" in said["kill c"]
    assert "killed on request" in said["after"]
    assert "looked" in said["others"]
    for answer, words in report.items():
        assert words in said[answer], said[answer]
    assert world.eventually(lambda: not sleepers(mark), within=5), sleepers(mark)


@pytest.mark.stops("own processes", "reading memory and environment of server, zygote and holder")
def test_no_process_of_ours_can_be_read_by_a_job_of_the_same_user(tmp_path: Path) -> None:
    said = session(tmp_path, "user", str(random.randrange(10**8, 10**9)))
    lines = said["others"].splitlines()
    assert any(line.startswith("opened") for line in lines)  # its own
    assert not [line for line in lines if line.startswith("secret")]


@pytest.mark.leaves("own processes", "the same under `hidepid`")
def test_with_hidepid_the_page_is_right_that_they_can(tmp_path: Path) -> None:
    said = session(tmp_path, "user hidepid", str(random.randrange(10**8, 10**9)))
    assert "secret" in said["others"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-m", "ptyjobs", "run", "echo ran"], 1, "ptyjobs: This machine forbids pidfd_open"),
        (["-m", "ptyjobs", "serve"], 1, "ptyjobs: This machine forbids pidfd_open"),
        (["-m", "ptyjobs.mcp"], 2, "ptyjobs: This machine forbids pidfd_open"),
        (["-m", "ptyjobs", "doctor"], 1, "starting jobs   not possible: Operation not permitted"),
    ],
)
def test_a_container_older_than_the_calls_we_need_is_named(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, edge.__file__, "old-seccomp", "--", *words],
        env={**os.environ, "HOME": str(tmp_path), "PTYJOBS_STATE": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip("this root may not make a mount namespace")
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code
    assert not list((tmp_path / "state").glob("jobs/*"))
