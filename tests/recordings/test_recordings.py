"""Jobs as recordings: read back as written, without secrets; errors in a file are reported."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs, prepare
from ptyjobs.config import Config
from ptyjobs.errors import BadRecording
from ptyjobs.model import Exit, Size
from ptyjobs.recordings import Moment, Recording, export_cast, export_raw, read, text_of
from ptyjobs.recordings.play import play
from ptyjobs.recordings.read import read_cast
from ptyjobs.store.jobdir import JobDir


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


def ended(jobs: Jobs, command: str, *steps: str) -> JobDir:
    """A job that was typed `steps` and has ended."""
    job_id = jobs.start(prepare(jobs.config, command=command), wait=10).job_id
    for step in steps:
        jobs.interact(job_id, input=step)
    jobs.wait(job_id, until="exited", timeout=10)
    return jobs.registry.find(job_id)


def exported(job: JobDir, *, version: int = 3, input: bool = False) -> str:
    out = io.StringIO()
    export_cast(job, out, version=version, input=input)
    return out.getvalue()


def typed(recording: Recording) -> list[str]:
    return [m.data.decode() for m in recording.moments if m.code == "i"]


@pytest.mark.live
@pytest.mark.parametrize("version", [2, 3])
def test_a_job_is_read_back_as_it_was(jobs: Jobs, version: int) -> None:
    job = ended(jobs, "bash --norc", "echo one", "stty cols 60", "exit 3")
    cast = read_cast(exported(job, version=version, input=True))
    directly = read(job.path)
    assert cast.moments == directly.moments
    assert cast.exit == Exit(code=3)
    assert directly.exit == Exit(code=3)
    assert cast.size == Size(40, 120)
    assert "one" in text_of(cast)


@pytest.mark.live
def test_input_is_written_only_when_asked_and_only_what_was_shown(jobs: Jobs) -> None:
    stars = "import tty, sys; tty.setcbreak(0)\nwhile sys.stdin.read(1) > ' ': print(end='*')"
    steps = (
        "echo seen",
        "read -s x",
        "hunter2",
        f'{sys.executable} -c "{stars}"',
        "s3cret",
        "exit",
    )
    job = ended(jobs, "bash --norc", *steps)
    assert typed(read_cast(exported(job))) == []
    shown = "".join(typed(read_cast(exported(job, input=True))))
    assert "echo seen\n" in shown
    assert "exit\n" in shown
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    for file in job.path.iterdir():
        if file.is_file():
            assert b"hunter2" not in file.read_bytes()
            assert b"s3cret" not in file.read_bytes()


@pytest.mark.live
def test_the_exact_bytes_stand_beside_a_cast_that_cannot_hold_them(
    jobs: Jobs, tmp_path: Path
) -> None:
    job = ended(
        jobs, r"printf 'a\377b'; sleep 0.05; printf '\342\202'; sleep 0.05; printf '\254c\300'"
    )
    out = io.StringIO()
    assert not export_cast(job, out)
    path = tmp_path / "odd.cast"
    path.write_text(out.getvalue())
    assert read(path).output == "a\ufffdb\u20acc\ufffd".encode()
    with open(path.with_suffix(".raw"), "wb") as raw:
        assert export_raw(job, raw) == 8
    exact = read(path)
    assert exact.output == b"a\xffb\xe2\x82\xacc\xc0"
    assert [m.time for m in exact.moments] == [m.time for m in read_cast(out.getvalue()).moments]
    path.with_suffix(".raw").write_bytes(b"of another recording")
    assert read(path).output == "a\ufffdb\u20acc\ufffd".encode()


@pytest.mark.live
def test_the_command_line_records_exports_and_plays(tmp_path: Path) -> None:
    path = tmp_path / "x.cast"

    def ptyjobs(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ptyjobs", *words],
            env={"PTYJOBS_STATE": str(tmp_path / "s"), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    done = ptyjobs("record", "-o", str(path), "--", "echo hello; exit 4")
    assert (done.returncode, done.stdout) == (4, "hello\n"), done.stderr
    assert read(path).exit == Exit(code=4)
    again = ptyjobs("record", "-o", str(path), "--", "echo two")
    assert again.returncode == 2
    assert "--force" in again.stderr
    job_id = ptyjobs("list", "--ids").stdout.split()[0]
    assert ptyjobs("export", job_id, "--format", "txt").stdout == "hello\n"
    assert ptyjobs("export", job_id, "--format", "raw").stdout == "hello\n"
    assert '"version": 2' in ptyjobs("export", job_id, "--format", "v2").stdout
    for what in (str(path), job_id):
        played = ptyjobs("play", what, "--speed", "50", "--idle-limit", "0.1")
        assert (played.returncode, played.stdout) == (0, "hello\n")
    path.write_text("no recording")
    bad = ptyjobs("play", str(path))
    assert bad.returncode == 2
    assert "line 1: expected an asciicast header" in bad.stderr


HEAD = '{"version": 3, "term": {"cols": 80, "rows": 24}}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("hello\n", "line 1: expected an asciicast header"),
        ('{"version": 4}\n', 'line 1: expected "version": 2 or 3, found \'"version": 4\''),
        ('{"version": 3, "term": {"cols": 0, "rows": 24}}\n', 'line 1: expected "cols"'),
        (
            HEAD + '[0.1, "o"]\n[0.2, "o", "x"]\n',
            "line 2: expected an array of time, code and data",
        ),
        (HEAD + '[0.1, "o", "x"]\nrubbish\n[1, "o", "y"]\n', "line 3: expected a JSON array"),
        (HEAD + '[0.1, "r", "0x24"]\n', "line 2: expected a size such as"),
    ],
)
def test_a_bad_file_is_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.cast"
    path.write_text(text)
    with pytest.raises(BadRecording) as caught:
        read(path)
    assert told in str(caught.value)
    assert "bad.cast" in str(caught.value)


def test_what_can_be_read_is_and_the_rest_is_counted() -> None:
    found = read_cast(HEAD + '[0.5, "o", "a"]\n[0.5, "z", 1]\n[0, "m", "here"]\n[1, "o", "b')
    assert [(m.time, m.code) for m in found.moments] == [(0.5, "o"), (1.0, "m")]
    assert found.skipped.unknown == {"z": 1}
    assert "line 5" in found.skipped.truncated
    assert found.markers == ("here",)


def test_a_raw_log_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.log"
    path.write_bytes(b"\x1b[1mbold\xff")
    assert read(path) == Recording(moments=(Moment(0.0, "o", b"\x1b[1mbold\xff"),))


def test_a_folder_that_is_no_job(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match=r"spec\.json"):
        read(tmp_path)


RECORDING = Recording(
    moments=(
        Moment(1.0, "o", b"a"),
        Moment(1.0, "o", b"b"),
        Moment(9.0, "r", text="100x30"),
        Moment(9.5, "o", b"c"),
    )
)


def test_playing_keeps_the_pace() -> None:
    waits: list[float | None] = []
    shown: list[bytes] = []
    sizes: list[Size] = []

    def wait(seconds: float | None) -> str:
        waits.append(seconds)
        return ""

    done = play(
        RECORDING, shown.append, wait, speed=2, idle_limit=3,
        on_resize=lambda moment: sizes.append(moment.size),
    )  # fmt: skip
    assert done
    assert waits == [0.5, 1.5, 0.25]
    assert shown == [b"a", b"b", b"c"]
    assert sizes == [Size(30, 100)]


def test_keys_pause_step_and_quit() -> None:
    keys = iter([" ", ".", ".", "q"])
    shown: list[bytes] = []
    assert not play(RECORDING, shown.append, lambda _seconds: next(keys))
    assert shown == [b"a", b"b"]


def test_each_step_shows_something() -> None:
    typed = Moment(0.5, "i", b"x")
    recording = Recording(moments=(typed, *RECORDING.moments))
    keys = iter([" ", ".", ".", "q"])
    shown: list[bytes] = []
    assert not play(recording, shown.append, lambda _seconds: next(keys))
    assert shown == [b"a", b"b"]
