"""Reopen each closed race, to see that a test fails.

    python -m tests.readiness.mutations [NUMBER ...]

One countermeasure is removed from a copy of the sources, then the tests that should fail run on it;
a change that no test notices is a defect of the tests. Not a test itself: it runs each of them
twice. The numbers refer to the twelve races (test_races.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One closure, how it is taken out, and who must notice (pytest's node ids and -k words)."""

    race: str
    closure: str
    path: str
    old: str
    new: str
    noticed_by: tuple[str, ...]


RACES = "tests/readiness/test_races.py"
SETTLE = "tests/readiness/test_settle.py"
ALL = (
    Mutation(
        "1 written, not yet read",
        "the slave is polled, which flushes the kernel's buffer",
        "ptyjobs/readiness/linux/probe.py",
        "            return line.readable(fd)\n        finally:\n",
        "            return False\n        finally:\n",
        (f"{RACES}::test_1_written_but_not_yet_read",),
    ),
    Mutation(
        "2 woken, not scheduled",
        "a thread that runs waits for nothing",
        "ptyjobs/readiness/linux/blocked.py",
        "        if parsed is None:\n            return RUNNING\n",
        "        if parsed is None:\n            return Sleep(kind=Kind.READ, tty=True)\n",
        (f"{RACES}::test_2_woken_but_not_scheduled",),
    ),
    Mutation(
        "3 output in flight",
        "the terminal is drained between two looks at the same wait",
        "ptyjobs/readiness/candidate.py",
        "        if first is None or not same_moment(first, probe):\n",
        "        if False:\n",
        (
            f"{RACES}::test_3_output_in_flight",
            f"{SETTLE}::test_one_look_at_a_hard_wait_is_not_enough",
        ),
    ),
    Mutation(
        "3 output in flight, of a program that accepts input",
        "the terminal is drained after the last probe",
        "ptyjobs/readiness/settle.py",
        "        if not self._drained:\n",
        "        if False:\n",
        (
            f"{RACES}::test_3_output_in_flight_of_a_program_that_sleeps_as_before",
            f"{SETTLE}::test_output_of_a_program_that_sleeps_again_is_read_before_it_is_called_waiting",
        ),
    ),
    Mutation(
        "4 changed its mind between two looks",
        "the waiter has not run in between",
        "ptyjobs/readiness/candidate.py",
        "        if first is None or not same_moment(first, probe):\n",
        "        if first is None:\n",
        (f"{SETTLE}::test_a_waiter_that_ran_between_two_looks_is_looked_at_again",),
    ),
    Mutation(
        "5 blocked on a full terminal",
        "a write to the terminal is no wait for input",
        "ptyjobs/readiness/linux/classify.py",
        "        if sleep.tty and sleep.kind is not Kind.WRITE:\n            returns",
        "        if sleep.tty:\n            returns",
        (f"{RACES}::test_5_blocked_on_a_full_terminal",),
    ),
    Mutation(
        "6 typed ahead",
        "nobody is ready while input lies unread",
        "ptyjobs/readiness/settle.py",
        "        ready = not probe.unread and not self._unsent\n",
        "        ready = not self._unsent\n",
        (f"{RACES}::test_6_typed_ahead", f"{RACES}::test_1_written_but_not_yet_read", SETTLE),
    ),
    Mutation(
        "7 relays: looked through",
        "the program behind a relay is judged on its own terminal",
        "ptyjobs/readiness/linux/classify.py",
        "        if len(behind) == 1:\n",
        "        if len(behind) == 99:\n",
        (f"{RACES}::test_7_looked_at_through_a_relay",),
    ),
    Mutation(
        "7 relays: output that the relay has not taken",
        "the relay's own master is polled",
        "ptyjobs/readiness/linux/relays.py",
        "unread or pidfd.readable(pid, master))",
        "unread)",
        (f"{RACES}::test_7_output_that_a_relay_has_not_taken_yet",),
    ),
    Mutation(
        "7 relays: a terminal nobody has opened",
        "a slave is opened only while somebody has it open",
        "ptyjobs/readiness/linux/relays.py",
        "    if not any(_open_in(proc, s.pid, tty) for s in inside):\n        return None\n",
        "",
        ("tests/readiness/test_kernel.py::test_what_lies_unread_in_a_relay",),
    ),
    Mutation(
        "8 far programs",
        "a bare terminal beside a socket is judged by what it shows",
        "ptyjobs/readiness/linux/classify.py",
        "            if (mode.bare or mode.canonical) and _leads_away(stat.pid, sleep.sockets):\n",
        "            if False:\n",
        (f"{RACES}::test_8_a_far_program_is_judged_by_what_it_shows",),
    ),
    Mutation(
        "9 undeliverable input",
        "the same wait with the same CPU time has taken nothing",
        "ptyjobs/readiness/settle.py",
        "        return not (base is not None and base.wait is Wait.HARD and",
        "        return True or not (base is not None and",
        (
            f"{RACES}::test_9_input_that_cannot_be_delivered",
            f"{RACES}::test_7_looked_at_through_a_relay",
            SETTLE,
        ),
    ),
    Mutation(
        "9 a stopped terminal",
        "a blocked write that lasts is a terminal somebody stopped",
        "ptyjobs/readiness/stuck.py",
        "    if probe.blocked and quiet > tuning.STOPPED:\n",
        "    if False:\n",
        (f"{RACES}::test_9_a_stopped_terminal",),
    ),
    Mutation(
        "10 the end",
        "an exit is published once the terminal is drained",
        "ptyjobs/holder/job.py",
        "        drained = self.drain(now)\n        if self.pacing.held",
        "        self._publish(Exit.from_wait_status(self._exit_status), now)\n"
        "        return None\n"
        "        drained = self.drain(now)\n        if self.pacing.held",
        (
            "tests/faults/test_data.py::test_last_words_of_a_child_that_outlives_its_leader_a_moment",
        ),
    ),
    Mutation(
        "11 between two attempts at a password",
        "after a password a setuid program gets three seconds",
        "ptyjobs/readiness/far.py",
        "    return facts.probe.foreign and base is not None",
        "    return False and base is not None",
        (SETTLE,),
    ),
    Mutation(
        "12 the foreground changes while we look",
        "CPU times are read before the children, so that a fork meanwhile shows",
        "ptyjobs/readiness/linux/process_table.py",
        "                ran = process.cpu(stat.threads)\n"
        "                pending += process.children(stat.threads)\n",
        "                pending += process.children(stat.threads)\n"
        "                ran = process.cpu(stat.threads)\n",
        ("tests/readiness/test_kernel.py",),
    ),
    Mutation(
        "the main thread",
        "only a main thread may be hard",
        "ptyjobs/readiness/linux/classify.py",
        "                    wait=Wait.SOFT,\n                    sleep=sleep,\n",
        "                    wait=Wait.HARD,\n                    sleep=sleep,\n",
        (f"{RACES}::test_main_thread_rule",),
    ),
    Mutation(
        "timers",
        "a timer that rings in a moment is awaited",
        "ptyjobs/readiness/rules.py",
        "    if 0.0 < probe.wakes <= tuning.TICK:",
        "    if False:",
        ("tests/readiness/test_kernel.py::test_a_spinner_that_takes_keys_is_work_until_it_stops",),
    ),
    Mutation(
        "threads",
        "a main thread that is not where it was idle is not idle",
        "ptyjobs/readiness/settle.py",
        "== (probe.pid, probe.start) and base.place != probe.place",
        "== (0, 0)",
        ("tests/readiness/test_kernel.py", "-k", "left_its_loop"),
    ),
    Mutation(
        "old prompts",
        "evidence counts only when it came after the send",
        "ptyjobs/readiness/weighing.py",
        "        return self.now.nbytes > (0 if self.sent is None else self.before.nbytes)\n",
        "        return True\n",
        (SETTLE,),
    ),
)


def noticed(mutation: Mutation) -> str:
    """The last line of the tests on a copy without the closure; "" when they all passed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("ptyjobs", "tests", "fixtures"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", copy)
        file = copy / mutation.path
        source = file.read_text()
        if source.count(mutation.old) != 1:
            raise SystemExit(f"{mutation.race}: {mutation.path} has changed; adapt the mutation")
        file.write_text(source.replace(mutation.old, mutation.new))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                *mutation.noticed_by,
            ],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": folder},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        return failed[0].partition(" - ")[0].removeprefix("FAILED ") if failed else ""


def main() -> int:
    wanted = sys.argv[1:]
    unnoticed = 0
    for mutation in ALL:
        if wanted and mutation.race.split()[0] not in wanted:
            continue
        test = noticed(mutation)
        unnoticed += not test
        print(
            f"{mutation.race}: without “{mutation.closure}” {test or 'NOTHING FAILS'}", flush=True
        )
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
