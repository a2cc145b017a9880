"""The `Target` type: turns a job's argument vector into a client's, and interprets its exit.

Owns `Target`, the launcher and the reaping script that run on the remote side, and `classify`.
Pure; see the package's docstring for the reasons.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ptyjobs.errors import BadInput
from ptyjobs.model import Exit, JobSpec

LOST = "connection lost"
NOT_CONNECTED = "not connected"
EXITED = "exited"

# $1 the token, $2 the remote working directory or "", then the program.
_LAUNCH = (
    'export PTYJOBS_TOKEN="$1" PTYJOBS_LEADER=$$; [ -z "$2" ] || cd -- "$2" || exit 126; '
    'shift 2; exec "$@"'
)
# bash where available, as here: dash exits with 130 after a program that handled Ctrl-C.
_SHELL = 'command -v bash >/dev/null 2>&1 && exec bash -c "$1"; exec sh -c "$1"'
# Kills every process that inherited the token: SIGTERM, then SIGKILL after a second. It reads /proc
# instead of a pid file: there is nothing to clean up and no pid that could have been reused.
_REAP = (
    'each() { for d in /proc/[0-9]*; do [ -r "$d/environ" ] || continue; '
    "e=$(tr '\\000' '\\n' <\"$d/environ\" 2>/dev/null) || continue; "
    'case "\n$e\n" in *"\nPTYJOBS_TOKEN=$t\n"*) p=${d#/proc/}; '
    'case "\n$e\n" in *"\nPTYJOBS_LEADER=$p\n"*) l=1;; esac; '
    '[ "$p" = $$ ] || { n=$((n+1)); kill "-$1" "$p" 2>/dev/null; };; esac; done; }; '
    "t=$1; n=0; l=0; each HUP; f=$n; a=$l; each TERM; each CONT; "
    'n=0; each 0; [ "$n" = 0 ] || { sleep 1; each KILL; each KILL; }; '
    'echo "reaped $f leader $a"'
)
_REAPED = re.compile(r"reaped (\d+) leader ([01])")


@dataclass(frozen=True, slots=True)
class Target:
    """A place to run jobs, as a template of argument words.

    In `argv` the placeholder {command} is the command to run there: with quote="shell" one quoted
    line inside a word, with quote="argv" a word of its own that expands to several. {env} expands
    to `env_flag NAME` for each forwarded variable; without it they are set by env(1) on the remote
    side, where the process list shows their values. {token} marks this run. `reap` has the same
    placeholders, {command} being the reaping script.
    """

    name: str
    argv: tuple[str, ...]
    quote: str = "argv"
    quiet_floor: float = 0.0  # seconds without output that are no evidence yet
    reap: tuple[str, ...] = ()
    env: tuple[str, ...] = ()  # names forwarded from the job's environment
    env_flag: str = ""
    launcher: bool = True  # start through sh on the remote side (mark, directory, environment)
    lost: re.Pattern[str] | None = None  # in the last text: the connection ended, not the program
    refused: re.Pattern[str] | None = None  # in the last text: the connection was never established
    closing: re.Pattern[str] | None = None  # in the last text: the client saw the program exit
    lost_codes: tuple[
        int, ...
    ] = ()  # only these may be the client's own, if it did not print `closing`
    sandbox: str = ""  # kind of sandbox, for a target on this machine

    def apply(
        self,
        spec: JobSpec,
        *,
        token: str,
        cwd: str = "",
        env: Sequence[str] = (),
    ) -> JobSpec:
        """`spec` rewritten to start the client here, which runs the command there.

        `token` is unique to this run (letters, digits, `-`). `cwd` is a remote directory.
        `env` names further variables of `spec.env` to forward, e.g. those set by the caller.
        """
        if self.sandbox:
            return dataclasses.replace(spec, sandbox=self.sandbox)
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", token):
            raise ValueError(f"unusable token {token!r}")
        names = [name for name in dict.fromkeys([*self.env, *env]) if name in spec.env]
        by_flag = names if self.env_flag else []
        by_env = [] if self.env_flag else [f"{name}={spec.env[name]}" for name in names]
        program = _far_argv(spec)
        if by_env:
            program = ("env", *by_env, *program)
        if self.launcher:
            program = ("sh", "-c", _LAUNCH, "ptyjobs", token, cwd, *program)
        elif cwd:
            raise BadInput(f"The target {self.name} cannot choose a working folder.")
        argv = self._filled(self.argv, program, token=token, by_flag=by_flag)
        return dataclasses.replace(
            spec,
            argv=argv,
            target=self.name,
            quiet_floor=max(spec.quiet_floor, self.quiet_floor),
        )

    def reap_argv(self, token: str) -> tuple[str, ...]:
        """The command that kills remote leftovers; () if ending the client is enough.

        Run it without a terminal, with a timeout, after the client has ended in any way.
        """
        program = ("sh", "-c", _REAP, "ptyjobs", token)
        return self._filled(self.reap, program, token=token, by_flag=())

    def _filled(
        self, template: Iterable[str], program: Sequence[str], *, token: str, by_flag: Sequence[str]
    ) -> tuple[str, ...]:
        words: list[str] = []
        for word in template:
            if word == "{env}":
                for name in by_flag:
                    words += [self.env_flag, name]
            elif word == "{command}" and self.quote == "argv":
                words += program
            else:
                line = shlex.join(program)
                words.append(word.replace("{token}", token).replace("{command}", line))
        return tuple(words)


def reaped(output: str) -> tuple[int, bool] | None:
    """Parse a reap's output: (processes killed, True if the program itself was among them)."""
    found = _REAPED.search(output)
    return (int(found[1]), found[2] == "1") if found else None


def classify(
    target: Target | None, end: Exit, last_text: str, *, leader_alive: bool = False
) -> str:
    """Classify the end of the local client: "exited", "connection lost" or "not connected".

    `last_text` is the end of the output; its last three lines count, because the client prints
    last. `leader_alive` is the result of `reaped`. A client killed by a signal is no evidence about
    the remote program, so that is a lost connection.
    """
    if target is None or target.sandbox:
        return EXITED
    if leader_alive or end.signal is not None:
        return LOST
    if target.lost_codes and end.code not in target.lost_codes:
        return EXITED
    lines = [line.strip() for line in last_text.splitlines() if line.strip()]
    said = "\n".join(lines[-3:])
    lost = target.lost is not None and target.lost.search(said) is not None
    refused = target.refused is not None and target.refused.search(said) is not None
    if target.lost_codes:
        if target.closing is not None and target.closing.search(said) and not lost:
            return EXITED
        return NOT_CONNECTED if refused else LOST
    if lost:
        return LOST
    return NOT_CONNECTED if refused and end.code != 0 else EXITED


def _far_argv(spec: JobSpec) -> tuple[str, ...]:
    """The remote argument vector: our shell's path is meaningless on another machine."""
    if len(spec.argv) == 3 and spec.argv[1:] == ("-c", spec.command):
        return ("sh", "-c", _SHELL, "ptyjobs", spec.command)
    return spec.argv
