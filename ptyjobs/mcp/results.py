"""Format client values as tool results: a status line with the output below it.

Owns every sentence of a tool result. Never calls the client and never imports the SDK: values in,
`Result` out. The reader must decide what to do next and pays for every word, so each text gives
the state first, then its cause, then the next step only if it is not obvious. Everything passes
through `text.sanitize`, because program output must not carry invisible characters to a model.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ptyjobs.config import HARD_MAX_CHARS
from ptyjobs.errors import Hint, PtyJobsError
from ptyjobs.json_values import to_json
from ptyjobs.mcp.advice import HINTS
from ptyjobs.model import Answer, Confidence, Exit, Page, Reason, Service, State, Verdict, View
from ptyjobs.text import sanitize
from ptyjobs.text.durations import duration

if TYPE_CHECKING:
    from ptyjobs.client.events import Events

MAX_ERROR = 1000
MAX_PROMPT = 80
SHOWN_WAIT = 0.9995  # seconds; shorter waits are not shown
LATE_LINES = 5  # of output before an input, after the report of a hold
META_KEY = "ptyjobs/result"
SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Result:
    """One tool result: the text for the model, the same facts as data, pictures (PNG)."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[bytes, ...] = ()
    is_error: bool = False
    structured: Mapping[str, Any] | None = None
    task: Mapping[str, Any] | None = None  # a CreateTaskResult, sent in place of the text


def of_answer(
    answer: Answer,
    *,
    prefix: str = "",
    secrets: Collection[str] = (),
    again: str = "wait",
    boundary: str = "auto",
) -> Result:
    """Format the answer of execute, interact or a wait for one job.

    `prefix` precedes the state, `secrets` are the names to offer at a password prompt, `again` is
    the call suggested as the next step after a timeout.
    """
    fresh = answer.fresh
    parts = [prefix, answer.unmatched]
    parts += _verdict_parts(answer, secrets=secrets, again=again)
    parts += (
        [
            f"the program read only {answer.sent:,} of {answer.sent + answer.unsent:,} bytes: "
            "the rest was not sent"
        ]
        if answer.unsent
        else []
    )
    parts += (
        [f"{fresh.omitted_lines:,} lines omitted, see output(since={fresh.offset})"]
        if fresh.omitted_lines
        else []
    )
    parts += [f"{fresh.dropped:,} B already gone from the log"] if fresh.dropped else []
    if fresh.restyled:
        parts.append("same text in other colours, see tail(format=ansi)")
    elif fresh.redrawn:
        parts.append("screen changed, see tail")
    parts += ["holds hidden text"] if fresh.hidden else []
    parts += [_people(answer)] if answer.attached or answer.by_person else []
    parts += [f"{answer.held}: your input is refused until released"] if answer.held else []
    body = fresh.text
    prompt = answer.verdict.prompt
    if fresh.view == "lines" and len(prompt) > MAX_PROMPT:  # the status line cuts it
        body = f"{body}\n{prompt}" if body else prompt
    before = ""
    if fresh.late.strip():
        late = fresh.late.rstrip()
        if answer.handback:  # the handback says where the complete output is
            late = "\n".join(late.split("\n")[-LATE_LINES:])
        before = f"--- before this input:\n{fenced(late, boundary)}\n--- reply:\n"
    if answer.handback:
        report = fenced(answer.handback, boundary)
        rest = f"\n--- output:\n{before}" if before or body else ""
        before = f"--- a person:\n{report}{rest}"
    text = block(answer.job_id, parts, body, answer.notes, boundary=boundary, before=before)
    return Result(text, _answer_facts(answer))


def _verdict_parts(answer: Answer, *, secrets: Collection[str], again: str) -> list[str]:
    verdict, fresh = answer.verdict, answer.fresh
    # In a full-screen view the cursor's row is no prompt, and the reply shows it anyway.
    shown = replace(verdict, prompt="") if fresh.view in ("screen", "rows") else verdict
    parts = [describe(shown, answer.state), _service_part(answer)]
    if verdict.says:
        parts.append(f"it says: {quoted(verdict.says)}")
    if verdict.command_exit:
        parts.append(f"last command exited with code {verdict.command_exit}")
    if verdict.waited >= SHOWN_WAIT:
        parts.append(duration(verdict.waited))
    unsettled = verdict.reason in (Reason.TIMEOUT, Reason.CANCELLED, Reason.QUIET)
    if unsettled:
        parts.append(f"+{fresh.end - fresh.offset:,} B")
    if fresh.view == "screen":
        parts.append("screen")
    elif fresh.view == "rows":
        parts.append(f"changed rows: {spans(fresh.rows)}")
    if unsettled:  # output(since=) continues from here; a complete reply needs no offset
        parts.append(f"log {fresh.end}")
    parts.append(_next_step(answer, secrets=secrets, again=again))
    return parts


def _service_part(answer: Answer) -> str:
    """Describe its leader's exit if a service still serves, or why it is not ready; else ""."""
    service, verdict = answer.service, answer.verdict
    if verdict.reason is Reason.SERVICE_READY:
        left = f"its command {answer.verdict.exit}; what it started serves"
        return left if verdict.exit is not None else ""
    if service is None or verdict.reason in (Reason.SERVICE_FAILED, Reason.EXITED):
        return ""
    return "" if service.ready else f"{service.state}: {one_line(service.why)}".rstrip(": ")


def service_words(service: Service, *, now: float) -> str:
    """Describe a service's readiness as a phrase: `ready for 12 s`, `not ready: ...`."""
    if service.ready:
        where = ", ".join(map(str, service.listening))
        return f"ready for {duration(max(0.0, now - service.since))}" + (
            f" on {where}" * bool(where)
        )
    return f"{service.state}: {one_line(service.why)}".rstrip(": ")


def describe(verdict: Verdict, state: State) -> str:
    """Describe a verdict as a phrase: the job's state and its cause."""
    at = f" at {quoted(verdict.prompt)}" if verdict.prompt.strip() else ""
    match verdict.reason:
        case Reason.EXITED:
            found = f"matched {quoted(verdict.match)}{SEPARATOR}" if verdict.match else ""
            lost = f": {one_line(verdict.why)}" if verdict.exit is None and verdict.why else ""
            return f"{found}{exit_words(verdict.exit, state)}{lost}"
        case Reason.PASSWORD:
            shown = f" {quoted(verdict.prompt)}" if at else ""
            return f"password prompt{shown}{doubt(verdict.confidence)}"
        case Reason.PATTERN:
            return f"matched {quoted(verdict.match)}"
        case Reason.SERVICE_READY:
            found = f": listening on {verdict.match}" if verdict.match else ""
            return f"ready{one_line(found)}"
        case Reason.SERVICE_FAILED:
            return f"not ready: {one_line(verdict.match)}"
        case Reason.PERSON:
            return f"person: {verdict.why}" + (f" {quoted(verdict.match)}" if verdict.match else "")
        case Reason.TIMEOUT | Reason.CANCELLED:
            doing = f": {one_line(verdict.doing)}" if verdict.doing else ""
            return f"still running{doing}"
        case Reason.QUIET:
            return f"silent{at}, perhaps waiting for input{doubt(verdict.confidence)}"
    what = "waiting for the rest of an open block" if verdict.continuation else "waiting for input"
    return f"{what}{at}{doubt(verdict.confidence)}"


def doubt(confidence: Confidence) -> str:
    """A medium or low confidence in parentheses; otherwise, which is nearly always, empty."""
    return f" ({confidence})" if confidence in (Confidence.MEDIUM, Confidence.LOW) else ""


def _next_step(answer: Answer, *, secrets: Collection[str], again: str) -> str:
    verdict = answer.verdict
    match verdict.reason:
        case Reason.PASSWORD:
            named = " or ".join(f"secret={quoted(name)}" for name in sorted(secrets))
            how = f"interact({named})" if named else "interact(input=...)"
            return f'{how} types it unseen, or wait(until="person", message=...) asks a person'
        case Reason.TIMEOUT:
            if not verdict.input_consumed:
                return f'the input was not read; {again} or interact(keys=["C-c"])'
            return f'{again} or interact(keys=["C-c"])'
        case Reason.QUIET:
            return "if more must come, call wait"
    if verdict.continuation:
        return 'send the rest (often an empty line) or keys=["C-c"]'
    if not verdict.input_consumed:
        return "the input was not read"
    return ""


def exit_words(end: Exit | None, state: State) -> str:
    """Describe the end of a job."""
    if end is None:
        return str(state)
    words = str(end)
    if state is State.KILLED and end.signal is not None and not end.cause:
        return f"killed ({end.signal_name})"
    if end.signal is not None and end.signal == signal.SIGSEGV:
        return f"{words} (crashed)"
    return words


def _people(answer: Answer) -> str:
    if answer.by_person:
        return "a person typed meanwhile"
    return f"{answer.attached} attached" if answer.attached > 1 else "a person is attached"


def _answer_facts(answer: Answer) -> dict[str, Any]:
    verdict, fresh = answer.verdict, answer.fresh
    facts: dict[str, Any] = {
        "job_id": answer.job_id,
        "state": answer.state.value,
        "reason": verdict.reason.value,
        "confidence": verdict.confidence.value,
        "waited": round(verdict.waited, 6),
        "offset": fresh.offset,
        "end": fresh.end,
        "view": fresh.view,
    }
    if fresh.view == "rows":
        facts["rows"] = [row + 1 for row in fresh.rows]
    optional = {
        "prompt": verdict.prompt,
        "doing": verdict.doing,
        "continuation": verdict.continuation,
        "pattern": verdict.pattern,
        "match": verdict.match,
        "exit_code": verdict.exit.code if verdict.exit else None,
        "signal": verdict.exit.signal_name if verdict.exit else None,
        "cause": verdict.exit.cause if verdict.exit else "",
        "command_exit": verdict.command_exit,
        "lines": fresh.lines,
        "omitted_lines": fresh.omitted_lines,
        "omitted_chars": fresh.omitted_chars,
        "dropped": fresh.dropped,
        "late": bool(fresh.late.strip()),
        "hidden": fresh.hidden,
        "sent": answer.sent,
        "unsent": answer.unsent,
        "attached": answer.attached,
        "by_person": answer.by_person,
        "title": answer.title,
        "unmatched": answer.unmatched,
        "held": answer.held,
        "handback": answer.handback,
        "why": verdict.why,
        "says": verdict.says,
    }
    zero_counts = ("exit_code", "pattern")  # in all other fields 0 means "absent"
    facts.update({k: v for k, v in optional.items() if v or (k in zero_counts and v is not None)})
    return facts


def of_wait(
    job_ids: Sequence[str],
    answers: Sequence[Answer],
    met: Sequence[str],
    *,
    timed_out: bool,
    waited: float,
    secrets: Collection[str] = (),
    boundary: str = "auto",
) -> Result:
    """Format the answer of wait: for several jobs, the ids that met it, then each full answer."""
    if len(job_ids) == 1 and answers:
        return of_answer(answers[0], secrets=secrets, again="wait again", boundary=boundary)
    others = [job_id for job_id in job_ids if job_id not in met]
    parts = [f"{len(met)} of {len(job_ids)} jobs" + (f": {', '.join(met)}" if met else "")]
    parts += [duration(waited)]
    parts += [f"not yet: {', '.join(others)}"] if others else []
    parts += ["call wait again"] if timed_out else []
    blocks = [one_line("[wait] " + SEPARATOR.join(parts))]
    blocks += [
        of_answer(answer, secrets=secrets, again="wait again", boundary=boundary).text
        for answer in answers
    ]
    facts = {
        "met": list(met),
        "timed_out": timed_out,
        "waited": round(waited, 6),
        "jobs": [_answer_facts(answer) for answer in answers],
    }
    return Result(fit("\n".join(blocks)), facts)


def of_events(events: Events) -> Result:
    """Format events of jobs that no call waited for."""
    facts = {"events": to_json(events.transitions), "running": list(events.running)}
    return Result(f"[events] {events.line}", facts)


def no_events(running: Sequence[str], *, waited: float) -> Result:
    """Format the answer of a wait for events that timed out."""
    parts = ["no event", duration(waited)]
    parts += [f"still running: {', '.join(running)}"] if running else ["no job runs"]
    return Result(one_line("[events] " + SEPARATOR.join(parts)), {"events": []})


def of_view(job_id: str, view: View, *, state: str = "", boundary: str = "auto") -> Result:
    """Format the answer of tail."""
    row, col = view.cursor
    parts = [state, "screen" if view.alternate else "", f"{view.size.rows}x{view.size.cols}"]
    parts += [f"cursor {row + 1},{col + 1}"] if view.alternate else []
    parts += [f"log {view.end}"]
    parts += [f"{view.lines_above:,} lines above, see lines= or output"] if view.lines_above else []
    parts += ["holds hidden text"] if view.hidden else []
    facts = {key: value for key, value in to_json(view).items() if key != "text"}
    return Result(block(job_id, parts, view.text, boundary=boundary), {"job_id": job_id, **facts})


def of_page(
    job_id: str, page: Page, *, since: int | None, grep: str = "", boundary: str = "auto"
) -> Result:
    """Format the answer of output."""
    parts = [f"output {page.offset}-{page.next} of {page.floor}-{page.end}"]
    if page.matches is not None:
        parts.append(f"{page.matches:,} lines match {quoted(grep)}")
    if since is not None and since < page.floor:
        parts.append(f"{page.floor - since:,} B before {page.floor} are gone from the log")
    if page.lost:
        parts.append(f"{page.lost:,} B in between are lost: there was no room to store them")
    if page.more:
        parts.append(f"more: since={page.next}")
    facts = {key: value for key, value in to_json(page).items() if key != "text"}
    return Result(block(job_id, parts, page.text, boundary=boundary), {"job_id": job_id, **facts})


def of_error(error: PtyJobsError, hints: Mapping[Hint, str] = HINTS) -> Result:
    """Format an error in one or two lines; `hints` supplies the next step."""
    text = sanitize.for_model(error.worded(hints))[0]
    if len(text) > MAX_ERROR:
        text = sanitize.budget(text, MAX_ERROR - 60).text
    return Result(text, {"error": error.code}, is_error=True)


def of_start(answer: Answer) -> Result:
    """Format the answer of an execute that does not wait."""
    parts = ["started", "wait or interact with this job_id shows its output"]
    return Result(block(answer.job_id, parts, ""), _answer_facts(answer))


# -- pieces


def block(
    job_id: str,
    parts: Sequence[str],
    body: str,
    notes: Sequence[str] = (),
    *,
    boundary: str = "auto",
    before: str = "",
) -> str:
    """Join the status line, output and notes of one job; `boundary`: the setting of that name.

    `before`: our own lines between the status line and the output.
    """
    head = f"[{job_id}] " + SEPARATOR.join(part for part in parts if part)
    lines = [one_line(head)]
    body = body.rstrip("\n")
    if before:
        lines.append(sanitize.for_model(before.rstrip("\n"))[0])
    if body:
        lines.append(fenced(sanitize.for_model(body)[0], boundary))
    lines += [f"({one_line(note)})" for note in notes]
    return fit("\n".join(lines))


_OURS = re.compile(r"^(?:\[[\w.-]{1,80}\] |---|~~~|\(.*\)$)", re.MULTILINE)
"""A line that a reader could take for one that ptyjobs has written."""


def fenced(body: str, boundary: str) -> str:
    """Enclose program output in two fences longer than any in it; adds 8 characters or more.

    With `auto`, only if one of its lines could be mistaken for ours.
    """
    if boundary == "never" or (boundary == "auto" and not _OURS.search(body)):
        return body
    longest = max(map(len, re.findall(r"^~{3,}", body, re.MULTILINE)), default=2)
    fence = "~" * (longest + 1)
    return f"{fence}\n{body}\n{fence}"


def fit(text: str) -> str:
    """Cut `text` to the hard cap of a result; clients hide longer results from the model."""
    if len(text) <= HARD_MAX_CHARS:
        return text
    return sanitize.budget(text, HARD_MAX_CHARS - 200, hint="read it with output by pages").text


def one_line(text: str) -> str:
    return sanitize.for_model(text.replace("\n", "\\n"))[0]


def quoted(text: str) -> str:
    """Quote a text; a long one is cut to its end, where a prompt has its question."""
    text = text if len(text) <= MAX_PROMPT else "…" + text[-MAX_PROMPT + 1 :]
    return json.dumps(sanitize.for_model(text)[0], ensure_ascii=False).replace("\\\\u{", "\\u{")


def spans(rows: Sequence[int]) -> str:
    """Format 0-based row numbers as 1-based ranges: `1-3, 7`; `none` if empty."""
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    words = [f"{a + 1}-{b + 1}" if b > a else f"{a + 1}" for a, b in found]
    return ", ".join(words) or "none"


def byte_size(count: float) -> str:
    """Format a number of bytes with at most three digits before the unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("the loop returns at GiB")
