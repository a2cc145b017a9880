"""The sandbox of a job: the command that is started in its place, so that it runs contained.

Owns turning a JobSpec whose `sandbox` is "bwrap" or "landlock" into the spec that is executed, and
the check of which of them this machine supports. Never weakens: a requested sandbox that is not
available is Refused. The rules of Landlock themselves are in `landlock.py`.

bwrap     everything read-only but the working folder; its own /tmp, /run, /dev, process ids and
          IPC; no capability; dies with its holder. The network is shared, or only a loopback
          interface. A death by a signal is reported as bwrap does, as code 128 + signal.
landlock  see `landlock.py`; processes, /tmp and reading are shared. The working folder and, if
          given, a private folder named by TMPDIR can be written.

The subtle thing is the code that runs *before* the sandbox is in force. The dynamic loader obeys
LD_PRELOAD in bwrap itself, and the job's folder may hold files of any name; so loader variables are
removed from the environment and set again inside, and no file of the job's folder is ever executed
outside.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ptyjobs.errors import Refused
from ptyjobs.model import JobSpec
from ptyjobs.process import landlock

KINDS = ("none", "bwrap", "landlock")
HOLDER_NAME = "ptyjobs-confine"
"""Process name (at most 15 bytes) of a holder whose job is in a sandbox."""

_PR_SET_NAME = 15  # linux/prctl.h
_LOADER_VARIABLE = re.compile(r"LD_\w+|GCONV_PATH|LOCPATH|GLIBC_TUNABLES")
_SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/run", "/etc", "/usr", "/bin", "/sbin", "/lib")
_REPLACED = ("/tmp", "/run", "/dev", "/proc")
"""Of which a job in bwrap has its own."""
_BWRAP = (
    "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL",
    "--ro-bind", "/", "/",
    "--dev", "/dev",
    # Root without capabilities may still write /proc/sys, so /proc is made read-only as well.
    "--proc", "/proc", "--remount-ro", "/proc",
    "--tmpfs", "/tmp", "--tmpfs", "/run",
)  # fmt: skip


# bwrap is in the terminal's foreground group and in the tree that is killed: it must leave Ctrl-C
# and SIGTERM to the program, or it takes the whole job down at once.
_POLITE = "INT,QUIT,TERM,HUP"


def wrap(spec: JobSpec, *, scratch: str = "", hidden: Sequence[str] = ()) -> JobSpec:
    """The spec to execute for `spec`: itself for "none", else with another argv and env.

    `scratch`: an absolute folder made for this job, writable as TMPDIR (landlock; bwrap has its own
    /tmp). `hidden`: folders that hold ptyjobs' own state, which the job must not touch. Raises
    Refused if the sandbox is not available here or could not contain this working folder.
    """
    if spec.sandbox == "none":
        return spec
    if spec.sandbox not in KINDS:
        raise Refused(
            f"There is no sandbox {spec.sandbox!r}.", advice=f"One of {', '.join(KINDS)}."
        )
    facts = available()[spec.sandbox]
    if not facts["available"]:
        raise Refused(
            f"The sandbox {spec.sandbox} is not available here: {facts['why']}.",
            advice="Install or enable it, or ask for another sandbox.",
        )
    folder = _working_folder(spec.writable or spec.cwd)
    for path in hidden:
        for inside in (folder, os.path.realpath(spec.cwd)):
            if _inside(inside, os.path.realpath(path)):
                raise Refused(
                    f"The working folder {inside} is inside {path}, which jobs may not change."
                )
    if spec.sandbox == "bwrap":
        return _in_bwrap(spec, folder, hidden)
    return _in_landlock(spec, folder, scratch, hidden)


def _read_only(spec: JobSpec, folder: str) -> list[str]:
    """Absolute paths that the job may only read; paths outside `folder` are read-only anyway.

    Refused if one is reached by a symbolic link in `folder`, which the job could replace.
    """
    paths = []
    for word in spec.read_only:
        named = os.path.normpath(os.path.join(folder, word))
        path = os.path.realpath(named)
        steps = [named, *map(str, Path(named).parents)]
        link = next(
            (s for s in steps if s != folder and _inside(s, folder) and os.path.islink(s)), ""
        )
        if link:
            raise Refused(
                f"sandbox_read_only: {link} is a symbolic link, which the job could replace.",
                advice="Name the directory that it leads to.",
            )
        if _inside(path, folder) and os.path.exists(path):
            paths.append(path)
    return paths


def _pinned(paths: Sequence[str], folder: str) -> list[str]:
    """The directories between `folder` and `paths`: as mounts, they cannot be renamed or removed.

    Otherwise a job could rename the parent of a protected path and make another one in its place.
    """
    between = {
        str(parent)
        for path in paths
        if _inside(path, folder)
        for parent in Path(path).parents
        if _inside(str(parent), folder) and str(parent) != folder
    }
    return sorted(between, key=len)


@functools.cache
def available() -> dict[str, dict[str, Any]]:
    """For each sandbox: its availability, the reason if not, and its coverage and gaps.

    Asks the kernel and starts `bwrap` once (about 30 ms); the result is cached for this process.
    """
    abi = landlock.abi() if sys.platform == "linux" else 0
    enough = abi >= landlock.MINIMUM_ABI
    contains = ["writes outside the working folder", "ptrace", "mounting"]
    contains += ["TCP connections"] * (abi >= 4) + ["signals to other processes"] * (abi >= 6)
    why = _bwrap_fails()
    return {
        "none": {"available": True, "why": "", "contains": [], "leaves": []},
        "bwrap": {
            "available": not why,
            "why": why,
            "contains": [
                "writes outside the working folder and /tmp",
                "seeing or signalling other processes",
                "capabilities",
                "sockets in /tmp and /run",
            ],
            "leaves": ["reading", "network"],
        },
        "landlock": {
            "available": enough,
            "why": "" if enough else f"Landlock ABI {abi}, {landlock.MINIMUM_ABI} is needed",
            "abi": abi,
            "contains": contains if enough else [],
            "leaves": ["reading", "file modes and times", "UDP", "unix sockets with a path"],
            "breaks": [
                "programs that make a pty of their own (tmux, script)",
                "sockets of 32-bit programs",
            ],
        },
    }


def peer_is_sandboxed(pid: int) -> bool:
    """True if `pid` runs under no_new_privs and this process does not, or below such a job.

    Landlock leaves unix sockets with a path reachable, so every socket of ours checks each peer
    that connects (SO_PEERCRED): a sandboxed job must not type into others. An exited process counts
    as sandboxed. The flag is inherited and can never be cleared (prctl(2)); if we have it
    ourselves, it proves nothing, and the peer's ancestors are searched for a sandbox holder.
    """
    try:
        if not _no_new_privs(pid):
            return False
        return not _no_new_privs(os.getpid()) or _below_a_sandbox(pid)
    except OSError:  # it ended after connecting
        return True


def mark_holder() -> None:
    """Mark this process as the holder of a sandboxed job, for `peer_is_sandboxed`."""
    if sys.platform == "linux":
        # Not by /proc/self/comm: a process that is not dumpable may not write it (`own_env`).
        ctypes.CDLL(None).prctl(_PR_SET_NAME, HOLDER_NAME.encode(), 0, 0, 0)


def _below_a_sandbox(pid: int) -> bool:
    """True if an ancestor of `pid` holds a sandboxed job; a job never outlives its holder."""
    while pid > 1:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        if name.partition("(")[2] == HOLDER_NAME:
            return True
        pid = int(rest.split()[1])
    return False


def _no_new_privs(pid: int) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return any(line.split() == ["NoNewPrivs:", "1"] for line in status)


def _tool(name: str) -> str | None:
    """The absolute path of a tool: the PATH at the job's start is the job's own."""
    return shutil.which(name, path="/usr/bin:/bin:/usr/local/bin")


def _bwrap_fails() -> str:
    """The reason why bwrap does not work here, as a phrase; "" if it does."""
    if _tool("bwrap") is None or _tool("env") is None:
        return "bwrap is not installed (package bubblewrap)"
    try:
        done = subprocess.run(
            _bwrap([], ["true"]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap does not start ({error})"
    # An env(1) older than coreutils 8.31, or another one, lacks --ignore-signal and fails.
    said = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
    return "" if done.returncode == 0 else f"bwrap fails ({said})"


def _bwrap(options: Sequence[str], argv: Sequence[str]) -> list[str]:
    env, bwrap = _tool("env") or "/usr/bin/env", _tool("bwrap") or "/usr/bin/bwrap"
    leave, restore = f"--ignore-signal={_POLITE}", f"--default-signal={_POLITE}"
    return [env, leave, bwrap, *_BWRAP, *options, "--", env, restore, *argv]


def _working_folder(cwd: str) -> str:
    """The real path of the writable folder; Refused for system folders."""
    folder = os.path.realpath(cwd)
    if not os.path.isdir(folder):
        raise Refused(f"The working folder {cwd} does not exist.")
    own = [os.path.realpath(path) for path in _SYSTEM_FOLDERS]
    if folder == "/" or any(_inside(folder, path) for path in own):
        raise Refused(
            f"A sandbox whose writable folder is {cwd} confines nothing.",
            advice="Choose a project folder as cwd.",
        )
    return folder


def _inside(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)


def _own_folders(folder: str) -> list[str]:
    """The folders inside `folder` that ptyjobs itself runs from."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    own = {package, os.path.realpath(sys.prefix)}
    return sorted(path for path in own if _inside(path, folder))


def _in_bwrap(spec: JobSpec, folder: str, hidden: Sequence[str]) -> JobSpec:
    if "=" in spec.argv[0]:
        raise Refused(f"A sandboxed program may not be called {spec.argv[0]!r} (env(1) sets it).")
    directory = os.path.realpath(spec.cwd)
    if not _inside(directory, folder) and any(_inside(directory, hides) for hides in _REPLACED):
        raise Refused(
            f"The sandbox bwrap hides the directory {spec.cwd}.",
            advice=f"Leave cwd out, or use {folder} or a directory below it.",
        )
    options = []
    for path in _name_service():
        options += ["--ro-bind", path, path]
    options += ["--bind", folder, folder]
    fixed = [*_own_folders(folder), *_read_only(spec, folder)]
    covered = [path for path in map(os.path.realpath, hidden) if os.path.isdir(path)]
    for path in _pinned([*fixed, *covered], folder):
        options += ["--bind", path, path]
    for path in fixed:
        options += ["--ro-bind", path, path]
    if spec.network == "none":
        options.append("--unshare-net")
    for path in covered:
        options += ["--tmpfs", path]
    env, loader = _without_loader_variables(spec.env)
    for name, value in loader.items():
        options += ["--setenv", name, value]
    options += ["--chdir", spec.cwd]
    return dataclasses.replace(spec, argv=tuple(_bwrap(options, spec.argv)), env=env)


def _name_service() -> list[str]:
    """Folders below /run that name look-ups need (resolv.conf is often a link into it)."""
    target = os.path.realpath("/etc/resolv.conf")
    return [os.path.dirname(target)] if _inside(target, "/run") and os.path.exists(target) else []


def _in_landlock(spec: JobSpec, folder: str, scratch: str, hidden: Sequence[str]) -> JobSpec:
    for path in [*map(os.path.realpath, hidden), *_own_folders(folder)]:
        if _inside(path, folder):
            raise Refused(
                f"The writable folder {folder} holds {path}, which landlock cannot exclude.",
                advice="Choose a folder below it, or sandbox=bwrap.",
            )
    for name, wanted in (
        ("sandbox_network=none", spec.network == "none"),
        ("sandbox_read_only", bool(_read_only(spec, folder))),
    ):
        if wanted:
            raise Refused(
                f"The sandbox landlock cannot do {name}.", advice="Use the sandbox bwrap."
            )
    env, loader = _without_loader_variables(spec.env)
    words = [f"{name}={value}" for name, value in loader.items()]
    words.append(folder)
    if scratch:
        words.append(os.path.realpath(scratch))
        env["TMPDIR"] = scratch
    shim = [os.path.realpath(sys.executable), "-I", "-S", os.path.realpath(landlock.__file__)]
    return dataclasses.replace(spec, argv=(*shim, *words, "--", *spec.argv), env=env)


def _without_loader_variables(env: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(`env` without the variables that the dynamic loader obeys, those variables)."""
    loader = {name: value for name, value in env.items() if _LOADER_VARIABLE.fullmatch(name)}
    return {name: value for name, value in env.items() if name not in loader}, loader
