"""`doctor`: check what ptyjobs can observe, contain and start on this machine, with advice.

Owns the checks; each one tests one thing and reports it in one line. Never starts anything but
short-lived children that probe the kernel and the sandboxes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from ptyjobs import __version__
from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.cli.advice import HINTS
from ptyjobs.config import Config, umask
from ptyjobs.errors import PtyJobsError
from ptyjobs.json_values import to_json
from ptyjobs.model import Tier

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

DESCRIPTORS_A_JOB = 12  # in a server and a holder, with a margin


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: the subject, its state, and advice if it can be improved."""

    name: str
    value: str
    advice: str = ""
    ok: bool = True


def register(add: Add) -> None:
    add("doctor", doctor)


def doctor(args: argparse.Namespace, settings: Config) -> int:
    """Check this machine and every client, with advice; exits with 1 if something is wrong."""
    findings = [finding for check in CHECKS for finding in check(settings)]
    if args.json:
        print(json.dumps(to_json(findings)))
    else:
        for finding in findings:
            print(f"{finding.name:15} {finding.value}")
            if finding.advice:
                print(f"{'':15} {'! ' if not finding.ok else ''}{finding.advice}")
    return 0 if all(finding.ok for finding in findings) else 1


def _versions(_settings: Config) -> list[Finding]:
    from importlib import metadata

    def version(name: str) -> str:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:  # an extra that is not installed
            return f"{name} missing"

    words = ", ".join(version(name) for name in ("mcp", "pyte", "ptyprocess", "pillow"))
    here = f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    missing = "pillow missing" in words
    advice = "PNG pictures need an extra: pip install 'ptyjobs[image]'." if missing else ""
    return [Finding("ptyjobs", here), Finding("with", words, advice)]


def _readiness(_settings: Config) -> list[Finding]:
    from ptyjobs.client import host_facts

    tier = host_facts.self_test()
    words = {
        Tier.FULL: "full: the kernel tells when a program waits for input",
        Tier.NO_SYSCALL: "no-syscall: state and wait channel, but not the system call",
        Tier.EVIDENCE: "evidence: prompts and silence decide, never certain",
    }
    yama = _first_line("/proc/sys/kernel/yama/ptrace_scope") or "absent"
    advice = ""
    if tier is Tier.NO_SYSCALL and yama not in ("absent", "0", "1"):
        advice = f"Yama forbids it: sysctl kernel.yama.ptrace_scope=1 (now {yama})."
    elif tier is not Tier.FULL:
        advice = "/proc/PID/syscall cannot be read here (a container profile, or another system)."
    return [
        Finding("readiness", words[tier], advice, tier is Tier.FULL),
        _proc(f"yama ptrace_scope {yama}"),
    ]


def _proc(yama: str) -> Finding:
    """Limits that follow from how /proc is mounted."""
    from ptyjobs.client import host_facts

    if not os.path.isdir("/proc/self"):
        advice = (
            "Ports, programs and what a killed holder leaves cannot be found; kill is complete."
        )
        return Finding("/proc", f"absent, {yama}", advice, ok=False)
    if host_facts.proc_is_hidden():
        advice = "Jobs of this user can read the server's memory: mount /proc without hidepid."
        return Finding("/proc", f"mounted with hidepid, {yama}", advice)
    return Finding("/proc", f"mounted, {yama}")


def _starting(_settings: Config) -> list[Finding]:
    """Nothing if jobs can be started; a server cannot without pidfds."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        advice = "Use Linux 5.3 or later, or a seccomp profile that allows pidfd_open."
        return [Finding("starting jobs", f"not possible: {error.strerror}", advice, ok=False)]
    return []


def _containment(_settings: Config) -> list[Finding]:
    from ptyjobs.client import host_facts

    found = [
        Finding("containment", "cgroup: even kill -9 of all of ptyjobs loses no daemon")
        if host_facts.cgroup_base() is not None
        else Finding("containment", "subreaper: kill reaches daemons too")
        if host_facts.SUBREAPER
        else Finding("containment", "process tree", "Detached daemons may outlive kill.")
    ]
    for name, facts in host_facts.sandboxes().items():
        if name != "none":
            words = f"{name}: " + ("available" if facts["available"] else "not available")
            found.append(Finding("sandbox", words, str(facts["why"])))
    return found


def _limits(settings: Config) -> list[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = settings.max_jobs * DESCRIPTORS_A_JOB
    few = soft != resource.RLIM_INFINITY and soft < need
    advice = f"{need} would be safe for max_jobs={settings.max_jobs}: ulimit -n {need}"
    found = [Finding("descriptors", f"{soft} of {hard}", advice if few else "", not few)]
    most, used = (_first_line(f"/proc/sys/kernel/pty/{name}") for name in ("max", "nr"))
    if most and used:
        full = int(most) - int(used) < settings.max_jobs
        advice = "Raise it: sysctl kernel.pty.max" if full else ""
        found.append(Finding("terminals", f"{used} of {most} in use", advice, not full))
    if words := umask.words():
        found.append(Finding("umask", words, ok=False))
    encoding = sys.stdout.encoding or "unknown"
    utf8 = encoding.lower().replace("-", "") == "utf8"
    advice = "" if utf8 else "Set LANG=C.UTF-8 for this command line; jobs are not affected."
    found.append(Finding("locale", encoding, advice))
    return found


def _state(settings: Config) -> list[Finding]:
    from ptyjobs.client.files import private_directory
    from ptyjobs.client.registry import Registry

    try:
        private_directory(Path(settings.state_dir))
    except PtyJobsError as error:
        return [Finding("state", str(settings.state_dir), error.worded(HINTS), ok=False)]
    except OSError as error:
        advice = f"{error.strerror}: set PTYJOBS_STATE_DIR to a directory of yours."
        return [Finding("state", str(settings.state_dir), advice, ok=False)]
    disk = os.statvfs(settings.state_dir)
    free = disk.f_bavail * disk.f_frsize
    little = free < settings.log_limit
    advice = f"Only {free >> 20} MiB are free there; jobs lose output." if little else ""
    registry = Registry(settings.state_dir)
    words = f"{registry.running()} running, {len(registry.all())} in all"
    return [
        Finding("state", f"{settings.state_dir} (ours alone)", advice, not little),
        Finding("jobs", f"{words}, at most {settings.max_jobs} at once"),
    ]


def _clients(_settings: Config) -> list[Finding]:
    from ptyjobs.cli.commands.setup import here, server_of
    from ptyjobs.setup.work import State, standings

    advice = {
        State.ABSENT: "ptyjobs setup {client}",
        State.OTHER: "To use this one: ptyjobs setup {client}",
        State.TAKEN: "ptyjobs setup {client} --name NAME",
        State.BROKEN: "Correct {path}.",
        State.MISSING: "ptyjobs setup {client}",
    }
    findings = []
    for one in standings(world=here(), server=server_of(None)):
        words = f"{one.state}{f' ({one.words})' if one.words else ''}"
        what = advice.get(one.state, "").format(client=one.client, path=one.path)
        ok = one.state not in (State.BROKEN, State.MISSING)
        findings.append(Finding(one.client, words, what, ok))
    return findings


CHECKS: tuple[Callable[[Config], list[Finding]], ...] = (
    _versions, _starting, _readiness, _containment, _limits, _state, _clients,
)  # fmt: skip


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().split("\n")[0].strip()
    except OSError:  # another system, or hidden
        return ""
