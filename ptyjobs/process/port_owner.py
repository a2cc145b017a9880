"""Owner of a port: the process of a listening socket, its directory and git worktree, its job.

Owns finding the owner of a socket in /proc. Never signals it, never queries a holder. The subtle
thing: a process that cleared its environment is still matched to its job, because its ancestors
lead to the holder.
"""

from __future__ import annotations

import os
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.process import ports, tree
from ptyjobs.process.regular import open_linked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_PATH = 4096  # bytes of a path, with "gitdir: " or "ref: " before it
DEPTH = 64  # ancestors that are examined
COMMAND = 200  # characters of a command line


@dataclass(frozen=True, slots=True)
class PortHolder:
    """One listening socket with its owner; unknown fields are empty."""

    protocol: str
    address: str  # "127.0.0.1:3000", "unix:/run/x"
    port: int = 0
    pid: int = 0
    command: str = ""
    user: str = ""
    directory: str = ""
    worktree: str = ""  # top directory of the git worktree that contains `directory`
    branch: str = ""
    job_id: str = ""
    session: int = 0  # pid of the server or command that started the job; 0: it has exited


def of_all(sockets: Iterable[ports.Socket], holders: Mapping[int, str]) -> list[PortHolder]:
    """The sockets with their owners, jobs first, then by port; `holders`: holder pid → job id."""
    sockets = list(sockets)
    inet = all(one.protocol != "unix" for one in sockets)
    owners = ports.holders_of(
        sockets, exclude=holders if inet else ()
    )  # a holder serves no network
    known: dict[int, PortHolder] = {}
    worktrees: dict[str, tuple[str, str]] = {}  # of directories: many processes share one
    found = []
    for one in sockets:
        pid = owners.get(one.inode, 0)
        if pid and pid not in known:
            known[pid] = _of_process(pid, holders, worktrees)
        fields = known.get(pid, PortHolder("", ""))
        address = str(one).removesuffix("/udp")
        found.append(
            PortHolder(
                one.protocol, address, one.port, pid, fields.command, fields.user,
                fields.directory, fields.worktree, fields.branch, fields.job_id, fields.session,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (not one.job_id, one.port, one.address))


def _of_process(
    pid: int, holders: Mapping[int, str], worktrees: dict[str, tuple[str, str]]
) -> PortHolder:
    directory = _link(f"/proc/{pid}/cwd")
    if directory not in worktrees:
        worktrees[directory] = git_worktree(directory) if directory else ("", "")
    worktree, branch = worktrees[directory]
    job_id, session = _job_of(pid, holders)
    return PortHolder(
        "", "", 0, pid, command_of(pid), _user_of(pid), directory, worktree, branch, job_id, session
    )


def command_of(pid: int) -> str:
    """The command line of a process, or its name."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has exited, or is another user's
        words = []
    line = b" ".join(word for word in words if word).decode("utf-8", "replace")
    if line:
        return line[:COMMAND]
    stat = tree.read_stat(pid)
    return stat.name if stat else ""


def _user_of(pid: int) -> str:
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    import pwd  # needed only for a table of ports

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _job_of(pid: int, holders: Mapping[int, str]) -> tuple[str, int]:
    """(job id, pid of the session's process) of the job that `pid` belongs to."""
    at = pid
    for _ in range(DEPTH):
        stat = tree.read_stat(at)
        if stat is None:
            return "", 0
        if at in holders:
            zygote = tree.read_stat(stat.ppid)
            return holders[at], zygote.ppid if zygote and zygote.ppid > 1 else 0
        if stat.ppid <= 1:
            return "", 0
        at = stat.ppid
    return "", 0


def git_worktree(directory: str) -> tuple[str, str]:
    """Top directory and branch of the git worktree that contains `directory`; ("", "") for none."""
    for folder in (Path(directory), *Path(directory).parents):
        entry = folder / ".git"
        try:
            if entry.is_file():  # a linked worktree: "gitdir: PATH"
                head = Path(folder, _start(entry).partition(":")[2].strip()) / "HEAD"
            elif entry.is_dir():
                head = entry / "HEAD"
            else:
                continue
            text = _start(head).strip()
        except (OSError, ValueError):  # none, unreadable, or a NUL byte in the path
            continue
        return str(folder), text.removeprefix("ref: refs/heads/")[:80]
    return "", ""


def _start(path: Path) -> str:
    """The first bytes of a file of a project, where a job may have put anything."""
    with open(path, "rb", opener=open_linked) as file:
        return file.read(MAX_PATH).decode("utf-8", "replace")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def words(holder: PortHolder) -> str:
    """The port's owner as a phrase for an answer."""
    where = f" in {holder.directory}" if holder.directory else ""
    if holder.branch and holder.worktree:
        where += f" (git worktree {holder.worktree}, {holder.branch})"
    if holder.job_id:
        return f"job {holder.job_id!r} ({holder.command[:60]}{where})"
    if holder.pid:
        by = f", user {holder.user}" if holder.user else ""
        return f"process {holder.pid} ({holder.command[:60]}{by}{where})"
    return "a process of another user"
