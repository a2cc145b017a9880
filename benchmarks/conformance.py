"""Public terminal tests against our screen and others: python -m benchmarks.conformance FOLDER

FOLDER holds checkouts of `alacritty`, `xterm.js`, `vt100-rust`, `libvterm` and `esctest2`; missing
suites are skipped and reported. No part of them is kept here. `--engines` runs the installed
terminals of `benchmarks/engines.py` over the same cases; `--failures` names the failing cases.

Counting: a case is a size, the bytes fed to a fresh terminal, and one or more looks. It passes if
every look matches its suite: the visible rows (NFC, without trailing blanks and scrollback) and, if
the suite checks it, the cursor (a pending wrap counts as the last column). Colours are not
compared. One case is

* alacritty: each folder of `alacritty_terminal/tests/ref` that has a `grid.json`; the grid's rows;
* xterm.js: each `test/fixtures/escape_sequence_files/*.in`, 25x80, line feeds printed as CR LF;
  the 25 rows of its `.text`, which a real xterm showed;
* vt100-rust: each `tests/data/fixtures/NAME/N.json`, 24x80, fed the inputs 1 to N; its rows, its
  cursor;
* libvterm: each section (from a line that starts with "!") of `t/*.test` beginning with 1, 2, 6 or
  9 that has a `?cursor`, `?screen_row` or `?screen_chars`; fed all inputs since the file's INIT,
  RESET being `ESC c`, 25x80 until its RESIZE; a look is each of those assertions;
* esctest2: each test method, run in this process as for an xterm since patch 383, at VT level 5.
  The terminal answers its reads, except that cells and the size are inspected directly: hardly any
  terminal but xterm and ours has DECRQCRA. A test passes if its body passes: an "expected failure"
  of xterm counts as a failure, and tests that the suite itself skips are left out.

Four agree: the cases with files in which at least four of the other engines show the same rows and
cursor at every look. No single author's choice decides this measure; if xterm is among the four,
it shows the behaviour that the others imitate. Four pass: the cases in which at least four match
the suite.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.engines import OTHERS, Engine, Ours, View
from ptyjobs.model import Size

AGREED = 4  # engines that must agree


class Look(NamedTuple):
    """Expected view: rows by number, the cursor, or the text of a rectangle."""

    rows: dict[int, str] = {}  # noqa: RUF012  # never changed
    cursor: tuple[int, int] | None = None
    rectangle: tuple[int, int, int, int] | None = None  # top, left, bottom, right
    text: str = ""


Step = bytes | Size | Look


@dataclass(frozen=True, slots=True)
class Case:
    """One case: feed the bytes, take the sizes, look."""

    name: str
    size: Size
    steps: tuple[Step, ...] = field(repr=False)


def tidy(text: str) -> str:
    return unicodedata.normalize("NFC", text).rstrip()


def numbered(rows: list[str]) -> dict[int, str]:
    return {number: tidy(row) for number, row in enumerate(rows)}


# --- running ------------------------------------------------------------------------------------


def views(case: Case, engine: Engine) -> list[View]:
    """The engine's view at each look of the case."""
    engine.start(case.size)
    out = []
    for step in case.steps:
        if isinstance(step, bytes):
            engine.feed(step)
        elif isinstance(step, Size):
            engine.resize(step)
        else:
            out.append(engine.view())
    return out


def holds(look: Look, view: View) -> bool:
    """True if the view matches the look."""
    rows = [tidy("".join(row)) for row in view.cells]
    if any(number >= len(rows) or rows[number] != row for number, row in look.rows.items()):
        return False
    if look.cursor is not None and look.cursor != clamped(view):
        return False
    if look.rectangle is not None:
        top, left, bottom, right = look.rectangle
        found = ["".join(row[left:right]).rstrip() for row in view.cells[top:bottom]]
        return tidy("\n".join(found)) == look.text
    return True


def clamped(view: View) -> tuple[int, int] | None:
    """The cursor; a pending wrap is at the last column."""
    if view.cursor is None:
        return None
    return view.cursor[0], min(view.cursor[1], len(view.cells[0]) - 1)


def passes(case: Case, seen: list[View]) -> bool:
    looks = [step for step in case.steps if isinstance(step, Look)]
    return all(holds(look, view) for look, view in zip(looks, seen, strict=True))


Shown = tuple[tuple[tuple[str, ...], tuple[int, int] | None], ...]


def shown(seen: list[View]) -> Shown:
    """Everything visible at every look, to be compared between engines."""
    return tuple((tuple(tidy("".join(row)) for row in view.cells), clamped(view)) for view in seen)


# --- suites of files ----------------------------------------------------------------------------


def alacritty(folder: Path) -> Iterator[Case]:
    for place in sorted((folder / "alacritty_terminal/tests/ref").iterdir()):
        if (place / "grid.json").exists():
            size = json.loads((place / "size.json").read_text())
            rows = _alacritty_rows(json.loads((place / "grid.json").read_text()))
            data = (place / "alacritty.recording").read_bytes()
            size = Size(size["screen_lines"], size["columns"])
            yield Case(place.name, size, (data, Look(numbered(rows))))


def _alacritty_rows(grid: dict[str, Any]) -> list[str]:
    raw, lines = grid["raw"], grid["lines"]
    rows = []
    for line in range(lines):  # the ring's bottom line comes first
        cells = raw["inner"][(raw["zero"] + lines - 1 - line) % raw["len"]]["inner"]
        text = ""
        for cell in cells:
            if "WIDE_CHAR_SPACER" not in cell["flags"]:
                marks = (cell["extra"] or {}).get("zerowidth") or []
                text += cell["c"].replace("\t", " ") + "".join(marks)
        rows.append(text)
    return rows


def xterm(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "test/fixtures/escape_sequence_files").glob("*.in")):
        expected = path.with_suffix(".text").read_text().split("\n")[:25]
        data = re.sub(rb"(?<!\r)\n", b"\r\n", path.read_bytes())  # as the tests' pty printed it
        yield Case(path.stem, Size(25, 80), (data, Look(numbered(expected))))


def vt100(folder: Path) -> Iterator[Case]:
    for place in sorted(p for p in (folder / "tests/data/fixtures").iterdir() if p.is_dir()):
        data = b""
        for number in range(1, len(list(place.glob("*.json"))) + 1):
            data += (place / f"{number}.typescript").read_bytes()
            look = _vt100_look(json.loads((place / f"{number}.json").read_text()))
            yield Case(f"{place.name}/{number}", Size(24, 80), (data, look))


def _vt100_look(expected: dict[str, Any]) -> Look:
    rows = [[" "] * 80 for _ in range(24)]
    for where, cell in expected["cells"].items():
        row, col = map(int, where.split(","))
        rows[row][col] = "" if cell.get("is_wide_continuation") else cell.get("contents") or " "
    row, col = expected["cursor_position"]
    return Look(numbered(["".join(row) for row in rows]), (row, min(col, 79)))


# --- libvterm's language ------------------------------------------------------------------------

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(?:x(\d+))?')


def libvterm(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "t").glob("*.test")):
        if path.name[0] in "1269":
            yield from _libvterm_file(path)


def _libvterm_file(path: Path) -> Iterator[Case]:
    name = ""
    steps: list[Step] = []  # since the file's INIT; looks of this section only
    for line in [*_libvterm_lines(path), "!"]:
        if line.startswith("!"):
            if any(isinstance(step, Look) for step in steps):
                yield Case(f"{path.stem}: {name}", Size(25, 80), tuple(steps))
            name, steps = line[1:].strip(), [s for s in steps if not isinstance(s, Look)]
        elif line.startswith("INIT"):
            steps = []
        elif line.startswith("RESET"):
            steps.append(b"\x1bc")
        elif line.startswith("RESIZE"):
            rows, cols = re.findall(r"\d+", line)
            steps.append(Size(int(rows), int(cols)))
        elif line.startswith("PUSH"):
            steps.append(_perl(line[4:]))
        else:
            look = _libvterm_look(line)
            if look is not None:
                steps.append(look)


def _libvterm_lines(path: Path) -> Iterator[str]:
    for raw in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = raw.strip()
        if line == "__END__":
            return
        if not line or line.startswith("#"):
            continue
        again = re.match(r"\$REP\s+(\d+):\s*(.*)", line)
        each = re.match(r"\$SEQ\s+(\d+)\s+(\d+):\s*(.*)", line)
        if again:
            yield from [again[2]] * int(again[1])
        elif each:
            yield from (
                each[3].replace("\\#", str(n)) for n in range(int(each[1]), int(each[2]) + 1)
            )
        else:
            yield line


def _perl(text: str) -> bytes:
    """The value of a perl string expression of these tests."""
    out = b""
    for body, times in _STRING.findall(text):
        body = re.sub(r"\\x\{([0-9a-fA-F]+)\}", lambda m: f"\\x{int(m[1], 16):02x}", body)
        body = body.replace("\\e", "\\x1b").replace("\\$", "$").replace("\\@", "@")
        out += ast.literal_eval(f'"{body}"').encode("latin-1", "replace") * int(times or 1)
    return out


def _libvterm_look(line: str) -> Look | None:
    """The look that an assertion asks for; None if it checks neither rows nor cursor."""
    match = re.match(r"\?cursor\s*=\s*(\d+),(\d+)", line)
    if match:
        return Look(cursor=(int(match[1]), int(match[2])))
    match = re.match(r"\?screen_row\s+(\d+)\s*=\s*(.*)", line)
    if match:
        return Look({int(match[1]): tidy(_wanted(match[2]))})
    match = re.match(r"\?screen_chars\s+(\d+),(\d+),(\d+),(\d+)\s*=\s*(.*)", line)
    if match:
        top, left, bottom, right = (int(n) for n in match.groups()[:4])
        return Look(rectangle=(top, left, bottom, right), text=tidy(_wanted(match[5])))
    return None


def _wanted(text: str) -> str:
    if text.startswith('"'):
        return _perl(text).decode("utf-8", "replace")
    codes = [int(code, 16) for code in re.findall(r"0x([0-9a-fA-F]+)", text)]
    return "".join(map(chr, codes))


# --- esctest2 -----------------------------------------------------------------------------------

REPORTS = re.compile(
    r"(Change|Reset).*Color|XtermWinops|DECRQM|DECRQSS|DECDSR|DECSCL|DECID|S8C1T|^DA2?Tests|APC|"
    r"DCS|PM|SOS|ManipulateSelectionData|SMTitle|RMTitle"
)
"""Groups of esctest2 that read answers and no cells."""
RECTANGLES = re.compile(r"DEC(CRA|ERA|FRA|SERA)")


class Esctest:
    """esctest2 in this process, its terminal being an engine."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder / "esctest"))
        names = ("esccmd", "escargs", "esc", "escio", "escutil", "esctypes")  # in this order
        _, escargs, esc, self.io, escutil, self.types = map(importlib.import_module, names)
        options = ["--logfile=/dev/null", "--v=0", "--xterm-reverse-wrap=383"]
        escargs.args = escargs.parser.parse_args(options)
        esc.vtLevel = escargs.args.max_vt_level
        self.io.Write, self.io.read = self.write, self.read
        escutil.GetChecksumOfRect, escutil.GetScreenSize = self.checksum, self.size
        self.tests = importlib.import_module("tests")  # takes the functions just replaced
        self.engine: Engine
        self.waiting = b""
        self.seen: View | None = None  # since the last write

    def write(self, text: str, sideChannelOk: bool = True) -> None:
        self.seen = None
        self.waiting += self.engine.feed(text.encode())

    def view(self) -> View:
        self.seen = self.seen or self.engine.view()
        return self.seen

    def size(self) -> Any:
        rows = self.view().cells
        return self.types.Size(len(rows[0]), len(rows))

    def checksum(self, rect: Any) -> int:
        """DECRQCRA's answer for one cell."""
        return 0x10000 - ord(self.view().cells[rect.top() - 1][rect.left() - 1] or " ")

    def read(self, count: int) -> str:
        if len(self.waiting) < count:
            raise self.types.InternalError("Timeout waiting to read.")
        out, self.waiting = self.waiting[:count], self.waiting[count:]
        return out.decode("latin-1")

    def run(self, engine: Engine) -> Iterator[tuple[str, bool]]:
        """The name of each test, and whether it passes."""
        self.engine = engine
        for group in self.tests.tests:
            for name, method in inspect.getmembers(group(), predicate=inspect.ismethod):
                if name.startswith("test_"):
                    engine.start(Size(25, 80))
                    self.waiting, self.seen = b"", None
                    self.io.use8BitControls = False  # a test that fails leaves it on
                    passed = self._passes(method)
                    if passed is not None:
                        yield f"{group.__name__}.{name}", passed

    def _passes(self, method: Any) -> bool | None:
        try:
            method()
        except self.types.InsufficientVTLevel:
            return None
        except self.types.KnownBug as error:
            return None if "(not trying)" in str(error) else False
        except Exception as error:  # a failed assertion, or a missing reply
            return "Should have failed" in str(error)
        return True


def kind(test: str) -> str:
    """The group of an esctest2 test, by its class."""
    group = test.partition(".")[0]
    return (
        "rectangles" if RECTANGLES.search(group) else "reports" if REPORTS.search(group) else "grid"
    )


# --- the table ----------------------------------------------------------------------------------

SUITES = {"alacritty": alacritty, "xterm.js": xterm, "vt100-rust": vt100, "libvterm": libvterm}


def installed(names: list[str]) -> dict[str, Engine]:
    """Ours, and the engines named that are here."""
    engines: dict[str, Engine] = {"ours": Ours()}
    for name in names:
        try:
            engines[name] = OTHERS[name]()
        except (ImportError, OSError, KeyError) as error:
            print(f"{name}: not here ({error!r})", file=sys.stderr)
    return engines


class Tally:
    """Number of passed cases per engine and suite."""

    def __init__(self, engines: dict[str, Engine]) -> None:
        self.engines = engines
        self.total: Counter[str] = Counter()
        self.passed: dict[str, Counter[str]] = {name: Counter() for name in engines}
        self.failures: list[str] = []

    def count(self, group: str, name: str, results: dict[str, bool]) -> None:
        """One case of a group, with each engine's result."""
        self.total[group] += 1
        for engine, passed in results.items():
            self.passed[engine][group] += passed
        if not results["ours"]:
            self.failures.append(f"{group}: {name}")

    def files(self, suite: str, cases: Iterator[Case]) -> None:
        """Run the cases of a suite of files."""
        for case in cases:
            seen = {name: views(case, engine) for name, engine in self.engines.items()}
            results = {name: passes(case, views) for name, views in seen.items()}
            self.count(suite, case.name, results)
            if sum(results.values()) - results["ours"] >= AGREED:
                self.count("four pass", f"{suite} {case.name}", results)
            screens = {name: shown(views) for name, views in seen.items()}
            others = Counter(screen for name, screen in screens.items() if name != "ours")
            for screen, engines in others.most_common(1):
                if engines >= AGREED:
                    same = {name: mine == screen for name, mine in screens.items()}
                    self.count("four agree", f"{suite} {case.name}", same)
                    if same.get("xterm"):
                        self.count("· xterm among them", f"{suite} {case.name}", same)

    def esctest(self, folder: Path) -> None:
        """Run esctest2; an engine that crashes has failed."""
        suite = Esctest(folder)
        results: dict[str, dict[str, bool]] = {}
        for name, engine in self.engines.items():
            for test, passed in suite.run(engine):
                results.setdefault(test, {})[name] = passed
        for test, passed in results.items():
            self.count(f"esctest2 {kind(test)}", test, passed)

    def show(self) -> None:
        """Print the table."""
        print(f"{'':22}" + "".join(f"{name:>10}" for name in ["cases", *self.engines]))
        for counter in (self.total, *self.passed.values()):
            counter["all with files"] = sum(counter[suite] for suite in SUITES)
        for group, total in self.total.items():
            counts = [total, *(self.passed[name][group] for name in self.engines)]
            print(f"{group:22}" + "".join(f"{count:10}" for count in counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--failures", action="store_true", help="name the cases that ours fails")
    parser.add_argument(
        "--engines", nargs="*", metavar="NAME", help=f"of {', '.join(OTHERS)}; all without a name"
    )
    args = parser.parse_args()
    tally = Tally(installed([] if args.engines is None else args.engines or list(OTHERS)))
    for suite, cases in SUITES.items():
        if (args.folder / suite).is_dir():
            tally.files(suite, cases(args.folder / suite))
        else:
            print(f"{suite}: not there")
    if (args.folder / "esctest2").is_dir():
        tally.esctest(args.folder / "esctest2")
    tally.show()
    if args.failures:
        print("".join(f"    {failure}\n" for failure in tally.failures), end="")


if __name__ == "__main__":
    main()
