"""Matching lines: bounded for any pattern, without blocking other work."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.errors import BadPattern
from ptyjobs.store import search_process
from ptyjobs.store.grep import CHUNK, grep, search
from ptyjobs.store.log import LogReader, LogWriter


def written(place: Path, data: bytes) -> str:
    log = LogWriter(place, limit=1 << 30)
    log.append(data)
    log.close()
    return str(place)


def test_pages_of_matches_are_those_of_one_search(tmp_path: Path) -> None:
    line = b"%07d a line of some length that fills the chunks, \x1b[1mbold\x1b[m %d\r\n"
    folder = written(tmp_path, b"".join(line % (n, n % 7) for n in range(40_000)))
    assert LogReader(folder).end > 2 * CHUNK
    whole = grep(folder, "bold 3$", since=None, limit=1 << 30)
    assert whole.matches == len(range(3, 40_000, 7))
    pages, since = list[str](), 0
    while True:
        page = grep(folder, "bold 3$", since=since, limit=60_000)
        pages.append(page.text)
        since = page.next
        if not page.more:
            break
    assert "\n".join(pages) == whole.text


@pytest.mark.parametrize("pattern", ["a 3$", "(a) 3$"])
def test_the_last_matches_are_the_end_of_all(tmp_path: Path, pattern: str) -> None:
    rows = b"".join(b"%d a %d\r\n" % (n, n % 7) for n in range(5_000))
    folder = written(tmp_path, rows)
    whole = grep(folder, pattern, since=None, limit=1 << 30)
    page = grep(folder, pattern, since=None, limit=500, last=True)
    assert 0 < len(page.text) <= 500
    assert whole.text.endswith("\n" + page.text)
    assert (page.next, page.more) == (page.end, False)
    assert page.offset == int(page.text.partition(":")[0])
    again = grep(folder, pattern, since=page.offset, limit=500)
    assert (again.text, again.matches) == (page.text, page.matches)


def test_a_search_that_nobody_needs_any_more_ends(tmp_path: Path) -> None:
    log = LogReader(written(tmp_path, b"line\n" * CHUNK))
    turns = iter([True, True, False])
    page = search(
        log, re.compile("x"), since=0, limit=100, needed=lambda: next(turns), bound=nullcontext
    )
    assert 0 < page.next <= 2 * CHUNK


@pytest.mark.parametrize(
    ("pattern", "line", "apart"),
    [
        ("x.*y$", b"a", False),
        (r"(?i)a\*|b\+ \(c", b"a", False),
        ("[xy]{2}", b"a", False),
        ("a.*x.*y", b"a", True),
        ("(x|x)y", b"a", True),
        ("x.*y", b"x" * 5_000, True),
        ("x", b"a\n" * 600_000, True),
    ],
)
def test_only_what_cannot_take_long_is_searched_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, line: bytes, apart: bool
) -> None:
    started: list[object] = []
    answer = search_process.answer
    monkeypatch.setattr(
        search_process, "answer", lambda *a, **k: [started.append(a), answer(*a, **k)][1]
    )
    page = grep(written(tmp_path, line + b"\n"), pattern, since=None, limit=1_000)
    assert page.matches == len(re.findall(pattern, line.decode()))
    assert bool(started) == apart


@pytest.mark.anyio
async def test_a_search_for_ever_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path)})
    async with AsyncJobs(settings) as jobs:
        spec = prepare(settings, command="printf '%040d' 0 | tr 0 a; echo b")
        job = (await jobs.start(spec, wait=20)).job_id
        search = asyncio.create_task(jobs.output(job, grep="(a+)+$"))
        answers = 0
        while not search.done():
            await jobs.status(job)
            answers += 1
            await asyncio.sleep(0.01)
        with pytest.raises(BadPattern, match="too long"):
            search.result()
        assert answers > 3  # a search in this process would block them
        with pytest.raises(BadPattern, match="not a regular"):
            await jobs.output(job, grep="(")
        assert (await jobs.output(job, grep="^a+b$")).matches == 1
