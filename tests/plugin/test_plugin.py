"""The pytest plugin, as its users run it: a pytest inside a test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = '{"version": 3, "term": {"cols": 40, "rows": 6}}\n'
CAST = HEAD + (
    '[0.1, "o", "$ "]\n[1, "i", "ls\\n"]\n[0.01, "o", "ls\\r\\nREADME\\r\\n$ "]\n'
    '[2, "m", "here"]\n[30, "i", "make\\n"]\n[0, "o", "make\\r\\n"]\n'
    '[5, "o", "\\u001b[1;31mfailed\\u001b[m\\r\\n$ "]\n[1, "x", "0"]\n'
)


ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
"""Without the plugins whose own start costs more than all of the test."""


@pytest.fixture(autouse=True)
def _not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A pytest of its own process, as users start it."""
    return pytester.runpytest_subprocess(*ALONE, *arguments, timeout=120)


def run_here(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A pytest in this process: fast, for tests that start no program."""
    return pytester.runpytest_inprocess(*ALONE, *arguments)


def cast(pytester: pytest.Pytester) -> None:
    (pytester.path / "x.cast").write_text(CAST)


def test_a_recording_is_walked_by_conditions(pytester: pytest.Pytester) -> None:
    cast(pytester)
    pytester.makepyfile(
        """
        def test_walk(replay):
            r = replay("x.cast")
            assert r.until(text="README").time == 1.11
            assert r.fresh() == "$ ls\\nREADME\\n$"
            r.until(marker="here")
            assert r.fresh() == ""
            r.until(time=33.2)
            assert "make" in r.screen and "failed" not in r.screen
            r.until(pattern="fai.ed")
            r.screen.check_style("failed", bold=True, fg="red")
            assert not r.ended and r.to_end().ended

        def test_answers(replay):
            first, ls, make = replay("x.cast").verdicts[:3]
            assert (first.text, first.prompt) == ("", "$ ")
            assert (ls.typed, ls.text, ls.prompt) == ("ls\\n", "README", "$ ")
            assert (make.text, make.verdict.reason) == ("failed", "prompt")

        def test_settled(replay):
            r = replay("x.cast")
            r.until(settled=True).until(settled=True)
            assert r.turn.text == "README"
        """
    )
    run_here(pytester).assert_outcomes(passed=3)


def test_what_never_comes_fails_with_the_screen(pytester: pytest.Pytester) -> None:
    cast(pytester)
    (pytester.path / "bad.cast").write_text(HEAD + '[0, "o"\n[1, "o", "x"]\n')
    pytester.makepyfile(
        """
        def test_text(replay): replay("x.cast").until(text="nowhere")
        def test_time(replay): replay("x.cast").until(time=99)
        def test_marker(replay): replay("x.cast").until(marker="there")
        def test_two(replay): replay("x.cast").until(text="a", time=1)
        def test_turns(replay):
            replay("x.cast").until(settled=True).until(settled=True).until(text="a1")
        def test_bad(replay): replay("bad.cast")
        def test_none(replay): replay("none.cast")
        """
    )
    result = run_here(pytester)
    result.assert_outcomes(failed=7)
    result.stdout.fnmatch_lines(
        [
            "*x.cast was played to its end, and 'nowhere' never came.",
            "*  1|README|",
            "*--- last events of x.cast ---*",
            "*--- files of x.cast ---*",
            "*.svg",
            "*99 s is beyond its 39.11 s*",
            "*there is no marker 'there' (there are: 'here')*",
            "*one of text, pattern, time, marker and settled*",
            "*--- answers of x.cast ---*",
            "'ls\\n' at 1.100 s: quiet (medium) at 1.110 s, *prompt '$ '; 'README'",
            "*/x.cast",
            "*BadRecording: bad.cast: line 2: expected a JSON array*",
        ]
    )


def test_a_snapshot_is_written_compared_and_accepted(pytester: pytest.Pytester) -> None:
    cast(pytester)
    pytester.makepyfile(
        test_s="""
        def test_one(replay, screen_snapshot):
            r = replay("x.cast").to_end()
            screen_snapshot(r)
            screen_snapshot(r, "named", mask=["READ.."])
        """
    )
    run_here(pytester).stdout.fnmatch_lines(
        ["*written: *test_one.txt", "*written: *test_one-named.txt"]
    )
    folder = pytester.path / "__screens__" / "test_s"
    expected = folder / "test_one.txt"
    assert expected.read_text() == (
        "ptyjobs screen 2\n6x40 cursor 4,2\n|$ ls|\n|README|\n|$ make|\n|failed|\n|$|\n--\n"
        "3,0-5 bold fg=red\n"
    )
    assert "|\u00b7\u00b7\u00b7\u00b7\u00b7\u00b7|" in (folder / "test_one-named.txt").read_text()
    run_here(pytester).assert_outcomes(passed=1)

    expected.write_text(expected.read_text().replace("|README|", "|REALME|"))
    (folder / "test_gone.txt").write_text("")
    result = run_here(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*row 1",
            "*expected |REALME|",
            "*actual   |README|",
            "               ^",
            "*accept the new screen with --screen-update",
            "stale, no test uses it: *test_gone.txt",
        ]
    )
    assert "stale" not in run_here(pytester, "test_s.py::test_one").stdout.str()
    run_here(pytester, "--screen-update").stdout.fnmatch_lines(["removed: *test_gone.txt"])
    run_here(pytester).assert_outcomes(passed=1)

    expected.write_text(expected.read_text().replace("bold fg=red", "bold fg=green"))
    result = run_here(pytester)
    result.stdout.fnmatch_lines(
        ["style expected 3,0-5 bold fg=green", "style actual   3,0-5 bold fg=red"]
    )


def test_screens_of_tests_that_did_not_pass_are_not_stale(pytester: pytest.Pytester) -> None:
    cast(pytester)
    (pytester.path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef broken(): assert not (open('broken').read())\n"
    )
    (pytester.path / "broken").write_text("")
    pytester.makepyfile(
        test_s="""
        import os, pytest

        def test_fails(replay, screen_snapshot):
            assert not open("broken").read()
            screen_snapshot(replay("x.cast").to_end())

        def test_setup(broken, replay, screen_snapshot):
            screen_snapshot(replay("x.cast").to_end(), "a name")

        def test_skips(replay, screen_snapshot):
            if open("broken").read():
                pytest.skip("not here")
            screen_snapshot(replay("x.cast").to_end())
        """
    )
    run_here(pytester).assert_outcomes(passed=3)
    folder = pytester.path / "__screens__" / "test_s"
    (folder / "test_gone.txt").write_text("")
    (pytester.path / "broken").write_text("yes")
    result = run_here(pytester, "--screen-update")
    result.assert_outcomes(failed=1, errors=1, skipped=1)
    result.stdout.fnmatch_lines(["removed: *test_gone.txt"])
    assert result.stdout.str().count("removed: ") == 1
    assert len(list(folder.iterdir())) == 3
    (folder / "test_gone.txt").write_text("")
    again = run_here(pytester, "-x").stdout.str()
    assert again.count("stale, no test uses it: ") == 1


def test_no_two_tests_share_a_screen(pytester: pytest.Pytester) -> None:
    cast(pytester)
    pytester.makepyfile(
        test_s="""
        import pytest

        class TestOne:
            def test_same(self, replay, screen_snapshot):
                screen_snapshot(replay("x.cast"))

        class TestTwo:
            def test_same(self, replay, screen_snapshot):
                screen_snapshot(replay("x.cast").to_end())

        @pytest.mark.parametrize("what", ["a/b", "a b", "a_b", "x" * 300])
        def test_odd(replay, screen_snapshot, what):
            screen_snapshot(replay("x.cast").until(time=len(what) / 10))
        """
    )
    run_here(pytester).assert_outcomes(passed=6)
    names = {path.name for path in (pytester.path / "__screens__" / "test_s").iterdir()}
    assert len(names) == 6
    assert {"TestOne.test_same.txt", "TestTwo.test_same.txt", "test_odd_a_b.txt"} < names
    result = run_here(pytester)
    result.assert_outcomes(passed=6)
    assert "stale" not in result.stdout.str()


def test_a_missing_or_newer_snapshot(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast(pytester)
    pytester.makepyfile(
        test_s="""
        def test_one(replay, screen_snapshot):
            screen_snapshot(replay("x.cast").to_end())
        """
    )
    monkeypatch.setenv("CI", "true")
    result = run_here(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*write it with --screen-update and commit it*"])
    path = pytester.path / "__screens__" / "test_s" / "test_one.txt"
    assert not path.exists()
    path.parent.mkdir(parents=True)
    path.write_text("ptyjobs screen 99\n")
    run_here(pytester).stdout.fnmatch_lines(["*has format 99, this ptyjobs reads up to 2*"])
    path.write_text("something else\n")
    run_here(pytester).stdout.fnmatch_lines(["*line 1: expected 'ptyjobs screen 2'*"])


def test_with_xdist_screens_of_all_workers_count(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    cast(pytester)
    pytester.makepyfile(
        test_s="""
        import pytest
        @pytest.mark.parametrize("n", range(6))
        def test_one(replay, screen_snapshot, n):
            screen_snapshot(replay("x.cast").to_end())
        """
    )
    result = run(pytester, "-n", "2")
    result.assert_outcomes(passed=6)
    assert result.stdout.str().count("written: ") == 6
    (pytester.path / "__screens__" / "test_s" / "old.txt").write_text("")
    result = run(pytester, "-n", "2")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["stale, no test uses it: *old.txt"])


@pytest.mark.live
def test_a_program_is_driven_step_by_step(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_steps(job, tmp_path):
            py = job([sys.executable, "-q", "-i"], env={"PYTHON_BASIC_REPL": "1"}, rows=10)
            assert py.type("6 * 7").text == "42"
            assert py.reply.prompt == ">>> "
            assert py.type("import time; time.sleep(0.4); print('late')").text == "late"
            py.screen.check_text("late", row=-2)
            py.screen.check_cursor(4, 4)
            py.resize(8, 50)
            assert (py.screen.size.rows, py.screen.size.cols) == (8, 50)
            py.type("exit(3)")
            assert py.exit().code == 3

        def test_keys(job, tmp_path):
            bash = job("bash --norc", cwd=tmp_path)
            bash.press("e", "c", "h", "o", "Space", "1", "C-a", "Right")
            bash.press("C-c")
            bash.paste("echo pasted", enter=True)
            assert bash.fresh == "pasted"
            assert bash.type("pwd; echo $LANG").text == f"{tmp_path}\\nC.UTF-8"
            assert bash.type("read -s x").password

        def test_never_quiet(job):
            loop = job("i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done", wait=False)
            loop.expect("tick 5")
        """
    )
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.live
def test_what_is_typed_without_waiting_goes_in(pytester: pytest.Pytester) -> None:
    """A terminal's reply to a query holds input back for a moment: it was given up in that time."""
    pytester.makepyfile(
        asks="""
        import os, termios, time, tty
        old = termios.tcgetattr(0)
        tty.setcbreak(0)
        os.write(1, b"\\x1b[6n")
        os.read(0, 20)
        termios.tcsetattr(0, termios.TCSANOW, old)
        print("asked", flush=True)
        got = input()
        while True:
            print("got", got, flush=True)
            time.sleep(0.02)
        """,
        test_a="""
        import sys

        def test_held(job):
            one = job([sys.executable, "asks.py"], wait=False)
            one.expect("asked")
            one.type("now", wait=False)
            one.expect("got now")
        """,
    )
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.live
def test_a_failure_shows_what_the_terminal_shows(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_wrong(job):
            cat = job("cat")
            cat.type("hello")
            cat.screen.check_text("good bye")

        def test_never(job):
            job("sleep 60", timeout=0.3)

        def test_ended(job):
            one = job("echo over")
            one.type("more")

        @pytest.fixture
        def shell(job):
            one = job("bash --norc")
            assert one.type("echo set up").text == "something else"

        def test_setup(shell):
            pass
        """
    )
    result = run(pytester, "--screen-artifacts", "art")
    result.assert_outcomes(failed=3, errors=1)
    assert (pytester.path / "art" / "test_setup-bash-1.svg").exists()
    result.stdout.fnmatch_lines(
        [
            "*expected 'good bye' on the screen",
            "*  1|hello|",
            "*--- last events of cat-1 ---*",
            "* i 'hello\\n'",
            "*--- answers of cat-1 ---*",
            "type 'hello': waiting_for_input (certain)*cat in read*",
            "*--- files of cat-1 ---*",
            "art/test_wrong-cat-1.svg",
            "art/test_wrong-cat-1.cast",
            "*NotSettled: sleep-1: after its start it did not come to rest in *: sleep*wait=False*",
            "*NotSettled: echo-1: cannot type 'more': *has exited with code 0*",
        ]
    )
    art = pytester.path / "art"
    assert (art / "test_wrong-cat-1.svg").read_text().startswith("<svg")
    assert "hello" in (art / "test_wrong-cat-1.cast").read_text()


@pytest.mark.live
def test_a_failure_is_short_and_shown_where_the_test_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_in(job): assert "x" in job("echo hello").screen
        def test_check(job): job("echo hello").screen.check_text("bye")
        def test_style(job): job("echo hello").screen.check_style("hello", colour="red")
        def test_size(job): job("echo hello", size=(10, 40))
        def test_key(job): job("cat").press("Entr")
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=5)
    said = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "E*'x' in the screen",
            "E*24 rows, 80 columns, cursor 1,0",
            "E*  0|hello|",
            "*TypeError: check_style() has no parameter 'colour'; it takes bold, *",
            "*TypeError: job() got an unexpected keyword argument 'size'",
            "*BadKey: There is no key 'Entr'*",
        ]
    )
    for test in ("test_in", "test_check"):
        part = said.partition(f"___ {test} ___")[2].partition("\n____")[0]
        assert part.count("0|hello|") == 1, part
    assert "Run(text=" not in said
    assert not re.search(r"^ptyjobs/|/ptyjobs/(testing|client)/\w+\.py:", said, re.MULTILINE), said


@pytest.mark.live
def test_what_a_program_leaves_behind_fails_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        LEAVE = "setsid sleep 300 & sleep 0.1; exit 0"

        def test_orphan(job): job(LEAVE).exit()
        def test_allowed(job): job(LEAVE, allow_left=True).exit()
        def test_zombie(job):
            wait = "os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)"
            job(f"python3 -c 'import os; os.fork() or os._exit(0); {wait}; input()'").settles()
        def test_not_ours(job):
            import socket, builtins
            job("cat")
            builtins.pool = socket.socket()
        def test_leak(job):
            import glob, os, builtins
            before = {os.readlink(f) for f in glob.glob("/proc/self/fd/*") if os.path.exists(f)}
            job("cat")
            for f in glob.glob("/proc/self/fd/*"):
                try:
                    link = os.readlink(f)
                except OSError:
                    continue
                if link.startswith("socket:") and link not in before:
                    builtins.kept = os.dup(int(f.rpartition("/")[2]))
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines(
        [
            "*ended and left running: * sleep (*",
            "*left zombies of its own unreaped: *(of * python3)",
            "*cat-*left descriptors of this process open: socket:*",
        ]
    )


@pytest.mark.live
def test_the_server_in_process(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_calls(mcp_client):
            assert mcp_client.tools[:2] == ["execute", "interact"]
            assert "42" in mcp_client.call("execute", command="echo 42")
            assert mcp_client.result("tail", job_id="none").is_error
            with pytest.raises(AssertionError, match="none"):
                mcp_client.call("tail", job_id="none")
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_unused_it_loads_nothing_and_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            heavy = {"mcp", "asyncio", "pyte", "pexpect", "ptyprocess", "ptyjobs.client"}
            assert "ptyjobs.testing.pytest_plugin" in sys.modules
            assert not heavy & set(sys.modules)
        """
    )
    run(pytester, "-pno:xdist").assert_outcomes(passed=1)  # which loads asyncio itself
    pytester.makepyfile(
        "def test_off(request): assert not request.config.pluginmanager.has_plugin('ptyjobs')"
    )
    run(pytester, "-p", "no:ptyjobs").assert_outcomes(passed=1)


@pytest.mark.live
def test_a_recording_becomes_a_test_that_replays_it(tmp_path: Path) -> None:
    (tmp_path / "My demo.cast").write_text(CAST)

    def fixture(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ptyjobs", "fixture", *words],
            env={"PTYJOBS_STATE": str(tmp_path / "s"), "PATH": "/usr/bin:/bin"},
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    done = fixture("My demo.cast", "--replay")
    assert done.returncode == 0, done.stderr
    test = tmp_path / "test_my_demo.py"
    assert "('make\\n', 'failed')" in test.read_text()
    again = fixture("My demo.cast", "--replay")
    assert again.returncode == 2
    assert "--force" in again.stderr
    passed = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        env={"CI": "1", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert re.search("2 passed", passed.stdout), passed.stdout


def test_a_failing_step_reads_as_its_user_wrote_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        ENDS = "import sys; sys.exit(int(input('> ') or 3))"

        def test_the_last_output_stays_after_exit(job):
            program = job(["python3", "-c", "print(input('> ') * 2)"])
            program.type("ab")
            assert program.exit().code == 0
            assert program.fresh == "abab"

        def test_expect(job):
            job(["python3", "-c", "input('> ')"]).expect("a b (c)", timeout=0.5)

        def test_unwaited(job):
            program = job(["python3", "-c", ENDS], wait=False)
            program.expect("> ")
            program.press("Contrl-d")

        def test_directory(job):
            job("true", cwd="/no/such/place")

        def test_left(job):
            assert job("(trap '' HUP; echo; exec sleep 300) & read x; exit 0").type("").text == ""
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=3, errors=1)
    lines = result.stdout
    lines.fnmatch_lines(["*0.5 s are over: 'a b (c)' did not come"])
    waits = re.findall(r"^expect 'a b \(c\)'.*: waiting_for_input", lines.str(), re.MULTILINE)
    assert len(waits) == 1
    lines.fnmatch_lines(["E *Did you mean C-d?*", "start: not waited for; ''"])
    lines.fnmatch_lines(['>*cwd="/no/such/place"*', "E *cwd '/no/such/place' does not exist*"])
    lines.no_fnmatch_line("*preparation.py*")
    lines.fnmatch_lines(["*ended and left running: * sleep (job(allow_left=True) permits it)"])
