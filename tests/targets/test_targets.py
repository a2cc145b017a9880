"""Targets by their argument vectors: the local command that runs a remote one."""

from __future__ import annotations

import dataclasses
import shlex
import signal
from typing import Any

import pytest

from ptyjobs.errors import BadConfig, BadInput
from ptyjobs.model import Exit, JobSpec
from ptyjobs.targets import (
    EXITED,
    LOST,
    NOT_CONNECTED,
    Target,
    check_tables,
    classify,
    reaped,
    resolve,
)

COMMAND = "cd x && make 'a b'"
SPEC = JobSpec(
    job_id="make-1",
    argv=("/opt/bash", "-c", COMMAND),
    command=COMMAND,
    cwd="/here",
    env={"TERM": "xterm-256color", "LANG": "C.UTF-8", "MINE": "b c", "SECRET": "s"},
)


def made(text: str, **more: Any) -> JobSpec:
    target = resolve(text)
    assert target is not None
    return target.apply(SPEC, token="t-1", **more)


def far(words: list[str]) -> tuple[str, str, list[str]]:
    """(token, far folder, program) from the launcher's words."""
    assert words[:2] == ["sh", "-c"]
    assert words[3] == "ptyjobs"
    return words[4], words[5], words[6:]


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("docker:web", "docker exec -it -e TERM web"),
        ("podman:web.1", "podman exec -it -e TERM web.1"),
        ("kubectl:web-0", "kubectl exec -it web-0 --"),
        ("kubectl:web-0/app", "kubectl exec -it web-0 -c app --"),
        ("slurm", "srun --pty --job-name=ptyjobs-t-1"),
        (
            "slurm:partition=gpu,gres=gpu:1,time=1:00:00,exclusive",
            "srun --pty --job-name=ptyjobs-t-1 --partition=gpu --gres=gpu:1 --time=1:00:00"
            " --exclusive",
        ),
    ],
)
def test_clients_that_take_an_argument_vector(text: str, client: str) -> None:
    words = client.split()
    spec = made(text)
    assert list(spec.argv[: len(words)]) == words
    token, folder, program = far(list(spec.argv[len(words) :]))
    assert (token, folder) == ("t-1", "")
    if text.startswith("kubectl"):
        assert program[:2] == ["env", "TERM=xterm-256color"]
        program = program[2:]
    assert program[-1] == COMMAND  # not /opt/bash, which is a path of this machine
    assert spec.target == text
    assert spec.quiet_floor >= 0.15


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ssh:gpu1", ["--", "gpu1"]),
        ("ssh:ada@gpu1.example.org", ["--", "ada@gpu1.example.org"]),
        ("ssh:gpu1:2222", ["-p", "2222", "--", "gpu1"]),
        ("ssh:ada@[::1]:22", ["-p", "22", "--", "ada@::1"]),
        ("ssh:[fe80::1]", ["--", "fe80::1"]),
    ],
)
def test_ssh_gets_one_quoted_line(text: str, place: list[str]) -> None:
    *client, line = made(text, cwd="/far away", env=["MINE"]).argv
    assert client[:2] == ["ssh", "-tt"]
    assert "ControlMaster=no" in client
    assert client[-len(place) :] == place
    token, folder, program = far(shlex.split(line))
    assert (token, folder) == ("t-1", "/far away")
    assert program[:3] == ["env", "LANG=C.UTF-8", "MINE=b c"]
    assert program[-1] == COMMAND


def test_the_environment_goes_by_name_where_the_client_can() -> None:
    spec = made("docker:web", env=["MINE", "ABSENT"])
    assert spec.argv[:8] == ("docker", "exec", "-it", "-e", "TERM", "-e", "MINE", "web")
    assert "b c" not in " ".join(spec.argv)  # a value would be visible in the process list
    assert spec.env == SPEC.env


def test_an_argument_vector_is_kept() -> None:
    spec = dataclasses.replace(SPEC, argv=("python3", "-i", "a b"))
    target = resolve("docker:c")
    assert target is not None
    assert target.apply(spec, token="t").argv[-3:] == ("python3", "-i", "a b")


def test_this_machine_and_the_sandbox() -> None:
    assert resolve("") is None
    assert resolve("local") is None
    for text, kind in [
        ("sandbox", "bwrap"),
        ("sandbox:bwrap", "bwrap"),
        ("sandbox:landlock", "landlock"),
    ]:
        spec = made(text)
        assert spec == dataclasses.replace(SPEC, sandbox=kind)


@pytest.mark.parametrize(
    "text",
    [
        "ssh",
        "ssh:",
        "ssh:-oProxyCommand=id",
        "ssh:-oProxyCommand=id@host",
        "ssh:host -oProxyCommand=id",
        "ssh:$(id)",
        "ssh:a b",
        "ssh:host:22222222",
        "ssh:host\n",
        "docker:",
        "docker:-privileged",
        "docker:a/b",
        "docker:a\n",
        "kubectl:-n",
        "kubectl:pod/-c",
        "kubectl:pod/a/b",
        "kubectl:Pod",
        "slurm:prolog=/tmp/x",
        "slurm:task-epilog=id",
        "slurm:output=/etc/x",
        "slurm:wrap=id",
        "slurm:mem=1 --prolog=x",
        "slurm:--prolog=x",
        "slurm:partition=$(id)",
        "sandbox:none",
        "lxc:a",
        "nope",
    ],
)
def test_what_a_caller_names_never_becomes_an_option(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(text)
    assert caught.value.advice


def test_unknown_targets_name_the_known_ones() -> None:
    with pytest.raises(BadInput, match="docker, gpu, kubectl, podman, sandbox, slurm, ssh"):
        resolve("x", tables={"gpu": {"argv": ["{command}"]}})


GPU = {
    "argv": ["ssh", "-tt", "-e", "none", "gpu1", "--", "{command}"],
    "quote": "shell",
    "quiet_floor": 0.4,
    "reap": ["ssh", "gpu1", "{command}"],
    "env": ["LANG"],
    "lost": "Broken pipe",
    "lost_codes": [255],
}


def test_a_table_is_a_target() -> None:
    tables: dict[str, dict[str, Any]] = {
        "gpu": GPU,
        "nomad": {"argv": ["nomad", "alloc", "exec", "-i", "-t", "{arg}", "{command}"]},
        "box": {"argv": ["box", "run={command}"], "quote": "shell", "launcher": False},
        "ssh": {"argv": ["myssh", "{command}"]},  # a table beats a built-in
    }
    check_tables(tables)
    gpu = resolve("gpu", tables=tables)
    assert gpu is not None
    spec = gpu.apply(SPEC, token="t")
    assert spec.argv[:6] == ("ssh", "-tt", "-e", "none", "gpu1", "--")
    assert far(shlex.split(spec.argv[6]))[2][:2] == ["env", "LANG=C.UTF-8"]
    assert (spec.target, spec.quiet_floor) == ("gpu", 0.4)
    assert gpu.reap_argv("t")[:2] == ("ssh", "gpu1")
    assert shlex.split(gpu.reap_argv("t")[2])[-1] == "t"
    nomad = resolve("nomad:4f2a", tables=tables)
    assert nomad is not None
    assert nomad.apply(SPEC, token="t").argv[:6] == ("nomad", "alloc", "exec", "-i", "-t", "4f2a")
    assert nomad.reap_argv("t") == ()
    box = resolve("box", tables=tables)
    assert box is not None
    name, line = box.apply(SPEC, token="t").argv
    assert (name, line[:7]) == ("box", "run=sh ")
    assert shlex.split(line)[-1] == COMMAND
    with pytest.raises(BadInput, match="working folder"):
        box.apply(SPEC, token="t", cwd="/far")
    own = resolve("ssh", tables=tables)
    assert own is not None
    assert own.argv[0] == "myssh"
    for wrong in ("nomad", "gpu:x", "nomad:-x", "nomad:a b"):
        with pytest.raises(BadInput):
            resolve(wrong, tables=tables)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"argv": []},
        {"argv": ["ssh", "host"]},
        {"argv": ["{command}", "{command}"]},
        {"argv": ["run={command}"]},  # quote = "argv" needs a word of its own
        {"argv": ["{command}", 1]},
        {"argv": "{command}"},
        {"argv": ["{command}"], "quote": "fish"},
        {"argv": ["{command}"], "quiet_floor": -1},
        {"argv": ["{command}"], "quiet_floor": True},
        {"argv": ["{command}"], "lost": "("},
        {"argv": ["{command}"], "lost_codes": [300]},
        {"argv": ["{command}"], "lost_codes": ["255"]},
        {"argv": ["{command}"], "launcher": "no"},
        {"argv": ["{command}"], "quietfloor": 1},
    ],
)
def test_a_broken_table_is_one_line_that_names_it(table: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match=r"\[targets\.gpu\]") as caught:
        check_tables({"gpu": table})
    assert "\n" not in str(caught.value)


SSH_CLOSED = "bye\r\nConnection to gpu1 closed.\r\n"


@pytest.mark.parametrize(
    ("text", "end", "last", "word"),
    [
        ("", Exit(code=255), "Connection refused", EXITED),
        ("sandbox", Exit(signal=9), "", EXITED),
        ("ssh:gpu1", Exit(code=0), SSH_CLOSED, EXITED),
        ("ssh:gpu1", Exit(code=7), SSH_CLOSED, EXITED),
        ("ssh:gpu1", Exit(code=255), SSH_CLOSED, EXITED),  # the command's own 255
        ("ssh:gpu1", Exit(code=1), "curl: Connection refused\n", EXITED),
        ("ssh:gpu1", Exit(code=255), ">>> ", LOST),
        ("ssh:gpu1", Exit(code=255), "client_loop: send disconnect: Broken pipe\r\n", LOST),
        ("ssh:gpu1", Exit(code=255), "Timeout, server gpu1 not responding.\r\n", LOST),
        (
            "ssh:gpu1",
            Exit(code=255),
            "Connection to gpu1 closed by remote host.\r\nConnection to gpu1 closed.\r\n",
            LOST,
        ),
        (
            "ssh:gpu1",
            Exit(code=255),
            "ssh: connect to host gpu1 port 22: Connection refused\r\n",
            NOT_CONNECTED,
        ),
        (
            "ssh:gpu1",
            Exit(code=255),
            "ssh: Could not resolve hostname gpu1: Name or service not known\r\n",
            NOT_CONNECTED,
        ),
        ("ssh:gpu1", Exit(code=255), "ada@gpu1: Permission denied (publickey).\r\n", NOT_CONNECTED),
        ("ssh:gpu1", Exit(signal=signal.SIGKILL), "", LOST),
        ("kubectl:p", Exit(code=0), "done\n", EXITED),
        ("kubectl:p", Exit(code=1), "tests failed: unexpected EOF in x.c\n", EXITED),
        ("kubectl:p", Exit(code=0), "error: unexpected EOF\n", LOST),
        (
            "kubectl:p",
            Exit(code=1),
            "error: error reading from error stream: websocket: close 1006 (abnormal)\n",
            LOST,
        ),
        (
            "kubectl:p",
            Exit(code=1),
            'Error from server (NotFound): pods "p" not found\n',
            NOT_CONNECTED,
        ),
        ("docker:c", Exit(code=1), "Error: No such container: c\n", NOT_CONNECTED),
        ("docker:c", Exit(code=1), "error during connect: i/o timeout\n", LOST),
        ("docker:c", Exit(code=137), "", EXITED),
        ("slurm", Exit(code=7), "srun: error: node1: task 0: Exited with exit code 7\n", EXITED),
        ("slurm", Exit(code=1), "srun: error: Unable to allocate resources: x\n", NOT_CONNECTED),
        (
            "slurm",
            Exit(code=143),
            "srun: Job step aborted: Waiting up to 32 seconds for job step to finish.\n"
            "slurmstepd-n1: error: *** STEP 2.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n"
            "srun: error: n1: task 0: Terminated\n",
            LOST,
        ),
        ("slurm", Exit(code=143), "srun: Force Terminated StepId=3.0\n", LOST),
    ],
)  # fmt: skip
def test_a_lost_connection_is_no_exit(text: str, end: Exit, last: str, word: str) -> None:
    assert classify(resolve(text), end, last) == word


def test_a_program_that_lives_on_makes_exit_0_a_lost_connection() -> None:
    target = resolve("kubectl:p")
    assert classify(target, Exit(code=0), "", leader_alive=True) == LOST
    assert reaped("noise\nreaped 3 leader 1\n") == (3, True)
    assert reaped("reaped 0 leader 0") == (0, False)
    assert reaped("sh: not found") is None


def test_only_the_last_lines_count() -> None:
    old = "error: unexpected EOF\n" + "fine\n" * 3
    assert classify(resolve("kubectl:p"), Exit(code=1), old) == EXITED


def test_a_token_cannot_be_anything() -> None:
    with pytest.raises(ValueError, match="token"):
        Target(name="x", argv=("{command}",)).apply(SPEC, token="a b")
