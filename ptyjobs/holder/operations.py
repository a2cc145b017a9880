"""What a client may ask of a holder: one function for each operation of the protocol.

Owns the meaning of requests (SPEC.md "The holder's protocol"): validates parameters, acts on the
job, answers now or registers a waiter that answers later. Never touches sockets. An error that a
client may see is raised as a PtyJobsError and becomes the error member of its reply.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import BadInput, Hint, JobEnded, Refused
from ptyjobs.holder import input_reader
from ptyjobs.holder.input_reader import InputReader
from ptyjobs.holder.waiter import Ask
from ptyjobs.input import keys as keymap
from ptyjobs.input.mouse import mouse as encode_mouse
from ptyjobs.model import JobSpec, Size, from_json, to_json, told
from ptyjobs.policy import Policy
from ptyjobs.readiness.settle import Sent
from ptyjobs.store import views
from ptyjobs.terminal.replies import CELL
from ptyjobs.text.patterns import compile_patterns

if TYPE_CHECKING:
    from ptyjobs.holder.peers import Peer
    from ptyjobs.holder.service import JobService
    from ptyjobs.terminal.values import Modes

Params = dict[str, Any]
Reply = dict[str, Any] | None  # None: the answer comes later
Operation = Callable[["JobService", "Peer", int, Params], Reply]

MAX_INPUT = 16 << 20  # bytes of one input
QUIET = 1.0  # seconds of silence that end a wait for quiet
COOKED_LINE = 4095  # bytes of a line that the kernel's line editor keeps (N_TTY_BUF_SIZE)


def hello(service: JobService, peer: Peer, _id: int, params: Params) -> Reply:
    """Introduce a client: `reader` names whose place in the output its answers continue."""
    from ptyjobs.model import PROTOCOL_VERSION

    peer.reader = str(params.get("reader", ""))
    return {"protocol": PROTOCOL_VERSION, "holder": service.pid, "state": service.job.state.value}


def start(service: JobService, peer: Peer, request: int, params: Params) -> Reply:
    """Spawn the job; with `wait` > 0 the answer is the first output, else it comes at once."""
    spec = from_json(JobSpec, params["spec"])
    peer.reader = str(params.get("reader", ""))
    service.spawn(spec, peer.reader)
    wait = float(params.get("wait", 0.0))
    if wait <= 0:
        return {"status": to_json(service.status())}
    ask = _ask(params, timeout=wait)
    service.inputs.wait(peer, request, ask)
    return None


def interact(service: JobService, peer: Peer, request: int, params: Params) -> Reply:
    """Type, then wait until it is the caller's turn again; answers with the fresh output."""
    _need_running(service)
    _encode(service, params)  # bad keys and patterns are told before anything waits
    compile_patterns(params.get("until") or ())
    service.inputs.queue_input(peer, request, params)
    return None


def begin_input(service: JobService, peer: Peer, request: int, params: Params) -> None:
    """Called by the holder when it is this request's turn to type."""
    job = service.job
    _need_running(service)
    now = time.monotonic()
    job.courtesy.resume()
    job.drain(now)
    if params.get("secret") and not job.at_secret_prompt:
        raise Refused(
            "The program is not at a no-echo prompt, so the secret was not sent.",
            advice="Wait for its password prompt, then send it again.",
        )
    data, typed = _encode(service, params)
    _check_policy(service, params, data)
    notes = _cooked_line_note(service, data)
    mark = job.mark_now()
    quiet_input = job.at_secret_prompt or bool(params.get("secret"))
    ask = _ask(
        params,
        timeout=float(params.get("timeout", 10.0)),
        typed="" if quiet_input else typed,
        nbytes=len(data),
        sent=Sent(
            lines=data.count(b"\r") + data.count(b"\n"),
            text=bool(typed),
            enter=data.endswith((b"\r", b"\n")),
            nbytes=len(data),
            escape=data.endswith(b"\x1b"),
        ),
    )
    if quiet_input:
        job.typed.unseen(now, job.log.end)
    else:
        enters = data.count(b"\r") - len(re.findall(r"\r\n|\r|\n", typed))
        text = typed + "\n" * enters if typed else data.decode("utf-8", "replace")
        job.typed.typed(now, job.log.end, text, echo=job.terminal().echo)
    names = () if params.get("raw") else params.get("keys") or ()
    strokes = keymap.strokes(names, modes=_key_modes(service))
    service.inputs.wait(peer, request, ask, mark=mark, data=data, strokes=strokes, notes=notes)


def wait(service: JobService, peer: Peer, request: int, params: Params) -> Reply:
    """Wait for the program's turn, its exit or a pattern, from where this reader has seen."""
    until = str(params.get("for", "ready"))
    if until not in ("ready", "exited", "pattern", "quiet"):
        raise BadInput(f"Unknown condition {until!r}.", advice="ready, exited, pattern or quiet.")
    if until == "pattern" and not params.get("until"):
        raise BadInput("No pattern given.", advice="Name one in patterns.")
    ask = _ask(
        params,
        timeout=float(params.get("timeout", 30.0)),
        ready=until == "ready",
        certain=until == "pattern",
        quiet=QUIET if until == "quiet" else None,
    )
    service.inputs.wait(peer, request, ask)
    return None


def _ask(params: Params, *, timeout: float, **more: Any) -> Ask:
    return Ask(
        timeout=max(0.0, timeout),
        ready=more.pop("ready", not params.get("until") and params.get("ready", True)),
        certain=more.pop("certain", bool(params.get("until"))),
        patterns=tuple(compile_patterns(params.get("until") or ())),
        budget=int(params.get("budget", 8000)),
        view=str(params.get("view", "auto")),
        progress=bool(params.get("progress")),
        **more,
    )


def _key_modes(service: JobService) -> Modes:
    """The modes that keys are encoded for.

    While the kernel edits lines, no program reads keys: keyboard modes and bracketed paste were
    left on by one that has ended, and C-c must be the byte that the kernel knows.
    """
    modes = service.job.fold.screen.modes
    if not service.job.terminal().canonical:
        return modes
    return replace(modes, kitty_flags=0, modify_other_keys=0, bracketed_paste=False)


def _encode(service: JobService, params: Params) -> tuple[bytes, str]:
    """The bytes of a request's input and the text among them whose echo is to be removed."""
    modes = _key_modes(service)
    text = str(params.get("input") or "")
    names = params.get("keys") or ()
    data = b""
    mouse = params.get("mouse")
    if mouse:
        data += _mouse(service, mouse)
    raw = bytes.fromhex(str(params.get("raw") or ""))
    enter = bool(params.get("enter", True)) and not names and not raw and not mouse
    if text or enter:
        data += keymap.typed(text, modes=modes, enter=enter)
    if names:
        data += keymap.encode(names, modes=modes)
    data += raw
    if len(data) > MAX_INPUT:
        raise BadInput(
            f"{len(data)} bytes of input are more than the {MAX_INPUT} of one call.",
            advice="Write a file and have the program read it.",
        )
    return data, text or str(params.get("shown") or "")


def _check_policy(service: JobService, params: Params, data: bytes) -> None:
    """With an allow-list, a line that a shell reads must be allowed like a command.

    At its prompt, or later because it was typed ahead: while another program has the terminal and
    does not read it, or behind the line that such a program reads.
    """
    spec = service.job.spec
    if not (spec.allowed or spec.block_dangerous):
        return
    reader = input_reader.reader(service.job)
    if reader is InputReader.PROGRAM or (
        reader is InputReader.ONE_LINE and _ONE_LINE.fullmatch(data)
    ):
        return
    if reader is InputReader.ONE_KEY:
        if _ONE_KEY.fullmatch(data.decode("utf-8", "replace")):
            return
        raise Refused(
            "not allowed: several keys for a program with a shell behind it, which may read the "
            "last of them.",
            advice="Send one key a call, or start the program as a job of its own with execute.",
        )
    text = str(params.get("input") or "")
    names = tuple(params.get("keys") or ())
    plain = not _CONTROL.search(re.split(r"\r\n|\r|\n", text, maxsplit=1)[0])
    if reader is InputReader.ONE_LINE and plain and not names and not params.get("raw"):
        text = re.split(r"\r\n|\r|\n", text, maxsplit=1)[-1]
    policy = Policy(tuple(spec.allowed), spec.block_dangerous)
    try:
        if params.get("raw"):
            raise Refused("not allowed: raw bytes for a shell.", advice="Send a whole line.")
        policy.check_shell_input(
            text,
            keys=names,
            enter=bool(params.get("enter", True)) and not names,
            utf8="UTF-8" in locale_of(spec.env).upper().replace("UTF8", "UTF-8"),
        )
    except Refused as error:
        if reader is InputReader.SHELL:
            raise
        raise Refused(
            f"{error.message.rstrip('.')}: the shell behind this program may read it.",
            advice="Wait until the program reads, then send it one whole line at a time.",
        ) from None


_ONE_LINE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*[\r\n]|[\x03\x04\x1a\x1c]*")
"""A line without control characters (C-d would end the program before the rest of it), or keys that
end or stop a program: a shell that reads next gets nothing of it."""
_ONE_KEY = re.compile(r"|[^\x1b]|\x1b[^\x1b]?|\x1b[\[O][0-9;?<]*[A-Za-z~]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def locale_of(env: dict[str, str]) -> str:
    """The value that decides a program's character set (locale(7))."""
    return env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""


def _mouse(service: JobService, action: Params) -> bytes:
    """A mouse action at `row`, `col` (from 0), or at the first cell of a visible `text`."""
    service.observed_fold()
    screen = service.job.fold.screen
    row, col = action.get("row"), action.get("col")
    if text := action.get("text"):
        rows = screen.text()
        row = next((n for n, line in enumerate(rows) if text in line), None)
        if row is None:
            raise BadInput(
                f"{text!r} is not on the screen.",
                advice="Look with tail first.",
                hint=Hint.LOOK_FIRST,
                facts={"job_id": service.job.spec.job_id},
            )
        before = rows[row].partition(text)[0]
        col = next(c for c in range(screen.size.cols) if screen.row_text(row, 0, c) == before)
    if row is None or col is None:
        raise BadInput("A mouse action needs row and col, or text.")
    return encode_mouse(
        int(row),
        int(col),
        button=str(action.get("button", "left")),
        action=str(action.get("action", "click")),
        modifiers=tuple(action.get("modifiers", ())),
        modes=screen.modes,
        size=screen.size,
        cell=CELL,
    )


def _cooked_line_note(service: JobService, data: bytes) -> tuple[str, ...]:
    """Warn where the kernel's line editor would cut a line."""
    if not service.job.terminal().canonical:
        return ()
    longest = max(map(len, data.replace(b"\r", b"\n").split(b"\n")), default=0)
    if longest <= COOKED_LINE:
        return ()
    return (
        f"a line of {longest} bytes: this terminal keeps {COOKED_LINE} of a line in cooked mode "
        "and drops the rest; write a file or send shorter lines",
    )


def _need_running(service: JobService) -> None:
    """JobEnded once the end is published: until then status says that the job runs."""
    if service.job.state.ended:
        job = service.job
        how = str(job.exit) if job.exit else "ended"
        raise JobEnded(
            f"Job {job.spec.job_id!r} has {how}.",
            advice="Its output can still be read with output or tail.",
            hint=Hint.READ_OUTPUT,
            facts={"job_id": job.spec.job_id},
        )


def cancel(service: JobService, peer: Peer, _id: int, params: Params) -> Reply:
    """Drop a waiting request of this client; the job and its output stay."""
    return {"cancelled": service.inputs.cancel(peer, int(params["request"]))}


def tail(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """The rendered current view."""
    job = service.job
    service.observed_fold()
    shown = views.view(job.fold.screen, lines=int(params.get("lines", 50)), end=job.log.end)
    return {"view": to_json(shown)}


def repaint(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """Bytes that rebuild the screen on another terminal, as latin-1 text."""
    job = service.job
    service.observed_fold()
    data = job.fold.screen.repaint(scrollback=int(params.get("scrollback", 0)))
    return {"data": data.decode("latin-1"), "size": to_json(job.size), "end": job.log.end}


def status(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """Everything that is known of the job now; `brief` leaves out what costs a look at /proc."""
    brief = bool(params.get("brief"))
    if brief:
        service.glimpses.due = 0.0  # what is on disk was not true any more
        return {"status": told(service.status(live=True, brief=True))}
    return {"status": to_json(service.status(live=True))}


def resize(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """Change the job's own size; people attached keep theirs until they leave."""
    service.set_size(_size(params))
    return {"status": to_json(service.status())}


def _size(params: Params) -> Size:
    size = Size(int(params["rows"]), int(params["cols"]))
    if not (1 <= size.rows <= 1000 and 1 <= size.cols <= 1000):
        raise BadInput(
            f"{size.rows} rows by {size.cols} columns is no terminal.", advice="1 to 1000 each."
        )
    return size


def kill(service: JobService, peer: Peer, request: int, params: Params) -> Reply:
    """End the whole tree, or send one signal to the foreground group."""
    if params.get("signal") not in (None, ""):
        return _signal(service, str(params["signal"]))
    service.ending.kill(
        peer,
        request,
        now=time.monotonic(),
        grace=float(params.get("grace", 1.0)),
        reason="killed on request",
    )
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
            f"{name!r} is no signal.", advice="Use a name such as INT, TERM, HUP, KILL, USR1."
        ) from None


def mark(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """Write a marker into the recording."""
    service.job.events.event(
        time.monotonic(), service.job.log.end, "m", str(params.get("label", ""))[:1000]
    )
    return {}


def discard(service: JobService, _peer: Peer, _id: int, params: Params) -> Reply:
    """Give up the oldest output up to offset `before` (whole segments), for a log that is full."""
    log = service.job.log
    floor = log.discard(min(int(params["before"]), log.end))
    service.job.room()
    return {"floor": floor}


def follow(service: JobService, peer: Peer, _id: int, params: Params) -> Reply:
    """Stream the output from now on (behind a repaint) or from offset `since`."""
    size = _size(params) if params.get("rows") else None
    since = params.get("since")
    service.followers.add(
        peer,
        since=None if since is None else int(since),
        types=bool(params.get("input")),
        size=size,
        name=str(params.get("name", "")),
        scrollback=int(params.get("scrollback", 0)),
    )
    return {"end": service.job.log.end, "floor": service.job.log.floor}


def window(service: JobService, peer: Peer, _id: int, params: Params) -> Reply:
    """An attached person's terminal has a new size."""
    service.followers.resize(peer, _size(params))
    return {}


OPERATIONS: dict[str, Operation] = {
    "hello": hello,
    "start": start,
    "interact": interact,
    "wait": wait,
    "cancel": cancel,
    "tail": tail,
    "repaint": repaint,
    "status": status,
    "resize": resize,
    "kill": kill,
    "mark": mark,
    "discard": discard,
    "follow": follow,
    "window": window,
}
