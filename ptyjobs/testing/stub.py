"""From a recording to a regression test in one step: `ptyjobs fixture x.cast`.

Owns the text of the test that is written, and the expected screens beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

from ptyjobs.errors import BadInput
from ptyjobs.recordings import Recording, read
from ptyjobs.recordings.turns import Terminal, Turn, turns
from ptyjobs.testing import snapshot
from ptyjobs.testing.picture import Picture

FOLDER = "__screens__"


def write(recording: Path, *, into: Path | None = None, force: bool = False) -> tuple[Path, Path]:
    """Write `test_NAME.py` beside the recording (or in `into`) and its expected screen.

    Returns both paths. Raises BadInput when the test exists already, BadRecording for a file that
    is no recording.
    """
    played = read(recording)
    name = re.sub(r"\W+", "_", recording.stem).strip("_").lower() or "recording"
    folder = into or recording.parent
    test = folder / f"test_{name}.py"
    if test.exists() and not force:
        raise BadInput(f"{test} exists already.", advice="Use --force, or --into another folder.")
    screen = folder / FOLDER / test.stem / f"test_{name}.txt"
    screen.parent.mkdir(parents=True, exist_ok=True)
    screen.write_text(snapshot.take(_last(played)).text(), encoding="utf-8")
    test.write_text(source(name, _path(recording, folder), turns(played)), encoding="utf-8")
    return test, screen


def _path(recording: Path, folder: Path) -> str:
    """The recording as the test names it: beside the test's file where it lies there."""
    absolute, base = recording.resolve(), folder.resolve()
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)


def _last(recording: Recording) -> Picture:
    terminal = Terminal(recording)
    while terminal.step() is not None:
        pass
    return Picture.of(terminal.screen)


def source(name: str, path: str, answers: list[Turn]) -> str:
    """The test module: the last screen, and what each input of the recording brought."""
    typed = [turn for turn in answers if turn.typed]
    lines = [
        f'"""Replays {path}: its last screen, and what each input brought."""',
        "",
        "",
        f"def test_{name}(replay, screen_snapshot):",
        f"    session = replay({path!r})",
        "    screen_snapshot(session.to_end())",
    ]
    if typed:
        lines += ["", "", f"def test_{name}_answers(replay):", f"    session = replay({path!r})"]
        lines += [
            "    assert [(turn.typed, turn.text) for turn in session.verdicts if turn.typed] == ["
        ]
        lines += [f"        ({turn.typed!r}, {turn.text!r})," for turn in typed]
        lines += ["    ]"]
    return "\n".join(lines) + "\n"
