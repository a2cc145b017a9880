"""Help texts of the command line, and shell completion."""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.cli import format as words
from ptyjobs.cli import main, parsers, positions
from ptyjobs.cli.commands import completion, describe
from ptyjobs.errors import BadInput, from_wire
from ptyjobs.model import Reason
from tests.cli.conftest import Shell

COMMANDS = list(parsers.COMMANDS)


def test_every_command_has_a_module_of_its_own() -> None:
    assert list(describe.commands()) == COMMANDS
    folder = Path(completion.__file__).parent
    assert sorted(path.stem for path in folder.glob("[a-z]*.py")) == sorted(COMMANDS)


def test_a_flag_sets_a_setting_only_where_it_is_marked() -> None:
    """A flag that happens to share a setting's name must not set it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="7")
    parser.add_argument("--size", dest=config.flag_dest("cols"), default="90")
    assert config.flags_of(parser.parse_args([])) == {"cols": "90"}
    assert config.flags_of(parsers.alone("run").parse_args(["--rows", "5"])) == {"rows": "5"}


def test_an_error_of_another_version_keeps_its_advice() -> None:
    wire = {"code": "new_code", "message": "It failed.", "advice": "Try.", "hint": "new_hint"}
    received = from_wire(wire)
    assert (received.message, received.advice, received.hint) == ("It failed.", "Try.", None)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained(name: str) -> None:
    parser = describe.commands()[name]
    assert (parser.description or "").partition("\n")[0].endswith(".")
    for action in describe.arguments(parser):
        assert action.help or action.metavar, f"{name} {action.dest}"
    assert "--json" in parser.format_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_imports_the_sdk_or_asyncio_before_it_runs(name: str) -> None:
    code = (
        "import sys; from ptyjobs.cli import parsers; parsers.alone(sys.argv[1]);"
        "print({'mcp', 'asyncio', 'pyte', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name], capture_output=True, text=True, check=True
    )
    found = done.stdout.strip()
    assert found == "set()" or name in ("record", "export", "play", "web")  # not ours to weigh


def test_a_list_without_jobs_loads_little(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop()); from ptyjobs.cli.main import main;"
        "main(['list']); print(sorted(sys.modules))"
    )
    environ = {**os.environ, "PTYJOBS_STATE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(Path(main.__file__).parents[2])],
        capture_output=True, text=True, check=True, env=environ,
    )  # fmt: skip
    heavy = {"ctypes", "dataclasses", "pathlib", "shutil", "socket", "tempfile", "typing", "urllib"}
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    assert "ptyjobs.client.registry" in loaded
    assert not loaded & heavy


def test_attach_loads_no_module_that_its_first_paint_does_not_need() -> None:
    code = "import sys, ptyjobs.cli.attach; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ast.literal_eval(done.stdout)) & {"dataclasses", "hashlib", "inspect", "typing"}


def test_the_surface_is_json_and_whole() -> None:
    found = json.loads(json.dumps(describe.surface()))
    assert list(found["commands"]) == COMMANDS
    assert {tool["name"] for tool in found["tools"]} >= {"execute", "interact", "wait", "kill"}
    assert found["exit_codes"]["3"] == "no such job"
    assert "--format" in [f for a in found["commands"]["screen"]["arguments"] for f in a["flags"]]
    assert "max_jobs" in [setting["name"] for setting in found["settings"]]


def test_a_fault_of_ours_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("ptyjobs.cli.commands.list.Registry", broken)
    assert main.main(["list"]) == 5
    assert "RuntimeError: a fault" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "expected"),
    [("0", (0, None)), ("1234", (1234, None)), ("3.5s", (None, 3.5)), ("2m", (None, 120.0)),
     ("250ms", (None, 0.25)), (".5s", (None, 0.5))],
)  # fmt: skip
def test_moments(word: str, expected: tuple[int | None, float | None]) -> None:
    assert positions.moment(word) == expected


@pytest.mark.parametrize("word", ["", "3.5", "-1", "1x", "s", "1 s"])
def test_no_moments(word: str) -> None:
    with pytest.raises(BadInput):
        positions.moment(word)


def test_words_are_short_and_harmless() -> None:
    ages = [words.age(s) for s in (0, 99, 100, 5999, 6000, 172799, 172800)]
    assert ages == ["0s", "99s", "1m", "99m", "1h", "47h", "2d"]
    assert [words.amount(n) for n in (0, 999, 1000, 10240, 3 << 20)] == [
        "0B", "999B", "1.0K", "10K", "3.0M",
    ]  # fmt: skip
    assert words.fit("abcdef", 4) == "abc\u2026"
    assert words.fit("\u6f22\u5b57", 4) == "\u6f22\u5b57"
    assert words.fit("\u6f22\u5b57", 3) == "\u6f22\u2026"
    assert words.fit("a\u0301bc\u6f22", 4) == "a\u0301bc\u2026"
    assert words.fit("\u6f22\u5b57", 2) == "\u2026 "
    assert words.fit("\u6f22", 0) == ""
    assert "\x1b" not in words.safe("a\x1b[2Jb")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment in which `ptyjobs` is this one, and two jobs have ended and two run."""
    folder = tmp_path_factory.mktemp("completion")
    bin = folder / "bin"
    bin.mkdir()
    script = bin / "ptyjobs"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ptyjobs "$@"\n')
    script.chmod(0o755)
    shell = Shell(folder / "state")
    with shell.jobs() as jobs:
        for name, line in (("alpha", "true"), ("beta", "true"), ("gamma", "cat"), ("delta", "cat")):
            jobs.execute(line, name=name, wait=0)
        for name in ("alpha", "beta"):
            assert jobs.wait(name, until="exited", timeout=30).verdict.reason is Reason.EXITED
        yield {**shell.env, "PATH": f"{bin}:{os.environ['PATH']}", "HOME": str(folder)}


def complete(program: list[str], env: dict[str, str]) -> set[str]:
    done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0].strip() for line in done.stdout.splitlines() if line.strip()}


LINES = [
    ("ptyjobs at", {"attach"}, set()),
    ("ptyjobs kill ", {"gamma", "delta"}, {"attach", "alpha", "beta"}),
    ("ptyjobs status ", {"alpha", "beta", "gamma"}, {"attach"}),
    ("ptyjobs play ", {"alpha", "beta"}, {"attach"}),
    ("ptyjobs kill --signal ", {"INT", "TERM"}, {"alpha"}),
    ("ptyjobs run --sandbox ", {"bwrap", "landlock"}, {"alpha"}),
    ("ptyjobs run -- mkfif", {"mkfifo"}, {"alpha"}),
    ("ptyjobs screen --for", {"--format"}, {"--at"}),
    ("ptyjobs screen --format s", {"svg"}, {"png"}),
    ("ptyjobs completion ", {"bash", "zsh", "fish"}, {"alpha"}),
    ("ptyjobs screen --format ", {"svg", "png"}, {"alpha"}),
    ("ptyjobs screen -o ", set(), {"alpha"}),
]


@pytest.mark.live
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("line", "there", "absent"), LINES)
def test_bash_completes(here: dict[str, str], line: str, there: set[str], absent: set[str]) -> None:
    script = completion.bash(describe.surface()["commands"])
    words = line.split(" ")
    ask = (
        f"COMP_WORDS=({' '.join(words[:-1])} {words[-1]!r}); COMP_CWORD={len(words) - 1}; _ptyjobs;"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    found = complete(["bash", "--norc", "-c", f"{script}\n{ask}"], here)
    assert found >= there
    assert not found & absent


@pytest.mark.live
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("line", "there", "absent"), LINES)
def test_fish_completes(here: dict[str, str], line: str, there: set[str], absent: set[str]) -> None:
    script = completion.fish(describe.surface()["commands"])
    found = complete(["fish", "-N", "-c", f"{script}\ncomplete -C {line!r}"], here)
    assert {word.removeprefix("--format=") for word in found} >= there
    assert not found & absent


@pytest.mark.live
@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("line", "there", "absent"), LINES)
def test_zsh_completes(
    here: dict[str, str], tmp_path: Path, line: str, there: set[str], absent: set[str]
) -> None:
    """In a real terminal, because zsh completes only in its line editor: the list after TAB."""
    from tests.cli.conftest import Outer

    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    functions = tmp_path / "zfunc"
    functions.mkdir()
    (functions / "_ptyjobs").write_text(completion.zsh(describe.surface()["commands"]))
    (tmp_path / ".zshrc").write_text(
        f"fpath=({functions} $fpath); autoload -U compinit; compinit -u; PS1='ready> '\n"
        "setopt NO_AUTO_MENU LIST_AMBIGUOUS NO_LIST_BEEP\n"
    )
    outer = Outer(Shell(tmp_path / "none"), tmp_path)
    words = [f"HOME={tmp_path}", *(f"{key}={here[key]}" for key in ("PATH", "PTYJOBS_STATE"))]
    try:
        outer.open("exec env " + " ".join(words) + " zsh -i", rows=40, cols=120)
        outer.sees("ready>")
        outer.type(line.replace("at", "att") if line.endswith(" at") else line, "Tab", "Tab")
        shown = outer.sees(*there)
    finally:
        outer.close()
    assert not {word for word in absent if word in shown.split()}


def test_an_unknown_command_is_told_which_one_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["lst"]) == 2
    assert capsys.readouterr().err == "ptyjobs: There is no command 'lst'. Did you mean 'list'?\n"
    assert main.main(["frobnicate", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["advice"] == "All commands: ptyjobs --help"


def test_help_is_a_command_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main.main(["help", "kill"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ptyjobs kill")


def test_an_advice_names_commands_and_not_tools(shell: Shell) -> None:
    shell.run("run", "--name", "gone", "--", "true")
    assert "ptyjobs screen" in shell.run("send", "gone", "x").stderr
    shell.run("run", "-d", "--name", "sh", "--", "cat")
    told = shell.run("send", "sh", "--key", ":wq")
    assert told.returncode == 2
    assert "parameter" not in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--timeout", "-1", "--", "true"),
        ("wait", "j", "--timeout", "-5"),
        ("wait", "j", "--timeout", "nan"),
        ("send", "j", "x", "--timeout", "soon"),
        ("kill", "j", "--grace", "-1"),
        ("logs", "j", "--last", "-3"),
        ("screen", "j", "--lines", "-1"),
        ("play", "j", "--idle-limit", "-1"),
        ("play", "j", "--no-such-flag"),
    ],
)
def test_a_number_or_flag_that_cannot_be_used_is_one_line_or_json(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(list(words)) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert next(word for word in words if word.startswith("--")) in told
    assert main.main([words[0], "--json", *words[1:]]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_input"


def test_durations_take_units() -> None:
    given = parsers.alone("wait").parse_args(["j", "--timeout", "2m"])
    assert given.timeout == 120.0
    assert parsers.alone("kill").parse_args(["j", "--grace", ".5"]).grace == 0.5


def test_a_full_standard_output_is_one_line(shell: Shell) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ptyjobs", "list"],
            env=shell.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.stderr == "ptyjobs: Standard output: No space left on device.\n"
    assert done.returncode == 1


@pytest.mark.parametrize(("alias", "name"), parsers.ALIASES.items())
def test_an_alias_is_its_command(alias: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main([alias, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: ptyjobs {name} ")
