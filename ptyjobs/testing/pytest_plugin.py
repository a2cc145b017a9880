"""The pytest plugin: `replay`, `job`, `screen_snapshot` and `mcp_client`.

Owns the fixtures, the options and the report sections; `ptyjobs.testing` implements them. Never
imports our other modules until a fixture is used. No autouse; its only own output is a summary of
screens that were written or that no test uses any more.
"""

from __future__ import annotations

import os
import re
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ptyjobs.client import Jobs
    from ptyjobs.testing.live import LiveJob
    from ptyjobs.testing.picture import Picture
    from ptyjobs.testing.replay import Replay
    from ptyjobs.testing.server import McpClient
    from ptyjobs.testing.snapshot import Snapshot

FOLDER = "__screens__"


@dataclass(slots=True)
class _Screens:
    """Uses of the expected screens in one run; a test is its module's path and its file stem."""

    used: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    collected: set[tuple[str, str]] = field(default_factory=set)
    passed: set[tuple[str, str]] = field(default_factory=set)
    partial: bool = False  # only some tests of the modules were selected
    stale: list[str] = field(default_factory=list)


_SCREENS = pytest.StashKey[_Screens]()
_ACTORS = pytest.StashKey[list[Any]]()
_ARTIFACTS = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ptyjobs", "terminal programs")
    group.addoption(
        "--screen-update",
        action="store_true",
        help="write the expected screens anew, and remove those that no test uses",
    )
    group.addoption(
        "--screen-artifacts",
        metavar="DIR",
        default=None,
        help="where failing tests leave pictures (.svg) and recordings (.cast) of their terminals",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SCREENS] = _Screens()


# --- fixtures -------------------------------------------------------------------------------------


@pytest.fixture
def replay(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str | os.PathLike[str]], Replay]:
    """`replay(path)`: a recording as a deterministic terminal with a virtual clock.

    A relative path is searched next to the test's file first.
    """
    from ptyjobs.testing.replay import Replay

    def open_recording(path: str | os.PathLike[str]) -> Replay:
        beside = request.path.parent / path
        played = Replay.open(beside if beside.exists() else Path(path))
        _played(request, tmp_path_factory, played)
        return played

    return open_recording


@pytest.fixture(scope="session")
def _ptyjobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """The client of this test process, with its own state directory."""
    from ptyjobs.client import Jobs
    from ptyjobs.testing import live

    with Jobs(live.settings(tmp_path_factory.mktemp("ptyjobs"))) as jobs:
        with warnings.catch_warnings():  # 3.12 warns of forks with threads running; xdist has some
            warnings.simplefilter("ignore", DeprecationWarning)
            jobs.warm_up()
        yield jobs


@pytest.fixture
def job(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _ptyjobs: Jobs
) -> Iterator[Callable[..., LiveJob]]:
    """`job(command, rows=24, cols=80, env=None, cwd="")`: a program under a real terminal.

    It runs in `cwd`, by default the directory that pytest was started in; tests that write files
    should pass `tmp_path`. The environment is clean: no user files, its own home, `LANG=C.UTF-8`.
    At the end of the test every job is killed, and the test fails if one left processes running
    (unless `allow_left=True`), or zombies, or could not be ended, or if a descriptor of ours stays
    open.
    """
    from ptyjobs.testing import live

    started: list[LiveJob] = []

    def start(
        command: str | Sequence[str],
        *,
        rows: int = 24,
        cols: int = 80,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] = "",
        home: Path | None = None,
        timeout: float = live.TIMEOUT,
        wait: bool = True,
        allow_left: bool = False,
    ) -> LiveJob:
        __tracebackhide__ = True
        one = live.start(
            _ptyjobs,
            command,
            rows=rows,
            cols=cols,
            env=env,
            cwd=cwd,
            home=home or tmp_path_factory.mktemp("home"),
            timeout=timeout,
            wait=wait,
            allow_left=allow_left,
        )
        started.append(one)
        _played(request, tmp_path_factory, one)
        one.check_start()
        return one

    start.__qualname__ = "job"  # the name in the test, for the error of a wrong parameter
    yield start
    complaints = [said for one in started if (said := one.close())]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def screen_snapshot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`screen_snapshot(screen, name="", mask=[...])`: compare with the file next to the test.

    `screen` is a job, a replay or a picture. A job that still draws gets its `timeout` to reach the
    expected screen. The file is written by --screen-update, and if it is missing; in CI (the
    variable CI is set) a missing file fails the test. Text that matches a pattern of `mask` may be
    anything of the same length, and its row's styles are not compared; text that the file marks as
    `varies` may be anything.
    """
    from ptyjobs.testing import snapshot
    from ptyjobs.testing.picture import Picture

    module = request.path
    folder = module.parent / FOLDER / module.stem
    config, counts = request.config, dict[str, int]()

    def check(
        screen: Picture | LiveJob | Replay,
        name: str = "",
        *,
        mask: Sequence[str | re.Pattern[str]] = (),
    ) -> None:
        __tracebackhide__ = True
        stem = _stem(request.node) + (f"-{_plain(name)}" if name else "")
        counts[stem] = counts.get(stem, 0) + 1
        path = folder / (stem + (f"-{counts[stem]}" if counts[stem] > 1 else "") + ".txt")
        config.stash[_SCREENS].used.add(str(path))
        expected = None
        if path.exists():
            try:
                expected = snapshot.parse(path.read_text(encoding="utf-8"))
            except snapshot.BadSnapshot as error:
                if not config.getoption("--screen-update"):
                    pytest.fail(f"{path}: {error}", pytrace=False)
        if config.getoption("--screen-update") or expected is None:
            shown: Picture = screen if isinstance(screen, Picture) else screen.screen
            actual = snapshot.take(shown, mask=mask)
            _write(config, path, (snapshot.carry(expected, actual) if expected else actual).text())
            return
        if lines := _awaited(screen, expected, mask):
            lines += [f"expected in {path}", "accept the new screen with --screen-update"]
            pytest.fail("the screen differs\n" + "\n".join(lines), pytrace=False)

    return check


def _awaited(
    screen: Picture | LiveJob | Replay, expected: Snapshot, mask: Sequence[str | re.Pattern[str]]
) -> list[str]:
    """Differences from the expected screen; a live job gets time to reach it."""
    __tracebackhide__ = True
    from ptyjobs.testing import snapshot
    from ptyjobs.testing.live import LiveJob
    from ptyjobs.testing.picture import Picture

    if not isinstance(screen, LiveJob):
        shown = screen if isinstance(screen, Picture) else screen.screen
        return snapshot.difference(expected, snapshot.take(shown, mask=mask))
    deadline = time.monotonic() + screen.timeout
    end: int | None = screen.status.end
    while True:
        lines = snapshot.difference(expected, snapshot.take(screen.screen, mask=mask))
        if not lines or end is None:
            return lines
        end = screen.changes(end, deadline=deadline)  # None: the current screen counts


@pytest.fixture
def mcp_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpClient]:
    """Our MCP server in this process with the SDK's in-memory client; calls block."""
    from ptyjobs.testing import live
    from ptyjobs.testing.server import McpClient

    client = McpClient(live.settings(tmp_path_factory.mktemp("ptyjobs")))
    yield client
    client.close()


def _played(request: pytest.FixtureRequest, factory: pytest.TempPathFactory, actor: Any) -> None:
    """Remember a terminal of this test, for the report of a failure."""
    stash = request.node.stash
    stash.setdefault(_ACTORS, []).append(actor)
    wanted = request.config.getoption("--screen-artifacts")
    stash[_ARTIFACTS] = Path(wanted) if wanted else factory.getbasetemp() / "screens"


def _stem(item: pytest.Item) -> str:
    """The file name of a test's screens: its classes, its name, its parameters."""
    return _plain(item.nodeid.partition("::")[2].replace("::", "."))


def _plain(name: str) -> str:
    """`name` as a file name; unsuitable characters add a checksum, so names never collide."""
    plain = re.sub(r"[^\w.-]+", "_", name).strip("_")
    odd = re.search(r"[^\w.\[\]-]", name) or len(plain) > 150
    return f"{plain[:150]}-{zlib.crc32(name.encode()):08x}" if odd else plain


def _write(config: pytest.Config, path: Path, text: str) -> None:
    __tracebackhide__ = True
    update = config.getoption("--screen-update")
    if not update and os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"there is no {path}: write it with --screen-update and commit it\n{text}",
                    pytrace=False)  # fmt: skip
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        config.stash[_SCREENS].written.append(str(path))


# --- reports --------------------------------------------------------------------------------------


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """`assert "x" in job.screen`: the screen with its rows instead of a cut repr."""
    from sys import modules

    pictures = modules.get("ptyjobs.testing.picture")
    if op not in ("in", "not in") or pictures is None or not isinstance(right, pictures.Picture):
        return None
    return [f"{left!r} {op} the screen", *pictures.framed(right).split("\n")]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    actors = item.stash.get(_ACTORS, [])
    if report.when == "call" and report.passed:
        item.config.stash[_SCREENS].passed.add((str(item.path), _stem(item)))
    if report.when == "teardown" or not report.failed or not actors:
        return
    from ptyjobs.errors import PtyJobsError
    from ptyjobs.testing import report as texts

    said = _flush_left(report.longreprtext)
    for actor in actors:
        try:
            shown = texts.sections(actor, item.stash[_ARTIFACTS], item.name)
            report.sections.extend(
                (title, text) for title, text in shown if _flush_left(text) not in said
            )
        except (PtyJobsError, OSError) as error:  # the failure itself must be shown in any case
            report.sections.append(("terminal", f"it cannot be shown: {error}"))


def _flush_left(text: str) -> str:
    """`text` without the margin that a report puts before each line."""
    return re.sub(r"^(?:E\b)?\s*", "", text, flags=re.MULTILINE)


# --- screens that no test uses --------------------------------------------------------------------


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        items[0].config.stash[_SCREENS].partial = True


def pytest_collection_finish(session: pytest.Session) -> None:
    config, screens = session.config, session.config.stash[_SCREENS]
    if any("::" in str(argument) for argument in config.args) or config.getoption("lf", False):
        screens.partial = True
    screens.collected = {(str(item.path), _stem(item)) for item in session.items}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config, screens = session.config, session.config.stash[_SCREENS]
    output = getattr(config, "workeroutput", None)
    if output is not None:  # a worker of xdist: its controller checks all of them together
        output["ptyjobs"] = (
            [*screens.used], screens.written, [*screens.collected], [*screens.passed],
            screens.partial,
        )  # fmt: skip
        return
    if screens.partial or exitstatus not in (0, 1):
        return
    screens.stale = [str(path) for path in _stale(screens)]
    if config.getoption("--screen-update"):
        for path in screens.stale:
            Path(path).unlink()


def _stale(screens: _Screens) -> Iterator[Path]:
    """Files next to the collected modules that no test uses.

    A test that failed, was skipped or did not run may still need its own.
    """
    unfinished = screens.collected - screens.passed
    for name in sorted({module for module, _ in screens.collected}):
        module = Path(name)
        kept = [stem for where, stem in unfinished if where == name]
        for path in sorted((module.parent / FOLDER / module.stem).glob("*.txt")):
            mine = any(path.stem == stem or path.stem.startswith(f"{stem}-") for stem in kept)
            if str(path) not in screens.used and not mine:
                yield path


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Merge the uses of an xdist worker that has ended (hook)."""
    told = getattr(node, "workeroutput", {}).get("ptyjobs")
    screens: _Screens = node.config.stash[_SCREENS]
    if told is None:  # it crashed: its uses are unknown
        screens.partial = True
        return
    used, written, collected, passed, partial = told
    screens.used.update(used)
    screens.written.extend(written)
    screens.collected.update(tuple(test) for test in collected)
    screens.passed.update(tuple(test) for test in passed)
    screens.partial |= partial


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    screens = config.stash[_SCREENS]
    if not (screens.stale or screens.written):
        return
    terminalreporter.section("screens")
    for path in screens.written:
        terminalreporter.line(f"written: {path}")
    gone = "removed" if config.getoption("--screen-update") else "stale, no test uses it"
    for path in screens.stale:
        terminalreporter.line(f"{gone}: {path}")
