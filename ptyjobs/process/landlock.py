"""Run a program that may write only below given folders: `python landlock.py DIR... -- argv`.

Owns the Landlock rule set (landlock(7)), applied to this process right before it executes the
program. Never imports anything but the standard library, because the holder runs this *file* with
an isolated interpreter (`-I -S`): nothing from a job's environment or folder is loaded before the
rules are in force.

Contained: creating, writing, truncating, renaming, linking and removing outside the folders
(reading is allowed except for the terminals of others), TCP connections (ABI 4), signals and
abstract sockets to processes outside (ABI 6), ptrace and mounting, and root's capabilities that
reach other terminals. Not contained: changing mode, owner or times of files outside, UDP, and
asking a program outside to act through a unix socket with a path (session bus, docker).

The subtle thing: rules only add rights below a path, so "everything but /dev/pts" is expressed as a
rule for each entry of / but /dev, and of /dev but pts. A program that makes a pty of its own (tmux,
script) therefore does not work under it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence

MINIMUM_ABI = 3
"""Before it (Linux 6.2) truncating files outside could not be refused."""

# <linux/landlock.h>; the system call numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_PR_CAPBSET_DROP = 24
_TERMINAL_CAPABILITIES = (21, 26)  # CAP_SYS_ADMIN (TIOCSTI), CAP_SYS_TTY_CONFIG (vhangup)

_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 6, 1 << 7, 1 << 8, 1 << 9
_MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM, _REFER = 1 << 10, 1 << 11, 1 << 12, 1 << 13
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_NET_CONNECT_TCP = 1 << 1
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1 << 0, 1 << 1

_FOLDER = (
    _WRITE_FILE | _READ_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
    | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM | _REFER
)  # fmt: skip
_DEVICES = (
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
)  # fmt: skip

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_prctl = ctypes.CDLL(None, use_errno=True).prctl


def abi() -> int:
    """The Landlock version of this kernel; 0 if missing or disabled."""
    version: int = _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(version, 0)


def restrict(folders: Sequence[str]) -> None:
    """Apply the rules to this thread and its children; raises OSError if any is rejected."""
    version = abi()
    if version < MINIMUM_ABI:
        raise OSError(errno.ENOSYS, f"Landlock ABI {version}, {MINIMUM_ABI} is needed")
    device = _WRITE_FILE | _READ_FILE | _TRUNCATE | (_IOCTL_DEV if version >= 5 else 0)
    fields = [_FOLDER | _MAKE_CHAR | _MAKE_BLOCK | device]
    if version >= 4:
        fields.append(_NET_CONNECT_TCP)
    if version >= 6:
        fields.append(_SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for folder in folders:
            _allow(rules, folder, _FOLDER)
        for path in _readable():
            _allow(rules, path, _READ_FILE)
        for path in (*_DEVICES, *_own_terminals()):
            if os.path.exists(path):
                _allow(rules, path, device)
        for capability in _TERMINAL_CAPABILITIES:
            _prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EPERM: not root, has none
        if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
        _call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _readable() -> list[str]:
    """Paths that together contain everything but /dev/pts."""
    top = [f"/{name}" for name in os.listdir("/") if name != "dev"]
    devices = [f"/dev/{name}" for name in os.listdir("/dev") if name not in ("pts", "ptmx")]
    return [path for path in top + devices if os.path.exists(path) and not os.path.islink(path)]


def _own_terminals() -> set[str]:
    """The terminals that this process was started on."""
    return {os.ttyname(fd) for fd in (0, 1, 2) if os.isatty(fd)}


def _allow(rules: int, path: str, rights: int) -> None:
    target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        beneath = struct.pack("=Qi", rights, target)
        number = ctypes.c_int(_RULE_PATH_BENEATH)
        _call(_ADD_RULE, ctypes.c_int(rules), number, beneath, ctypes.c_uint32(0))
    finally:
        os.close(target)


def _call(number: int, *arguments: object) -> int:
    result: int = _syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock system call {number}: {os.strerror(code)}")
    return result


def main(words: Sequence[str]) -> int:
    """Apply the rules and exec; a return value of 126 or 127 means that the program never ran.

    Words before `--` are folders, or NAME=VALUE (no folder is relative) for the environment.
    """
    if "--" not in words or words[-1] == "--":
        sys.stderr.write("usage: landlock.py [NAME=VALUE]... DIR... -- argv...\n")
        return 126
    cut = words.index("--")
    program = words[cut + 1 :]
    environment = dict(os.environ)
    folders = []
    for word in words[:cut]:
        name, equals, value = word.partition("=")
        if not word.startswith("/") and equals:
            environment[name] = value
        else:
            folders.append(word)
    try:
        restrict(folders)
    except OSError as error:
        sys.stderr.write(f"sandbox landlock: {error}; the program was not started\n")
        return 126
    try:
        os.execvpe(program[0], list(program), environment)
    except FileNotFoundError:
        sys.stderr.write(f"{program[0]}: not found\n")
        return 127
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
