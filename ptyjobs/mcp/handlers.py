"""Tool handlers: checked arguments in, one client call, a `Result` out.

Owns the mapping of tool parameters to client parameters, the cap on waiting, and the order of
calls on one job. Never imports the SDK and keeps no state of jobs.

Order: calls that type into the same job (execute under its name, interact) run one at a time in
the order of arrival, so that two pipelined inputs never interleave. Everything else (tail, kill, a
wait) bypasses that queue: a job that is being waited for must stay visible and killable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ptyjobs.client import viewer_link
from ptyjobs.client.known_secrets import value_of
from ptyjobs.config import HARD_MAX_CHARS, Config
from ptyjobs.errors import BadInput, Refused, Unsupported
from ptyjobs.input import mouse_syntax
from ptyjobs.mcp import redacting, results, status_text
from ptyjobs.mcp.results import Result
from ptyjobs.model import Reason, Size
from ptyjobs.text.secrets import Known, lines_of

if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs
    from ptyjobs.client.calls import WaitResult
    from ptyjobs.mcp.person import CallElicitation
    from ptyjobs.mcp.tasks import Tasks

LISTED_ENDED = 10
"""Ended jobs that `list` shows without being asked for all."""
MARK = 200  # characters of a label in the recording


class Orders:
    """One queue per job, removed when it is empty."""

    def __init__(self) -> None:
        self._queues: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, job_id: str) -> AsyncIterator[None]:
        """Enter the job's queue in the order of the calls; without an id there is no queue."""
        if not job_id:
            yield
            return
        lock, users = self._queues.get(job_id, (asyncio.Lock(), 0))
        self._queues[job_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._queues[job_id]
            if users > 1:
                self._queues[job_id] = (lock, users - 1)
            else:
                del self._queues[job_id]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The context of one call: everything a handler uses besides its arguments."""

    jobs: AsyncJobs
    config: Config
    orders: Orders = field(default_factory=Orders)
    on_progress: Callable[[str], None] | None = None
    tasks: Tasks | None = None  # set if a task may answer this request
    approved: bool = False  # the user approved the call that a rule asks about
    person: CallElicitation | None = None  # set if the client may be asked to notify its user

    def watch(self, job_id: str, result: Result) -> Result:
        """Add the viewer's address of the job to `result` while a viewer runs."""
        address = viewer_link.link(self.config.state_dir, job_id)
        return replace(result, text=f"{result.text}\n(watch: {address})") if address else result

    def seconds(self, asked: float | None, default: float) -> float:
        """The seconds to wait, limited to the configured cap."""
        return min(default if asked is None else asked, self.config.max_wait)

    def check_rules(self, *lines: str) -> None:
        """Raise Refused or NeedsApproval for a command line that a permission rule is about."""
        if not self.config.permissions:
            return
        from ptyjobs.policy.rules import Rules

        if rules := Rules.of(self.config.permissions):
            for line in lines:
                rules.check(line, approved=self.approved)

    def cut(self, asked: float | None, result: Result, *, timed_out: bool) -> Result:
        """Add a note to `result` if its wait was shorter than requested."""
        longest = self.config.max_wait
        if not timed_out or asked is None or asked <= longest:
            return result
        note = f"(waited {longest:g} s, the most this server allows: max_wait)"
        return replace(result, text=f"{result.text}\n{note}")


async def execute(call: ToolCall, args: dict[str, Any]) -> Result:
    from ptyjobs.client.preparation import prepare
    from ptyjobs.client.ready_conditions import ready_commands

    beside = ready_commands(args["ready"], target=args["target"])
    call.check_rules(args["command"], *beside)
    usual = call.config.wait_timeout if args["ready"] else call.config.interact_timeout
    wait = call.seconds(args["wait"], usual)
    spec = prepare(
        call.config,
        command=args["command"],
        name=args["name"],
        cwd=args["cwd"],
        env=args["env"],
        rows=args["rows"],
        cols=args["cols"],
        lifetime=args["lifetime"],
        timeout=args["timeout"],
        ready=args["ready"],
        port=args["port"],
        restart=args["restart"],
        target=args["target"],
        sandbox=args["sandbox"],
        log_full=args["log_full"],
        notify=args["notify"],
    )
    async with call.orders.of(args["name"]):  # without a name no caller knows the id yet
        answer = await call.jobs.start(
            spec,
            name=args["name"],
            wait=wait,
            budget=call.config.max_chars,
            on_progress=call.on_progress,
            replace=args["replace"],
        )
    if wait == 0 and answer.verdict.reason is Reason.TIMEOUT:
        return results.of_start(answer)
    prefix = "started" if answer.verdict.reason is Reason.TIMEOUT else ""
    result = results.of_answer(
        answer, prefix=prefix, secrets=call.config.secrets, boundary=call.config.boundary
    )
    return call.watch(answer.job_id, result) if prefix else result


async def interact(call: ToolCall, args: dict[str, Any]) -> Result:
    text, keys, secret = args["input"], args["keys"], args["secret"]
    if secret and text:
        raise BadInput(
            "interact: input and secret exclude each other.", advice="Give only one of them."
        )
    insist = secret.endswith("!")  # names of secrets never end in "!"
    secret = secret.removesuffix("!")
    if secret:
        text = read_secret(secret, call.config)
        if call.config.redact and call.jobs.redactor is not None:
            call.jobs.redactor.add(*(Known.of(line, name=secret) for line in lines_of(text)))
    mouse = mouse_syntax.parse(args["mouse"])
    # Keys alone bypass the queue: an interrupt must not wait behind the program it interrupts.
    queue = args["job_id"] if text or mouse or not keys else ""
    async with call.orders.of(queue):
        if args["mark"]:
            await call.jobs.mark(args["job_id"], args["mark"][:MARK])
        answer = await call.jobs.interact(
            args["job_id"],
            input=text,
            keys=keys,
            enter=args["enter"],
            until=args["until"],
            timeout=call.seconds(args["timeout"], call.config.interact_timeout),
            budget=call.config.max_chars,
            view=args["view"],
            secret=bool(secret),
            insist=insist,
            approved=call.approved,
            mouse=mouse,
            on_progress=call.on_progress,
        )
    return results.of_answer(answer, secrets=call.config.secrets, boundary=call.config.boundary)


def read_secret(name: str, config: Config) -> str:
    """Read a secret from its configured source; raises BadInput or Refused."""
    where = config.secrets.get(name)
    if where is None:
        known = ", ".join(sorted(config.secrets)) or "none"
        raise BadInput(
            f"There is no secret {name!r}; configured: {known}.",
            advice="A person can type it instead (ptyjobs attach JOB_ID).",
        )
    value = value_of(where)
    if value is None:
        raise Refused(f"The secret {name!r} cannot be read from {where}.")
    return value


async def wait(call: ToolCall, args: dict[str, Any]) -> Result:
    until = args["until"] or ("pattern" if args["pattern"] else "ready")
    if until == "pattern" and not args["pattern"]:
        raise BadInput(
            'wait: until="pattern" needs pattern.', advice='For example pattern="ready".'
        )
    if args["message"] and until != "person":
        raise BadInput("wait: message is for a person.", advice='Add until="person".')
    started = time.monotonic()
    job_ids = tuple(dict.fromkeys(args["job_id"]))
    if not job_ids:
        raise BadInput("wait: job_id is empty.", advice="Give one or several ids (see list).")
    if "*" in job_ids or until == "event":
        return await _next_event(call, args, job_ids)
    condition: dict[str, Any] = {
        "until": until,
        "patterns": args["pattern"],
        "message": args["message"],
        "any_of": args["mode"] == "any",
        "budget": call.config.max_chars // min(len(job_ids), 4),
    }
    found = await _wait_elicited(call, job_ids, condition, args["timeout"])
    if isinstance(found, Result):
        return found
    result = results.of_wait(
        job_ids,
        found.answers,
        found.met,
        timed_out=found.timed_out,
        waited=time.monotonic() - started,
        secrets=call.config.secrets,
        boundary=call.config.boundary,
    )
    return call.cut(args["timeout"], result, timed_out=found.timed_out)


async def _wait_elicited(
    call: ToolCall, job_ids: tuple[str, ...], condition: dict[str, Any], asked: float | None
) -> WaitResult | Result:
    """Wait; a wait for a person also has the client notify its user, if it can."""
    if call.person is None:
        return await _wait(call, job_ids, condition, asked)
    found = await call.person.question(job_ids, condition)
    if found is not None:
        return found
    async with call.person.asking(job_ids, condition["message"]):
        return await _wait(call, job_ids, condition, asked)


async def _wait(
    call: ToolCall, job_ids: tuple[str, ...], condition: dict[str, Any], asked: float | None
) -> WaitResult | Result:
    if call.tasks is not None:
        return await _wait_or_task(call, call.tasks, job_ids, condition, asked)
    return await call.jobs.wait_many(
        job_ids,
        timeout=call.seconds(asked, call.config.wait_timeout),
        on_progress=call.on_progress,
        **condition,
    )


async def _next_event(call: ToolCall, args: dict[str, Any], job_ids: tuple[str, ...]) -> Result:
    """Wait for the next unreported events of any job of this session."""
    if job_ids != ("*",) or (args["until"] or "event") != "event" or args["pattern"]:
        raise BadInput(
            'wait: job_id="*" and until="event" go together, without pattern.',
            advice="Name the jobs to wait for something else.",
        )
    limit = call.seconds(args["timeout"], call.config.wait_timeout)
    events = call.jobs.events(session=call.config.session, timeout=limit, call=True)
    async with contextlib.aclosing(events):
        async for batch in events:
            return results.of_events(batch)
    running = [s.job_id for s in await call.jobs.list() if not s.state.ended]
    result = results.no_events(running, waited=limit)
    return call.cut(args["timeout"], result, timed_out=True)


async def _wait_or_task(
    call: ToolCall,
    tasks: Tasks,
    job_ids: tuple[str, ...],
    condition: dict[str, Any],
    asked: float | None,
) -> WaitResult | Result:
    """Wait for `task_after` seconds, then turn an unfinished wait into a task.

    Without a timeout argument, such a task waits until its condition is met.
    """
    from ptyjobs.mcp.tasks import LONGEST

    limit = LONGEST if asked is None else min(asked, LONGEST)
    task_id = ""

    def progress(line: str) -> None:
        if task_id:
            tasks.progress(task_id, line)
        elif call.on_progress is not None:
            call.on_progress(line)

    offer = tasks.offer()
    condition = {**condition, "offer": offer}
    waiting = asyncio.create_task(
        call.jobs.wait_many(job_ids, timeout=limit, on_progress=progress, **condition)
    )
    try:
        done, _ = await asyncio.wait((waiting,), timeout=min(limit + 1, call.config.task_after))
        if done:
            tasks.fetched(offer)
            return waiting.result()
        task = tasks.create(waiting, job_ids=job_ids, timeout=limit, **condition)
    except BaseException:  # cancelled by the client, or the task's file cannot be written
        waiting.cancel()
        tasks.fetched(offer)
        raise
    task_id = task["taskId"]
    return Result("", task=task)


async def tail(call: ToolCall, args: dict[str, Any]) -> Result:
    job_id = args["job_id"]
    if args["format"] != "text":
        return await _picture(call, job_id, args["format"])
    view = await call.jobs.tail(job_id, lines=args["lines"])
    return results.of_view(job_id, view, boundary=call.config.boundary)


async def _picture(call: ToolCall, job_id: str, format: str) -> Result:
    from ptyjobs.render import ansi
    from ptyjobs.terminal import Screen

    size, repaint = await call.jobs.repaint(job_id)
    screen = Screen(size)
    screen.feed(repaint)
    covered = redacting.hide(screen, call.jobs.redactor) if call.jobs.redactor else 0
    if format == "png":
        from ptyjobs.render import png

        try:
            data = await asyncio.to_thread(png.to_png, screen)
        except Unsupported as error:  # no Pillow, or the screen is too large: fall back to text
            view = await call.jobs.tail(job_id)
            shown = results.of_view(job_id, view)
            return replace(shown, text=f"{shown.text}\n(no picture: {error.message})")
        text = f"[{job_id}] screen {size.rows}x{size.cols} as a picture"
        text += f" · {covered} secrets covered" if covered else ""
        return Result(text, {"job_id": job_id}, images=(data,))
    text = ansi.to_svg(screen) if format == "svg" else ansi.to_ansi(screen)
    return Result(results.fit(text), {"job_id": job_id})


async def output(call: ToolCall, args: dict[str, Any]) -> Result:
    if args["job_id"] == "*":
        return await _grep_all(call, args)
    page = await call.jobs.output(
        args["job_id"],
        since=args["since"],
        grep=args["grep"] or None,
        limit=min(args["limit"] or call.config.max_chars, HARD_MAX_CHARS - 1000),
        last=args["last"],
        run=args["run"],
    )
    return results.of_page(
        args["job_id"],
        page,
        since=args["since"],
        grep=args["grep"],
        boundary=call.config.boundary,
    )


async def _grep_all(call: ToolCall, args: dict[str, Any]) -> Result:
    from ptyjobs.client import search

    if not args["grep"]:
        raise BadInput('output: job_id="*" needs grep.', advice='For example grep="Error".')
    limit = min(args["limit"] or call.config.max_chars, HARD_MAX_CHARS - 1000)
    jobs = call.jobs.registry.all()
    matches = await asyncio.to_thread(lambda: search.grep(jobs, args["grep"], limit=limit))
    return status_text.of_matches(matches, args["grep"])


async def status(call: ToolCall, args: dict[str, Any]) -> Result:
    found = await call.jobs.status(args["job_id"])
    return call.watch(args["job_id"], status_text.of_status(found, now=time.time()))


async def list_jobs(call: ToolCall, args: dict[str, Any]) -> Result:
    if args["ports"]:
        return status_text.of_ports(await asyncio.to_thread(call.jobs.ports), own=os.getpid())
    found = await call.jobs.list(brief=True)
    shown, ended, hidden = [], 0, 0
    for job in found:
        ended += job.state.ended
        if job.state.ended and ended > LISTED_ENDED and not args["all"]:
            hidden += 1
        else:
            shown.append(job)
            call.jobs.note_returned(job)
    from ptyjobs.client.search import project_of

    here = project_of(call.config.working_dir or os.getcwd())
    near = {cwd for cwd in {job.cwd for job in shown} if cwd and project_of(cwd) == here}
    mine = {job.job_id for job in shown if job.cwd in near}
    shown.sort(key=lambda job: job.job_id not in mine)
    elsewhere = {job.job_id for job in shown} - mine
    return status_text.of_list(
        shown, now=time.time(), ended_hidden=hidden, elsewhere=elsewhere if mine else set()
    )


async def kill(call: ToolCall, args: dict[str, Any]) -> Result:
    killed = await call.jobs.kill(args["job_id"], signal=args["signal"], grace=args["grace"])
    return status_text.of_killed(killed, args["signal"])


async def resize(call: ToolCall, args: dict[str, Any]) -> Result:
    size = Size(args["rows"], args["cols"])
    status = await call.jobs.resize(args["job_id"], size)
    text = f"[{status.job_id}] terminal is now {status.size.rows}x{status.size.cols}"
    return Result(text, {"job_id": status.job_id, "rows": size.rows, "cols": size.cols})
