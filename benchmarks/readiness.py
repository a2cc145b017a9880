"""Correctness and delay of answers: is one call's answer complete, and how late is it?

    python benchmarks/readiness.py set [--tier full|no-syscall|evidence] [--only NAME]
                                       [--part N/OF] [--save FILE] [--verbose]
    python benchmarks/readiness.py report FILE...
    python benchmarks/readiness.py stress [--rounds N] [--spinners N]
    python benchmarks/readiness.py oracle
    python benchmarks/readiness.py cost

`set` runs every program of readiness_set.py and readiness_more.py. The truth is the moment at
which a step's known last output (its token, then the prompt, as pexpect would wait for them) has
arrived; an answer is correct if it came at or after it, and if its text, read as the holder reads
it, has the token, no echo, no prompt, and nothing where the step prints nothing. The screen of a
full-screen program must be tmux's view of the same bytes. `--part 1/3` runs a third of the
programs, `--save` keeps the results, `report` adds several files up. The same traces are then
judged with quiet periods. `stress` counts early answers of quick commands.
`oracle` compares with pexpect, given the exact prompt. `cost` times probes and long waits.
Ratios carry over between machines; milliseconds do not.
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.readiness_more import more
from benchmarks.readiness_set import Setup, Step, setups
from benchmarks.tmux_view import TmuxView
from ptyjobs.model import Confidence, Reason, Tier
from ptyjobs.text.bookmark import Mark, mark
from ptyjobs.text.fresh import FreshText
from tests.readiness.driver import Answer, Job

QUIET = (0.1, 0.3, 0.5, 1.0)
AFTER = 1.1  # seconds that a trace goes on after an answer: more than the longest quiet period
PATIENCE = 20.0  # seconds for a step
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?<>=!]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\"
    rb"|[ -/]*[0-~])"
)


def plain(data: bytes) -> str:
    """Output without escape sequences; bytes left by a redraw stay."""
    data = data.replace(b"\x1bE", b"\n")
    return _ESCAPES.sub(b"", data).decode("utf-8", "replace").replace("\r", "")


@dataclass
class Result:
    """One step, judged."""

    setup: Setup
    step: Step
    answer: Answer
    sent: float
    truth: float | None  # arrival of its last output
    chunks: list[tuple[float, bytes]]
    correct: bool = False
    wrong: str = ""  # the fault of the text
    text: str = ""

    @property
    def overhead(self) -> float:
        assert self.truth is not None
        return self.answer.returned - self.truth

    @property
    def kind(self) -> str:
        verdict = self.answer.verdict
        if self.setup.kind in ("relay", "remote"):
            return self.setup.kind
        if verdict.confidence is Confidence.CERTAIN:
            return "hard"
        if verdict.reason is Reason.PROMPT:
            return "soft, prompt"
        return "soft" if verdict.confidence is Confidence.HIGH else "silence"


def complete(setup: Setup, step: Step, text: str) -> bool:
    """True if `text` contains the complete output of the step."""
    ready = setup.ready if step.ready is None else step.ready
    pattern = step.token.replace("\r", "").replace("\\r?", "")
    if ready:
        pattern += ("[\\s\\S]*" if pattern else "") + "(?:" + ready.replace(" $", " *$") + ")"
        if not step.token:  # behind the echo
            return bool(re.search(pattern, text.split("\n", 1)[-1] if "\n" in text else ""))
    return bool(re.search(pattern, text)) if pattern else True


def text_fault(setup: Setup, step: Step, text: str, prompt: str) -> str:
    """The fault of a reply's text, "" if it is what a person would say the program printed."""
    ready = setup.ready if step.ready is None else step.ready
    shown = f"\n{text}\n{prompt}".replace("\n", "\r\n") + "\r\n"
    for part in re.split(r"\[\\s\\S\]\*|\\r\?\\n|\r\?\n|\r\n|\\s\+", step.token):
        if not re.search(part.removesuffix("$"), shown):
            return f"{part!r} is missing"
    if not step.token and step.enter and ready and text.strip() and not step.slow:
        return "text of a silent step"
    lines = [line.rstrip() for line in text.split("\n")]
    echoes = [line.strip() for line in step.send.split("\r") if len(line.strip()) > 3]
    if any(echo in lines and echo not in step.token for echo in echoes):
        return "the echo is in it"
    if ready and lines[-1] and re.fullmatch(ready.removesuffix("$").strip(), lines[-1]):
        return "the prompt is in it"
    return ""


def taken(job: Job) -> Mark:
    """A mark at the end of the job's output, as the holder takes it."""
    job.look()
    flags = termios.tcgetattr(job.master)[3]
    return mark(
        job.screen,
        offset=len(job.log),
        echo=bool(flags & termios.ECHO),
        canonical=bool(flags & termios.ICANON),
    )


def judge_text(job: Job, result: Result, start: Mark, view: TmuxView | None) -> None:
    """Read the answer's text from the screen at the answer."""
    setup, step = result.setup, result.step
    job.look()
    if view is not None:
        result.wrong = "" if view.shows(job.screen.text()) else "the screen is not tmux's"
        return
    typed = "" if step.password or not step.enter else step.send.replace("\r", "\n")
    typed += "\n" if typed.endswith("\n") else ""  # the Enter behind it

    fresh, prompt = FreshText(start, typed=typed, prompts=job.memory.shown()[:8]).finish(
        job.screen, prompt_row=result.answer.verdict.reason.ready, end=len(job.log)
    )
    result.text = fresh.text
    if fresh.view == "screen":  # a multiplexer: each reply is its screen
        setup = replace(setup, ready="")
    result.wrong = text_fault(setup, step, fresh.text, prompt)


def run_step(job: Job, setup: Setup, step: Step, *, after: float, view: TmuxView | None) -> Result:
    data = step.send.encode() + (b"\r" if step.enter else b"")
    job.drain()
    job.look()
    if job.screen.modes.application_cursor:  # a terminal's cursor keys follow the mode
        data = re.sub(rb"\x1b\[([ABCDHF])", b"\x1bO\\1", data)
    start = taken(job)
    mark, sent = len(job.log), time.monotonic()
    answer = job.interact(data, timeout=PATIENCE)
    returned = len(job.log)
    result = Result(setup, step, answer, sent, None, [])
    if view is not None:
        view.feed(bytes(job.log[view.fed : returned]))
        view.fed = returned
    judge_text(job, result, start, view)
    end = answer.returned + after
    while time.monotonic() < end or not (
        complete(setup, step, plain(bytes(job.log[mark:]))) or time.monotonic() > sent + PATIENCE
    ):
        select.select([job.master], [], [], 0.02)
        if not job.drain() and job.eof:
            break
    chunks, at = [], mark
    for when, upto in job.trace:
        if upto > mark:
            chunks.append((when, bytes(job.log[at:upto])))
            at = upto
    result.truth, result.chunks = _truth(setup, step, chunks, sent), chunks
    got = plain(bytes(job.log[mark:returned]))
    result.correct = answer.verdict.reason.ready and complete(setup, step, got) and not result.wrong
    return result


def _truth(
    setup: Setup, step: Step, chunks: list[tuple[float, bytes]], sent: float
) -> float | None:
    if setup.kind == "screen":  # the last output before the screen stopped changing
        last = sent
        for when, _ in chunks:
            if when - last > 0.2:
                break
            last = when
        return last
    text = b""
    if complete(setup, step, ""):
        return chunks[-1][0] if chunks and chunks[-1][0] < sent + 0.05 else sent
    for when, data in chunks:
        text += data
        if complete(setup, step, plain(text)):
            return when
    return None


def quiet_answer(result: Result, period: float) -> bool:
    """True if a quiet period, applied to the same trace, gives the complete answer."""
    last, text = result.sent, b""
    for when, data in result.chunks:
        if when - last > period:
            break
        text += data
        last = when
    if result.setup.kind == "screen":
        assert result.truth is not None
        return last >= result.truth
    return complete(result.setup, result.step, plain(text))


# -- the set


def installed(setup: Setup) -> bool:
    return shutil.which(setup.argv[0]) is not None


def run_set(
    tier: Tier,
    only: str,
    ssh: tuple[str, ...],
    *,
    verbose: bool,
    part: str,
    after: float,
    save: Path | None,
) -> list[Result]:
    results: list[Result] = []
    home = tempfile.mkdtemp()
    number, of = map(int, part.split("/"))
    every = [*setups(_python("3.11"), _python("3.13"), _ipython(), ssh), *more(_python("3.11"))]
    for place, setup in enumerate(every):
        if (only and only not in setup.name) or place % of != number - 1:
            continue
        if not installed(setup):
            print(f"{setup.name}: not installed, left out")
            continue
        with Job(list(setup.argv), env={"HOME": home, **setup.env}, tier=tier, cwd=home) as job:
            first = job.interact(timeout=PATIENCE)
            end = time.monotonic() + 0.6
            while time.monotonic() < end:
                select.select([job.master], [], [], 0.05)
                job.drain()
            if verbose:
                print(f"\n{setup.name}: {_line(first)}")
            view = TmuxView(job.size) if setup.kind == "screen" else None
            if view is not None:
                view.feed(bytes(job.log))
                view.fed = len(job.log)
            for step in setup.steps:
                result = run_step(job, setup, step, after=after, view=view)
                results.append(result)
                if verbose or not result.correct:
                    late = "" if result.truth is None else f" {result.overhead * 1e3:.1f} ms"
                    word = "ok " if result.correct else "BAD"
                    print(f"  {word} {setup.name} {step.send[:34]!r}{late} {_line(result.answer)}")
                    if result.wrong or verbose:
                        print(f"      {result.wrong}: {result.text[-300:]!r}")
            if view is not None:
                view.close()
            if save is not None:
                save.write_bytes(pickle.dumps((tier, results)))
            if setup.argv[0] == "tmux":  # its server outlives the client
                subprocess.run(
                    [*setup.argv[:3], "kill-server"], stderr=subprocess.DEVNULL, check=False
                )
    shutil.rmtree(home, ignore_errors=True)
    return results


def _line(answer: Answer) -> str:
    v = answer.verdict
    return f"{v.reason}/{v.confidence} {v.why!r} row {v.prompt[-24:]!r} {v.doing}"


def _python(version: str) -> str:
    for root in (Path.home() / ".pyenv/versions").glob(f"{version}*/bin/python{version}"):
        return str(root)
    return shutil.which(f"python{version}") or f"python{version}"


def _ipython() -> str:
    for root in (Path.home() / ".pyenv/versions").glob("*/bin/ipython"):
        return str(root)
    return shutil.which("ipython") or "ipython"


def share(part: list[bool]) -> str:
    return f"{100 * sum(part) / len(part):5.1f} %" if part else "    -  "


def spread(values: list[float]) -> str:
    """Median, 95th percentile and maximum in ms."""
    if not values:
        return "-"
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{statistics.median(ordered) * 1e3:7.2f} / {p95 * 1e3:7.2f} / {ordered[-1] * 1e3:8.1f}"


def report(results: list[Result], tier: Tier) -> None:
    slow = [r for r in results if r.step.slow]
    good = [r for r in results if r.correct and r.truth is not None]
    names = {r.setup.name for r in results}
    print(f"\n{len(names)} set-ups, {len(results)} steps ({len(slow)} slow), tier {tier}")
    print("method                correct   slow      overhead ms: median / p95 / max")
    print(
        f"{'ptyjobs':20} {share([r.correct for r in results])}  {share([r.correct for r in slow])}"
        f"  {spread([r.overhead for r in good])}"
    )
    by_kind: dict[str, list[float]] = defaultdict(list)
    for result in good:
        by_kind[result.kind].append(result.overhead)
    for kind, values in sorted(by_kind.items()):
        print(f"  {kind:18} n={len(values):4}             {spread(values)}")
    if tier is not Tier.FULL:
        return
    for period in QUIET:
        every = [quiet_answer(r, period) for r in results]
        late = [quiet_answer(r, period) for r in slow]
        label = f"quiet {period * 1e3:.0f} ms"
        print(f"{label:20} {share(every)}  {share(late)}  {period * 1e3:7.2f}")
    print("pexpect, exact prompt  100.0 % by definition of truth; 'oracle' measures its time")


# -- ssh to a server of our own


@dataclass
class Sshd:
    """An sshd on a loopback port with keys of its own."""

    directory: str = field(default_factory=tempfile.mkdtemp)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> tuple[str, ...]:
        server = shutil.which("sshd") or "/usr/sbin/sshd"
        if not os.path.exists(server) or not shutil.which("ssh"):
            return ()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host", "user"):
            path = f"{self.directory}/{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        shutil.copy(f"{self.directory}/user.pub", f"{self.directory}/authorized")
        Path("/run/sshd").mkdir(exist_ok=True)
        options = {
            "HostKey": f"{self.directory}/host",
            "AuthorizedKeysFile": f"{self.directory}/authorized",
            "Port": str(self.port),
            "ListenAddress": "127.0.0.1",
            "PermitRootLogin": "yes",
            "StrictModes": "no",
            "PidFile": "none",
            "UsePAM": "no",
            "PrintMotd": "no",
        }
        flat = [word for k, v in options.items() for word in ("-o", f"{k}={v}")]
        self.process = subprocess.Popen(
            [server, "-D", "-f", "/dev/null", *flat], stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
        return (
            "ssh", "-q", "-i", f"{self.directory}/user", "-p", str(self.port),
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "127.0.0.1",
        )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


# -- stress


def stress(rounds: int, spinners: int) -> None:
    """Quick commands with a token each; an answer without its token is early."""
    burning = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(spinners)
    ]
    try:
        for name, argv, command in STRESS:
            if not shutil.which(argv[0]):
                continue
            _stress(name, argv, command, rounds // len(STRESS))
    finally:
        for process in burning:
            process.send_signal(signal.SIGKILL)
            process.wait()


STRESS = (
    ("python 3.11", (_python("3.11"), "-i"), "print('a' + 'b', {n})", ),
    ("python 3.13", (_python("3.13"),), "print('a' + 'b', {n})"),
    ("bash", ("bash", "--norc"), "echo a''b {n}"),
    ("bash, a child", ("bash", "--norc"), "/bin/echo a''b {n}"),
    ("dash, three lines", ("dash",), "x={n}\ry=$x\recho a''b $y"),
    ("node", ("node",), "'a' + 'b {n}'"),
    ("sqlite3", ("sqlite3",), "select 'a' || 'b {n}';"),
    ("script", ("script", "-q", "-c", "bash --norc", "/dev/null"), "echo a''b {n}"),
    ("rlwrap", ("rlwrap", "dash"), "echo a''b {n}"),
    ("socat", ("socat", "-,raw,echo=0", "EXEC:dash,pty,setsid,ctty,stderr"), "echo a''b {n}"),
)  # fmt: skip


def _stress(name: str, argv: tuple[str, ...], command: str, rounds: int) -> None:
    early = timeouts = 0
    late: list[float] = []
    with Job(list(argv), env={"PS1": "$ ", "NODE_REPL_HISTORY": ""}) as job:
        job.interact(timeout=20)
        for n in range(rounds):
            data = command.replace("{n}", str(n)).encode() + b"\r"
            answer = job.interact(data, timeout=20)
            timeouts += not answer.verdict.reason.ready
            early += f"ab {n}" not in plain(answer.output)
            late.append(answer.returned - answer.last_output)
    print(
        f"{name:18} {rounds} rounds, early {early}, timeouts {timeouts}, last output to answer "
        f"{spread(late)} ms",
        flush=True,
    )


# -- against pexpect, given the prompt


def oracle(rounds: int) -> None:
    import pexpect

    print("median / p95 / max in ms from send to answer")
    for name, argv, prompt, command in (
        ("python 1+1", (_python("3.11"), "-i"), ">>> ", "1+1"),
        ("bash true", ("bash", "--norc"), "$ ", "true"),
        ("dash true", ("dash",), "$ ", "true"),
        ("bash /bin/true", ("bash", "--norc"), "$ ", "/bin/true"),
        ("sqlite3 select", ("sqlite3",), "sqlite> ", "select 1;"),
        ("python 3.13 1+1", (_python("3.13"),), ">>> ", "1+1"),
        ("node 1+1", ("node",), "> ", "1+1"),
    ):
        ours: list[float] = []
        theirs: list[float] = []
        env = {**os.environ, "PS1": prompt, "TERM": "xterm-256color", "NODE_REPL_HISTORY": ""}
        child = pexpect.spawn(argv[0], list(argv[1:]), env=env, dimensions=(40, 120), timeout=10)
        child.delaybeforesend = None
        with Job(list(argv), env=env) as job:
            job.interact(timeout=10)
            child.expect_exact(prompt)
            _settled(child)
            for _ in range(rounds):
                start = time.monotonic()
                child.send(command + "\r")
                # the echo is redrawn by some editors: their prompt is the one after the echo's end
                child.expect_exact("\n")
                child.expect_exact(prompt)
                theirs.append(time.monotonic() - start)
                if "3.13" in name or "node" in name:
                    _settled(child)
                job.drain()
                start = time.monotonic()
                job.interact(command.encode() + b"\r", timeout=10)
                ours.append(time.monotonic() - start)
        child.close(force=True)
        print(f"{name:18} pexpect {spread(theirs)}   ptyjobs {spread(ours)}")


def _settled(child: object) -> None:
    import pexpect

    try:
        while child.read_nonblocking(65536, timeout=0.05):  # type: ignore[attr-defined]
            pass
    except pexpect.TIMEOUT:
        return


# -- cost


def cost() -> None:
    for argv in (("bash", "--norc"), (_python("3.11"), "-i"), ("node",), ("gdb", "-q")):
        if not shutil.which(argv[0]):
            continue
        with Job(list(argv)) as job:
            job.interact(timeout=10)
            times = []
            for _ in range(3000):
                start = time.perf_counter()
                job.kernel.probe()
                times.append(time.perf_counter() - start)
            again = []
            for _ in range(1000):
                last = job.kernel._last
                if last is not None:  # as if it had run and waited again
                    job.kernel._last = replace(last, line=b"?")
                start = time.perf_counter()
                job.kernel.probe()
                again.append(time.perf_counter() - start)
            print(
                f"probe of {argv[0].rpartition('/')[2]:12} unchanged "
                f"{statistics.median(times) * 1e6:6.1f} us, waiting anew "
                f"{statistics.median(again) * 1e6:6.1f} us"
            )
    with Job(["sleep", "60"]) as job:
        before, start = time.process_time(), time.monotonic()
        answer = job.interact(timeout=20)
        used = time.process_time() - before
        print(
            f"20 s of waiting for a silent job: {used / (time.monotonic() - start) * 100:.2f} % of "
            f"a core, {answer.probes} probes"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("set", "report", "stress", "oracle", "cost"))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--after", type=float, default=AFTER, help="seconds a trace goes on")
    parser.add_argument("--tier", default="full", choices=[t.value for t in Tier])
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--spinners", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    if args.what == "set":
        with Sshd() as ssh:
            tier = Tier(args.tier)
            results = run_set(
                tier,
                args.only,
                ssh,
                verbose=args.verbose,
                part=args.part,
                after=args.after,
                save=args.save,
            )
        report(results, tier)
    elif args.what == "report":
        parts = [pickle.loads(file.read_bytes()) for file in args.files]
        report([result for _, results in parts for result in results], parts[0][0])
    elif args.what == "stress":
        stress(args.rounds or 5000, args.spinners)
    elif args.what == "oracle":
        oracle(args.rounds or 200)
    else:
        cost()


if __name__ == "__main__":
    main()
