"""Each command as a new user would type it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs.cli.terminal import Terminal
from tests.cli.conftest import Outer, Shell
from tests.faults import world

pytestmark = pytest.mark.live


def test_list_says_at_one_glance_who_waits_and_for_what(shell: Shell) -> None:
    assert shell.run("list").stdout == "No jobs. Start one: ptyjobs run -d -- CMD\n"
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    shell.run("wait", "py")
    ask = "import getpass; getpass.getpass('word: ')"
    shell.run("run", "-d", "--name", "ask", "--", f'python3 -c "{ask}"')
    shell.run("wait", "ask")
    shell.run("run", "-d", "--name", "bad", "--", "echo broken; exit 7")
    shell.run("wait", "bad", "--exited")
    head, *rows = shell.run("list").stdout.splitlines()
    assert head.split()[:5] == ["JOB", "STATE", "AGE", "QUIET", "WHY"]
    found = {row.split()[0]: row for row in rows}
    assert list(found) == ["ask", "py", "bad"]  # running first
    assert "waits at >>>" in found["py"]
    assert "asks for a secret" in found["ask"]
    assert "failed" in found["bad"]
    assert "code 7" in found["bad"]
    assert found["bad"].endswith("broken")  # the last words of an ended job are known as well
    assert shell.run("list", "--ids").stdout.split() == ["bad", "ask", "py"]
    first = json.loads(shell.run("list", "--json").stdout)[1]
    assert first["waiting"]["reason"] == "password"


def test_list_shows_the_last_ten_ended_ones_unless_asked_for_all(shell: Shell) -> None:
    with shell.jobs() as jobs:
        for number in range(12):
            jobs.execute("true", name=f"n{number}", wait=30)
    assert len(shell.run("list").stdout.splitlines()) == 11
    assert len(shell.run("list", "--all").stdout.splitlines()) == 13


def test_whoever_starts_the_server_at_a_terminal_is_told_what_belongs_there(
    shell: Shell, outer: Outer
) -> None:
    outer.open("$PTYJOBS")
    outer.sees("an MCP client belongs here", "ptyjobs --help")


@pytest.mark.parametrize(
    "words", [(), ("serve",), ("serve", "--max-jobs", "3"), ("--max-jobs", "3", "serve")]
)
def test_the_server_serves_however_it_is_asked_for(shell: Shell, words: tuple[str, ...]) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    done = shell.run(*words, input=json.dumps(asked) + "\n")
    assert json.loads(done.stdout.splitlines()[0])["result"]["serverInfo"]["name"] == "ptyjobs"
    assert done.returncode == 0
    assert done.stderr == ""


def test_list_watch_redraws(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "one", "--", "cat")
    outer.open("$PTYJOBS list --watch", cols=100)
    outer.sees("one", "running")
    shell.run("kill", "one")
    outer.sees("killed", unless="running")
    outer.type("C-c")
    outer.sees("left:130")


def test_list_watch_on_a_dumb_terminal_is_lines(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "one", "--", "cat")
    outer.open('TERM=dumb script -qc "$PTYJOBS list --watch" seen', cols=100)
    outer.sees("one", "running")
    shell.run("kill", "one")
    outer.sees("killed")
    outer.type("C-c")
    outer.sees("left:")
    assert "\x1b" not in (Path(outer._directory) / "seen").read_text()


def test_what_a_program_wrote_cannot_act_on_the_readers_terminal(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "evil", "--", "printf '\\033]2;a\\033[2Jb\\007now'; cat")
    shell.run("wait", "evil")
    for command in (("list",), ("status", "evil"), ("top", "--json"), ("screen", "evil")):
        assert "\x1b" not in shell.run(*command).stdout


def test_screen_in_every_format_and_at_an_earlier_moment(shell: Shell, tmp_path: Path) -> None:
    shell.run("run", "-d", "--name", "sh", "--rows", "10", "--cols", "60", "--", "bash --norc")
    shell.run("send", "sh", "PS1='$ '; clear; printf '\\033[31mred\\033[m\\n'")
    end = json.loads(shell.run("screen", "sh", "--json").stdout)["end"]
    shell.run("send", "sh", "clear; echo later")
    assert "later" in shell.run("screen", "sh").stdout
    earlier = shell.run("screen", "sh", "--at", str(end)).stdout
    assert "red" in earlier
    assert "later" not in earlier
    assert "\x1b[0;31m" in shell.run("screen", "sh", "--at", str(end), "--format", "ansi").stdout
    assert shell.run("screen", "sh", "--format", "svg").stdout.startswith("<svg ")
    assert "<pre" in shell.run("screen", "sh", "--format", "html").stdout
    assert "later" in shell.run("screen", "sh", "--at", "1h").stdout
    assert shell.run("screen", "sh", "--at", "0").stdout.strip() == ""
    assert shell.run("screen", "sh", "--at", "soon").returncode == 2
    for name, begins in (("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.html", b"<!doctype")):
        assert shell.run("screen", "sh", "-o", str(tmp_path / name)).returncode == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert shell.run("screen", "sh", "-o", str(tmp_path / "no" / "a.svg")).returncode == 2


def test_logs_raw_text_grep_last_and_since(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "out", "--", "printf '\\033[32m'; seq 1 3000; echo last line")
    shell.run("wait", "out", "--exited")
    raw = shell.run("logs", "out").stdout
    assert raw.startswith("\x1b[32m1\n")
    text = shell.run("logs", "out", "--text").stdout.splitlines()
    assert text == [*map(str, range(1, 3001)), "last line"]
    assert shell.run("logs", "out", "--last", "2").stdout == "3000\nlast line\n"
    assert shell.run("logs", "out", "--grep", "^2999$").stdout.endswith(": 2999\n")
    assert shell.run("logs", "out", "--grep", "nothing").returncode == 1
    assert shell.run("logs", "out", "--grep", "(").returncode == 2
    whole = json.loads(shell.run("logs", "out", "--json").stdout)
    assert whole["lines"][-1] == "last line"
    assert shell.run("logs", "out", "--since", str(whole["end"] - 11)).stdout == "last line\n"
    assert shell.run("logs", "out", "--since", "0s", "--last", "1").stdout == "last line\n"


def test_logs_follow_to_the_end_and_a_closed_pipe_is_no_error(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "slow", "--", "echo one; read x; echo two")
    with shell.reader("logs", "-f", "slow") as (following, output):
        assert output.readline() == b"one\r\n"
        shell.run("send", "slow", "")
        assert output.read().split() == [b"two"]
        assert following.wait(20) == 0
    line = f"{sys.executable} -m ptyjobs logs slow | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=shell.env, capture_output=True, text=True)
    assert done.stderr == ""


def test_send_keys_no_enter_paste_and_nothing(shell: Shell) -> None:
    python = ("--env", "PYTHON_BASIC_REPL=1", "--", "python3 -q -i")  # pyrepl runs a paste later
    shell.run("run", "-d", "--name", "py", *python)
    assert shell.run("send", "py", "1+", "--no-enter", "--timeout", "0.5").returncode in (0, 1)
    assert shell.run("send", "py", "1").stdout == "2\n"
    block = "def f():\n    return 'pasted'\n\nf()"
    assert "'pasted'" in shell.run("send", "py", "--paste", input=block).stdout
    slow = shell.run("send", "py", "import time; time.sleep(60)", "--timeout", "0.3")
    assert slow.returncode == 1
    assert "still busy" in slow.stderr
    assert "KeyboardInterrupt" in shell.run("send", "py", "--key", "C-c").stdout
    assert shell.run("send", "py").returncode == 2
    assert shell.run("send", "py", "--key", "NoSuchKey").returncode == 2
    assert shell.run("send", "py", "--secret", "word").returncode == 2
    refused = shell.run("send", "py", "--secret")
    assert refused.returncode == 2
    assert "nothing was sent" in refused.stderr


def test_a_wait_for_a_service_that_asks_or_ends_first_has_failed(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "ask", "--", "read -p 'Go on? ' x; echo up; cat")
    asks = shell.run("wait", "ask", "--ready", "up")
    assert (asks.returncode, asks.stdout) == (
        1, 'not ready: waits for input at Go on?; has not printed "up"\n',
    )  # fmt: skip
    found = json.loads(shell.run("wait", "ask", "--ready", "up", "--json").stdout)
    assert (found["met"], found["timed_out"]) == ([], False)
    shell.run("send", "ask", "y")
    shell.run("run", "-d", "--name", "bad", "--", "exit 3")
    shell.run("run", "-d", "--name", "crash", "--", "echo crashed; cat")
    crash = shell.run("wait", "crash", "--ready", "up", "--ready", "!crashed")
    assert (crash.returncode, crash.stdout) == (1, 'not ready: printed "crashed"\n')
    bad = shell.run("wait", "bad", "--ready", "up")
    assert (bad.returncode, bad.stdout) == (1, "exited with code 3\n")
    shell.run("run", "-d", "--name", "good", "--", "echo up; cat")
    good = shell.run("wait", "good", "--ready", "up")
    assert (good.returncode, good.stdout) == (0, "is ready\n"), good


def test_a_secret_is_asked_for_without_echo_and_kept_nowhere(shell: Shell, outer: Outer) -> None:
    code = "import getpass; print(len(getpass.getpass('word: ')))"
    shell.run("run", "-d", "--name", "ask", "--", f'python3 -c "{code}"; cat')
    shell.run("wait", "ask")
    outer.open("$PTYJOBS send ask --secret")
    outer.sees("ask:")
    outer.type("xyzzy-plugh-9", "Enter")
    assert "plugh" not in outer.sees("13")
    held = [path.read_bytes() for path in shell.state.rglob("*") if path.is_file()]
    assert held
    assert not [data for data in held if b"plugh" in data]


def test_wait_for_several_any_or_all(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "a", "--", "cat")
    shell.run("run", "-d", "--name", "b", "--", "exit 4")
    any_of = shell.run("wait", "a", "b", "--exited", "--timeout", "20")
    assert (any_of.returncode, any_of.stdout) == (0, "b: exited with code 4\n")
    all_of = shell.run("wait", "a", "b", "--exited", "--all", "--timeout", "0.2")
    assert all_of.returncode == 1
    shell.run("kill", "a")
    assert shell.run("wait", "a", "b", "--exited", "--all").returncode == 0
    assert shell.run("wait", "a", "nope").returncode == 3


def test_kill_several_and_a_misspelt_one_kills_nothing(shell: Shell) -> None:
    for name in ("a", "b"):
        shell.run("run", "-d", "--name", name, "--", "cat")
    assert shell.run("kill", "a", "bb").returncode == 3
    assert json.loads(shell.run("status", "a", "--json").stdout)["state"] == "running"
    assert shell.run("kill", "a", "--signal", "WINCH").stdout == "a: WINCH sent to 1 process\n"
    done = json.loads(shell.run("kill", "a", "b", "--json").stdout)
    assert [(d["job_id"], d["result"]) for d in done] == [("a", "killed"), ("b", "killed")]


def test_clean_says_first_what_would_go(shell: Shell) -> None:
    shell.run("run", "--name", "old", "--", "true")
    env = {"PTYJOBS_RETENTION": "0"}
    assert shell.run("clean", "--dry-run", **env).stdout == "old\n"
    assert shell.run("list", "--ids").stdout == "old\n"
    assert json.loads(shell.run("clean", "--json", **env).stdout) == ["old"]
    assert shell.run("list", "--ids").stdout == ""


def test_run_takes_place_size_environment_and_target(shell: Shell, tmp_path: Path) -> None:
    there = shell.run(
        "run", "--cwd", str(tmp_path), "--rows", "13", "--cols", "57", "--env", "WORD=a b",
        "--", 'pwd; stty size; echo "$WORD"',
    )  # fmt: skip
    assert there.stdout.split("\n")[:3] == [str(tmp_path), "13 57", "a b"]
    assert shell.run("run", "--env", "WORD", "--", "true").returncode == 2
    assert shell.run("run").returncode == 2
    assert shell.run("run", "--target", "nowhere", "--", "true").returncode == 2
    assert shell.run("run", "--", "kill -9 $$").returncode == 137
    told = json.loads(shell.run("run", "--json", "--", "exit 3").stdout)
    assert told["exit_code"] == 3


def test_doctor_names_every_check(shell: Shell) -> None:
    done = shell.run("doctor", "--json")
    found = {finding["name"] for finding in json.loads(done.stdout)}
    assert found >= {"ptyjobs", "readiness", "containment", "sandbox", "descriptors", "state"}
    shell.state.chmod(0o755)
    assert re.search(r"^state ", shell.run("doctor").stdout, re.MULTILINE)


def test_an_error_is_json_when_json_was_asked_for(shell: Shell) -> None:
    done = shell.run("status", "nope", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "unknown_job"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_sequences_are_stripped_whatever_the_split(size: int) -> None:
    terminal = object.__new__(Terminal)
    terminal._unfinished = b""
    data = b"a\x1b[31mb\x1b]2;title\x07c\x1b(Bd\x1b7e\x1b[?25lf\x1b]8;;x\x1b\\g"
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(terminal.strip(part) for part in parts) == b"abcdefg"


def test_on_exit_runs_when_the_job_has_ended(shell: Shell, tmp_path: Path) -> None:
    note = tmp_path / "note"
    line = f'echo "$PTYJOBS_JOB $PTYJOBS_EXIT" > {note}'
    shell.run("run", "-d", "--name", "j", "--on-exit", line, "--", "exit 2")
    assert world.eventually(lambda: note.exists() and note.read_text() != "")
    assert note.read_text() == "j 2\n"


def test_an_on_exit_command_calls_ptyjobs_in_the_directory_of_the_job(
    shell: Shell, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    line = f"pwd > said; {sys.executable} -m ptyjobs logs j >> said; echo $PTYJOBS_EXIT >> said"
    shell.run(
        "run", "-d", "--name", "j", "--cwd", str(here), "--env", "PTYJOBS_OF_MINE=1",
        "--on-exit", line, "--", "echo last words; kill -9 $$",
    )  # fmt: skip
    said = here / "said"
    assert world.eventually(lambda: said.exists() and "137" in said.read_text())
    assert said.read_text().split("\n")[:3] == [str(here), "last words", "137"]


def test_a_failed_on_exit_command_is_in_the_status_and_the_events(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "j", "--on-exit", "exit 7", "--", "true")
    failure = "on_exit: exited with code 7"
    assert world.eventually(lambda: failure in shell.run("status", "j").stdout)
    events = (shell.state / "jobs" / "j" / "events").read_text()
    assert f'"h","{failure}"' in events
    assert "on_exit" not in shell.run("export", "j").stdout


def test_what_was_printed_before_the_wait_counts(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "web", "--", "echo Listening on 80; cat")
    assert world.eventually(lambda: "Listening" in shell.run("screen", "web").stdout)
    done = shell.run("wait", "web", "--pattern", r"Listening on \d+")
    assert (done.stdout, done.returncode) == ("Listening on 80\n", 0)
    again = shell.run("wait", "web", "--pattern", "Listening", "--timeout", "0.2")
    assert (again.stdout, again.returncode) == ("waits for input\n", 1)  # none can come
    shell.run("send", "web", "more")
    shell.run("kill", "web")
    gone = shell.run("wait", "web", "--pattern", r"Listening on \d+")
    assert (gone.stdout, gone.returncode) == ("Listening on 80\n", 0)
    assert shell.run("wait", "web", "--pattern", "nothing").returncode == 1


def test_all_running_jobs_are_listed_and_killed(shell: Shell) -> None:
    shell.run("run", "--name", "old", "--", "true")
    for name in ("a", "b"):
        shell.run("run", "-d", "--name", name, "--", "cat")
    running = ("list", "--running", "--ids")
    assert sorted(shell.run(*running).stdout.split()) == ["a", "b"]
    assert "old" not in shell.run("list", "--running").stdout
    assert shell.run("kill").returncode == 2
    assert shell.run("kill", "--all", "a").returncode == 2
    killed = json.loads(shell.run("kill", "--all", "--json").stdout)
    assert sorted(job["job_id"] for job in killed) == ["a", "b"]
    assert shell.run(*running).stdout == ""
