"""No accepted line makes a shell run a foreign command: accepted lines are given to real shells.

Lines are made from legitimate ones by cutting, joining and inserting what shells treat specially.
Accepted lines run in bash, dash and zsh. PATH has only one program, which logs the name it was
called by; in bash the other builtins are disabled, so that they are logged too. A foreign name in
the log, a file in the folder or a missing path in the errors is a bypass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from ptyjobs.errors import Refused
from ptyjobs.policy import Policy

POLICY = Policy(allowed=("^aa", "^bb ", "^cc$", "^echo "))
ALLOWED = {"aa", "bb", "cc", "echo"}
FOREIGN = ("id", "aax", "bbx", "ccx", "echox", "zz", "x", "a", "b", "c", "1", "2")

LINES = (
    "aa -l | bb x 2>&1",
    "aa; bb 'x y' && cc || echo \"z $x\"",
    "for i in 1 2; do echo $i; done &",
    "if aa; then bb x; else cc; fi",
    'echo "a $(bb x | aa) ${y:-none}" > /dev/null',
    "(aa; cc) & { bb x; }",
    "echo a{b,c} [ab]* ~ 'q'\"r\"$'s' $((1 + 2))",
    "aa \\\n  -x\ncc\n",
    "! aa x\\ y \\; z",
)
SPECIAL = (
    " ", "\n", "\\\n", "\\", ";", "&", "|", "&&", "||", "'", '"', "`", "$", "$(", ")", "(", "((",
    "))", "{", "}", "${x:-", "${", "$'", '$"', "<", ">", "<<", "<<<", ">&", "&>", "2>&1", "{x}>",
    "/dev/null", "<(", "#", "!", "=", "[", "]", "[[", "]]", "*", "~", "id", "; id ;", "$(id)",
    "x=1 ", "PATH=. ", "time ", "eval ", "case x in x)", ";;", "esac", "do", "done", "fi", "then",
    "in", "for x in", "f() ", "coproc ", "\t", "\u00a0", "é", "EOF", "\nEOF\n", "1", "x", "always",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 3)):
            case 0 | 1:
                line = line[:at] + draw(st.sampled_from(SPECIAL)) + line[at:]
            case 2:
                line = line[:at] + line[at + draw(st.integers(1, 3)) :]
            case _:
                other = draw(st.sampled_from(LINES))
                line = line[:at] + other[draw(st.integers(0, len(other))) :]
    return line


pieces = st.lists(st.sampled_from((*SPECIAL, "aa", "bb ", "cc", "echo ", " ")), max_size=12)
lines = mutated() | pieces.map("".join) | pieces.map(lambda p: "aa " + "".join(p))


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program under every name that writes its own name to $LOG."""
    folder = tmp_path_factory.mktemp("stubs")
    program = folder / "aa"
    program.write_text('#!/bin/sh\necho "${0##*/}" >>"$LOG"\n')
    program.chmod(0o755)
    for name in (*ALLOWED - {"aa"}, *FOREIGN):
        (folder / name).symlink_to(program)
    (folder / "rc").write_text(
        "enable -n $(compgen -b | grep -vx -e echo -e enable) enable\n"
        'command_not_found_handle() { echo "$1" >>"$LOG"; }\n'
        "PATH=/nonexistent\n"
    )
    return folder


def ran(shell: list[str], line: str, stubs: Path, *, typed: bool) -> tuple[set[str], str, set[str]]:
    """(names of the programs `shell` ran, its errors, files it created) for `line`."""
    with tempfile.TemporaryDirectory() as scratch, tempfile.NamedTemporaryFile() as log:
        env = {"PATH": str(stubs), "LC_ALL": "C.UTF-8", "HOME": scratch, "LOG": log.name}
        if shell[0].endswith("bash"):
            env |= {"BASH_ENV": str(stubs / "rc"), "PATH": "/usr/bin:/bin"}
        held, writer = os.pipe()  # every process of the line inherits it; none has it: all ended
        with os.fdopen(held, "rb") as alive:
            try:
                done = subprocess.run(
                    shell if typed else [*shell, "-c", line],
                    input=line.encode() if typed else b"",
                    capture_output=True,
                    cwd=scratch,
                    env=env,
                    pass_fds=(writer,),
                    timeout=20,
                    check=False,
                )
            finally:
                os.close(writer)
            alive.read()
        names = set(Path(log.name).read_text().split("\n")) - {""}
        return names, done.stderr.decode("utf-8", "replace"), set(os.listdir(scratch))


def shells() -> list[list[str]]:
    wanted = (["bash"], ["dash"], ["zsh", "-f"])
    return [[path, *more] for name, *more in wanted if (path := shutil.which(name))]


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(line=lines)
@example(line="{}")  # an empty group to the tree, a name to bash
def test_accepted_lines_run_only_what_is_allowed(stubs: Path, line: str) -> None:
    try:
        POLICY.check(line)
    except Refused:
        event("refused")
        return
    event("accepted")
    for shell in shells():
        names, errors, files = ran(shell, line, stubs, typed=False)
        assert names <= ALLOWED, (shell[0], line, errors)
        assert not files, (shell[0], line, files)
        assert "No such file" not in errors, (shell[0], line, errors)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=st.sampled_from(("echo 'id;id'", "aa 'x", "echo a\\;id")), line=lines)
def test_typed_lines_run_only_what_is_allowed(stubs: Path, before: str, line: str) -> None:
    """As typed at an interactive bash, with a history that would be dangerous to call up."""
    try:
        POLICY.check_typed(line, utf8=True)
    except Refused:
        return
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    rc = ["--noprofile", "--rcfile", str(stubs / "rc")]
    typed = f"{line}\n" if before.count("'") % 2 else f"{before}\n{line}\n"
    names, errors, files = ran([bash, *rc, "--noediting", "-i"], typed, stubs, typed=True)
    assert names <= ALLOWED, (line, errors)
    assert files <= {".bash_history"}, (line, files)


def test_the_harness_notices_foreign_commands(stubs: Path) -> None:
    """A test of the test: refused lines are detected when they run."""
    for shell in shells():
        for line in ("aa; id", "echo $(id)", "for PATH in /; do aa; done; id", "aa & id &"):
            names, _, _ = ran(shell, line, stubs, typed=False)
            if "PATH" not in line:
                assert "id" in names, (shell, line)
        assert ran(shell, "echo > made", stubs, typed=False)[2] == {"made"}
    bash = shutil.which("bash")
    if bash is not None:
        for line in ("eval 'x=1'", "read x", ". y", "test -v a"):
            assert not ran([bash], line, stubs, typed=False)[0] <= ALLOWED, line
        rc = [bash, "--noprofile", "--rcfile", str(stubs / "rc"), "--noediting", "-i"]
        names, errors, _ = ran(rc, "echo 'a;id'\n!!:gs/'//\n", stubs, typed=True)
        assert "id" in names, errors
