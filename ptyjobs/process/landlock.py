"""Run a program that may write only below given folders: `python landlock.py DIR... -- argv`.

Owns the Landlock rule set (landlock(7)), applied to this process right before it executes the
program. Never imports anything but the standard library, because the holder runs this *file* with
an isolated interpreter (`-I -S`): nothing from a job's environment or folder is loaded before the
rules are in force.

Contained: creating, writing, truncating, renaming, linking and removing outside the folders
(reading is allowed except for the terminals of others), TCP connections (ABI 4), signals and
abstract sockets to processes outside (ABI 6), ptrace and mounting, and root's capabilities except
those for files, users, signals and low ports. Not contained: changing mode, owner or times of files
outside, UDP, and asking a program outside to act through a unix socket with a path (session bus,
docker).

The subtle things: rules only add rights below a path, so "everything but /dev/pts" is expressed as
a rule for each entry of / but /dev, and of /dev but pts. A program that makes a pty of its own
(tmux, script) therefore does not work under it. And Landlock checks connect(2) of plain TCP only,
so a seccomp filter refuses the other ways to a TCP server: MPTCP, SMC, data in the first packet
(MSG_FASTOPEN), and io_uring, which no filter can look into.
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
_KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 10))
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE (linux/capability.h):
root works on files of any owner. The others administer the machine: clock, devices, terminals."""
_LAST_CAPABILITY = 63

# seccomp(2): `_socket_filter`. Numbers of socket, sendto, sendmsg, sendmmsg, io_uring_setup.
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_MACHINES = {
    "x86_64": (0xC000003E, (41, 44, 46, 307, 425)),  # AUDIT_ARCH_X86_64
    "aarch64": (0xC00000B7, (198, 206, 211, 269, 425)),
}
_COMPATIBLE = {  # the same calls of 32-bit programs, and socketcall, which hides its arguments
    "x86_64": (102, 345, 359, 369, 370, 425),
    "aarch64": (281, 290, 296, 374, 425),
}
_X32 = 0x40000000  # and above: calls of the x32 ABI
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_PROTOCOLS = (0, 1, 6, 17, 58)  # any, ICMP, TCP, UDP, ICMPv6
_MSG_FASTOPEN = 0x20000000

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
        for capability in range(_LAST_CAPABILITY + 1):
            if capability not in _KEPT_CAPABILITIES:  # EPERM: not root; EINVAL: there is none
                _prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
        _call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
        if version >= 4:
            _filter_sockets(os.uname().machine)
    finally:
        os.close(rules)


Instruction = tuple[int, int, int, int]  # linux/filter.h: code, jump if true, if false, operand


def _filter_sockets(machine: str) -> None:
    """Refuse the ways to a TCP server that Landlock does not check; OSError if that fails."""
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter of sockets for {machine}")
    code = b"".join(struct.pack("=HBBI", *line) for line in _socket_filter(machine))
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    if _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def _socket_filter(machine: str) -> list[Instruction]:
    arch, (socket, sendto, sendmsg, sendmmsg, io_uring_setup) = _MACHINES[machine]
    allow = [(0x06, 0, 0, 0x7FFF0000)]

    def refuse(error: int) -> list[Instruction]:
        return [(0x06, 0, 0, 0x00050000 | error)]

    def load(offset: int) -> list[Instruction]:  # of struct seccomp_data
        return [(0x20, 0, 0, offset)]

    def argument(number: int) -> list[Instruction]:  # its low half: the kernel takes an int
        return load(16 + 8 * number)

    def equal(value: int, then: list[Instruction]) -> list[Instruction]:
        return [(0x15, 0, len(then), value), *then]

    def flags(number: int) -> list[Instruction]:
        fast = [(0x45, 0, 1, _MSG_FASTOPEN), *refuse(errno.EOPNOTSUPP)]
        return [*argument(number), *fast, *allow]

    protocols = [line for one in _PROTOCOLS for line in equal(one, allow)]
    protocol = [*argument(2), *protocols, *refuse(errno.EPROTONOSUPPORT)]
    family = [*argument(0), *equal(_UNIX, allow), *equal(_NETLINK, allow)]
    family += [*equal(_INET, protocol), *equal(_INET6, protocol), *refuse(errno.EAFNOSUPPORT)]
    native = [*load(0), (0x35, 0, 1, _X32), *refuse(errno.EPERM)]
    native += [*equal(socket, family), *equal(sendto, flags(3)), *equal(sendmsg, flags(2))]
    native += [*equal(sendmmsg, flags(3)), *equal(io_uring_setup, refuse(errno.ENOSYS)), *allow]
    other = [line for one in _COMPATIBLE[machine] for line in equal(one, refuse(errno.EPERM))]
    return [*load(4), *equal(arch, native), *load(0), *other, *allow]


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
