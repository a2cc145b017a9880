"""Command-line conventions that users know from docker, tmux and other tools."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.cli import main
from ptyjobs.cli.commands.list import table
from ptyjobs.cli.commands.top import LAST_LINE, LIMITS, NARROW, _help
from ptyjobs.cli.format import widths
from ptyjobs.client import Jobs
from ptyjobs.config import Config, types
from ptyjobs.model import Confidence, Reason, State, Status, Verdict
from tests.cli.conftest import Outer, Shell

ASCII = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HEAD = '{"version": 3, "term": {"cols": 40, "rows": 6}}\n'


def test_the_version_and_the_short_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--version"], ["--help"], ["--help-all"]):
        with pytest.raises(SystemExit) as left:
            main.main(words)
        assert left.value.code == 0
    version, short = capsys.readouterr().out.split("\n", 1)
    assert version.startswith("ptyjobs ")
    short, full = short[: short.rindex("usage: ptyjobs")], short[short.rindex("usage: ptyjobs") :]
    assert "--max-jobs" in full
    assert "--max-jobs" not in short
    assert "--help-all" in short


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_as_good_as_dev_null(closed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m ptyjobs list {closed}"],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_ranges_are_told_in_words() -> None:
    assert types.seconds(1, 31_536_000).words == "1 second to 1 year"
    assert types.seconds(0, 240).words == "0 seconds to 4 minutes"
    assert types.seconds(0.5, 90).words == "0.5 seconds to 90 seconds"


def job(name: str, **facts: object) -> Status:
    base = {"state": State.RUNNING, "command": "npm run dev -- --port 3000", "cwd": "/"}
    return Status(job_id=name, **{**base, **facts})  # type: ignore[arg-type]  # any field


JOBS = [
    job("dev-server-of-the-frontend", last_line="on http://localhost:3000"),
    job(
        "py",
        last_line=">>> ",
        waiting=Verdict(Reason.WAITING_FOR_INPUT, Confidence.CERTAIN, prompt=">>> "),
    ),
    job("build", state=State.KILLED, reason="its time limit of 30 s was over", last_line=""),
]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_list_fits_and_the_last_line_keeps_its_room(width: int) -> None:
    lines = table(JOBS, now=100.0, width=width)
    assert max(map(len, lines)) <= width
    for status in JOBS:
        assert any(line.startswith(f"{status.job_id} ") for line in lines)
    if width >= 80:
        assert "http://localhost:3000" in lines[1]
    assert ("TITLE OR COMMAND" in lines[0]) == (width >= 140)


def test_top_leaves_out_columns_before_it_cuts_the_last() -> None:
    row = ("dev-server-of-the-frontend", "running", "12m", "3s", "0%", "120M", "1.4K", "3000",
           "waits at >>>", "http://localhost:3000/")  # fmt: skip
    for width in (80, 100, 200):
        columns = widths([row], LIMITS, width=width, last=LAST_LINE, narrow=NARROW)
        used = sum(columns) + 2 * sum(map(bool, columns))
        assert columns[0] == len(row[0])
        assert width - used >= LAST_LINE


def test_top_names_the_keys_that_have_room() -> None:
    shown = {cols: _help(cols) for cols in (20, 40, 60, 80)}
    assert all(len(text) <= cols and text.endswith("q quit") for cols, text in shown.items())
    assert shown[40] == " up/down select   Enter attach   q quit"
    assert "a ended too" in shown[80]


@pytest.mark.live
@pytest.mark.parametrize("command", ["ls", "ls --watch", "top"])
def test_a_cut_line_ends_with_an_ellipsis_in_the_last_column(
    shell: Shell, outer: Outer, command: str
) -> None:
    shell.run("run", "-d", "--name", "long", "--", f"echo {'0123456789' * 20}; exec sleep 100")
    shell.run("wait", "long", "--pattern", "0123456789")
    outer.open(f"$PTYJOBS {command}", cols=70)
    row = next(line for line in outer.sees("01234").splitlines() if line.startswith("long"))
    assert len(row) == 70
    assert row.endswith("\u2026")


@pytest.mark.live
def test_a_dash_is_standard_output(shell: Shell, tmp_path: Path) -> None:
    shell.run("run", "--name", "done", "--cwd", str(tmp_path), "--", "echo it is done")
    assert shell.run("export", "done", "-").stdout == shell.run("export", "done").stdout
    assert shell.run("screen", "done", "-o", "-").stdout.strip() == "it is done"
    assert shell.run("logs", "done", "-n", "1").stdout == "it is done\n"
    refused = shell.run("record", "-o", "-", "--", "true")
    assert refused.returncode == 2
    assert not Path("-").exists()


@pytest.mark.live
def test_list_in_a_terminal_of_80_columns(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    shell.run("wait", "py")
    outer.open("$PTYJOBS ls")
    row = next(line for line in outer.sees("left:0").splitlines() if line.startswith("py"))
    assert row.split()[:2] == ["py", "running"]
    assert "waits at >>>" in row


@pytest.mark.live
def test_a_cast_is_utf8_whatever_the_locale(shell: Shell, tmp_path: Path) -> None:
    shell.run("run", "-d", "--name", "j", "--", "printf 'na\\303\\257ve \\342\\234\\223\\n'")
    shell.run("wait", "j", "--exited")
    out = tmp_path / "out"
    for form in ("v3", "txt"):
        done = shell.run("export", "j", str(out), "--format", form, "--force", **ASCII)
        assert done.returncode == 0, done.stderr
        to_pipe = shell.run("export", "j", "--format", form, encoding="utf-8", **ASCII)
        assert "na\u00efve \u2713" in out.read_text("utf-8")
        assert to_pipe.stdout == out.read_text("utf-8")


@pytest.mark.live
@pytest.mark.parametrize("words", [("list",), ("export", "j"), ("screen", "j"), ("logs", "j")])
def test_a_full_standard_output_is_one_line(shell: Shell, words: tuple[str, ...]) -> None:
    shell.run("run", "--name", "j", "--", "echo hello")
    with open("/dev/full", "w") as full:
        done = shell.run(*words, stdout=full)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.live
def test_every_command_that_writes_files_answers_in_json(shell: Shell, tmp_path: Path) -> None:
    cast = tmp_path / "x.cast"
    made = shell.run("record", "--json", "-o", str(cast), "--", "echo hello; exit 3")
    assert made.returncode == 3
    assert json.loads(made.stdout)["exit_code"] == 3
    played = json.loads(shell.run("play", str(cast), "--json").stdout)
    assert played["command"] == "echo hello; exit 3"
    out = tmp_path / "y.txt"
    written = json.loads(shell.run("export", str(cast), str(out), "--json").stdout)
    assert (written["format"], out.read_text()) == ("txt", "hello\n")
    shown = json.loads(shell.run("screen", str(cast), "--json").stdout)
    assert "hello" in shown["data"]
    refused = shell.run("export", str(cast), str(out), "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (2, "bad_input")
    assert shell.run("export", str(cast), str(out), "--force").returncode == 0
    assert shell.run("screen", str(cast), "-o", str(out)).returncode == 2
    assert shell.run("screen", str(cast), "-o", os.devnull).returncode == 0


@pytest.mark.live
def test_rm_forgets_ended_jobs_and_asks_for_force_for_others(shell: Shell) -> None:
    shell.run("run", "--name", "done", "--", "true")
    shell.run("run", "-d", "--name", "runs", "--", "cat")
    refused = shell.run("rm", "done", "runs")
    assert refused.returncode == 1
    assert "runs still runs; nothing was removed." in refused.stderr
    assert shell.run("rm", "done").stdout == "done\n"
    shell.run("run", "--name", "done", "--", "true")
    for words in ((), ("--all", "done"), ("--all", "--force")):
        assert shell.run("rm", *words).returncode == 2
    assert shell.run("rm", "--all").stdout == "done\n"
    assert shell.run("rm", "--all", "--json").stdout == "[]\n"
    assert shell.run("rm", "--force", "runs", "--json").stdout == '["runs"]\n'
    assert shell.run("list", "--ids").stdout == ""
    assert shell.run("rm", "done").returncode == 3


def cast(tmp_path: Path) -> Path:
    path = tmp_path / "x.cast"
    path.write_text(HEAD + '[0.5, "o", "one\\ntwo\\r\\n"]\n[1, "o", "\\u001b[31mthree"]\n')
    return path


def test_a_screen_of_a_recording_at_a_moment(tmp_path: Path, shell: Shell) -> None:
    path = str(cast(tmp_path))
    assert shell.run("screen", path).stdout.split() == ["one", "two", "three"]
    assert shell.run("screen", path, "--at", "0.7s").stdout.split() == ["one", "two"]
    assert shell.run("screen", path, "--at", "3").stdout.split() == ["one"]
    assert "three" in shell.run("screen", path, "--format", "svg").stdout


@pytest.mark.live
def test_play_adds_nothing_to_a_line_feed(tmp_path: Path, outer: Outer) -> None:
    outer.open(f"$PTYJOBS play {cast(tmp_path)} --speed 100")
    outer.sees("three", "left:0")
    shown = outer.screen(history=50).splitlines()
    at = shown.index("one")
    assert shown[at + 1] == "   two"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("send", "j", "--keys", "C-c"), "Did you mean --key?"),
        (("list", "--sorted"), "Usage: ptyjobs list --help"),
        (("up", "--nothing"), "Usage: ptyjobs up --help"),
        (("web", "--port", "abc"), "abc is not a port: 0 to 65535"),
        (("run", "-d", "--timeout", "0", "--", "true"), "would end it at once"),
        (("export", "j", "x.gif"), "cannot be written as .gif. A page with a player:"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(
    shell: Shell, words: tuple[str, ...], told: str
) -> None:
    shell.run("run", "-d", "--name", "j", "--", "true")
    refused = shell.run(*words)
    assert refused.returncode == 2
    assert told in refused.stderr
    assert "Did you mean --help" not in refused.stderr


def test_a_short_wait_is_not_told_as_none(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "j", "--", "sleep 99")
    told = shell.run("send", "j", "x", "--timeout", "0.2").stderr
    assert re.match(r"\[still busy after \d+ ms: ", told), told


def test_a_name_in_use_is_told_with_the_flags_of_the_command_line(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "j", "--", "sleep 99")
    refused = shell.run("run", "-d", "--name", "j", "--", "sleep 99").stderr
    assert "already named 'j'. Use it, replace it with --replace" in refused
    assert "job_id" not in refused


def test_answers_about_nothing_name_what_was_asked(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell.run("run", "--name", "j", "--", "true")
    nothing = "No job matches. ptyjobs list --all shows every job.\n"
    assert shell.run("list", "--label", "a=b").stdout == nothing
    assert shell.run("list", "--running").stdout == nothing
    assert shell.run("ports", "1").stdout == "Nothing listens on 1.\n"
    shell.run("run", "-d", "--name", "c", "--", "cat")
    assert shell.run("release", "c").stdout == "c was not held\n"
    assert "required: PATTERN." in shell.run("grep").stderr
    assert shell.run("ps").stderr.endswith("in its project. All jobs: ptyjobs list.\n")


def test_a_person_who_types_into_a_held_job_is_told_how_to_get_it_back(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "c", "--", "cat")
    with Jobs(Config(state_dir=str(shell.state))) as jobs:
        jobs.hold("c", by="ben@pts/9", session=os.getpid())
        refused = shell.run("send", "c", "x")
    assert refused.returncode == 1
    assert refused.stderr.endswith("nothing was typed. ptyjobs release c hands it back.\n")


def test_list_selects_before_it_leaves_out_older_ended_jobs(shell: Shell) -> None:
    with shell.jobs() as jobs:
        for number in range(1, 13):
            jobs.execute("true", name=f"f{number}")
    assert shell.run("list", "-w", "name=f1", "--json").stdout.count('"job_id":') == 1
    assert len(json.loads(shell.run("list", "--json").stdout)) == 10


def test_an_ended_job_is_named_with_its_end(
    shell: Shell, status: Callable[[str], dict[str, object]]
) -> None:
    shell.run("run", "-d", "--name", "py", "--", "cat")
    shell.run("run", "-d", "--name", "k1", "--", "cat")
    shell.run("kill", "py")
    told = "Job 'py' has ended: killed on request · ended by SIGTERM."
    assert told in shell.run("send", "py", "x").stderr
    assert json.loads(shell.run("release", "py", "--json").stdout)["error"]["message"] == told
    end = next(
        line for line in shell.run("audit", "--job", "py").stdout.splitlines() if " end " in line
    )
    assert end.endswith(": end killed on request · ended by SIGTERM")
    holder = status("k1")["holder"]
    assert isinstance(holder, int)
    os.kill(holder, signal.SIGKILL)
    assert shell.run("wait", "k1").returncode == 4
    told = "Job 'k1' has ended: its holder was killed; the exit is unknown."
    assert told in shell.run("send", "k1", "x").stderr
    shell.run("run", "--name", "e", "--", "exit 3")
    assert "Job 'e' has exited with code 3." in shell.run("send", "e", "x").stderr


def test_flags_without_a_value_and_unknown_values_are_named(shell: Shell) -> None:
    for flag in ("--env", "--label"):
        assert shell.run("run", "-d", flag, "foo", "--", "true").stderr == (
            f"ptyjobs: {flag} 'foo' has no '='. {flag} NAME=VALUE\n"
        )
    for words in (["list"], ["grep", "x"]):
        wrong = shell.run(*words, "-w", "state=runing")
        assert wrong.returncode == 2
        assert "no state is 'runing'. Known: starting, running, completed" in wrong.stderr
        assert shell.run(*words, "-w", "lifetime=x").returncode == 2
    assert shell.run("list", "-w", "lifetime=pers*", "-w", "state=running").returncode == 0
