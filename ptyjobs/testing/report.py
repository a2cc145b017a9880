"""Report of a failing test: the last screen, the last events, the verdicts, paths of files.

Owns those texts and the artifacts. Never called for a test that passed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ptyjobs.model import Answer, Reason
from ptyjobs.recordings import export_cast, read
from ptyjobs.recordings.recording import Moment
from ptyjobs.recordings.turns import Turn
from ptyjobs.render.ansi import to_svg
from ptyjobs.testing.live import LiveJob
from ptyjobs.testing.picture import Picture, framed
from ptyjobs.testing.replay import Replay

EVENTS = 20
SHOWN = 200  # characters of one event


def sections(actor: LiveJob | Replay, folder: Path, test: str) -> Iterator[tuple[str, str]]:
    """Title and text of each report section about one terminal of the test."""
    name = actor.job_id if isinstance(actor, LiveJob) else actor.name
    picture = actor.screen
    yield f"screen of {name}", framed(picture)
    if isinstance(actor, LiveJob):
        moments = read(actor.directory).moments
        history = list(_steps(actor.replies))
    else:
        moments = actor.played
        history = [_turn(turn) for turn in actor.walked]
    yield f"last events of {name}", "\n".join(_event(m) for m in moments[-EVENTS:]) or "none"
    if history:
        yield f"answers of {name}", "\n".join(history[-EVENTS:])
    files = "\n".join(str(path) for path in artifacts(actor, picture, folder, test))
    yield f"files of {name}", files


def artifacts(actor: LiveJob | Replay, picture: Picture, folder: Path, test: str) -> Iterator[Path]:
    """Write the picture, and a live job's recording; returns the paths, or the replayed one."""
    folder.mkdir(parents=True, exist_ok=True)
    name = actor.job_id if isinstance(actor, LiveJob) else actor.name.removesuffix(".cast")
    stem = re.sub(r"[^\w.-]+", "_", f"{test}-{name}").strip("_")[-120:]
    svg = folder / f"{stem}.svg"
    svg.write_text(to_svg(picture, title=test), encoding="utf-8")
    yield svg
    if isinstance(actor, LiveJob):
        cast = folder / f"{stem}.cast"
        with open(cast, "w", encoding="utf-8", errors="replace") as out:
            export_cast(actor._jobs.registry.find(actor.job_id), out, input=True)
        yield cast
    elif actor.path is not None:
        yield actor.path


def _steps(replies: Sequence[tuple[str, Answer]]) -> Iterator[str]:
    """A line for each step; the waits of one `expect` that found nothing new are one line."""
    same = itertools.groupby(
        replies, key=lambda one: (one[0], one[1].verdict.reason, one[1].fresh.text)
    )
    for _, steps in same:
        *before, (what, answer) = steps
        yield _step(f"{what} ({1 + len(before)} times)" if before else what, answer)


def _step(what: str, answer: Answer) -> str:
    verdict = answer.verdict
    if verdict.reason is Reason.TIMEOUT and verdict.waited <= 0:
        return f"{what}: not waited for; {answer.fresh.text[:SHOWN]!r}"
    text = answer.fresh.text.replace("\n", "\\n")
    return (
        f"{what}: {verdict.reason} ({verdict.confidence}) after {verdict.waited * 1000:.0f} ms, "
        f"{verdict.why or verdict.doing}; prompt {verdict.prompt!r}; {text[:SHOWN]!r}"
    )


def _turn(turn: Turn) -> str:
    verdict = turn.verdict
    return (
        f"{turn.typed!r} at {turn.time:.3f} s: {verdict.reason} ({verdict.confidence}) at "
        f"{turn.end:.3f} s, {verdict.why}; prompt {turn.prompt!r}; {turn.text[:SHOWN]!r}"
    )


def _event(moment: Moment) -> str:
    shown = moment.text or repr(moment.data.decode("utf-8", "replace"))
    return f"{moment.time:9.3f} {moment.code} {shown[:SHOWN]}"
