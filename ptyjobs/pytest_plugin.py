"""The pytest plugin: `replay`, `job`, `screen_snapshot` and `mcp_client`.

Owns the fixtures, the options and what a report says. Imports nothing of ours until a fixture is
used: what stands behind them is `ptyjobs.testing`. No autouse, no output of its own but a summary
of screens that were written or that no test uses any more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ptyjobs.client import Jobs
    from ptyjobs.testing.live import LiveJob
    from ptyjobs.testing.picture import Picture
    from ptyjobs.testing.replay import Replay
    from ptyjobs.testing.server import McpClient

FOLDER = "__screens__"
_ACTORS = pytest.StashKey[list[Any]]()
_ARTIFACTS = pytest.StashKey[Path]()
_USED = pytest.StashKey[set[str]]()
_WRITTEN = pytest.StashKey[list[str]]()
_PARTIAL = pytest.StashKey[bool]()
_MODULES = pytest.StashKey[set[str]]()
_STALE = pytest.StashKey[list[str]]()


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
    config.stash[_USED] = set()
    config.stash[_MODULES] = set()
    config.stash[_WRITTEN] = []
    config.stash[_PARTIAL] = False


# --- fixtures -------------------------------------------------------------------------------------


@pytest.fixture
def replay(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str | os.PathLike[str]], Replay]:
    """`replay(path)`: a recording as a deterministic terminal with a virtual clock.

    A relative path is looked for beside the test's file first.
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
    """The client of this test process, with a state directory of its own."""
    from ptyjobs.client import Jobs
    from ptyjobs.testing import live

    with Jobs(live.settings(tmp_path_factory.mktemp("ptyjobs"))) as jobs:
        yield jobs


@pytest.fixture
def job(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _ptyjobs: Jobs
) -> Iterator[Callable[..., LiveJob]]:
    """`job(command, rows=24, cols=80, env=None, cwd="")`: a program under a real terminal.

    The environment is clean: no user files, a home of its own, `LANG=C.UTF-8`. At the end of the
    test every job is killed, and the test fails when one had left processes running (unless
    `allow_left`), or zombies, or could not be ended.
    """
    from ptyjobs.testing import live

    started: list[LiveJob] = []
    before: set[str] | None = None

    def start(command: str | Sequence[str], **options: Any) -> LiveJob:
        __tracebackhide__ = True
        nonlocal before
        if before is None:
            _ptyjobs.warm_up()
            before = live.sockets()
        options.setdefault("home", tmp_path_factory.mktemp("home"))
        one = live.start(_ptyjobs, command, **options)
        started.append(one)
        _played(request, tmp_path_factory, one)
        one.check_start()
        return one

    yield start
    complaints = [said for one in started if (said := one.close())]
    if left := live.sockets() - (before or set()) if started else set():
        complaints.append(f"the test left descriptors open: {', '.join(sorted(left))}")
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def screen_snapshot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`screen_snapshot(screen, name="", mask=[...])`: compare with the file beside the test.

    `screen` is a job, a replay or a picture. The file is written by --screen-update, and when it
    is missing; in CI (the variable CI is set) a missing file fails the test. What a pattern of
    `mask` matches may be anything of the same length, and its row's styles are not compared.
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
        stem = re.sub(r"[^\w.-]+", "_", request.node.name + (f"-{name}" if name else "")).strip("_")
        counts[stem] = counts.get(stem, 0) + 1
        path = folder / (stem + (f"-{counts[stem]}" if counts[stem] > 1 else "") + ".txt")
        config.stash[_USED].add(str(path))
        shown: Picture = screen if isinstance(screen, Picture) else screen.screen
        actual = snapshot.take(shown, mask=mask)
        if config.getoption("--screen-update") or not path.exists():
            _write(config, path, actual.text())
            return
        try:
            expected = snapshot.parse(path.read_text(encoding="utf-8"))
        except snapshot.BadSnapshot as error:
            pytest.fail(f"{path}: {error}", pytrace=False)
        if lines := snapshot.difference(expected, actual):
            lines += [f"expected in {path}", "accept the new screen with --screen-update"]
            pytest.fail("the screen differs\n" + "\n".join(lines), pytrace=False)

    return check


@pytest.fixture
def mcp_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpClient]:
    """Our MCP server in this process behind the SDK's in-memory client; calls block."""
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


def _write(config: pytest.Config, path: Path, text: str) -> None:
    __tracebackhide__ = True
    update = config.getoption("--screen-update")
    if not update and os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"there is no {path}: write it with --screen-update and commit it\n{text}",
                    pytrace=False)  # fmt: skip
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        config.stash[_WRITTEN].append(str(path))


# --- reports --------------------------------------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    actors = item.stash.get(_ACTORS, [])
    if report.when != "call" or not report.failed or not actors:
        return
    from ptyjobs.errors import PtyJobsError
    from ptyjobs.testing import report as texts

    for actor in actors:
        try:
            report.sections.extend(texts.sections(actor, item.stash[_ARTIFACTS], item.name))
        except (PtyJobsError, OSError) as error:  # the failure itself must be shown in any case
            report.sections.append(("terminal", f"it cannot be shown: {error}"))


# --- screens that no test uses --------------------------------------------------------------------


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        items[0].config.stash[_PARTIAL] = True


def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    if any("::" in str(argument) for argument in config.args) or config.getoption("lf", False):
        config.stash[_PARTIAL] = True
    config.stash[_MODULES] = {str(item.path) for item in session.items}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:  # a worker of xdist: its controller looks at all of them together
        used = [*config.stash[_USED]]
        modules = [*config.stash[_MODULES]]
        output["ptyjobs"] = (used, modules, config.stash[_WRITTEN], config.stash[_PARTIAL])
        return
    config.stash[_STALE] = []
    if config.stash[_PARTIAL] or exitstatus not in (0, 1):
        return
    for name in config.stash[_MODULES]:
        module = Path(name)
        for path in sorted((module.parent / FOLDER / module.stem).glob("*.txt")):
            if str(path) not in config.stash[_USED]:
                config.stash[_STALE].append(str(path))
                if config.getoption("--screen-update"):
                    path.unlink()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of xdist has ended (its hook): take over what it used."""
    told = getattr(node, "workeroutput", {}).get("ptyjobs")
    stash = node.config.stash
    if told is None:  # it crashed: nobody knows what it would have used
        stash[_PARTIAL] = True
        return
    used, modules, written, partial = told
    stash[_USED].update(used)
    stash[_MODULES].update(modules)
    stash[_WRITTEN].extend(written)
    stash[_PARTIAL] |= partial


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    stale, written = config.stash.get(_STALE, []), config.stash[_WRITTEN]
    if not (stale or written):
        return
    terminalreporter.section("screens")
    for path in written:
        terminalreporter.line(f"written: {path}")
    gone = "removed" if config.getoption("--screen-update") else "stale, no test uses it"
    for path in stale:
        terminalreporter.line(f"{gone}: {path}")
