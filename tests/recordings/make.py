"""Record the scenes with the product: python -m tests.recordings.make [NAME ...]

For each scene `fixtures/recordings/NAME.cast` (and `.raw` where a cast cannot hold the bytes),
`NAME.txt`, its last screen, and `NAME.answers.txt`, the answer of each step. Scenes whose program
is not installed are skipped and listed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from ptyjobs.client import Jobs, prepare
from ptyjobs.errors import JobEnded
from ptyjobs.model import Answer, Size
from ptyjobs.recordings import export_cast, export_raw, read
from ptyjobs.recordings.turns import Terminal
from ptyjobs.testing import live, snapshot
from ptyjobs.testing.picture import Picture
from tests.recordings.scenes import SCENES, K, M, R, Scene, T, W

FOLDER = Path(__file__).parents[2] / "fixtures" / "recordings"
LIMIT = 15.0
BUDGET = 100_000


def record(jobs: Jobs, name: str, scene: Scene, folder: Path) -> list[tuple[str, Answer]]:
    """Play a scene in `folder`; every step and its answer."""
    for file, text in scene.files.items():
        (folder / file).write_text(text)
    env = {**live.CLEAN, "HOME": "/tmp/home", "PS1": "$ ", "USER": "user", **scene.env}
    Path(env["HOME"]).mkdir(exist_ok=True)
    if scene.setup:
        given = {**os.environ, **env}
        subprocess.run(["bash", "-ec", scene.setup], check=True, cwd=folder, env=given)
    line = scene.command
    spec = prepare(
        jobs.config, command=line, argv=("/bin/sh", "-c", line), name=name, cwd=str(folder),
        env=env, rows=scene.rows, cols=scene.cols,
    )  # fmt: skip
    answers = [("", jobs.start(spec, name=name, wait=LIMIT if scene.settles else 0.5))]
    for step in scene.steps:
        try:
            answers += _step(jobs, name, step)
        except JobEnded as error:
            print(f"{name}: at {step!r}: {error}")
            break
    answers.append(("", jobs.wait(name, until="exited", timeout=LIMIT)))
    jobs.kill(name)
    return answers


def _step(jobs: Jobs, name: str, step: object) -> list[tuple[str, Answer]]:
    match step:
        case str():
            return [(step, jobs.interact(name, input=step, timeout=LIMIT, budget=BUDGET))]
        case K(names):
            return [(names, jobs.interact(name, keys=names.split(), timeout=LIMIT))]
        case T(text):
            return [
                (text, jobs.interact(name, raw=text.encode(), shown=text, enter=False, timeout=2))
            ]
        case W(text):
            return [("", jobs.wait(name, until="pattern", patterns=[text], timeout=LIMIT))]
        case M(label):
            jobs.mark(name, label)
        case R(rows, cols):
            jobs.resize(name, Size(rows, cols))
            return [("", jobs.wait(name, timeout=LIMIT))]
    return []


def keep(jobs: Jobs, name: str, answers: list[tuple[str, Answer]]) -> None:
    """Write the scene's files."""
    job = jobs.registry.find(name)
    cast = FOLDER / f"{name}.cast"
    with open(cast, "w", encoding="utf-8", errors="replace") as out:
        exact = export_cast(job, out, input=True)
    cast.with_suffix(".raw").unlink(missing_ok=True)
    if not exact:
        with open(cast.with_suffix(".raw"), "wb") as raw:
            export_raw(job, raw)
    terminal = Terminal(read(cast))
    while terminal.step() is not None:
        pass
    cast.with_suffix(".txt").write_text(snapshot.take(Picture.of(terminal.screen)).text())
    text = "".join(
        f"=== {typed!r} -> {answer.verdict.reason} at {answer.verdict.prompt!r}\n"
        f"{answer.fresh.text}\n"
        for typed, answer in answers
    )
    (FOLDER / f"{name}.answers.txt").write_text(text)


def missing(scene: Scene) -> str:
    """The first program of the scene's line when it is not installed."""
    program = shlex.split(scene.command)[0]
    return "" if shutil.which(program) else program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="default: all")
    names = parser.parse_args().names or list(SCENES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, Jobs(live.settings(Path(state))) as jobs:
        for name in names:
            if program := missing(SCENES[name]):
                print(f"{name}: {program} is not here")
                continue
            with tempfile.TemporaryDirectory(prefix="project") as folder:
                answers = record(jobs, name, SCENES[name], Path(folder))
            keep(jobs, name, answers)
            size = (FOLDER / f"{name}.cast").stat().st_size
            print(f"{name}: {len(answers)} answers, {size:,} bytes, {answers[-1][1].verdict.exit}")


if __name__ == "__main__":
    main()
