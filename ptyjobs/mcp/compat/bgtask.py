"""The six tools of mcp-bgtask, under their original names, on top of our jobs.

Owns that server's names, parameters and messages. The caller names a task with any text; a name
that is a valid job id is used unchanged, any other is mapped through a digest. An ended
task's output stays readable until its name is reused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

from ptyjobs.client import prepare
from ptyjobs.client.files import check_job_id
from ptyjobs.config import HARD_MAX_CHARS
from ptyjobs.errors import BadInput, DuplicateJob, Hint, PtyJobsError, UnknownJob
from ptyjobs.mcp.compat import background_job as background
from ptyjobs.mcp.handlers import ToolCall
from ptyjobs.mcp.params import Param, Tool
from ptyjobs.mcp.results import Result, exit_words
from ptyjobs.mcp.server import Surface
from ptyjobs.text import sanitize

HINTS = {
    Hint.READ_OUTPUT: "Its output can still be read with get-task-stdout.",
    Hint.LOOK_FIRST: "Look with get-task-stdout first.",
    Hint.START_A_JOB: "There are no tasks; start one with run-background-task.",
    Hint.KEY_NAMES: "{near} {spelling}",
    Hint.CHECK_THEN_KILL: "Look with list-background-tasks, then stop-background-task.",
    Hint.CHECK_STATUS: "Try again; list-background-tasks shows whether it still runs.",
    Hint.WHOLE_LINE: "Send the whole line.",
    Hint.OWN_JOB: "Use run-background-task for such a command.",
    Hint.ONE_KEY: "Start the program with run-background-task.",
    Hint.INSIST: "",  # that server has no tool that sends secrets
    Hint.CELL_ORIGIN: "",  # that server has no tool that sends mouse input
    Hint.NAME_IN_USE: "Use it, or end it with stop-background-task.",
    Hint.HELD: "Its output can still be read; try again later.",
}
"""The next step after an error, in the words of its tools."""


def job_id_of(name: str) -> str:
    """Map a task name to a job id: the name itself, or a readable part of it plus a digest."""
    try:
        return check_job_id(name)
    except BadInput:
        readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:30]
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:10]
        return f"task-{digest}-{readable}".rstrip("-")


def _text(text: str, *, is_error: bool = False) -> Result:
    shown = sanitize.for_model(text)[0]
    return Result(sanitize.budget(shown, HARD_MAX_CHARS - 500).text, is_error=is_error)


async def _run(call: ToolCall, args: dict[str, Any]) -> Result:
    name = args["name"]
    if not name:
        return _text("A task needs a name.", is_error=True)
    job_id = job_id_of(name)
    call.check_rules(args["shell"])
    try:
        spec = prepare(call.config, command=args["shell"], name=job_id, stderr=call.config.stderr)
        await call.jobs.start(dataclasses.replace(spec, tags={"task": name}), name=job_id)
        status = await call.jobs.status(job_id)
    except DuplicateJob:
        return _text(f'Task with name "{name}" is already running.', is_error=True)
    return _text(f'Task "{name}" started with PID {status.pid}.')


async def _stop(call: ToolCall, args: dict[str, Any]) -> Result:
    try:
        await call.jobs.kill(job_id_of(args["name"]))
    except UnknownJob:
        return _none(args)
    return _text(f'Task "{args["name"]}" has been stopped.')


def _none(args: dict[str, Any]) -> Result:
    return _text(f'No task found with name "{args["name"]}".')


async def _list(call: ToolCall, args: dict[str, Any]) -> Result:
    running = [status for status in await call.jobs.list() if not status.state.ended]
    if not running:
        return _text("No background tasks are currently running.")
    lines = [
        f"- {_name_of(call, s.job_id)} (PID: {s.pid}, State: {s.state})" for s in reversed(running)
    ]
    return _text("\n".join(["Currently running tasks:", *lines]))


def _name_of(call: ToolCall, job_id: str) -> str:
    """Map a job id to its task name; jobs started by other clients keep their id."""
    spec = call.jobs.registry.find(job_id).spec()
    return spec.tags.get("task", job_id) if spec else job_id


async def _stdout(call: ToolCall, args: dict[str, Any]) -> Result:
    job_id = job_id_of(args["name"])
    try:
        text = await background.whole(call, job_id)
        status = await call.jobs.status(job_id)
    except UnknownJob:
        return _none(args)
    if status.state.ended and status.exit is not None:
        text += f"\n[{exit_words(status.exit, status.state)}]"
    return _text(f'Stdout of task "{args["name"]}":\n{text}' if text else "No output yet.")


async def _stderr(call: ToolCall, args: dict[str, Any]) -> Result:
    try:
        text = background.stderr_text(call, job_id_of(args["name"]))
    except UnknownJob:
        return _none(args)
    return _text(f'Stderr of task "{args["name"]}":\n{text}' if text else "No output yet.")


async def _send(call: ToolCall, args: dict[str, Any]) -> Result:
    job_id = job_id_of(args["name"])
    try:
        async with call.orders.of(job_id):
            await call.jobs.interact(job_id, input=args["data"], enter=False, timeout=0.0)
    except UnknownJob:
        return _none(args)
    except PtyJobsError as error:
        why = error.worded(HINTS)
        return _text(f'Failed to send data to task "{args["name"]}" stdin: {why}', is_error=True)
    return _text(f'Data sent to task "{args["name"]}" stdin.')


_NAME = Param("name", "text", "Name of the task", required=True)

SURFACE = Surface(
    "mcp-bgtask",
    "Background tasks",
    (
        Tool(
            "run-background-task",
            "Run a task",
            "Run a shell command in the background under a unique name.",
            (_NAME, Param("shell", "text", "Shell command to run", required=True)),
            _run,
            destructive=True,
        ),
        Tool(
            "stop-background-task",
            "Stop a task",
            "Stop a running background task.",
            (_NAME,),
            _stop,
            destructive=True,
            idempotent=True,
        ),
        Tool(
            "list-background-tasks",
            "List tasks",
            "List the background tasks that are running.",
            (),
            _list,
            read_only=True,
        ),
        Tool(
            "get-task-stdout",
            "Task output",
            "Get the standard output of a task.",
            (_NAME,),
            _stdout,
            read_only=True,
        ),
        Tool(
            "get-task-stderr",
            "Task error output",
            "Get the standard error of a task.",
            (_NAME,),
            _stderr,
            read_only=True,
        ),
        Tool(
            "send-to-task-stdin",
            "Send input",
            "Send data to the standard input of a task, exactly as given.",
            (_NAME, Param("data", "text", "Data; end a line with \\n", required=True)),
            _send,
            destructive=True,
        ),
    ),
    extras=False,
    hints=HINTS,
)
