"""From a recording to a regression test: `ptyjobs fixture x.cast`.

Owns the text of the generated test and its expected screens. The test runs the program again, or on
request only replays the recording. Never decides which parts vary between two runs (see `rerun`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.errors import BadInput
from ptyjobs.recordings import Recording, read
from ptyjobs.recordings.turns import Terminal, Turn, turns
from ptyjobs.testing import rerun, snapshot
from ptyjobs.testing.picture import Picture
from ptyjobs.testing.steps import Script, Step, script

FOLDER = "__screens__"
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written, the test first, and notes for its author."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def write(
    source: Path,
    *,
    name: str = "",
    into: Path,
    cwd: Path,
    copies: Sequence[Path] = (),
    replay: bool = False,
    force: bool = False,
) -> Written:
    """Write `test_NAME.py` and its expected screens into `into`.

    `source` is a recording or a job's directory. `replay` writes a test that does not run the
    program. Raises BadInput if the test exists already or the recording has no command,
    BadRecording for a file that is not a recording.
    """
    recording = read(source)
    name = re.sub(r"\W+", "_", name or source.stem).strip("_").lower() or "recording"
    test = into / f"test_{name}.py"
    if test.exists() and not force:
        raise BadInput(f"{test} exists already.", advice="Use --force, or --into another folder.")
    screens = into / FOLDER / test.stem
    notes: tuple[str, ...] = ()
    if replay:
        texts = {screens / f"test_{name}.txt": snapshot.take(_last(recording)).text()}
        test_text = replay_source(name, _path(source, into), turns(recording))
    else:
        if not recording.command:
            raise BadInput(
                f"{source.name} does not say which command it records.",
                advice="Use --replay for a test that plays the recording.",
            )
        steps = script(recording)
        run = rerun.twice(recording, steps, cwd=cwd, copies=copies)
        texts = {
            screens / f"test_{name}-{number:02}.txt": snapshot.take(
                shot.picture, varies=shot.varies
            ).text()
            for number, shot in enumerate(run.shots)
        }
        test_text = job_source(
            name, source.name, recording.command, steps, run, _Place(into, cwd, copies)
        )
        notes = tuple(_notes(steps, run))
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    test.write_text(test_text, encoding="utf-8")
    return Written((test, *texts), notes)


def _notes(steps: Script, run: rerun.Run) -> Iterator[str]:
    made = len(run.shots) - 1
    if not steps.steps:
        yield "Nothing was typed in this recording: record it with --input to have steps."
    if made < len(steps.steps):
        yield (
            f"the program ended behind step {made} of {len(steps.steps)}, other than in the "
            "recording: does it need files or variables that the test lacks?"
        )
    if steps.lost:
        yield f"{len(steps.lost)} inputs have no name and were left out: {steps.lost[0]!r} ..."
    if any(step.kind == "secret" for step in steps.steps):
        yield (
            "a secret was typed, which no recording holds: set SECRET in the test, then run it "
            "with --screen-update"
        )
    for number, shot in enumerate(run.shots):
        rows = {span.row for span in shot.varies}
        shown = [row for row in shot.picture.rows if row]
        if len(rows) > max(2, len(shown) // 2):
            yield f"screen {number:02} differs between two runs in most of its rows"
            break


# --- a test that runs the program -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Location of the test's file, the program's working directory, and the files copied for it."""

    into: Path
    cwd: Path
    copies: Sequence[Path]

    def imports(self) -> list[str]:
        return (
            ["import shutil", "from pathlib import Path"]
            if self.copies
            else ["from pathlib import Path"]
        )

    def beside(self, path: Path) -> str:
        """`path` as an expression below HERE."""
        relative = os.path.relpath(path.resolve(), self.into.resolve())
        return "HERE" if relative == "." else f"HERE / {_quoted(relative)}"


def job_source(
    name: str, file: str, command: str, steps: Script, run: rerun.Run, place: _Place
) -> str:
    """The test module: each step as it was made, and the screen after each."""
    made = steps.steps[: len(run.shots) - 1]
    secret = any(step.kind == "secret" for step in made)
    arguments = "job, screen_snapshot" + (", tmp_path" if place.copies else "")
    lines = [
        f'"""Runs the program of {file} again, with its input; the screens are in {FOLDER}."""',
        "",
        *place.imports(),
        "",
        "HERE = Path(__file__).parent",
        f"COMMAND = {_quoted(command)}",
        *([f"SECRET = {_quoted(rerun.SECRET)}  # it was typed without echo: no recording has it"]
          if secret else []),
        "",
        "",
        f"def test_{name}({arguments}):",
    ]  # fmt: skip
    for path in place.copies:
        call = "copytree" if path.is_dir() else "copy"
        lines.append(f"    shutil.{call}({place.beside(path)}, tmp_path / {_quoted(path.name)})")
    where = "tmp_path" if place.copies else place.beside(place.cwd)
    size, first = steps.size, run.shots[0]
    options = "" if first.rests else ", wait=False"
    lines.append(
        f"    program = job(COMMAND, rows={size.rows}, cols={size.cols}, cwd={where}{options})"
    )
    lines.append('    screen_snapshot(program, "00")')
    for number, step in enumerate(made, start=1):
        lines.append("    " + _call(step, wait=run.shots[number].rests))
        lines.append(f'    screen_snapshot(program, "{number:02}")')
    if run.exit is not None:
        kind = "code" if run.exit.code is not None else "signal"
        lines.append(f"    assert program.exit().{kind} == {getattr(run.exit, kind)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A string literal as formatters leave it: double-quoted unless it contains double quotes."""
    literal = repr(text)
    plain = literal[0] == "'" and '"' not in literal
    return f'"{literal[1:-1]}"' if plain else literal


def _call(step: Step, *, wait: bool) -> str:
    options = "" if wait else ", wait=False"
    match step.kind:
        case "type":
            enter = "" if step.enter else ", enter=False"
            return f"program.type({_quoted(step.values[0])}{enter}{options})"
        case "secret":
            return f"program.type(SECRET{options})"
        case "resize":
            return f"program.resize({', '.join(step.values)}{options})"
        case kind:
            return f"program.{kind}({', '.join(map(_quoted, step.values))}{options})"


# --- a test that replays the recording ------------------------------------------------------------


def _path(recording: Path, folder: Path) -> str:
    """The recording's path in the test: relative to the test's file if it is below its folder."""
    absolute, base = recording.resolve(), folder.resolve()
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)


def _last(recording: Recording) -> Picture:
    terminal = Terminal(recording)
    while terminal.step() is not None:
        pass
    return Picture.of(terminal.screen)


def replay_source(name: str, path: str, answers: list[Turn]) -> str:
    """The test module: the last screen, and the output after each input of the recording."""
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
