"""Build a job's `Status`; run the two side channels of its terminal.

Owns the live figures (CPU, memory, processes, ports, activity of the foreground program), the
separate stderr if requested, and the command run at the job's end. Reads /proc only on request.
Never changes the job.
"""

from __future__ import annotations

import os
import time

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.holder.job import Job
from ptyjobs.holder.ready import Watches, listening_of
from ptyjobs.holder.restarts import Restarts
from ptyjobs.json_values import to_json
from ptyjobs.model import Confidence, Exit, Reason, Service, State, Status, Verdict
from ptyjobs.process import login_shell, tree
from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Wait, look_at
from ptyjobs.readiness.weighing import draws
from ptyjobs.store.log import LogWriter
from ptyjobs.text.prompts import no_prompt_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ptyjobs.terminal import Screen

STALLED_AFTER = 10.0  # seconds without output, CPU or I/O
MAX_PROCESSES = 50
CATCH_UP = 64 << 10  # maximum bytes folded for a status; beyond, only the last output is drawn
IN_DIRECTORY = 'cd -- "$1" && exec /bin/sh -c "$2"'


class Reporter:
    """Reads the figures of one job."""

    def __init__(self, job: Job, watches: Watches, restarts: Callable[[], Restarts]) -> None:
        self._job = job
        self._restarts = restarts
        self._watches = watches
        self._activity: tuple[float, float, int] = (0.0, 0.0, 0)  # time, CPU, end of the log
        self._errors: LogWriter | None = None
        self._hook = 0  # pid of the on_exit command while it runs

    def status(
        self, *, holder: int, attached: int, waiters: int, live: bool, brief: bool = False
    ) -> Status:
        """The job's status; with `live`, current figures, with `brief` only cheap ones."""
        job = self._job
        started = job.state is not State.STARTING and job.started > 0
        spec = job.spec
        basic = Status(
            job_id=spec.job_id,
            state=job.state,
            command=spec.command,
            cwd=spec.cwd,
            pid=job.pid or None,
            holder=holder,
            exit=job.exit,
            reason=job.reason,
            started=job.started,
            ended=job.ended,
            size=job.size,
            lifetime=spec.lifetime,
            target=spec.target,
            session=spec.session,
            floor=job.log.floor,
            end=job.log.end,
            gaps=tuple((g.start, g.end, g.error) for g in job.log.gaps),
            tier=job.tier,
            errors=tuple(job.errors.values()),
            service=self._service(),
            port=job.port,
            run=spec.run,
            labels=spec.tags,
            cpu=round(job.used.cpu, 2),
            peak=self._peak(),
            limits=job.limits.words() if job.limits is not None else (),
            restarts=self._restarts().words(time.monotonic()) if live else "",
            tries=tuple(self._restarts().tries),
        )
        if not live or not started:
            return self._with_last_words(basic) if started and job.state.ended else basic
        now = replace(self._with_turn(basic), attached=attached, waiters=waiters)
        return now if brief else self._with_figures(now)

    def _with_turn(self, basic: Status) -> Status:
        """Add the fields a list shows: readiness and the last line of output."""
        job = self._job
        screen = self._screen()
        basic = self._with_last_words(basic, screen)
        waiting, doing = self._readiness(screen) if job.pty is not None else (None, "")
        return replace(
            basic,
            waiting=waiting,
            doing=doing,
            output_age=round(time.monotonic() - job.last_output, 3),
            progress=screen.progress or job.fold.screen.progress,
        )

    def _screen(self) -> Screen:
        """The job's screen; during a flood only its last output, because an onlooker must not
        make the holder draw what no reader will see.
        """
        job = self._job
        behind = job.log.end - job.fold.offset
        if behind > CATCH_UP or (behind and job.courtesy.hot):
            return job.fold.peek(job.log.end)
        job.fold.catch_up(job.log.end)
        return job.fold.screen

    def _with_last_words(self, basic: Status, screen: Screen | None = None) -> Status:
        screen = screen or self._screen()
        rows = [row for row in screen.text() if row.strip()]
        title = screen.title or self._job.fold.screen.title
        return replace(basic, title=title, last_line=rows[-1] if rows else "")

    def _with_figures(self, known: Status) -> Status:
        """Add all figures, including the costly ones from /proc: processes, CPU, memory, ports."""
        job = self._job
        now = time.monotonic()
        screen = job.fold.screen
        pids = tree.alive(os.getpid(), exclude=self._watches.commands)
        stats = [s for pid in pids if (s := tree.read_stat(pid)) is not None]
        listening = listening_of(pids)
        cpu = round(job.used.cpu + sum(s.cpu for s in stats), 2)
        if (cpu, job.log.end) != self._activity[1:]:
            self._activity = (now, cpu, job.log.end)
        idle = now - max(self._activity[0], job.last_output)
        busy = known.waiting is None and not job.state.ended
        plain = to_json(job.spec)
        plain.pop("env")
        return replace(
            known,
            stalled=busy and idle > STALLED_AFTER,
            cpu=cpu,
            rss=sum(s.rss for s in stats),
            processes=tuple(f"{s.pid} {s.name}" for s in stats[:MAX_PROCESSES]),
            ports=tuple(sorted({one.port for one in listening if one.protocol == "tcp"})),
            listening=listening,
            changed=login_shell.changed(job.pid, job.spec.env) if job.spec.login else (),
            directory=screen.cwd or _cwd(job.pid),
            containment="cgroup"
            if job.contained
            else "subreaper"
            if tree.SUBREAPER
            else "process tree",
            unknown_sequences=sum(screen.unknown.values()),
            spec=plain,
        )

    def _peak(self) -> int:
        job = self._job
        return max(job.used.peak, job.limits.peak() if job.limits is not None else 0)

    def _service(self) -> Service | None:
        """The service of a job started with `ready`, while any of its processes is left."""
        watch = self._watches.own
        return None if watch is None or watch.gone else watch.service

    def _readiness(self, screen: Screen) -> tuple[Verdict | None, str]:
        """Current readiness from one kernel probe, and the program's activity."""
        job = self._job
        probe = job.look(time.monotonic())
        if probe.wait not in (Wait.HARD, Wait.SOFT):
            return None, probe.doing
        look = look_at(screen)
        drawing = time.monotonic() - job.last_output < tuning.STILL and look.fields
        if probe.wait is Wait.SOFT and drawing:
            return None, probe.doing  # a user interface with an animation works
        drawn = screen.alternate or draws(job.evidence.snapshot(), probe, look)
        drawn = drawn or (screen.modes.cursor_visible and no_prompt_row(screen))
        row = "" if drawn else screen.row_text(screen.cursor_row, 0, screen.cursor_col)
        prompt = job.memory.prompt_in(row)
        secret = probe.canonical and not probe.echo
        certain = probe.wait is Wait.HARD and not probe.unread
        return (
            Verdict(
                Reason.PASSWORD if secret else Reason.WAITING_FOR_INPUT,
                Confidence.CERTAIN if certain else Confidence.MEDIUM,
                prompt=prompt,
                says=job.says,
                tier=job.tier,
            ),
            probe.doing,
        )

    # -- the separate stderr -----------------------------------------------------------------

    def read_errors(self) -> None:
        """Move the content of the second terminal into the log in `stderr/`."""
        job = self._job
        if job.pty is None or job.pty.errors < 0:
            return
        if self._errors is None:
            directory = job.dir.path / "stderr"
            directory.mkdir(mode=0o700, exist_ok=True)
            self._errors = LogWriter(directory, limit=job.spec.log_limit)
        for _ in range(64):
            data = job.pty.read(job.pty.errors)
            if not data:
                return
            failure = self._errors.append(data)
            if failure is not None:
                job.errors["stderr"] = f"stderr: {failure.strerror}"

    # -- at the end --------------------------------------------------------------------------

    def run_on_exit(self) -> None:
        """Run the job's `on_exit` command line, in the job's directory.

        Its environment is the job's, plus PTYJOBS_JOB, PTYJOBS_EXIT (a number, as in a shell),
        PTYJOBS_JOB_STATE and the state directory, so that it can call ptyjobs.
        """
        job = self._job
        env = {
            **job.spec.env,
            "PTYJOBS_JOB": job.spec.job_id,
            "PTYJOBS_EXIT": str(job.exit.shell_code if job.exit else 1),
            "PTYJOBS_JOB_STATE": job.state.value,
            "PTYJOBS_STATE_DIR": str(job.dir.path.parent.parent),
        }
        argv = ["sh", "-c", IN_DIRECTORY, "sh", job.spec.cwd, job.spec.on_exit]
        null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
        self._hook = os.posix_spawn("/bin/sh", argv, env, file_actions=null)

    def hook_ended(self, ended: Mapping[int, int]) -> bool:
        """Look for the `on_exit` command among reaped processes; True if it failed."""
        if self._hook not in ended:
            return False
        job, end = self._job, Exit.from_wait_status(ended[self._hook])
        self._hook = 0
        if end.code == 0:
            return False
        job.errors["on_exit"] = f"on_exit: {end}"
        job.events.event(time.monotonic(), job.log.end, "h", f"on_exit: {end}")
        return True

    def hook_left(self) -> bool:
        """True while the `on_exit` command runs or is not reaped."""
        return bool(self._hook) and tree.read_stat(self._hook) is not None

    def close(self) -> None:
        if self._errors is not None:
            self._errors.close()


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:  # ended, or another user's
        return ""
