"""Fresh text of real programs: recordings made by `record_fresh.py`, texts checked by eye."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.model import Fresh, Size
from ptyjobs.terminal.screen import Screen
from ptyjobs.text.fresh import FreshText, mark

FOLDER = Path(__file__).resolve().parent.parent.parent / "fixtures" / "fresh"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def answers(
    name: str, *, slice_size: int, fast: bool = False
) -> Iterator[tuple[dict[str, Any], Fresh, str]]:
    """Each step of a recording with the result of FreshText."""
    data = json.loads((FOLDER / f"{name}.json").read_text())
    log = (FOLDER / f"{name}.bin").read_bytes()
    screen = Screen(Size(data["rows"], data["cols"]))
    feed = screen.feed_fast if fast else screen.feed
    done = 0
    prompts: list[str] = []
    for step in data["steps"]:
        feed(log[done : step["offset"]])
        start = mark(screen, offset=step["offset"], echo=step["echo"], canonical=step["canonical"])
        text = FreshText(
            start,
            typed=step["typed"],
            budget=step["budget"],
            view=step["view"],
            prompts=tuple(prompts),
        )
        for at in range(step["offset"], step["end"], slice_size):
            feed(log[at : min(at + slice_size, step["end"])])
            text.observe(screen)
        done = step["end"]
        fresh, prompt = text.finish(
            screen, prompt_row=step["ready"], end=done, exited=step["exited"]
        )
        prompts.insert(0, prompt)
        yield step, fresh, prompt


def check(step: dict[str, Any], fresh: Fresh, prompt: str) -> None:
    if step["contains"]:
        for part in step["contains"]:
            assert part in fresh.text, (step["typed"], fresh.text)
        for part in step["forbid"]:
            assert part not in fresh.text, (step["typed"], fresh.text)
    else:
        assert fresh.text == step["expect"], step["typed"]
    if fresh.view == "lines" and step["prompt"]:
        assert prompt == step["prompt"]


@pytest.mark.parametrize("name", NAMES)
def test_each_answer_is_what_the_program_printed(name: str) -> None:
    for step, fresh, prompt in answers(name, slice_size=16384):
        check(step, fresh, prompt)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slice_size", [1, 7, 1 << 20])
def test_slices_do_not_change_the_answer(name: str, slice_size: int) -> None:
    if (FOLDER / f"{name}.bin").stat().st_size > 60_000:
        # Neither a minute of single bytes nor more lines in a slice than the scrollback holds.
        slice_size = {1: 997, 7: 4096}.get(slice_size, 30_000)
    whole = [(fresh, prompt) for _, fresh, prompt in answers(name, slice_size=16384)]
    cut = [(fresh, prompt) for _, fresh, prompt in answers(name, slice_size=slice_size)]
    assert cut == whole


@pytest.mark.parametrize("name", NAMES)
def test_the_fast_fold_gives_the_same_answer(name: str) -> None:
    plain = [(fresh, prompt) for _, fresh, prompt in answers(name, slice_size=40_000)]
    fast = [(fresh, prompt) for _, fresh, prompt in answers(name, slice_size=40_000, fast=True)]
    assert fast == plain
