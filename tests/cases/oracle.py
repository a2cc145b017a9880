"""The oracle: pexpect, given the exact prompt and the answer of every step.

Its time for a step is a lower bound; the rest of a call's time is our overhead.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pexpect

from tests.cases.case import Case, Step
from tests.cases.drive import environment
from tests.cases.judge import EXIT, without_echo

Seconds = float


def times(case: Case, *, cwd: Path) -> list[Seconds | None]:
    """Seconds of each step; None for a step without a defined end, and after a failed step."""
    env = environment(cwd / "state") | {"TERM": "xterm-256color"}
    child = pexpect.spawn(
        "bash", ["-c", case.cmd], cwd=str(cwd), env=env, dimensions=(40, 120), encoding="utf-8"
    )
    child.delaybeforesend = None
    found: list[Seconds | None] = []
    try:
        child.expect(case.ready, timeout=20)
        if not case.cold:
            time.sleep(min(case.start_think, 1.0))
        found.extend(_time(child, case, step) for step in case.steps)
    except (pexpect.TIMEOUT, pexpect.EOF, OSError):
        pass
    finally:
        child.close(force=True)
    return found + [None] * (len(case.steps) - len(found))


def _time(child: pexpect.spawn, case: Case, step: Step) -> Seconds | None:
    started = time.monotonic()
    child.send(step.send.replace("\n", "\r") + ("\r" if step.enter else ""))
    if step.exits:
        child.expect(pexpect.EOF, timeout=step.max_s)
        return time.monotonic() - started
    if step.noprompt or step.view == "screen":
        return None
    wanted = [p for p in step.expect if not EXIT.fullmatch(p)]
    seen = ""
    while True:
        child.expect(step.until or case.ready, timeout=step.max_s)
        seen += child.before + child.after
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", without_echo(seen, step.send))
        if all(re.search(p, plain, re.MULTILINE) for p in wanted):
            return time.monotonic() - started
