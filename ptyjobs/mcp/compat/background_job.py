"""The seven tools of mcp-background-job, under their original names, on top of our jobs.

Owns that server's names, parameters, return fields and messages (version 0.1.2, as its clients see
them: a JSON object as text and as structuredContent). Features it documents but does not implement
work here: command lines run in a shell, prompts without a line end are detected, slow answers are
awaited, kill ends the whole process tree, and the configured limits apply. Two deliberate
differences: `stdout` is the terminal output (including standard error, unless the setting `stderr`
is "separate"), and very long output is cut to its head and tail.

The prompt: `stdout` of an interaction ends with the line the program now waits at, unless that
prompt equals the one before the input, which would be noise in every reply of a REPL.
"""

from __future__ import annotations

import json
import shlex
import uuid
from datetime import UTC, datetime
from typing import Any

from ptyjobs.client import prepare
from ptyjobs.client.files import LogReader, views
from ptyjobs.config import HARD_MAX_CHARS
from ptyjobs.config.types import find_program
from ptyjobs.errors import (
    BadInput,
    Hint,
    JobEnded,
    LimitReached,
    NeedsApproval,
    PtyJobsError,
    Refused,
    UnknownJob,
)
from ptyjobs.mcp.handlers import ToolCall
from ptyjobs.mcp.params import Param, Tool
from ptyjobs.mcp.results import Result
from ptyjobs.mcp.server import Surface
from ptyjobs.model import Size, State, Status
from ptyjobs.policy import Policy
from ptyjobs.text import sanitize

MAX_OUTPUT = HARD_MAX_CHARS - 4000
"""Characters of one text field, before JSON escapes it."""
HINTS = {
    Hint.READ_OUTPUT: "Its output can still be read with get_job_output.",
    Hint.LOOK_FIRST: "Look with tail_job_output first.",
    Hint.START_A_JOB: "There are no jobs; start one with execute_command.",
    Hint.KEY_NAMES: "{near} {spelling}",
    Hint.CHECK_THEN_KILL: "Look with get_job_status, then kill_job.",
    Hint.CHECK_STATUS: "Try again; get_job_status shows whether it still runs.",
    Hint.WHOLE_LINE: "Send the whole line.",
    Hint.OWN_JOB: "Use execute_command for such a command.",
    Hint.ONE_KEY: "Start the program with execute_command.",
    Hint.INSIST: "",  # that server has no tool that sends secrets
    Hint.CELL_ORIGIN: "",  # that server has no tool that sends mouse input
    Hint.NAME_IN_USE: "Use it, or end it with kill_job.",
    Hint.HELD: "Its output can still be read; try again later.",
}
"""The next step after an error, in the words of its tools."""
_SHELL_SYNTAX = set("|&;<>()$`\\\"'*?[]#~={}!%\n ")


def _answer(**fields: Any) -> Result:
    text = json.dumps(fields, ensure_ascii=False)
    return Result(text, structured=fields)


def _error(text: str) -> Result:
    return Result(sanitize.for_model(text)[0], is_error=True)


def _not_found(args: dict[str, Any]) -> Result:
    return _error(f"Job {args['job_id']} not found")


def _word(state: State) -> str:
    return "running" if state is State.STARTING else state.value


def _clean(text: str) -> str:
    return sanitize.for_model(text)[0].rstrip("\n")


async def _execute(call: ToolCall, args: dict[str, Any]) -> Result:
    command = args["command"].strip()
    try:
        words = _checked(command, call)
    except NeedsApproval:  # the server asks
        raise
    except Refused as refusal:
        return _error(f"Invalid command: {refusal.message}")
    if len(words) == 1 and not _SHELL_SYNTAX & set(words[0]) and find_program(words[0]) is None:
        missing = f"[Errno 2] No such file or directory: {words[0]!r}"
        return _error(f"Failed to execute command: {missing}")
    job_id = str(uuid.uuid4())
    try:
        spec = prepare(call.config, command=command, name=job_id, stderr=call.config.stderr)
        await call.jobs.start(spec, name=job_id)
    except LimitReached:
        limit = call.config.max_jobs
        return _error(f"Job limit reached: Maximum concurrent jobs limit ({limit}) reached")
    except BadInput as error:
        return _error(f"Invalid command: {error.message}")
    except PtyJobsError as error:
        return _error(f"Failed to execute command: {error.worded(HINTS)}")
    return _answer(job_id=job_id)


def _checked(command: str, call: ToolCall) -> list[str]:
    """The command split into words; raises Refused with that server's message."""
    if not command:
        raise Refused("Command cannot be empty")
    try:
        words = shlex.split(command)
    except ValueError as error:  # "No closing quotation"
        raise Refused(str(error)) from None
    try:
        Policy((), block_dangerous=True).check(command)
    except Refused:
        text = "Command contains dangerous pattern and is not allowed"
        raise Refused(f"{text}: {command}") from None
    try:
        Policy(call.config.allowed_commands).check(command)
    except Refused:
        raise Refused(f"Command not in allowed patterns: {command}") from None
    call.check_rules(command)
    return words


async def _list(call: ToolCall, args: dict[str, Any]) -> Result:
    return _answer(jobs=[_listed(status) for status in await call.jobs.list()])


def _listed(status: Status) -> dict[str, Any]:
    started = datetime.fromtimestamp(status.started, UTC)
    return {
        "job_id": status.job_id,
        "status": _word(status.state),
        "command": sanitize.for_model(status.command)[0],
        "started": started.isoformat().replace("+00:00", "Z"),
    }


async def _status(call: ToolCall, args: dict[str, Any]) -> Result:
    try:
        status = await call.jobs.status(args["job_id"])
    except (UnknownJob, BadInput):
        return _not_found(args)
    return _answer(status=_word(status.state))


async def _output(call: ToolCall, args: dict[str, Any]) -> Result:
    try:
        text = await whole(call, args["job_id"])
    except (UnknownJob, BadInput):
        return _not_found(args)
    return _answer(stdout=text, stderr=stderr_text(call, args["job_id"]))


async def whole(call: ToolCall, job_id: str) -> str:
    """The job's complete text; very long text is cut to head and tail."""
    first = await call.jobs.output(job_id, since=0, limit=MAX_OUTPUT)
    if not first.more:
        return _clean(first.text)
    last = await call.jobs.output(job_id, limit=MAX_OUTPUT // 2, last=True)
    head = sanitize.budget(first.text, MAX_OUTPUT // 2, head_share=1.0).text
    gone = sanitize.gap(max(0, last.offset - first.offset - len(head)), 0, "see tail_job_output")
    return _clean(f"{head.rstrip()}\n{gone}\n{last.text}")


async def _tail(call: ToolCall, args: dict[str, Any]) -> Result:
    job_id, lines = args["job_id"], args["lines"]
    try:
        page = await call.jobs.output(job_id, limit=MAX_OUTPUT, last=True)
    except (UnknownJob, BadInput):
        return _not_found(args)
    errors = stderr_text(call, job_id)
    return _answer(stdout=_last(_clean(page.text), lines), stderr=_last(errors, lines))


def _last(text: str, lines: int) -> str:
    return "\n".join(text.split("\n")[-lines:])


def stderr_text(call: ToolCall, job_id: str, *, since: int = 0) -> str:
    """Separate standard error from offset `since` on; empty if it is not separate."""
    directory = call.jobs.registry.find(job_id).path / "stderr"
    if not directory.is_dir():
        return ""
    log = LogReader(directory)
    page = views.page(log, size=Size(), since=since or None, limit=MAX_OUTPUT, last=since == 0)
    return _clean(page.text)


def _stderr_end(call: ToolCall, job_id: str) -> int:
    directory = call.jobs.registry.find(job_id).path / "stderr"
    return LogReader(directory).end if directory.is_dir() else 0


async def _interact(call: ToolCall, args: dict[str, Any]) -> Result:
    job_id, text = args["job_id"], args["input"]
    text = text.removesuffix("\n")  # that server appends a line end if there is none
    try:
        async with call.orders.of(job_id):
            before = await call.jobs.status(job_id)
            if before.state.ended:
                raise JobEnded("")
            errors_seen = _stderr_end(call, job_id)
            answer = await call.jobs.interact(
                job_id,
                input=text,
                timeout=call.seconds(None, call.config.interact_timeout),
                budget=call.config.max_chars,
                on_progress=call.on_progress,
            )
    except JobEnded:
        return _error(f"Job {job_id} is not running and cannot accept input")
    except (UnknownJob, BadInput):
        return _not_found(args)
    except PtyJobsError as error:
        return _error(f"Failed to interact with job: {error.worded(HINTS)}")
    prompt = answer.verdict.prompt.rstrip()
    known = before.waiting.prompt.rstrip() if before.waiting else ""
    late = answer.fresh.late.rstrip()
    if known and late.endswith(known):  # the question that this input answers
        late = late.removesuffix(known)
    parts = [late, answer.fresh.text, prompt if prompt != known else ""]
    stdout = "\n".join(part.rstrip("\n") for part in parts if part.strip())
    fresh = _stderr_end(call, job_id) > errors_seen
    stderr = stderr_text(call, job_id, since=errors_seen) if fresh else ""
    return _answer(stdout=_clean(stdout), stderr=stderr)


async def _kill(call: ToolCall, args: dict[str, Any]) -> Result:
    try:
        killed = await call.jobs.kill(args["job_id"])
    except (UnknownJob, BadInput):
        return _answer(status="not_found")
    return _answer(status=killed.result)


def _object(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


_TEXT = {"type": "string"}
_WORD = {"type": "string", "enum": ["running", "completed", "failed", "killed"]}
_WHEN = {"type": "string", "format": "date-time"}
_JOB = _object(job_id=_TEXT, status=_WORD, command=_TEXT, started=_WHEN)
_STREAMS = _object(stdout=_TEXT, stderr=_TEXT)
_ID = Param("job_id", "text", "Job ID", required=True)

SURFACE = Surface(
    "mcp-background-job",
    "Background jobs",
    (
        Tool(
            "execute_command",
            "Execute a command",
            "Execute a command as a background job and return its job ID.",
            (Param("command", "text", "Shell command to execute", required=True),),
            _execute,
            output=_object(job_id=_TEXT),
            destructive=True,
        ),
        Tool(
            "list_jobs",
            "List jobs",
            "List all background jobs with their status, newest first.",
            (),
            _list,
            output=_object(jobs={"type": "array", "items": _JOB}),
            read_only=True,
        ),
        Tool(
            "get_job_status",
            "Job status",
            "Get the status of a background job: running, completed, failed or killed.",
            (_ID,),
            _status,
            output=_object(status=_WORD),
            read_only=True,
        ),
        Tool(
            "get_job_output",
            "Job output",
            "Get the complete stdout and stderr of a job.",
            (_ID,),
            _output,
            output=_STREAMS,
            read_only=True,
        ),
        Tool(
            "tail_job_output",
            "Tail job output",
            "Get the last N lines of stdout and stderr of a job.",
            (_ID, Param("lines", "integer", "Number of lines", default=50, low=1, high=1000)),
            _tail,
            output=_STREAMS,
            read_only=True,
        ),
        Tool(
            "interact_with_job",
            "Interact with a job",
            "Send input to a running job and return its new output.",
            (_ID, Param("input", "text", "Text to send; a newline is added", required=True)),
            _interact,
            output=_STREAMS,
            destructive=True,
        ),
        Tool(
            "kill_job",
            "Kill a job",
            "Kill a running job: killed, already_terminated or not_found.",
            (_ID,),
            _kill,
            output=_object(status=_TEXT),
            destructive=True,
            idempotent=True,
        ),
    ),
    extras=False,
    hints=HINTS,
)
