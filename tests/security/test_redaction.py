"""No output of the server shows a secret: 10,000 generated ones, and a real server."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import random
import re
import shlex
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import quote

import pytest

from ptyjobs.cli.commands import hook
from ptyjobs.cli.commands.export import masked_copy
from ptyjobs.client import event_lines
from ptyjobs.client.events import Events
from ptyjobs.config import Config
from ptyjobs.errors import BadInput, Refused, UnknownJob
from ptyjobs.mcp import redacting, results, status_text
from ptyjobs.mcp.redacting import Border
from ptyjobs.mcp.results import Result
from ptyjobs.mcp.server import App, Progress
from ptyjobs.mcp.tasks import _Running
from ptyjobs.model import Answer, Lifetime, Reason, Size, State, Status, Verdict
from ptyjobs.recordings import export_cast, export_raw, read, text_of
from ptyjobs.recordings.page import described
from ptyjobs.render import ansi
from ptyjobs.store import views
from ptyjobs.store.grep import search
from ptyjobs.store.jobdir import JobDir
from ptyjobs.store.journal import Transition
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.store.waits import StoredWait
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import FreshText, mark
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Known, digests_of, pack, unpack
from tests.mcp.fake import FakeJobs
from tests.mcp.live import Server
from tests.text.test_redaction import SALT, leaks

CASES = 10_000


class Generated:
    """One secret in one encoding, printed in pieces."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.secret = self._secret()
        shown = random_.choice((self._plain, self._plain, self._percent, self._base64))()
        shown = random_.choice((self._as_is, self._as_is, self._coloured, self._folded))(shown)
        before, after = self._filler(), self._filler()
        self.output = f"{before}{shown}{after}\r\n$ ".encode()
        self.cut = len(before.encode()) + random_.randint(0, len(shown.encode()))
        self.size = Size(random_.randint(4, 30), random_.randint(12, 100))

    def _secret(self) -> str:
        alphabet = string.ascii_letters + string.digits + "!#&*+,-./:;<=>?@^_~|é√"
        return "".join(self.random.choices(alphabet, k=self.random.randint(8, 40)))

    def _filler(self) -> str:
        words = ["lorem", "ipsum", "\x1b[31mred\x1b[m", "日本", "12 %", "\r\n", "a|b", "..."]
        return " ".join(self.random.choices(words, k=self.random.randint(0, 30))) + " "

    def _plain(self) -> str:
        return self.secret

    def _percent(self) -> str:
        return quote(self.secret, safe=self.random.choice(("", "/", "/:@")))

    def _base64(self) -> str:
        around = self.random.randint(0, 5)
        data = b"u" * around + self.secret.encode() + b"!" * self.random.randint(0, 5)
        encode = self.random.choice((base64.b64encode, base64.urlsafe_b64encode))
        return encode(data).decode()

    def _as_is(self, shown: str) -> str:
        return shown

    def _coloured(self, shown: str) -> str:
        return (
            "".join(
                f"\x1b[{self.random.choice((1, 31, 42, 7))}m{c}"
                if self.random.random() < 0.3
                else c
                for c in shown
            )
            + "\x1b[m"
        )

    def _folded(self, shown: str) -> str:
        width = self.random.randint(5, 30)
        left, right = self.random.choice((("", ""), ("  ", ""), ("│ ", " │"), ("    ", "  ")))
        rows = [shown[n : n + width] for n in range(0, len(shown), width)]
        return "\r\n" + "\r\n".join(f"{left}{row}{right}" for row in rows) + "\r\n"

    # -- output paths: each returns all texts that a model would have read

    def replies(self) -> list[str]:
        """Two replies, the first in the middle of the secret."""
        screen = Screen(self.size)
        screen.feed(b"$ ")
        texts = []
        for piece in (self.output[: self.cut], self.output[self.cut :]):
            fresh = FreshText(
                mark(screen, offset=0, echo=False, canonical=False), typed="", budget=8000
            )
            screen.feed(piece)
            fresh.observe(screen)
            done, prompt = fresh.finish(screen, prompt_row=True, end=9, exited=False)
            verdict = Verdict(Reason.WAITING_FOR_INPUT, prompt=prompt)
            texts.append(results.of_answer(Answer("j", State.RUNNING, verdict, done)))
        border = Border(self.redactor)
        return [border.result(text).text for text in texts]

    def screen(self) -> Screen:
        screen = Screen(self.size)
        screen.feed(self.output)
        return screen

    def tail(self) -> list[str]:
        shown = views.view(self.screen(), lines=1000, end=0)
        return [Border(self.redactor).result(results.of_view("j", shown)).text]

    def title(self) -> list[str]:
        screen = Screen(self.size)
        screen.feed(f"\x1b]2;at {self.secret}\x07".encode())
        shown = views.view(screen, lines=50, end=0)
        assert screen.title
        facts = Border(self.redactor).result(results.of_view("j", shown)).facts
        return [str(facts["title"])]

    def picture(self) -> list[str]:
        screen = self.screen()
        redacting.hide(screen, self.redactor)
        return ["\n".join(screen.text()), re.sub(r"\x1b\[[0-9;]*m", "", ansi.to_ansi(screen))]

    def output_pages(self, place: Path) -> list[str]:
        log = LogWriter(place, limit=1 << 20)
        log.append(self.output)
        log.close()
        page = views.page(LogReader(str(place)), size=self.size, since=self.cut, limit=4000)
        first = views.page(LogReader(str(place)), size=self.size, since=None, limit=4000)
        border = Border(self.redactor)
        return [border.result(results.of_page("j", p, since=None)).text for p in (first, page)]

    def grep(self, place: Path) -> list[str]:
        log = LogReader(str(place))
        found: list[str] = []
        for pattern in (".", re.escape(self.secret[:5]), re.escape(self.secret)):
            page = search(
                log,
                re.compile(pattern),
                since=None,
                limit=9000,
                bound=nullcontext,
                redactor=self.redactor,
            )
            found.append(re.sub(r"^\d+: ", "", page.text, flags=re.MULTILINE))
        assert found[2] == "", "a regular expression must not find the secret"
        return found

    # -- texts of ours that quote the output

    def line(self) -> str:
        """One line of the output, such as the last one."""
        lines = re.sub(r"\x1b\[[0-9;]*m", "", self.output.decode()).split("\r\n")
        return max(lines, key=len) if self.random.random() < 0.5 else self.random.choice(lines)

    def error(self) -> list[str]:
        error = self.random.choice((UnknownJob, Refused, BadInput))(f"No match in {self.line()!r}.")
        return [Border(self.redactor).result(results.of_error(error)).text]

    def event(self) -> list[str]:
        one = Transition("pattern", "j", 1.0, 2.0, what="printed", text=self.line())
        events = Events(event_lines.line([one], running=["j"]), (one,), ("j",))
        result = Border(self.redactor).result(results.of_events(events))
        return [result.text, json.dumps(result.facts, ensure_ascii=False)]

    def listed(self) -> list[str]:
        status = Status("j", State.RUNNING, f"run {self.line()}", "/", last_line=self.line(),
            title=self.line(), asks=self.line(), output_age=1.0)  # fmt: skip
        found = (status_text.of_status(status, now=9.0), status_text.of_list([status], now=9.0))
        shown = [Border(self.redactor).result(result) for result in found]
        return [text for one in shown for text in (one.text, json.dumps(one.facts))]

    def app(self) -> App:
        jobs = FakeJobs()
        jobs.redactor = self.redactor
        return App(jobs, replace(Config(), structured=self.random.random() < 0.5))  # type: ignore[arg-type]  # a double

    def wire(self) -> list[str]:
        """A result in protocol form, with its structured content."""
        shown = views.view(self.screen(), lines=1000, end=0)
        return [_strings(self.app().wire(results.of_view("j", shown)))]

    def resource(self) -> list[str]:
        app = self.app()
        shown = views.view(self.screen(), lines=1000, end=0)
        params = SimpleNamespace(uri="job://py/screen")
        listed = app.resources._described(Status("j", State.RUNNING, self.line(), "/"), "screen")
        with mock.patch.object(app.jobs, "tail", return_value=shown):
            read = asyncio.run(app.resources.read(None, params))  # type: ignore[arg-type]  # a double
        return [_strings(read), listed]

    def task(self) -> list[str]:
        """A task's message and result, and a progress note."""
        app = self.app()
        app.tasks._wire = app.wire
        wait = StoredWait("w", 0, 0, 9, ["j"], "ready", [], True, 9, "r", {})
        app.tasks._running["w"] = _Running(wait)
        app.tasks.progress("w", self.line())
        done = Result(f"[j] exited\n{self.line()}", {"last": self.line()})
        notes: list[str] = []
        asyncio.run(self._progress(app, notes))
        return [_strings(app.tasks._shown(wait)), _strings(app.wire(done)), *notes]

    async def _progress(self, app: App, notes: list[str]) -> None:
        shown = asyncio.Event()

        async def report(count: float, line: str) -> None:
            notes.append(line)
            shown.set()

        progress = Progress(report, app.border)
        progress(self.line())
        if progress._task is not None:  # the line was not empty
            await asyncio.wait_for(shown.wait(), 10)
        progress.close()

    def hook(self) -> list[str]:
        status = Status("j", State.RUNNING, self.line(), "/", lifetime=Lifetime.PERSISTENT)
        with mock.patch.object(hook, "_statuses", return_value=[status]):
            answer = hook.answer("session-start", {"cwd": "/"}, self._settings())
        assert answer
        return [_strings(answer)]

    def _settings(self) -> Config:
        """Settings by which the secret is known."""
        os.environ["GENERATED"] = self.secret
        return replace(Config(), secrets={"S": "env:GENERATED"})

    def export(self, place: Path) -> list[str]:
        """A redacted export: cast, page, text and bytes."""
        job = JobDir(place / "j")
        job.path.mkdir()
        spec = {"job_id": "j", "argv": ["sh"], "command": f"run {self.secret}", "cwd": "/"}
        size = {"rows": self.size.rows, "cols": self.size.cols}
        (job.path / "spec.json").write_text(json.dumps({**spec, "env": {}, "size": size}))
        log = LogWriter(job.path, limit=1 << 20)
        log.append(f"\x1b]2;at {self.secret}\x07".encode() + self.output)
        log.close()
        events = [[1.0, 0, code, f"say {self.secret}"] for code in ("i", "m")]
        (job.path / "events").write_text("".join(json.dumps(e) + "\n" for e in events))
        with masked_copy(job, self._settings()) as copy:
            cast, raw = io.StringIO(), io.BytesIO()
            export_cast(copy, cast, input=True)
            export_raw(copy, raw)
            page = described(read(copy.path), input=True)
            rows = "\n".join("".join(text for text, _ in row) for row in page.pop("texts"))
            found = [_strings([json.loads(one) for one in cast.getvalue().splitlines()])]
            found += [raw.getvalue().decode(), _strings(page), rows, text_of(read(copy.path))]
        shutil.rmtree(job.path)
        return [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in found]

    def run(self, place: Path) -> list[str]:
        """One output path, chosen at random."""
        self.redactor = Redactor([Known.of(self.secret, name="S")])
        if self.random.random() < 0.3:  # the same from its digest
            packed = pack(digests_of(self.redactor.secrets, salt=SALT))
            if (way := self.random.randrange(4)) < 3:
                self.redactor = Redactor(unpack(packed))
                return (self.tail, self.title, self.picture)[way]()
        ways = (self.replies, self.tail, self.title, self.picture, self.error, self.event,
            self.listed, self.wire, self.resource, self.task, self.hook)  # fmt: skip
        way = self.random.randrange(len(ways) + 3)
        if way < len(ways):
            return ways[way]()
        if way == len(ways):
            return self.export(place)
        return [*self.output_pages(place), *self.grep(place)]


def _strings(value: object) -> str:
    """All texts in plain JSON types, one a line."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_strings, value))
    return str(value)


@pytest.mark.stops("redact", "known secrets in any answer")
def test_no_way_out_shows_a_secret(tmp_path: Path) -> None:
    for seed in range(CASES):
        case = Generated(random.Random(seed))
        place = tmp_path / str(seed % 50)
        place.mkdir(exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        texts = case.run(place)
        for text in (*texts, "\n".join(texts)):
            assert not leaks(text, case.secret), (seed, case.secret, case.output, text)


SECRET = "tr0ub4dor&3-unseen"
CELLS = [f"\x1b[3;{col}H{char}" for col, char in enumerate(SECRET, 5)]
DRAWN: dict[str, str] = {
    "cell by cell": "".join(CELLS),
    "from its end": "".join(reversed(CELLS)),
    "over other text": "".join(f"x\b{char}" for char in SECRET),
    "around titles": "\x1b]0;t\x07".join(SECRET),
    "around NUL": "\0".join(SECRET),
    "hidden": f"\x1b[8m{SECRET}",
    "pushed to the right": f"{SECRET[-6:]}\r\x1b[4h{SECRET[:-6]}\x1b[4l",
}


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=list(DRAWN))
@pytest.mark.parametrize("cols", [5, 7, 80])
def test_a_secret_is_found_however_it_was_drawn(drawn: str, cols: int) -> None:
    screen = Screen(Size(20, 80))
    screen.feed(drawn.encode())
    screen.resize(Size(20, cols))  # wraps it
    border = Border(Redactor([Known.of(SECRET, name="S")]))
    shown = border.result(results.of_view("j", views.view(screen, lines=50, end=0))).text
    assert "[secret S]" in shown
    assert not leaks(shown, SECRET)


# -- the real server

VAULT = "tr0ub4dor&3-unseen"
TOKEN = "abcdefgh-0123456789"
TYPED = "typed-at-a-prompt!7"
ENV = {"PTYJOBS_SECRET_VAULT": VAULT, "MY_SERVICE_TOKEN": TOKEN}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "state", env=ENV) as running:
        yield running


@pytest.mark.live
def test_a_known_secret_leaves_by_no_tool(server: Server) -> None:
    half = len(VAULT) // 2
    line = f"printf '\\033]2;at %s\\007' '{VAULT}'; echo '{VAULT[:half]}''{VAULT[half:]}'; sleep 99"
    answers = [server.call("execute", command=line, name="j", wait=2, cols=40)]
    for tool, more in (
        ("tail", {}),
        ("tail", {"format": "svg"}),
        ("tail", {"format": "ansi"}),
        ("output", {}),
        ("output", {"since": 30}),
        ("output", {"grep": "tr0u|unseen|[&]"}),
        ("status", {}),
        ("list", {}),
        ("interact", {"keys": ["C-c"]}),
        ("wait", {}),
        ("interact", {"input": VAULT}),
    ):
        answers.append(server.call(tool, **({} if tool == "list" else {"job_id": "j"}), **more))
    uris = ("job://j/screen", "job://j/output")
    answers += [server.ask("resources/read", {"uri": uri}) for uri in uris]
    answers.append(server.ask("resources/list"))
    for answer in answers:
        assert not leaks(json.dumps(answer, ensure_ascii=False), VAULT), answer
    assert "1 secret redacted" in answers[0]["content"][0]["text"]
    assert "[secret VAULT]" in answers[0]["content"][0]["text"]


@pytest.mark.live
def test_no_pattern_finds_a_secret_by_probing(server: Server) -> None:
    server.text("execute", command=f"echo '{VAULT}'; echo mark; cat", name="j", wait=5)
    for pattern in ("tr0", "unseen", "^t.*n$"):
        text = server.text("output", job_id="j", grep=pattern)
        assert "0 lines match" in text
        assert "no match of" in server.text(
            "interact", job_id="j", input=VAULT, until=[pattern], timeout=1
        )
        found = server.text("wait", job_id=["j"], pattern=[pattern], timeout=0.5)
        assert "no match of" in found
        assert "came before" not in found
    assert "1 lines match" in server.text("output", job_id="j", grep="mark")
    assert "matched" in server.text("interact", job_id="j", input="beside tr0", until=["tr0"])
    clicked = server.call("interact", job_id="j", mouse="click tr0ub4dor")
    assert clicked["isError"]


@pytest.mark.live
@pytest.mark.parametrize("ended", [False, True])
def test_what_was_typed_at_a_no_echo_prompt_stays_unseen(server: Server, ended: bool) -> None:
    script = (
        "import base64, getpass\np = getpass.getpass()\nprint('got', p)\n"
        "print(base64.b64encode(p.encode()))\n" + ("" if ended else "input('> ')")
    )
    quoted = shlex.join([sys.executable, "-c", script])
    server.text("execute", command=quoted, name="j", wait=15)
    answers = [server.call("interact", job_id="j", input=TYPED)]
    assert "got [secret]" in answers[0]["content"][0]["text"]
    answers += [server.call("output", job_id="j"), server.call("output", job_id="j", grep="got")]
    for answer in answers:
        assert not leaks(json.dumps(answer, ensure_ascii=False), TYPED), answer
    with Server(server.state, env=ENV) as other:  # which never saw it typed
        for tool in ("output", "tail"):
            assert not leaks(other.text(tool, job_id="j"), TYPED)
    for path in server.state.rglob("*"):
        if path.is_file() and not path.name.startswith("log."):
            assert TYPED.encode() not in path.read_bytes(), path


@pytest.mark.live
def test_a_secret_of_two_characters_stops_the_server_with_advice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ptyjobs", "serve"]
    env = {**os.environ, "PTYJOBS_STATE": str(tmp_path), "PTYJOBS_SECRET_PIN": "42"}
    done = subprocess.run(command, env=env, input=b"", capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"'PIN'" in done.stderr
    assert b"fewer than 3 characters" in done.stderr
