"""Public terminal tests against our screen: python -m benchmarks.conformance FOLDER

FOLDER holds checkouts of `alacritty`, `xterm.js`, `vt100-rust`, `libvterm` and `esctest2`; what is
missing is left out and told. Nothing of them is kept here. A case passes when its whole grid (text,
blanks at the right removed, NFC) and what else the suite says of the cursor is as expected:

* alacritty: `alacritty_terminal/tests/ref/*`, the visible grid;
* xterm.js: `test/fixtures/escape_sequence_files/*.in`, 25x80, expected from a real xterm;
* vt100-rust: `tests/data/fixtures/*/N.json`, 24x80, the inputs up to N;
* libvterm: the sections of `t/*.test` that say something of rows or the cursor, 25x80;
* esctest2: run in this process, its reads answered by our screen.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptyjobs.core.vt import Screen
from ptyjobs.model import Size

Case = tuple[str, bool]


def tidy(text: str) -> str:
    return unicodedata.normalize("NFC", text).rstrip()


def shown(screen: Screen) -> list[str]:
    return [tidy(row) for row in screen.text()]


# --- suites of files ----------------------------------------------------------------------------


def alacritty(folder: Path) -> Iterator[Case]:
    for place in sorted((folder / "alacritty_terminal/tests/ref").iterdir()):
        if not (place / "grid.json").exists():
            continue
        size = json.loads((place / "size.json").read_text())
        grid = json.loads((place / "grid.json").read_text())
        screen = Screen(Size(size["screen_lines"], size["columns"]))
        screen.feed((place / "alacritty.recording").read_bytes())
        yield place.name, shown(screen) == _alacritty_rows(grid)


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
        rows.append(tidy(text))
    return rows


def xterm(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "test/fixtures/escape_sequence_files").glob("*.in")):
        expected = path.with_suffix(".text").read_text().split("\n")[:25]
        screen = Screen(Size(25, 80))
        screen.feed(_cooked(path.read_bytes()))
        yield path.stem, shown(screen) == [tidy(row) for row in expected]


def _cooked(data: bytes) -> bytes:
    """As the tests' pty printed it: a line feed became CR LF."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def vt100(folder: Path) -> Iterator[Case]:
    for place in sorted(p for p in (folder / "tests/data/fixtures").iterdir() if p.is_dir()):
        data = b""
        for number in range(1, len(list(place.glob("*.json"))) + 1):
            data += (place / f"{number}.typescript").read_bytes()
            expected = json.loads((place / f"{number}.json").read_text())
            screen = Screen(Size(24, 80))
            screen.feed(data)
            yield f"{place.name}/{number}", _vt100_holds(screen, expected)


def _vt100_holds(screen: Screen, expected: dict[str, Any]) -> bool:
    rows = [[" "] * 80 for _ in range(24)]
    for where, cell in expected["cells"].items():
        row, col = map(int, where.split(","))
        rows[row][col] = "" if cell.get("is_wide_continuation") else cell.get("contents") or " "
    cursor = expected["cursor_position"]
    return shown(screen) == [tidy("".join(row)) for row in rows] and [
        screen.cursor_row,
        screen.cursor_col,
    ] == [cursor[0], min(cursor[1], 79)]


# --- libvterm's language ------------------------------------------------------------------------

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(?:x(\d+))?')


def libvterm(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "t").glob("*.test")):
        if path.name[0] in "1269":
            yield from _libvterm_file(path)


def _libvterm_file(path: Path) -> Iterator[Case]:
    screen = Screen(Size(25, 80))
    name, ok, said = "", True, False
    for line in _libvterm_lines(path):
        if line.startswith("!"):
            if said:
                yield f"{path.stem}: {name}", ok
            name, ok, said = line[1:], True, False
        elif line.startswith(("RESET", "INIT")):
            screen = Screen(screen.size if line.startswith("RESET") else Size(25, 80))
        elif line.startswith("RESIZE"):
            rows, cols = re.findall(r"\d+", line)
            screen.resize(Size(int(rows), int(cols)))
        elif line.startswith("PUSH"):
            screen.feed(_perl(line[4:]))
        else:
            found = _libvterm_holds(screen, line)
            if found is not None:
                ok, said = ok and found, True
    if said:
        yield f"{path.stem}: {name}", ok


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


def _libvterm_holds(screen: Screen, line: str) -> bool | None:
    """Whether an assertion holds; None when it says nothing of what we look at."""
    match = re.match(r"\?cursor\s*=\s*(\d+),(\d+)", line)
    if match:
        return (screen.cursor_row, screen.cursor_col) == (int(match[1]), int(match[2]))
    match = re.match(r"\?screen_row\s+(\d+)\s*=\s*(.*)", line)
    if match:
        return tidy(screen.text()[int(match[1])]) == tidy(_wanted(match[2]))
    match = re.match(r"\?screen_chars\s+(\d+),(\d+),(\d+),(\d+)\s*=\s*(.*)", line)
    if match:
        top, left, bottom, right = (int(n) for n in match.groups()[:4])
        rows = [screen.row_text(row, left, right).rstrip() for row in range(top, bottom)]
        return tidy("\n".join(rows)) == tidy(_wanted(match[5]))
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


def esctest(folder: Path) -> Iterator[Case]:
    sys.path.insert(0, str(folder / "esctest"))
    names = ("esccmd", "escargs", "esc", "escio", "esctypes", "tests")  # in this order
    _, escargs, esc, escio, types, tests = map(importlib.import_module, names)
    escargs.args = escargs.parser.parse_args(["--logfile=/dev/null", "--v=0"])
    esc.vtLevel = escargs.args.max_vt_level
    screen, waiting = Screen(Size(25, 80)), b""

    def write(text: str, sideChannelOk: bool = True) -> None:
        nonlocal waiting
        waiting += screen.feed(text.encode())

    def read(count: int) -> str:
        nonlocal waiting
        if len(waiting) < count:
            raise types.InternalError("Timeout waiting to read.")
        out, waiting = waiting[:count], waiting[count:]
        return out.decode("latin-1")

    escio.Write, escio.read = write, read
    for group in tests.tests:
        for name, method in inspect.getmembers(group(), predicate=inspect.ismethod):
            if name.startswith("test_"):
                screen, waiting = Screen(Size(25, 80)), b""
                yield f"{group.__name__}.{name}", _passes(method, types)


def _passes(method: Any, types: Any) -> bool:
    try:
        method()
    except (types.KnownBug, types.InsufficientVTLevel):
        return True
    except Exception:  # a failed assertion, or a reply that did not come
        return False
    return True


SUITES = {
    "alacritty": alacritty, "xterm.js": xterm, "vt100-rust": vt100, "libvterm": libvterm,
    "esctest2": esctest,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--failures", action="store_true", help="name the cases that fail")
    args = parser.parse_args()
    for suite, run in SUITES.items():
        if not (args.folder / suite).is_dir():
            print(f"{suite}: not there")
            continue
        cases = list(run(args.folder / suite))
        groups = {suite: cases}
        if suite == "esctest2":
            for case in cases:
                name = case[0].partition(".")[0]
                kind = "reports" if REPORTS.search(name) else "grid"
                kind = "rectangles" if RECTANGLES.search(name) else kind
                groups.setdefault(f"  {kind}", []).append(case)
        for group, members in groups.items():
            print(f"{group:12} {sum(ok for _, ok in members):4} of {len(members)}")
        if args.failures:
            print("".join(f"    {name}\n" for name, ok in cases if not ok), end="")


if __name__ == "__main__":
    main()
