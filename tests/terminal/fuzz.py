"""Fuzz the terminal with hostile, mutated and flooding output.

Run with `python -m tests.terminal.fuzz --minutes 10`.

Each round feeds one input to two screens, eager and deferred in other pieces, with resizes at
the same offsets, and compares their whole state; then the fresh text, the repaint and the views
are taken. It counts exceptions (a dropped sequence is one), divergences, and the memory held
between rounds. A finding is minimised and written to `--keep`; its bytes belong into a test of
`test_screen.py` that names the symptom.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.model import Size
from ptyjobs.recordings import read
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import FreshText, mark
from ptyjobs.text.sanitize import for_model
from tests.terminal.material import RECORDINGS, any_size, everything, flood, hostile, pieces, state

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHRINK = 400  # attempts to cut a finding down


@dataclass(frozen=True)
class Plan:
    """Schedule of one input. `resizes` are (offset, size); `seed` cuts the pieces."""

    size: Size
    scrollback: int
    resizes: tuple[tuple[int, Size], ...]
    most: int
    seed: int


class Divergence(AssertionError):
    """Two ways of the same bytes ended differently."""


def sources() -> list[bytes]:
    """Recorded output of real programs."""
    casts = sorted((FIXTURES / "recordings").glob("*.cast"))
    fresh = sorted((FIXTURES / "fresh").glob("*.bin"))
    found = [path.read_bytes() for path in [*RECORDINGS, *fresh]]
    return [data for data in (*found, *(read(path).output for path in casts)) if data]


def mutated(rng: random.Random, real: Sequence[bytes]) -> bytes:
    """A piece of a recording with bytes lost, doubled, changed and taken from another."""
    data = bytearray(rng.choice(real))
    start = rng.randrange(len(data))
    data = data[start : start + rng.choice((500, 5_000, 100_000))]
    for _ in range(rng.randint(1, 30)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            del data[at : at + rng.randint(1, 9)]
        elif kind == 1:
            data[at:at] = data[at : at + rng.randint(1, 200)]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            other = rng.choice(real)
            begin = rng.randrange(len(other))
            data[at:at] = other[begin : begin + rng.randint(1, 300)]
        elif kind == 4:
            data[at:at] = hostile(rng)
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
    return bytes(data)


def made(rng: random.Random, real: Sequence[bytes]) -> tuple[bytes, Plan]:
    """An input and how to feed it."""
    kind = rng.random()
    if kind < 0.5:
        data = mutated(rng, real)
    elif kind < 0.9:
        data = b"".join(hostile(rng) for _ in range(rng.randint(1, 8)))
    else:
        data = b"".join(rng.choice((flood, hostile))(rng) for _ in range(rng.randint(1, 3)))
    size = rng.choice((any_size(rng), Size(24, 80), Size(rng.randint(1, 50), rng.randint(1, 130))))
    at = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 3))))
    resizes = tuple((offset, Size(rng.randint(1, 40), rng.randint(1, 130))) for offset in at)
    scrollback = rng.choice((0, 3, 50, 2000))
    most = rng.choice((1, 7, 300, 50_000, 200_000)) if len(data) < 20_000 else 150_000
    return data, Plan(size, scrollback, resizes, most, rng.randrange(1 << 30))


def check(data: bytes, plan: Plan) -> None:
    """Both ways, and all that is read of a screen; raises Divergence or whatever was raised."""
    rng = random.Random(plan.seed)
    plain = Screen(plan.size, scrollback=plan.scrollback)
    fast = Screen(plan.size, scrollback=plan.scrollback)
    texts = [
        FreshText(mark(s, offset=0, echo=True, canonical=True), typed="ls", budget=4000,
                  scrollback=plan.scrollback)
        for s in (plain, fast)
    ]  # fmt: skip
    done = 0
    for offset, size in (*plan.resizes, (len(data), None)):
        piece = data[done:offset]
        done = max(done, offset)
        replies = plain.feed(piece)
        deferred = b"".join(fast.feed_fast(part) for part in pieces(rng, piece, plan.most))
        if deferred != replies:
            raise Divergence(f"replies {replies!r} and {deferred!r}")
        for screen, text in zip((plain, fast), texts, strict=True):
            text.observe(screen)
        if size is not None:
            plain.resize(size)
            fast.resize(size)
        _compare(everything(plain), everything(fast))
    if plain.errors:
        raise Divergence(f"{plain.errors} sequences were dropped because their handler raised")
    said = [
        text.finish(screen, prompt_row=bool(plan.seed % 2), end=len(data))
        for screen, text in zip((plain, fast), texts, strict=True)
    ]
    if said[0] != said[1]:
        raise Divergence(f"fresh text {said[0]} and {said[1]}")
    for_model(said[0][0].text)
    copy = Screen(plain.size)
    copy.feed(plain.repaint())
    _compare(state(plain), state(copy))
    plain.display  # noqa: B018  # reading it must not raise
    plain.has_hidden()
    skipped = Screen(plan.size, scrollback=plan.scrollback)
    for part in pieces(rng, data, max(plan.most, 1000)):
        skipped.skip(part)
    skipped.text()


def _compare(one: dict[str, object], other: dict[str, object]) -> None:
    differ = [name for name, value in one.items() if other[name] != value]
    if differ:
        name = differ[0]
        raise Divergence(f"{', '.join(differ)}: {one[name]!r:.300} and {other[name]!r:.300}")


def failure(data: bytes, plan: Plan) -> str:
    """The failure that an input causes, or ""."""
    try:
        check(data, plan)
    except Exception as error:  # every exception is a failure
        return f"{type(error).__name__}: {error}"[:400]
    return ""


def shrunk(data: bytes, plan: Plan) -> bytes:
    """A smaller input that still fails: pieces are left out, large ones first."""
    step, tries = len(data) // 2, 0
    while step and tries < SHRINK:
        at = 0
        while at < len(data) and tries < SHRINK:
            tries += 1
            shorter = data[:at] + data[at + step :]
            if failure(shorter, plan):
                data = shorter
            else:
                at += step
        step //= 2
    return data


def memory() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    args = parser.parse_args()
    real = sources()
    began = time.monotonic()
    end = began + args.minutes * 60
    rounds = fed = findings = half = 0
    seed = args.seed * 1_000_000_000
    while time.monotonic() < end:
        rng = random.Random(seed)
        data, plan = made(rng, real)
        why = failure(data, plan)
        if why:
            findings += 1
            small = shrunk(data, plan)
            args.keep.mkdir(exist_ok=True)
            (args.keep / f"seed-{seed}.bin").write_bytes(small)
            print(f"seed {seed}: {len(small)} bytes, {plan}\n  {failure(small, plan)}", flush=True)
        seed += 1
        rounds += 1
        fed += len(data)
        if not half and time.monotonic() - began > end - time.monotonic():
            gc.collect()
            half = memory()  # the tables of widths, styles and sequences are full by then
    gc.collect()
    print(
        f"{rounds:,} inputs, {fed / 1e6:.0f} MB: {findings} findings; memory "
        f"{half / (1 << 20):.1f} MiB at half the time, {memory() / (1 << 20):.1f} at the end"
    )
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
