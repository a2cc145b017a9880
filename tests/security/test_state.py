"""What a job without a sandbox puts into the state directory: no command hangs or obeys it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.client import procfile
from ptyjobs.client.files import JobDir, status_cache, views
from ptyjobs.errors import BadInput
from ptyjobs.model import Size
from ptyjobs.process import port_owner
from ptyjobs.recordings import read
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Digest, pack, unpack
from ptyjobs.web import timeline
from tests.mcp.live import Server

pytestmark = pytest.mark.live


def held_fifo(path: Path) -> None:
    """A FIFO that a writer keeps open, so that its reader reaches no end."""
    os.mkfifo(path)
    os.open(path, os.O_RDWR)


PLACED: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a held FIFO": held_fifo,
    "a directory": Path.mkdir,
    "deep JSON": lambda path: path.write_bytes(b"[" * 200_000),
    "no JSON": lambda path: path.write_bytes(b"\xff\xfe{"),
    "a list": lambda path: path.write_bytes(b"[1]"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
}


@pytest.mark.parametrize("name", ["status.json", "spec.json", "alive", "log.0000000000000000"])
@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.stops("files", "a FIFO, a directory or deep JSON in place of a job's file")
def test_a_placed_file_stops_no_command(tmp_path: Path, name: str, placed: str) -> None:
    job = tmp_path / "state/jobs/bad"
    job.mkdir(mode=0o700, parents=True)
    PLACED[placed](job / name)
    (tmp_path / "state/jobs/ev\x1b]0;pwn\x07il").mkdir()
    done = command(tmp_path, "list", "--all")
    assert done.returncode == 0, done.stderr
    assert b"bad" in done.stdout
    assert b"\x1b" not in done.stdout


RIGHT = {
    "job_id": "bad",
    "state": "completed",
    "command": "true",
    "cwd": "/",
    "started": 1.0,
    "ended": 2.0,
    "argv": ["true"],
    "env": {},
    "notify": ["exited"],
}
WRONG: dict[str, object] = {
    "state": "asleep",
    "command": None,
    "cwd": ["/"],
    "started": "today",
    "ended": 1e300,
    "exit": {"code": "0"},
    "size": 3,
    "gaps": [[1]],
    "end": 2**70,
    "labels": {"a": 1},
    "last_line": {},
    "service": {"state": 1},
    "tags": [],
    "argv": "true",
    "notify": [1],
    "run": 1.5,
    "restart": 7,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.stops("files", "values of wrong types in a job's files")
def test_wrong_types_stop_no_command(tmp_path: Path, wrong: str) -> None:
    job = tmp_path / "state/jobs/bad"
    job.mkdir(mode=0o700, parents=True)
    for name in ("status.json", "spec.json"):
        (job / name).write_text(json.dumps({**RIGHT, wrong: WRONG[wrong]}))
    os.utime(job, (1, 1))  # no holder is starting there
    for words in (["list", "--all"], ["status", "bad"], ["clean"]):
        done = command(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"bad" in done.stdout
    assert not job.exists()


@pytest.mark.parametrize("placed", PLACED)
def test_a_placed_glimpse_is_not_waited_for(tmp_path: Path, placed: str) -> None:
    PLACED[placed](tmp_path / "glimpse.json")
    assert status_cache.read(JobDir(tmp_path)) is None


def test_a_glimpse_of_wrong_types_is_none(tmp_path: Path) -> None:
    status = {**RIGHT, "job_id": tmp_path.name}
    facts = {"witnesses": [], "heard": 0.0}
    job = JobDir(tmp_path)
    job.write("glimpse.json", {**facts, "status": status})
    assert status_cache.read(job) is not None
    for name in ("state", "command", "started", "size", "last_line"):
        job.write("glimpse.json", {**facts, "status": {**status, name: WRONG[name]}})
        assert status_cache.read(job) is None


def test_lines_of_other_types_are_no_events(tmp_path: Path) -> None:
    lines = ["7", "[]", '["a", 0, "o"]', '[1e999, 1e999, "o"]', '[0, {}, "o"]', "[" * 100_000]
    (tmp_path / "events").write_text("\n".join([*lines, '[0.5, 3, "o"]']))
    assert [(one.time, one.offset) for one in JobDir(tmp_path).events()] == [(0.5, 3)]
    for secrets in ({}, {"secrets": 7}):
        JobDir(tmp_path).write("secrets.json", secrets)
        assert JobDir(tmp_path).secrets() == []


def command(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`ptyjobs` with those arguments, on the state directory of the test; ended jobs are old."""
    settings = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_RETENTION": "0"}
    return subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={**os.environ, "HOME": str(tmp_path), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


READ = """
import sys
from pathlib import Path
from ptyjobs.client.files import JobDir, views
from ptyjobs.process import cgroup
from ptyjobs.recordings import read
from ptyjobs.store import audit, holders
state, job = Path(sys.argv[1]), JobDir(sys.argv[2])
job.crash(), job.secrets(), cgroup.noted(job.path), holders.living(job.path.parent)
views.screen_at(job), read(job.path), list(audit.read(str(state)))
"""


@pytest.mark.parametrize("name", ["crash", "secrets.json", "cgroup", "alive", "events", "audit"])
@pytest.mark.parametrize("placed", PLACED)
def test_a_placed_file_stops_no_reader(tmp_path: Path, name: str, placed: str) -> None:
    job, journal = tmp_path / "jobs/bad", tmp_path / "audit"
    for folder in (job, journal):
        folder.mkdir(parents=True)
    (job / "spec.json").write_text(json.dumps(RIGHT))
    (job / "log.0000000000000000").write_bytes(b"output")
    PLACED[placed](journal / "journal.jsonl" if name == "audit" else job / name)
    subprocess.run([sys.executable, "-c", READ, tmp_path, job], timeout=60, check=True)


def test_names_like_a_segment_are_no_segments(tmp_path: Path) -> None:
    names = (
        "log.0000000000000002",
        "log.\u00b2",
        "log.1",
        "log." + "9" * 200,
        "log.000000000000000a",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"abc")
    assert JobDir(tmp_path).log.segments() == [(2, 3)]


SIZES: list[object] = [
    {"rows": 10**9, "cols": 10**9},
    {"rows": 0, "cols": 80},
    {"rows": 1001, "cols": 80},
    {"rows": 24, "cols": 80.5},
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.stops("files", "sizes, times and digests that no job has")
def test_no_screen_is_made_of_a_size_that_no_job_has(tmp_path: Path, size: object) -> None:
    for name in ("status.json", "spec.json", "glimpse.json"):
        (tmp_path / name).write_text(json.dumps({**RIGHT, "size": size}))
    job = JobDir(tmp_path)
    assert (job.status(), job.spec(), status_cache.read(job)) == (None, None, None)


def test_events_that_no_job_has_change_no_screen(tmp_path: Path) -> None:
    job = JobDir(tmp_path)
    (tmp_path / "spec.json").write_text(json.dumps(RIGHT))
    (tmp_path / "log.0000000000000000").write_bytes(b"output")
    wrong = ["", "x", "axb", "1x", "0x0", "99999x99999", "-1x5", "\u0664x\u0664", "24x80x1"]
    lines = [json.dumps([0.5, 0, "r", data]) for data in wrong]
    lines += ['[NaN, 3, "o"]', '[Infinity, 3, "o"]', '[-1, 3, "o"]', '[1, -3, "o"]']
    lines += [json.dumps([1, 6, "x", f"code {data}"]) for data in ("a", "-1", "9" * 5000)]
    (tmp_path / "events").write_text("\n".join([*lines, '[2, 6, "r", "30x90"]']))
    assert [event.size for event in job.events() if event.code == "r"] == [None] * 9 + [
        Size(30, 90)
    ]
    assert views.screen_at(job, time=1.5).size == Size()
    assert views.screen_at(job).size == Size(30, 90)
    assert read(tmp_path).duration == 2
    assert json.dumps(timeline.events(job, 0.0)[0], allow_nan=False)


def test_digests_that_no_job_has_are_none(tmp_path: Path) -> None:
    (right,) = pack([Digest.of("typed-here", name="", salt=b"salt-of-this-job")])
    entries: list[object] = [7, [], {}, {"value": "the", "name": ""}]
    for name in right.keys() - {"name"}:
        entries += [{**right, name: value} for value in (7, "zz", [[1]], [[9, 9, 9]], None)]
    size, bits, digest = right["forms"][0]
    for form in ([size, "", digest], [10**12, bits, digest], [size, bits, "00"], [0, "", digest]):
        entries.append({**right, "forms": [form]})
    entries.append({**right, "forms": []})
    job = JobDir(tmp_path)
    job.write("secrets.json", {"secrets": [*entries, right]})
    kept = job.secrets()
    assert kept == [json.loads(json.dumps(right))]
    assert Redactor(unpack(kept)).redact("it was typed-here").count == 1


OURS = ("audit/journal.jsonl", "events/journal", "cursors/*", "viewer.json")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.stops("files", "a FIFO in place of a journal, a cursor or the viewer's address")
def test_a_fifo_in_place_of_our_files_stops_no_server(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    env = {"PTYJOBS_SESSION": "s"}
    with Server(state, env=env) as server:
        server.text("execute", command="true", wait=20)
        server.text("wait", job_id="*", timeout=0.1)
    folder, _, last = name.rpartition("/")
    places = [*(state / folder).glob(last)] if last == "*" else [state / name]
    assert places
    for place in places:
        place.unlink(missing_ok=True)
        os.mkfifo(place)
    with Server(state, env=env) as server:
        assert "here" in server.text("execute", command="echo here", wait=20)
        server.text("wait", job_id="*", timeout=0.1)
        assert "exited with code 0" in server.text("list")


def no_head(folder: Path) -> None:
    (folder / ".git").mkdir()
    os.mkfifo(folder / ".git/HEAD")


def endless_head(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").symlink_to("/dev/zero")


def linked_head(folder: Path) -> None:
    (folder / ".git").write_text("gitdir: elsewhere")
    (folder / "elsewhere").mkdir()
    os.mkfifo(folder / "elsewhere/HEAD")


GIT: dict[str, Callable[[Path], object]] = {
    "a FIFO": lambda folder: os.mkfifo(folder / ".git"),
    "a FIFO as HEAD": no_head,
    "a FIFO as HEAD of a linked worktree": linked_head,
    "a device as HEAD": endless_head,
    "noise": lambda folder: (folder / ".git").write_bytes(b"gitdir: a\0b\xff"),
}


@pytest.mark.parametrize("placed", GIT)
@pytest.mark.stops("files", "a FIFO, a device or noise in place of a project's `.git`")
def test_a_projects_git_is_not_waited_for(tmp_path: Path, placed: str) -> None:
    """A job, in a sandbox too, may make one in its directory; `list(ports=true)` reads it."""
    GIT[placed](tmp_path)
    assert port_owner.git_worktree(str(tmp_path))[0] != str(tmp_path)


def test_a_fifo_in_place_of_a_project_file_is_not_waited_for(tmp_path: Path) -> None:
    for name in (procfile.NAME, procfile.ENV):
        os.mkfifo(tmp_path / name)
    assert procfile.environment(str(tmp_path)) == {}
    with pytest.raises(BadInput, match="no regular file"):
        procfile.read(str(tmp_path / procfile.NAME))
