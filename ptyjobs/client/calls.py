"""Requests to a holder as values: request, reply decoder, and answer for an ended job.

Owns the client's half of the protocol without any socket I/O, so that the synchronous and the
asynchronous client are the same API. An ended job has no holder; its answers are built from its
directory, with the same meaning.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING, dataclass, replace
from ptyjobs.errors import Hint, HolderLost, JobEnded, from_wire
from ptyjobs.json_values import from_json
from ptyjobs.model import Answer, Confidence, Fresh, Reason, Size, Status, Verdict, View
from ptyjobs.protocol import member
from ptyjobs.requests import (
    DiscardRequest,
    DoneRequest,
    HelloRequest,
    HoldRequest,
    KillRequest,
    MarkRequest,
    ReleaseRequest,
    RepaintRequest,
    ResizeRequest,
    RestartRequest,
    StatusRequest,
    TailRequest,
)
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Generic, NoReturn, TypeVar

    from ptyjobs.protocol import JsonObject
    from ptyjobs.requests import InteractRequest, Request, StartRequest, WaitRequest
    from ptyjobs.text.redaction import Redactor

    T = TypeVar("T")
    Progress = Callable[[str], None]
else:
    T = None

    class Generic:
        """Run-time stand-in for `typing.Generic` in `class Call(Generic[T])`."""

        __slots__ = ()

        def __class_getitem__(cls, _):
            return cls


SLACK = 10.0  # seconds past its deadline after which a silent holder counts as lost
BIRTH = 30.0  # seconds beyond that for a start: a first one waits until the zygote has loaded
KILL_SLACK = 10.0  # seconds that a kill may take beyond its grace period


@dataclass(frozen=True, slots=True)
class Killed:
    """Result of `kill`: "killed", "already_terminated" or "signalled", and a process count."""

    result: str
    processes: int
    status: Status
    forced: tuple[str, ...] = ()  # "pid name" of each process that outlived the grace period
    words: str = ""  # output between the first signal and the end


@dataclass(frozen=True, slots=True)
class WaitResult:
    """Answers of several jobs, and the ids of the jobs that met the condition."""

    answers: tuple[Answer, ...]
    met: tuple[str, ...]
    timed_out: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """Ended job: its files, its status, the caller's read position and secrets."""

    job: JobDir
    status: Status
    seen: int
    redactor: Redactor | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request."""

    request: Request
    parse: Callable[[JsonObject], T]
    ended: Callable[[Ended], T]
    timeout: float = 0.0  # seconds until the holder's own deadline


def start(request: StartRequest) -> Call[Answer]:
    return Call(request, _answer, _ended_within(request.budget), request.wait + BIRTH)


def restart(request: RestartRequest) -> Call[Answer]:
    return Call(request, _answer, _ended_within(request.budget), request.wait + request.grace + 10)


def interact(request: InteractRequest) -> Call[Answer]:
    return Call(request, _answer, _no_input, request.timeout)


def wait(request: WaitRequest) -> Call[Answer]:
    def ended(job: Ended) -> Answer:
        answer = _ended_answer(job, request.budget)
        return _with_match(answer, job, request.until) if request.until else answer

    return Call(request, _answer, ended, request.timeout)


def hello(request: HelloRequest) -> Call[None]:
    """Request whose reply has only digests of text typed at no-echo prompts, like every reply."""
    return Call(request, lambda ok: None, lambda job: None)


def hold(*, by: str, session: int) -> Call[None]:
    return Call(HoldRequest(by, session), lambda ok: None, _no_input)


def release(*, by: str, message: str) -> Call[bool]:
    return Call(ReleaseRequest(by, message), lambda ok: bool(ok["released"]), _no_input)


def done(*, by: str, message: str, declined: bool) -> Call[None]:
    return Call(DoneRequest(by, message, declined), lambda ok: None, _no_input)


def tail(*, lines: int) -> Call[View]:
    def ended(job: Ended) -> View:
        from ptyjobs.store import views  # loads the terminal engine; needed for ended jobs only

        return views.view(views.screen_at(job.job), lines=lines, end=job.job.log.end)

    return Call(TailRequest(lines), lambda ok: from_json(View, ok["view"]), ended)


def repaint(*, scrollback: int = 0) -> Call[tuple[Size, bytes]]:
    def parse(ok: JsonObject) -> tuple[Size, bytes]:
        return from_json(Size, ok["size"]), member(ok, "data", str).encode("latin-1")

    def ended(job: Ended) -> tuple[Size, bytes]:
        from ptyjobs.store import views

        screen = views.screen_at(job.job)
        return screen.size, screen.repaint(scrollback=scrollback)

    return Call(RepaintRequest(scrollback), parse, ended)


def status(*, brief: bool = False) -> Call[Status]:
    return Call(StatusRequest(brief), _status, lambda job: job.status)


def resize(size: Size) -> Call[Status]:
    return Call(ResizeRequest(size.rows, size.cols), _status, _no_input)


def mark(label: str) -> Call[None]:
    return Call(MarkRequest(label), lambda ok: None, _no_input)


def discard(*, before: int) -> Call[int]:
    return Call(DiscardRequest(before), lambda ok: member(ok, "floor", int), _no_input)


def kill(*, signal: str, grace: float) -> Call[Killed]:
    def ended(job: Ended) -> Killed:
        return Killed("already_terminated", 0, job.status)

    def parse(ok: JsonObject) -> Killed:
        return from_json(Killed, ok)

    return Call(KillRequest(signal, grace), parse, ended, grace + KILL_SLACK)


def _answer(ok: JsonObject) -> Answer:
    if "answer" in ok:
        return from_json(Answer, ok["answer"])
    status = from_json(Status, ok["status"])  # started without waiting
    verdict = Verdict(Reason.TIMEOUT, Confidence.CERTAIN)
    return Answer(status.job_id, status.state, verdict, Fresh(""))


def _status(ok: JsonObject) -> Status:
    return from_json(Status, ok["status"])


def _no_input(job: Ended) -> NoReturn:
    name, exit_ = job.status.job_id, job.status.exit
    raise JobEnded(
        exit_.sentence(name)
        if exit_
        else f"Job {name!r} has ended: {job.status.reason or job.status.state}.",
        advice="Its output can still be read with output or tail.",
        hint=Hint.READ_OUTPUT,
        facts={"job_id": name},
    )


def _ended_within(limit: int) -> Callable[[Ended], Answer]:
    return lambda job: _ended_answer(job, limit)


def _ended_answer(job: Ended, limit: int) -> Answer:
    """Answer of a wait on an ended job: its exit and the output after the read position."""
    from ptyjobs.store import views
    from ptyjobs.text.sanitize import budget as cut

    log = job.job.log
    spec = job.job.spec()
    size = spec.size if spec else Size()
    floor, end = log.floor, log.end
    seen = job.seen if job.seen <= end else 0  # larger: read in an earlier run of that name
    since = max(seen, floor)
    head = views.page(log, size=size, since=since, limit=limit)
    text = head.text
    omitted_chars = omitted_lines = 0
    if head.more:
        last = views.page(log, size=size, since=None, limit=limit // 2, last=True)
        cut_head = cut(head.text, limit // 2)
        text = cut_head.text + "\n" + last.text
        omitted_chars = max(0, last.offset - head.next) + cut_head.omitted_chars
        omitted_lines = cut_head.omitted_lines
    return Answer(
        job_id=job.status.job_id,
        state=job.status.state,
        verdict=Verdict(
            Reason.EXITED,
            exit=job.status.exit,
            why="the job has ended" if job.status.exit else job.status.reason,
        ),
        fresh=Fresh(
            text,
            offset=since,
            end=end,
            lines=text.count("\n") + bool(text),
            omitted_chars=omitted_chars,
            omitted_lines=omitted_lines,
            dropped=max(0, floor - seen),
        ),
    )


def _with_match(answer: Answer, job: Ended, patterns: Sequence[str]) -> Answer:
    """The answer with a match in the output after the read position, or with its absence."""
    from ptyjobs.store import log_matches

    match, unmatched = log_matches.of_ended(
        job.job.folder, patterns, since=answer.fresh.offset, redactor=job.redactor
    )
    if match is None:
        return replace(answer, unmatched=unmatched)
    index, text = match
    return replace(answer, verdict=replace(answer.verdict, pattern=index, match=text))


def result_of(message: JsonObject) -> JsonObject:
    """Return the `ok` member of a reply, or raise its error."""
    if message.get("error") is not None:
        raise from_wire(member(message, "error", dict))
    return member(message, "ok", dict)


def version_in(hello: JsonObject) -> int:
    """Protocol version in the reply to `hello`."""
    return member(result_of(hello), "protocol", int)


def no_answer() -> HolderLost:
    """Error for a holder that exceeded the deadline of its request."""
    return HolderLost(
        "The job's holder does not answer.",
        advice="Look with status, then kill it.",
        hint=Hint.CHECK_THEN_KILL,
    )


def nothing_to_follow(job_id: str) -> HolderLost:
    """Error for following a job that has no holder and so no live output."""
    return HolderLost(
        f"Job {job_id!r} has ended.",
        advice="Read it with output or tail.",
        hint=Hint.READ_OUTPUT,
        facts={"job_id": job_id},
    )


def meets(answer: Answer, until: str) -> bool:
    reason = answer.verdict.reason
    if until == "exited":
        return answer.state.ended
    if until == "person":
        return reason is Reason.PERSON or answer.state.ended
    if until == "pattern":
        return answer.verdict.pattern is not None
    if until == "port" or reason is Reason.SERVICE_READY:
        return reason is Reason.SERVICE_READY
    return reason.ready or answer.state.ended


def with_note(answer: Answer, *notes: str) -> Answer:
    """Copy of the answer with `notes` before its own."""
    return replace(answer, notes=(*notes, *answer.notes))


def wait_result(
    job_ids: Sequence[str], answers: Mapping[str, Answer], met: Sequence[str], *, any_of: bool
) -> WaitResult:
    """Result of a wait for several jobs, in the order of the call."""
    wanted = 1 if any_of else len(set(job_ids))
    ordered = tuple(answers[name] for name in dict.fromkeys(job_ids) if name in answers)
    return WaitResult(ordered, tuple(met), timed_out=len(met) < wanted)
