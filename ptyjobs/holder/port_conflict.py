"""Notes on a port that a job wants and another process holds.

Owns the rule that recognizes an "address in use" failure and names the process that holds the port.
Never guesses that process: the kernel names it, and a port counts only if a process outside of the
job listens on it. The subtle thing: the job itself shows which port it wants, by its leased or
given port, the port in its `ready`, or a number in its command line or output, where the output
reports an address in use (the C library's message for EADDRINUSE, its symbol, or "in use").
"""

from __future__ import annotations

import errno
import os
import re

from ptyjobs.config.ready_syntax import parse, with_port
from ptyjobs.holder.job import Job
from ptyjobs.model import Answer
from ptyjobs.process import port_owner, ports, tree
from ptyjobs.store.holders import living

IN_USE = re.compile(
    rf"EADDRINUSE|{re.escape(os.strerror(errno.EADDRINUSE))}|\b(?:in|being) use[d]?\b|already used",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?<![\d.])[1-9]\d{1,4}(?![\d.]*\d)")
SEARCHED = 8000  # characters searched at the end of an answer
NAMED = 3  # maximum number of ports named


def notes(job: Job, answer: Answer) -> tuple[str, ...]:
    """For each port that the job wants and another process holds: its owner and a remedy."""
    text = answer.fresh.text[-SEARCHED:]
    failed = job.state.ended and job.exit is not None and job.exit.code != 0
    said = IN_USE.search(text) is not None
    if not said and not (failed and not job.killing_reason):
        return ()
    wanted = _wanted(job)
    listening = [one for one in ports.tcp() if one.port]
    own = ports.owners(tree.descendants(os.getpid()))
    others = [one for one in listening if one.inode not in own]
    if said:
        for numbers in _numbers(text, job.spec.command):
            if any(one.port in numbers for one in others):
                wanted |= numbers
                break
    taken = [one for one in others if one.port in wanted]
    if not taken:
        return ()
    found = port_owner.of_all(taken, living(job.dir.path.parent))
    first = {one.port: one for one in reversed(found)}
    return tuple(_note(holder) for holder in list(first.values())[:NAMED])


def taken(job: Job, number: int) -> str:
    """The owner of this port, for a job that has not started; "" if it is free."""
    held = [one for one in ports.tcp() if one.port == number]
    if not held:
        return ""
    (first, *_) = port_owner.of_all(held, living(job.dir.path.parent))
    end = f"; kill {first.job_id!r} to free it" if first.job_id else ""
    return f"Port {number} is held by {port_owner.words(first)}{end}"


def _note(holder: port_owner.PortHolder) -> str:
    end = f"kill {holder.job_id!r} to free it" if holder.job_id else "it is no job of ptyjobs"
    return f"port {holder.port} is held by {port_owner.words(holder)}: {end}, or use port auto"


def _wanted(job: Job) -> set[int]:
    """The ports that the job was started for."""
    ready = with_port(job.spec.ready, job.port)
    numbers = {probe.port for probe in parse(ready).probes if probe.port}
    for value in (str(job.port), job.spec.env.get("PORT", "")):
        if value.isdecimal():
            numbers.add(int(value))
    return numbers - {0}


def _numbers(text: str, command: str) -> list[set[int]]:
    """Numbers on the lines that report it, in all of the text, in the command: nearest first."""
    lines = "\n".join(line for line in text.splitlines() if IN_USE.search(line))
    return [{int(n) for n in NUMBER.findall(part)} for part in (lines, text, command)]
