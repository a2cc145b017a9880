"""The holder's operations: one function for each request of the protocol.

Owns the meaning of requests (`ptyjobs.requests` has their members): validates values, acts on the
job, then answers at once or registers a waiter that answers later. Never touches sockets. The
subtle thing: an error that a client may see is raised as a PtyJobsError and becomes the error
member of its reply.
"""

from __future__ import annotations

import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from ptyjobs.errors import BadInput, Hint, JobEnded, PtyJobsError
from ptyjobs.holder import asking
from ptyjobs.holder.asking import DECLINED, DONE
from ptyjobs.holder.input_encoding import cooked_line_note, encode
from ptyjobs.holder.input_policy import refuse_shown_secret
from ptyjobs.holder.input_queue import QueuedInput
from ptyjobs.holder.waiter import Ask
from ptyjobs.json_values import to_json, told
from ptyjobs.model import MAX_SIDE, PROTOCOL_VERSION, Size, State, size_of
from ptyjobs.readiness.settle import Sent
from ptyjobs.requests import (
    CancelRequest,
    DiscardRequest,
    DoneRequest,
    FollowRequest,
    HelloRequest,
    HoldRequest,
    InteractRequest,
    KillRequest,
    MarkRequest,
    ReleaseRequest,
    RepaintRequest,
    Request,
    ResizeRequest,
    RestartRequest,
    StartRequest,
    StatusRequest,
    TailRequest,
    WaitRequest,
    WindowRequest,
)
from ptyjobs.store import views
from ptyjobs.text.patterns import compile_patterns

if TYPE_CHECKING:
    from ptyjobs.holder.peers import Peer
    from ptyjobs.holder.service import JobService

Reply = dict[str, object] | None  # None: the answer comes later

CONDITIONS = ("ready", "exited", "pattern", "port", "quiet", "person")
QUIET = 1.0  # seconds without output that end a wait for quiet
NEEDS_A_PROGRAM = (
    InteractRequest, WaitRequest, TailRequest, RepaintRequest, ResizeRequest, MarkRequest,
    DiscardRequest, FollowRequest,
)  # fmt: skip
"""Another client can reach a holder before the start that it was forked for."""


def perform(service: JobService, peer: Peer, number: int, request: Request) -> Reply:
    """Perform the request of `peer` with this id."""
    if service.job.state is State.STARTING and isinstance(request, NEEDS_A_PROGRAM):
        raise PtyJobsError("The job has not started yet.", advice="Try again.")
    match request:
        case InteractRequest():
            return interact(service, peer, number, request)
        case WaitRequest():
            return wait(service, peer, number, request)
        case StartRequest():
            return start(service, peer, number, request)
        case RestartRequest():
            return restart(service, peer, number, request)
        case HelloRequest():
            return hello(service, peer, request)
        case CancelRequest():
            return {"cancelled": service.inputs.cancel(peer, request.request)}
        case HoldRequest():
            return hold(service, peer, request)
        case ReleaseRequest():
            return {"released": service.release(by=request.by, message=request.message)}
        case DoneRequest():
            return done(service, request)
        case TailRequest():
            return tail(service, peer, request)
        case RepaintRequest():
            return repaint(service, request)
        case StatusRequest():
            return status(service, peer, request)
        case ResizeRequest():
            return resize(service, request)
        case KillRequest():
            return kill(service, peer, number, request)
        case MarkRequest():
            return mark(service, request)
        case DiscardRequest():
            return discard(service, request)
        case FollowRequest():
            return follow(service, peer, request)
        case WindowRequest():
            return window(service, peer, request)
    assert_never(request)


def hello(service: JobService, peer: Peer, request: HelloRequest) -> Reply:
    """Introduce a client: its answers continue from the read position of `reader`."""
    peer.reader, peer.session, peer.who = request.reader, request.session, request.who
    peer.protocol = request.protocol
    return {"protocol": PROTOCOL_VERSION, "holder": service.pid, "state": service.job.state.value}


def start(service: JobService, peer: Peer, number: int, request: StartRequest) -> Reply:
    """Spawn the job; with `wait` > 0 the answer is the first output, else it comes at once."""
    patterns = tuple(compile_patterns(request.until))
    peer.reader, peer.session, peer.who = request.reader, request.spec.session, request.who
    service.spawn(request.spec, peer.reader)
    service.note("start", who=peer.who, session=peer.reader, text=request.spec.command)
    return first_answer(service, peer, number, request, patterns)


def first_answer(
    service: JobService,
    peer: Peer,
    number: int,
    request: StartRequest | RestartRequest,
    patterns: tuple[re.Pattern[str], ...] = (),
) -> Reply:
    """Answer a request that has begun a run: at once, or when the program is first ready."""
    if request.wait <= 0:
        return {"status": to_json(service.status())}
    watch = service.watches.own  # a service: its readiness, exit or a certain prompt answers
    ask = Ask(
        timeout=request.wait,
        ready=not patterns and watch is None,
        certain=bool(patterns) or watch is not None,
        patterns=patterns,
        budget=request.budget,
        progress=request.progress,
        redactor=service.job.secrets.redactor(request.secrets)
        if isinstance(request, StartRequest) and request.until
        else None,
    )
    notes = (f"PORT={service.job.port}",) if service.job.port else ()
    service.inputs.wait(peer, number, ask, watch=watch, notes=notes)
    return None


def interact(service: JobService, peer: Peer, number: int, request: InteractRequest) -> Reply:
    """Type, then wait until the program is ready for input; answers with the fresh output."""
    _need_running(service)
    service.hold.refuse(peer.who)
    patterns = tuple(compile_patterns(request.until))
    if service.inputs.must_wait(request):
        _check_input(service, request)
    service.inputs.queue_input(QueuedInput(peer, number, request, patterns))
    return None


def begin_input(service: JobService, queued: QueuedInput) -> None:
    """Type an input that has reached the head of the queue."""
    job, request, who = service.job, queued.request, queued.peer.who
    _need_running(service)
    service.hold.refuse(who)
    now = time.monotonic()
    job.courtesy.resume()
    job.drain(now)
    mode = job.terminal()
    refuse_shown_secret(request, mode)
    data, strokes = encode(service, request)
    service.input_policy.check(request, data)
    notes = cooked_line_note(service, data)
    mark = job.mark_now()
    typed = request.input or request.shown
    quiet_input = mode.secret or request.secret
    ask = _ask_of(service, queued, data, typed="" if quiet_input else typed, text=bool(typed))
    if quiet_input:
        job.typed.unseen(now, job.log.end, who=who)
        job.secrets.typed(typed)
    else:
        enters = data.count(b"\r") - len(re.findall(r"\r\n|\r|\n", typed))
        text = typed + "\n" * enters if typed else data.decode("utf-8", "replace")
        job.typed.typed(now, job.log.end, text, echo=mode.echo, who=who)
        service.watches.on_typed(text)
    service.inputs.wait(
        queued.peer, queued.number, ask, mark=mark, data=data, strokes=strokes, notes=notes
    )


def _ask_of(
    service: JobService, queued: QueuedInput, data: bytes, *, typed: str, text: bool
) -> Ask:
    """The wait after an input; `typed`: "" for a secret, `text`: False for keys alone."""
    request = queued.request
    return Ask(
        timeout=max(0.0, request.timeout),
        ready=not queued.patterns,
        certain=bool(queued.patterns),
        patterns=queued.patterns,
        budget=request.budget,
        view=request.view,
        progress=request.progress,
        redactor=service.job.secrets.redactor(request.secrets) if request.until else None,
        typed=typed,
        nbytes=len(data),
        sent=Sent(
            lines=data.count(b"\r") + data.count(b"\n"),
            text=text,
            typed=typed,
            enter=data.endswith((b"\r", b"\n")),
            nbytes=len(data),
            escape=data.endswith(b"\x1b"),
            signal=data.endswith((b"\x03", b"\x1c")),
        ),
    )


def wait(service: JobService, peer: Peer, number: int, request: WaitRequest) -> Reply:
    """Wait for readiness, exit or a pattern, from this reader's read position.

    For a service, `ready` is the service's readiness.
    """
    condition = request.condition
    if condition not in CONDITIONS:
        raise BadInput(f"Unknown condition {condition!r}.", advice=f"{', '.join(CONDITIONS)}.")
    if condition == "pattern" and not request.until:
        raise BadInput("No pattern given.", advice="Name one in patterns.")
    watch = service.watches.own if condition == "ready" else None
    words = request.service or (("port",) if condition == "port" else ())
    if words:
        watch = service.watches.add(words, time.monotonic())
    ask = Ask(
        timeout=max(0.0, request.timeout),
        ready=condition == "ready" and watch is None,
        certain=condition == "pattern" or watch is not None,
        quiet=QUIET if condition == "quiet" else None,
        patterns=tuple(compile_patterns(request.until)),
        budget=request.budget,
        progress=request.progress,
        redactor=service.job.secrets.redactor(request.secrets) if request.until else None,
        person=condition == "person",
        offer=request.offer,
    )
    if ask.person:
        _ask_person(service, request.message)
    service.inputs.wait(peer, number, ask, watch=watch)
    if ask.person:
        service.person_answered()  # it came while no call waited
    return None


def _ask_person(service: JobService, message: str) -> None:
    """Open a request for a person, or wait for the person who holds the job."""
    request = service.asking
    if not (message.strip() or request.message or request.reply or service.hold.held):
        raise BadInput(
            "No person holds this job, and no message was given.",
            advice="Say in message what a person should do.",
        )
    if not service.job.state.ended:
        if message.strip() and message != request.message:
            service.note("ask", text=message)
        request.ask(message)


def hold(service: JobService, peer: Peer, request: HoldRequest) -> Reply:
    """Give a person the hold."""
    _need_running(service)
    if not request.by:
        raise BadInput("A hold needs the name of the person.")
    service.take_hold(request.by, session=request.session)
    return {"held": service.hold.words()}


def done(service: JobService, request: DoneRequest) -> Reply:
    """Record that a person has done what was asked, or declines."""
    how = DECLINED if request.declined else DONE
    service.asking.answer(asking.Reply(how, request.message, request.by))
    service.note("answer", who=request.by, text=f"{how} {request.message}".strip())
    if service.hold.held is not None and service.hold.held.by == request.by:
        service.hand_back(by=request.by, words=request.message)
        service.tell_people()
    service.person_answered()
    return {}


def _check_input(service: JobService, request: InteractRequest) -> None:
    """Report a bad key, text or mouse action now; encoding waits until the input is typed."""
    encode(service, request)


def _need_running(service: JobService) -> None:
    """Raise JobEnded once the end is published; before that, status reports the job as running."""
    if service.job.state.ended:
        job = service.job
        name = job.spec.job_id
        raise JobEnded(
            job.exit.sentence(name) if job.exit else f"Job {name!r} has ended.",
            advice="Its output can still be read with output or tail.",
            hint=Hint.READ_OUTPUT,
            facts={"job_id": name},
        )


def tail(service: JobService, peer: Peer, request: TailRequest) -> Reply:
    """The rendered current view."""
    job = service.job
    service.notices.returned(peer.session)
    service.observed_fold()
    shown = views.view(job.fold.screen, lines=request.lines, end=job.log.end)
    read = service.inputs.tailed(peer.reader, first_line=shown.first_line)
    return {"view": to_json(replace(shown, read=read))}


def repaint(service: JobService, request: RepaintRequest) -> Reply:
    """Bytes that rebuild the screen on another terminal, as latin-1 text."""
    job = service.job
    service.observed_fold()
    data = job.fold.screen.repaint(scrollback=request.scrollback)
    return {"data": data.decode("latin-1"), "size": to_json(job.size), "end": job.log.end}


def status(service: JobService, peer: Peer, request: StatusRequest) -> Reply:
    """Full status of the job now; `brief` omits figures that need /proc."""
    if request.brief:
        service.status_cache.asked(time.monotonic())
        return {"status": told(service.status(live=True, brief=True))}
    service.notices.returned(peer.session)
    return {"status": to_json(service.status(live=True))}


def resize(service: JobService, request: ResizeRequest) -> Reply:
    """Change the job's own size; attached people keep theirs until they detach."""
    service.set_size(_size(request.rows, request.cols))
    return {"status": to_json(service.status())}


def _size(rows: int, cols: int) -> Size:
    size = size_of(rows, cols)
    if size is None:
        raise BadInput(
            f"{rows} rows by {cols} columns is not a terminal size.",
            advice=f"1 to {MAX_SIDE} each.",
        )
    return size


def kill(service: JobService, peer: Peer, number: int, request: KillRequest) -> Reply:
    """End the whole tree, or send one signal to the foreground process group."""
    if request.signal:
        service.note("signal", who=peer.who, session=peer.reader, text=request.signal)
        return _signal(service, request.signal)
    service.note("kill", who=peer.who, session=peer.reader)
    service.ending.kill(
        peer,
        number,
        now=time.monotonic(),
        grace=request.grace,
        reason="killed on request",
        cancelled=service.cancel_restarts(),
    )
    return None


def restart(service: JobService, peer: Peer, number: int, request: RestartRequest) -> Reply:
    """End the run, then begin another; `first_answer` answers for the new run."""
    service.note("restart", who=peer.who, session=peer.reader)
    now = time.monotonic()
    service.restarts.asked.append((peer, number, request))
    service.restarts.gave_up = False
    service.restarts.tries.clear()
    if service.job.state.ended:
        service.restarts.due = now
    else:
        service.ending.begin(now, grace=request.grace, reason="restarted on request")
    return None


def _signal(service: JobService, name: str) -> Reply:
    number = parse_signal(name)
    reached = service.signal_foreground(number)
    result = "signalled" if reached else "already_terminated"
    return {"result": result, "processes": reached, "status": to_json(service.status())}


def parse_signal(name: str) -> int:
    """A signal's number from "TERM", "SIGTERM" or "15"; BadInput for any other word."""
    word = name.strip().upper()
    if word.isdigit() and 1 <= int(word) < signal.NSIG:
        return int(word)
    try:
        return int(signal.Signals["SIG" + word.removeprefix("SIG")])
    except KeyError:
        raise BadInput(
            f"{name!r} is not a signal.", advice="Use a name such as INT, TERM, HUP, KILL, USR1."
        ) from None


def mark(service: JobService, request: MarkRequest) -> Reply:
    """Write a marker into the recording."""
    job = service.job
    job.events.event(time.monotonic(), job.log.end, "m", request.label[:1000])
    return {}


def discard(service: JobService, request: DiscardRequest) -> Reply:
    """Discard the oldest output up to offset `before` (whole segments), for a full log."""
    log = service.job.log
    floor = log.discard(min(request.before, log.end))
    service.job.pacing.retry()
    return {"floor": floor}


def follow(service: JobService, peer: Peer, request: FollowRequest) -> Reply:
    """Stream the output: from offset `since`, or a repaint and then live bytes."""
    peer.session, peer.who = request.session, request.name
    service.followers.add(
        peer,
        since=request.since,
        types=request.input,
        size=_size(request.rows, request.cols) if request.rows else None,
        name=request.name,
        scrollback=request.scrollback,
    )
    service.tell_people()
    return {"end": service.job.log.end, "floor": service.job.log.floor}


def window(service: JobService, peer: Peer, request: WindowRequest) -> Reply:
    """Set the new size of an attached person's terminal."""
    service.followers.resize(peer, _size(request.rows, request.cols))
    return {}
