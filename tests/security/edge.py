"""Run a program on the edge of what a machine allows: another user, no /proc, few descriptors.

Run as `python tests/security/edge.py CONDITIONS... -- PROGRAM WORDS...`: applies the conditions to
itself, then executes the program with this interpreter. With root, it works in a mount namespace
of its own, where the interpreter, its packages and this repository are bound below /mnt, so that
an ordinary user reaches them wherever they are installed. Never changes anything outside.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOBODY = 65534
CLONE_NEWNS = 0x20000  # linux/sched.h
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

# System calls by which one process reads another (x86-64, generic 64-bit numbers).
FORBIDDEN = {
    "x86_64": {"ptrace": 101, "process_vm_readv": 310, "kcmp": 312, "pidfd_getfd": 438},
    "aarch64": {"ptrace": 117, "process_vm_readv": 270, "kcmp": 272, "pidfd_getfd": 438},
}


NEWER = (424, *range(434, 460))
"""pidfd_send_signal, then pidfd_open, clone3, close_range, openat2, pidfd_getfd, landlock, ...: the
numbers are the same everywhere."""


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, stdin=subprocess.DEVNULL)


def separate() -> None:
    """A mount namespace of its own with this interpreter below /mnt; needs root."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
    packages = [path for path in sys.path if path.endswith("-packages")]
    sources = {"base": sys.base_prefix, "repo": str(ROOT)}
    sources |= {f"site{number}": path for number, path in enumerate(packages)}
    for name, source in sources.items():
        os.mkdir(f"/mnt/{name}")
        mount("--bind", source, f"/mnt/{name}")
    os.mkdir("/mnt/home", 0o755)


def interpreter() -> str:
    """The interpreter to execute: below /mnt after `separate`."""
    if not os.path.ismount("/mnt/base"):
        return sys.executable
    sites = sorted(os.path.join("/mnt", name) for name in os.listdir("/mnt") if "site" in name)
    os.environ["PYTHONPATH"] = ":".join(["/mnt/repo", *sites])
    os.environ["LD_LIBRARY_PATH"] = "/mnt/base/lib"
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return f"/mnt/base/bin/{version}"


def hidepid() -> None:
    mount("-t", "proc", "-o", "hidepid=2", "proc", "/proc")


def no_proc() -> None:
    mount("-t", "tmpfs", "-o", "ro,mode=555", "tmpfs", "/proc")


def no_cgroups() -> None:
    mount("-t", "tmpfs", "-o", "ro,mode=555", "tmpfs", "/sys/fs/cgroup")


def read_only_home() -> None:
    mount("-t", "tmpfs", "-o", "ro,mode=555", "tmpfs", "/mnt/home")
    os.environ["HOME"] = "/mnt/home"


def no_shm() -> None:
    mount("-t", "tmpfs", "-o", "ro,mode=555", "tmpfs", "/dev/shm")


def stranger() -> None:
    """A user who has no entry in the password file, as in many containers."""
    _become(123456)


def ignored() -> None:
    """What a careless parent hands down: SIGCHLD ignored, most signals blocked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    blocked = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1)
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)


def sealed() -> None:
    """A `cat` that its user may execute and not read: the kernel lets nobody inspect it."""
    os.mkdir("/mnt/sealed", 0o755)
    shutil.copy("/bin/cat", "/mnt/sealed/cat")
    os.chmod("/mnt/sealed/cat", 0o711)
    os.environ["PATH"] = "/mnt/sealed:" + os.environ.get("PATH", os.defpath)


def user() -> None:
    _become(NOBODY)


def _become(uid: int) -> None:
    os.chown(os.getcwd(), uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def no_home() -> None:
    os.environ.pop("HOME", None)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]


def umask() -> None:
    os.umask(0o777)


def nofile() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))


def seccomp() -> None:
    """Let the calls of `FORBIDDEN` fail with EPERM, as a container's profile may."""
    _forbid(FORBIDDEN[platform.machine()].values())


def old_seccomp() -> None:
    """As a container's profile that is older than these calls, whose default is EPERM."""
    _forbid(NEWER)


def _forbid(numbers: Iterable[int]) -> None:
    # linux/filter.h: load the number; for each forbidden one, return ERRNO(EPERM); else ALLOW.
    code = struct.pack("HBBI", 0x20, 0, 0, 0)
    for number in numbers:
        code += struct.pack("HBBI", 0x15, 0, 1, number)
        code += struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 1)
    code += struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    kept = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


CONDITIONS: dict[str, Callable[[], None]] = {
    "hidepid": hidepid,
    "no-proc": no_proc,
    "no-cgroups": no_cgroups,
    "read-only-home": read_only_home,
    "no-shm": no_shm,
    "sealed": sealed,
    "user": user,
    "stranger": stranger,
    "no-home": no_home,
    "ignored": ignored,
    "seccomp": seccomp,
    "old-seccomp": old_seccomp,
    "umask": umask,
    "nofile": nofile,
}
"""In the order in which they are applied: mounts need root, the limits apply to the program."""
NEED_ROOT = {
    *("hidepid", "no-proc", "no-cgroups", "read-only-home", "no-shm", "sealed", "user", "stranger")
}


def main(words: list[str]) -> None:
    middle = words.index("--")
    wanted, program = words[:middle], words[middle + 1 :]
    if os.geteuid() == 0:
        separate()
    python = interpreter()
    for name, apply in CONDITIONS.items():
        if name in wanted:
            apply()
    os.execv(python, [python, *program])


if __name__ == "__main__":
    main(sys.argv[1:])
