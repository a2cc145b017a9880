"""The sessions that `make` records: real programs and their input.

Owns only the table. A scene's program gets a folder with the scene's files and a clean
environment. Steps: a text is a line with Enter; `K("C-c")` keys; `T("y")` a text without Enter;
`M("label")` a marker; `R(rows, cols)` another size; `W("text")` waits until it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class K:
    """Keys by name."""

    names: str


@dataclass(frozen=True, slots=True)
class T:
    """A text without Enter."""

    text: str


@dataclass(frozen=True, slots=True)
class M:
    """A marker in the recording."""

    label: str


@dataclass(frozen=True, slots=True)
class R:
    """Another size."""

    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class W:
    """Wait until a text has been printed, for programs that never settle."""

    text: str


Step = str | K | T | M | R | W


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording: a command line, the steps, its folder's files, the terminal's size."""

    command: str
    steps: tuple[Step, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""
    rows: int = 24
    cols: int = 80
    env: Mapping[str, str] = field(default_factory=dict)
    settles: bool = True  # False: it never settles after its start


PY = f"{sys.executable} -q -i"
BASIC = {"PYTHON_BASIC_REPL": "1"}
LINES = "".join(f"line {n} of a longer text\n" for n in range(1, 201))
C_PROGRAM = """#include <stdio.h>
int square(int n) { return n * n; }
int main(void) { int total = 0; for (int i = 1; i < 4; i++) total += square(i);
printf("%d\\n", total); return 0; }
"""
WIZARD = """import getpass
name = input("Name: ")
while True:
    answer = input(f"Hello {name}, go on? [y/N] ")
    if answer.lower() in ("y", "n"):
        break
    print("Please answer y or n.")
secret = getpass.getpass("Password: ")
print("length", len(secret))
"""
PROGRESS = r"""import sys, time
for n in range(0, 101, 4):
    bar = "#" * (n // 4)
    sys.stdout.write(f"\rdownloading [{bar:<25}] {n:3}%")
    sys.stdout.flush(); time.sleep(0.01)
print("\ndone")
for frame in "|/-\\" * 5:
    sys.stdout.write(f"\r{frame} linking"); sys.stdout.flush(); time.sleep(0.02)
sys.stdout.write("\r\x1b[Klinked\n")
"""
LAYERS = r"""import sys, time
names = ["alpha", "beta", "gamma"]
print("\n".join(f"{n}: waiting" for n in names))
for step in range(1, 6):
    for row, name in enumerate(names):
        up = len(names) - row
        sys.stdout.write(f"\x1b[{up}A\r\x1b[2K{name}: {step * 20}%\x1b[{up}B\r")
        sys.stdout.flush(); time.sleep(0.01)
print("all layers pulled")
"""
BARS = r"""import time
from pip._vendor.rich.progress import Progress
with Progress() as bars:
    tasks = [bars.add_task(name, total=40) for name in ("wheel", "metadata")]
    for n in range(40):
        for task in tasks[: 1 + (n > 10)]:
            bars.advance(task)
        time.sleep(0.02)
print("Successfully installed")
"""
WIDE = r"""print("日本語のテキスト|")
print("한국어 텍스트|")
print("e\u0301 combining, \u2764\ufe0f VS16, 👩‍👩‍👧‍👦 family, 🇩🇪 flag|")
print("wrap " + "漢" * 45)
print("tab\tstop\tend")
print("x" * 79 + "日")
"""
MENU = r"""import curses
def main(win):
    curses.curs_set(0)
    items, at = ["New", "Open", "Save", "Quit"], 0
    while True:
        win.erase(); win.box(); win.addstr(0, 2, " Menu ")
        for n, item in enumerate(items):
            win.addstr(n + 2, 4, item, curses.A_REVERSE if n == at else 0)
        key = win.getch()
        if key == curses.KEY_DOWN: at = (at + 1) % 4
        elif key == curses.KEY_UP: at = (at - 1) % 4
        elif key in (10, 13): break
    return items[at]
print(curses.wrapper(main))
"""
FORM = """ask() { read -r -p "$1: " v; echo "$1 is $v"; }
ask Host
ask Port
read -s -p 'Key: ' k
echo; echo "${#k} characters"
"""
MAKEFILE = (
    "all: a b\n\t@echo built\na:\n\t@echo compiling a; sleep 0.2\n"
    "b:\n\t@echo compiling b; sleep 0.2\n"
)

SCENES: dict[str, Scene] = {
    "python311": Scene("python3.11 -q -i", ("1 + 1", "import time; time.sleep(0.6); print('late')",
        "for i in range(2):\n    print(i)\n", "1 / 0", "exit(3)"), env=BASIC),
    "python313-pyrepl": Scene("python3.13 -q", ("6 * 7", "def f(x):\n    return x + 1\n", "f(1)",
        "print('\\x1b[31mred\\x1b[m')", K("Up"), K("C-c"), "exit()")),
    "python-input": Scene("python3.11 wizard.py", ("Ada", "perhaps", "y", "hunter2"),
        files={"wizard.py": WIZARD}),
    "pdb": Scene("python3.11 -m pdb prog.py", ("b 3", "c", "p total", "n", "q"),
        files={"prog.py": "total = 0\nfor n in range(3):\n    total += n\nprint(total)\n"}),
    "ipython": Scene("ipython --simple-prompt --no-banner --no-confirm-exit", ("1 + 1",
        "for i in range(2):\n    print(i)\n", "exit")),
    "ipython-full": Scene("ipython --no-banner --no-confirm-exit --colors=Linux", ("1 + 1",
        "x = [n * n for n in range(5)]", "x", "exit")),
    "bash": Scene("bash --norc --noprofile", ("echo one; echo two", "for i in 1 2; do",
        "echo loop $i", "done", "sleep 0.4; echo slept", "false; echo $?", "exit 7")),
    "bash-heredoc": Scene("bash --norc --noprofile", ("cat <<END", "first", "second", "END",
        "exit")),
    "bash-jobs": Scene("bash --norc --noprofile", ("sleep 30 &", "jobs", "sleep 40", K("C-z"), "bg",
        "kill %1 %2; wait", "exit"), env={"HISTCONTROL": "ignoreboth"}),
    "bash-interrupt": Scene("bash --norc --noprofile", (T("sleep 60\r"), W("sleep 60"), K("C-c"),
        "echo after", "exit")),
    "bash-wrapped": Scene("bash --norc --noprofile", (f"echo {'abcdefghij' * 9}", "echo done",
        "exit"), cols=40),
    "bash-history": Scene("bash --norc --noprofile", ("echo first", K("Up"), K("Enter"),
        T("ec"), K("Tab"), T("ho x"), K("C-a"), K("C-k"), K("C-c"), "exit")),
    "bash-secret": Scene("bash form.sh", ("example.org", "5432", "top secret"),
        files={"form.sh": FORM}),
    "bash-resize": Scene("bash --norc --noprofile", (f"echo {'0123456789' * 7}", R(20, 50),
        "echo narrow", R(30, 100), "tput cols", "exit")),
    "bash-flood": Scene("bash --norc --noprofile", ("seq 1 2000", "echo end", "exit")),
    "bash-colours": Scene("bash --norc --noprofile", ("ls --color=always -1",
        r"printf '\e[1;4;38;5;208mx\e[48;2;10;20;30my\e[m\n'", "exit"), setup="mkdir d; touch f"),
    "dash": Scene("dash -i", ("echo hi", "x=5; echo $((x * 2))", "exit")),
    "zsh": Scene("zsh -f", ("echo hi", "for i in 1 2; do", "echo $i", "done", "exit"),
        env={"PROMPT": "%# ", "PROMPT2": "%_> "}),
    "fish": Scene("fish --no-config", ("echo hi", "for i in 1 2; echo $i; end", "exit")),
    "node": Scene("node", ("1 + 1", "const f = (x) => {\n  return x * 2\n}", "f(21)", ".exit"),
        env={"NODE_REPL_HISTORY": ""}),
    "sqlite3": Scene("sqlite3", ("create table t(a, b);", "insert into t values (1, 'x'),",
        "(2, 'y');", "select * from t;", "bad;", ".quit")),
    "gdb": Scene("gdb -q ./prog", ("break square", "run", "bt", "print n", "finish", "kill",
        "quit"), files={"prog.c": C_PROGRAM}, setup="gcc -g -O0 -o prog prog.c",
        env={"DEBUGINFOD_URLS": ""}),
    "lua": Scene("lua5.4", ("print(6 * 7)", "for i = 1, 2 do", "print(i)", "end", "error('no')",
        "os.exit(0)")),
    "php": Scene("php -a", ("echo 6 * 7;", "function f($x) {", "return $x + 1;", "}", "echo f(1);",
        "exit")),
    "tclsh": Scene("tclsh", ("expr {6 * 7}", "proc f {x} {", "expr {$x + 1}", "}", "f 1", "exit")),
    "bc": Scene("bc -q", ("6 * 7", "2 ^ 200", "quit")),
    "ghci": Scene("ghci -v0 -ignore-dot-ghci", ("6 * 7", ":t map", "let f x = x + 1", "f 1", ":q")),
    "ed": Scene("ed -p: poem", ("1,3p", "2s/line/row/", "2p", "q", "q"), files={"poem": LINES}),
    "perl-debug": Scene("perl -d prog.pl", ("n", "p $x", "c", "q"),
        files={"prog.pl": "my $x = 6;\n$x *= 7;\nprint \"$x\\n\";\n"}),
    "vim": Scene("vim -u NONE -i NONE -n notes.txt", (K("i"), T("hello world"), K("Escape"),
        T("yy"), T("p"), T(":set number\r"), T("/world\r"), T(":q!\r")),
        files={"notes.txt": "one\ntwo\nthree\n"}),
    "nano": Scene("nano --ignorercfiles notes.txt", (T("new line"), K("Enter"), K("C-k"),
        K("C-x"), T("n")), files={"notes.txt": "one\ntwo\n"}),
    "less": Scene("less text", (K("Space"), T("/line 100\r"), K("G"), K("g"), T("q")),
        files={"text": LINES}),
    "man": Scene("man -P less printf", (K("Space"), T("/EXIT\r"), T("q")),
        env={"MANROFFOPT": "-c"}),
    "htop": Scene("htop --no-color -p $$", (W("Load average"), K("F2"), K("Escape"), T("q")),
        settles=False),
    "top": Scene("top -d 0.5 -n 3 -p $$", (W("PID"),), settles=False),
    "dialog": Scene("dialog --menu Choose 12 40 4 a Apples b Bread c Cheese", (K("Down"), K("Down"),
        K("Enter"))),
    "whiptail": Scene("whiptail --yesno 'Go on?' 8 40", (K("Tab"), K("Enter"))),
    "fzf": Scene("seq 1 100 | fzf --no-mouse", (T("42"), K("Enter"))),
    "mc": Scene("mc -d -b", (K("Down"), K("F3"), K("F10"), K("F10")),
        files={"a.txt": "a\n", "b.txt": "b\n"}, env={"SHELL": "/bin/sh"}),
    "tmux": Scene("tmux -f /dev/null -L fixture new -x 80 -y 24 'sh -i'", ("echo inside",
        K('C-b'), T('"'), "echo below", "exit", "exit")),
    "curses-menu": Scene("python3.11 menu.py", (K("Down"), K("Down"), K("Up"), K("Enter")),
        files={"menu.py": MENU}),
    "git-add-p": Scene("git add -p", ("y", "n"), setup="git init -q . && git config user.email a@b"
        " && git config user.name n && seq 1 30 > f && git add f && git commit -qm one"
        " && sed -i 's/^3$/three/; s/^27$/twenty-seven/' f",
        env={"GIT_CONFIG_GLOBAL": "/dev/null"}),
    "git-log-pager": Scene("git -c core.pager=less -c color.ui=always log --stat", (K("G"), T("q")),
        setup="git init -q . && git config user.email a@b && git config user.name n"
        " && for i in $(seq 1 12); do echo $i > f; git add f;"
        " GIT_COMMITTER_DATE=2020-01-01T00:00:00Z git commit -qm \"commit $i\""
        " --date=2020-01-01T00:00:00Z; done"),
    "make": Scene("make", files={"Makefile": MAKEFILE}),
    "progress": Scene("python3.11 progress.py", files={"progress.py": PROGRESS}),
    "progress-layers": Scene("python3.11 layers.py", files={"layers.py": LAYERS}),
    "wide-text": Scene("python3.11 wide.py", files={"wide.py": WIDE}),
    "broken-utf8": Scene(r"printf 'caf\351 \377\376 \342\202 \300\200 end\n'; printf 'a\000b\n'"),
    "controls": Scene(r"printf 'bell\a tab\tx\n'; printf '\e]0;a title\a\e]8;;http://x\e\\link\e]8;;\e\\\n';"
        r" printf 'one\rtwo\n'; printf 'back\b\b\bXY\n'; printf '\e[?1049hgone\e[?1049lkept\n'"),
    "typeahead": Scene("bash --norc --noprofile", (T("sleep 0.5\recho ahead\r"), W("ahead"),
        "echo last", "exit")),
    "watch": Scene("watch -n 0.3 -t 'echo tick'", (W("tick"), K("C-c")), settles=False),
    "pip-progress": Scene("python3.11 bars.py", files={"bars.py": BARS}),
    "npm-install": Scene("npm install --offline --no-audit --no-fund ./pkg",
        setup="mkdir pkg; echo '{\"name\": \"pkg\", \"version\": \"1.0.0\"}' > pkg/package.json;"
        " cp pkg/package.json ."),
    "socat-relay": Scene("socat - EXEC:'bash --norc --noprofile',pty,setsid,ctty,stderr",
        ("echo through", "exit")),
    "rlwrap": Scene("rlwrap -n sqlite3", ("select 6 * 7;", ".quit")),
}  # fmt: skip
