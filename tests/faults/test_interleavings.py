"""No order of the file-system operations of servers, holders and clients does harm."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.interleaving import Interleaving, order
from tests.faults.scenarios import SCENARIOS, play

pytestmark = pytest.mark.fault
SEEDS = 60  # of each scenario; `benchmarks.interleavings` runs 10,000


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_random_orders_do_no_harm(scenario: str) -> None:
    for seed in range(SEEDS):
        try:
            play(scenario, order(seed))
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    scenario=st.sampled_from(sorted(SCENARIOS)),
    choices=st.lists(st.integers(0, 5), max_size=80),
)
def test_chosen_orders_do_no_harm(scenario: str, choices: list[int]) -> None:
    """The first choices by hypothesis, which looks for the shortest wrong order; then in turn."""
    rest = iter(choices)
    play(scenario, lambda count: next(rest, 0) % count)


def test_the_scheduler_finds_a_check_that_is_too_early(tmp_path: Path) -> None:
    target = tmp_path / "made"

    def make() -> str:
        if os.path.exists(target):
            return "there"
        with open(target, "w"):
            return "made"

    outcomes = set()
    for seed in range(40):
        actors = Interleaving(random.Random(seed).randrange).run([make, make])
        outcomes.add(tuple(sorted(str(actor.result) for actor in actors)))
        target.unlink()
    assert outcomes == {("made", "made"), ("made", "there")}


def test_one_seed_is_one_order(tmp_path: Path) -> None:
    def order(seed: int) -> list[str]:
        seen: list[str] = []

        def act(name: str) -> None:
            for number in range(5):
                os.mkdir(tmp_path / f"{name}{number}-{seed}-{len(seen)}")
                seen.append(f"{name}{number}")

        Interleaving(random.Random(seed).randrange).run([lambda: act("a"), lambda: act("b")])
        for made in tmp_path.iterdir():
            made.rmdir()
        return seen

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(10)}) > 5
