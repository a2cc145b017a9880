"""Record real programs for `test_fresh_recordings.py`: raw bytes, and the offset of each input.

Run by a person, never by the tests: `python tests/text/record_fresh.py [NAME ...]`. It writes
`fixtures/fresh/NAME.bin` (every byte the program wrote) and `NAME.json` (each step: the input,
the offsets before the send and at the answer, the terminal's echo and canonical flags at the send,
and the expected text, taken from SESSIONS below and written by hand, not by the product).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from ptyjobs.input import keys
from ptyjobs.model import Size
from ptyjobs.terminal.screen import Screen

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / "fixtures" / "fresh"
PYTHON311 = os.environ.get("PYTHON311", "python3.11")
IPYTHON = os.environ.get("IPYTHON", "ipython")
PYTHON313 = os.environ.get("PYTHON313", "python3.13")


@dataclass
class Step:
    """One input. `expect` is the fresh text, `prompt` the row the program then waits at."""

    send: str = ""
    expect: str = ""
    prompt: str | None = None  # None: as in the step before
    press: tuple[str, ...] = ()
    enter: bool = True
    until: str = ""  # a regex that must come before the quiet counts
    quiet: float = 0.35
    ready: bool = True
    at_once: bool = False  # do not wait for the program's start
    view: str = "auto"
    budget: int = 100_000
    contains: tuple[str, ...] = ()  # instead of `expect`, where the text is long or has numbers
    forbid: tuple[str, ...] = ()
    raw: bytes | None = None  # bytes to send, if not the result of keys.typed
    before: str = ""  # typed and not waited for, just before this step


@dataclass
class Session:
    name: str
    argv: list[str]
    steps: list[Step]
    size: Size = field(default_factory=Size)
    env: dict[str, str] | None = None
    prepare: str = ""  # bash, run in the scratch folder
    start: str = ""  # a regex that the start must show
    start_quiet: float = 0.6


class Recorder:
    def __init__(self, session: Session, folder: str) -> None:
        self.session = session
        self.log = b""
        self.screen = Screen(session.size)
        self.ended = False
        env = {
            "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": folder, "PATH": os.environ["PATH"],
        } | (session.env or {})  # fmt: skip
        pid, self.fd = os.forkpty()
        if pid == 0:
            os.chdir(folder)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execvpe(session.argv[0], session.argv, env)
        self.pid = pid
        size = struct.pack("HHHH", session.size.rows, session.size.cols, 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def read(self, wait: float) -> bool:
        if not select.select([self.fd], [], [], wait)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the program's side is closed
            data = b""
        if not data:
            self.ended = True
            return False
        self.log += data
        replies = self.screen.feed(data)
        if replies:
            os.write(self.fd, replies)
        return True

    def settle(self, quiet: float, until: str, since: int) -> None:
        deadline = time.monotonic() + 30
        while not self.ended and time.monotonic() < deadline:
            if not self.read(quiet) and (not until or re.search(until.encode(), self.log[since:])):
                return

    def send(self, data: bytes) -> None:
        while data:
            _, writable, _ = select.select([], [self.fd], [], 0.05)
            if writable:
                data = data[os.write(self.fd, data[:512]) :]
            while self.read(0):
                pass

    def flags(self) -> tuple[bool, bool]:
        local = termios.tcgetattr(self.fd)[3]
        return bool(local & termios.ECHO), bool(local & termios.ICANON)


def record(session: Session) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if session.prepare:
            import subprocess

            subprocess.run(["bash", "-c", session.prepare], cwd=folder, check=True)
        recorder = Recorder(session, folder)
        out = []
        prompt = ""
        if not session.steps[0].at_once:
            recorder.settle(session.start_quiet, session.start, 0)
        for step in session.steps:
            modes = recorder.screen.modes
            if step.before:
                recorder.send(keys.typed(step.before, modes=modes, enter=True))
                recorder.settle(0.3, "", 0)
                modes = recorder.screen.modes
            echo, canonical = recorder.flags()
            offset = len(recorder.log)
            if step.raw is not None:
                data = step.raw
            elif step.press:
                data = keys.encode(step.press, modes=modes)
            else:
                data = keys.typed(
                    step.send, modes=modes, enter=step.enter, alternate=recorder.screen.alternate
                )
            recorder.send(data)
            recorder.settle(step.quiet, step.until, offset)
            prompt = prompt if step.prompt is None else step.prompt
            out.append({
                "typed": "" if step.press else step.send, "keys": list(step.press),
                "offset": offset, "end": len(recorder.log), "echo": echo, "canonical": canonical,
                "ready": step.ready and not recorder.ended, "exited": recorder.ended,
                "view": step.view, "budget": step.budget, "expect": step.expect,
                "contains": list(step.contains), "forbid": list(step.forbid),
                "prompt": "" if recorder.ended or not step.ready else prompt,
            })  # fmt: skip
        os.close(recorder.fd)
        os.waitpid(recorder.pid, 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{session.name}.bin").write_bytes(recorder.log)
    data = {
        "program": " ".join([Path(session.argv[0]).name, *session.argv[1:]]),
        "rows": session.size.rows, "cols": session.size.cols, "steps": out,
    }  # fmt: skip
    text = json.dumps(data, ensure_ascii=False, indent=1)
    (FOLDER / f"{session.name}.json").write_text(text + "\n")
    print(f"{session.name}: {len(recorder.log)} bytes, {len(out)} steps")


ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
DEMO = """#include <stdio.h>
static int square(int x) { int y = x * x; return y; }
int main(void) {
    int total = 0;
    for (int i = 1; i <= 12; i++) total += square(i);
    printf("total is %d\\n", total);
    return 3;
}
"""
FOR = "for i in range(3):\n    print('it', i * 1111)\n"
IT = "it 0\nit 1111\nit 2222"
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "<stdin>", line 1, in <module>\n'
    "ZeroDivisionError: division by zero"
)
LONG = "print('" + "abcdefghij" * 15 + "', 2 + 3)"
LONG_OUT = "abcdefghij" * 15 + " 5"
HELLO = 'print(chr(0x4f60)+chr(0x597d), chr(0x1f680), "caf"+chr(233), 7*1001)'

SESSIONS = [
    Session("python311", [PYTHON311, "-i"], start=">>> ", steps=[
        Step("6*7*1001", "42042", ">>> "),
        Step("x = 5150", ""),
        Step("1/0", TRACE),
        Step(FOR, IT),
        Step("def f():\n    return 5\n\nf()", "5"),
        Step("for i in range(2):", "", "... "),
        Step("    print(i)", "", "... "),
        Step("", "0\n1", ">>> "),
        Step(HELLO, "你好 🚀 café 7007"),
        Step(LONG, LONG_OUT),
        Step("'x' * 250", "'" + "x" * 250 + "'"),
        Step("print(5)", "5"),
        Step("5", "5"),
        Step("'你好世界' * 3", "'你好世界你好世界你好世界'"),
        Step("print('\\n\\n a\\n\\nb\\n\\n')", " a\n\nb"),
        Step("print('abc', end='')", "abc"),
        Step("print('>>> 5')", ">>> 5"),
        Step("input('name? ')", "", "name? "),
        Step("ada", "'ada'", ">>> "),
        Step("import getpass; getpass.getpass()", "", "Password: "),
        Step("tr0ub4dor", "'tr0ub4dor'", ">>> "),
        Step("import time; time.sleep(1.2)", "", until=">>> "),
        Step("7*7", "49", before="import time; time.sleep(1.0)", quiet=1.2),
        Step(press=("C-c",), expect="KeyboardInterrupt"),
        Step("quit(4+5)", ""),
    ]),
    Session("python311-narrow", [PYTHON311, "-i"], start=">>> ", size=Size(12, 30), steps=[
        Step("6*7*1001", "42042", ">>> "),
        Step(LONG, LONG_OUT),
        Step(FOR, IT),
        Step("print(*range(2000, 2060), sep='\\n')", "\n".join(map(str, range(2000, 2060)))),
        Step("import this", contains=("The Zen of Python", "one honking great idea"),
             forbid=("import this",)),
        Step("2", "2"),
    ]),
    Session("python311-cold", [PYTHON311, "-i"], steps=[
        Step("99*101", at_once=True, until=r"9999\r\n", prompt=">>> ",
             contains=("Python 3.11", "\n9999"), forbid=("99*101", ">>>")),
        Step("99*102", "10098"),
    ]),
    Session("python313", [PYTHON313, "-i"], start=">>> ", steps=[
        Step("6*7*1001", "42042", ">>> "),
        Step("x = 5150", ""),
        Step(FOR, IT),
        Step("def f():\n    return 5\n\nf()", "", "... "),
        Step("", "5", ">>> "),
        Step("for i in range(2):", "", "...     "),
        Step("print(i)", "", "...     "),
        Step("", "0\n1", ">>> "),
        Step(HELLO, "你好 🚀 café 7007"),
        Step(LONG, LONG_OUT),
        Step("'x' * 250", "'" + "x" * 250 + "'"),
        Step("'你好世界' * 3", "'你好世界你好世界你好世界'"),
        Step("print('abc', end='')", "abc"),
        Step("5", "5"),
        Step("input('name? ')", "", "name? "),
        Step("ada", "'ada'", ">>> "),
        Step("quit(4+5)", ""),
    ]),
    Session("python313-narrow", [PYTHON313, "-i"], start=">>> ", size=Size(12, 30), steps=[
        Step("6*7*1001", "42042", ">>> "),
        Step(LONG, LONG_OUT),
        Step(FOR, IT),
        Step("2", "2"),
    ]),
    Session("python313-cold", [PYTHON313, "-i"], steps=[
        Step("99*101", at_once=True, until=r"9999\r\n", prompt=">>> ",
             contains=("Python 3.13", "\n9999"), forbid=("99*101", ">>>")),
        Step("99*102", "10098"),
    ]),
    Session("bash", ["bash", "--norc"], env={"PS1": "me@box:\\w\\$ "}, start=r"\$ |# ", steps=[
        Step("echo $((123*45))", "5535", "me@box:~# "),
        Step("cd /usr/share && pwd", "/usr/share", "me@box:/usr/share# "),
        Step("false", ""),
        Step("seq 11 15 | tr '\\n' ,", "11,12,13,14,15,"),
        Step("cd /usr; printf abc", "abc", "me@box:/usr# "),
        Step("echo echo", "echo"),
        Step("echo one\necho two\n", "one\ntwo"),
        Step("sleep 1; echo woke $((7*1111))", "woke 7777", quiet=1.3),
        Step("for i in 1 2 3; do\n  echo row $i\ndone", "row 1\nrow 2\nrow 3"),
        Step("for i in 1 2", "", "> "),
        Step("do echo $i; done", "1\n2", "me@box:/usr# "),
        Step("cat <<EOF\nhello\nworld\nEOF", "hello\nworld"),
        Step("cat", "", ""),
        Step("same line", "same line"),
        Step("same line", "same line"),
        Step(press=("C-d",), expect="", prompt="me@box:/usr# "),
        Step("for i in 10 50 100; do printf '\\rdone %3d%%' $i; sleep 0.1; done; echo", "done 100%",
             quiet=0.6),
        Step("printf '\\e[31mred\\e[0m and \\e[1mbold\\e[0m\\n'", "red and bold"),
        Step("read -s -p 'Pass: ' p; echo; echo ${#p}", "", "Pass: "),
        Step("hunter22", "8", "me@box:/usr# "),
        Step("read -n1 -p 'sure? ' a; echo \" -> $a\"", "", "sure? "),
        Step("y", " -> y", "me@box:/usr# ", enter=False),
        Step("sleep 40", "", ready=False),
        Step(press=("C-c",), expect="^C"),
        Step("echo " + "long words " * 14, ("long words " * 14).strip()),
        Step("clear", ""),
        Step("echo after clear", "after clear"),
        Step("clear; echo only this", "only this"),
        Step("echo typed early", "typed early", before="sleep 1", quiet=1.4),
        Step("seq 100; clear; echo end", "end"),
        Step("PS1='two lines\\n$ '", "", "$ "),
        Step("echo hi", "hi"),
        Step("exit 3", "exit"),
    ]),
    Session("bash-narrow", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ", size=Size(10, 24),
            steps=[
        Step("echo " + ALPHABET, ALPHABET, "$ "),
        Step("echo exactly-fits-in-24", "exactly-fits-in-24"),
        Step("echo exactly-fits-in-24x", "exactly-fits-in-24x"),
        Step("echo exactly-fits-in-", "exactly-fits-in-"),
        Step("seq 40", "\n".join(map(str, range(1, 41)))),
        Step("printf %030d 7", "0" * 29 + "7"),
        Step("printf %024d 7", "0" * 23 + "7"),
    ]),
    Session("bash-flood", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ", steps=[
        Step("seq 20000", prompt="$ ", until=r"20000\r\n", budget=2000,
             contains=("1\n2\n3\n4\n", "\n19998\n19999\n20000", "lines"), forbid=("seq",)),
        Step("echo done", "done"),
    ]),
    Session("dash", ["dash"], env={"PS1": "$ "}, start=r"\$ ", steps=[
        Step("echo $((99*99))", "9801", "$ "),
        Step("v=12", ""),
        Step("echo one\necho two\n", "one\ntwo"),
        Step("if true; then", "", "> "),
        Step("echo no\nfi", "no", "$ "),
        Step("if true; then\necho yes\nfi", "yes"),
        Step("echo early", "early", before="sleep 1", quiet=1.4),
        Step("exit $((v+1))", ""),
    ]),
    Session("zsh", ["zsh", "-f"], env={"PS1": "%m:%~ %# "}, prepare="", start="# ", steps=[
        Step("PS1='z %# '; RPROMPT='[%~]'", "", "z # "),
        Step("echo $((123*45))", "5535"),
        Step("printf abc", "abc#"),  # zsh's own mark of a missing line end
        Step("echo one\necho two", "one\ntwo"),
        Step("for i in 1 2; do", "", "for> "),
        Step("echo $i; done", "1\n2", "z # "),
        Step("echo " + "long words " * 14, ("long words " * 14).strip()),
        Step("echo echo", "echo"),
        Step("sleep 1; echo woke", "woke", quiet=1.3),
        Step("clear", ""),
        Step("echo x; exit 4", "x"),
    ]),
    Session("fish", ["fish", "--no-config"], start="> ", start_quiet=1.0, steps=[
        Step("echo hello (math 6 x 7)", "hello 42", None),
        Step("echo hello", "hello"),
        Step("echo he", "he"),
        Step("for i in 1 2\n  echo row $i\nend", "row 1\nrow 2"),
        Step("echo " + "long words " * 14, ("long words " * 14).strip()),
        Step("printf abc", "abc⏎"),  # fish's own mark of a missing line end
        Step("exit 2", ""),
    ]),
    Session("node", ["node"], start="> ", start_quiet=1.0, steps=[
        Step("[1,2,3].map(x=>x*707)", "[ 707, 1414, 2121 ]", "> "),
        Step("const o = {a: 31}", "undefined"),
        Step("o.a * 3003", "93093"),
        Step("5", "5"),
        Step("function f() {\n  return 7\n}\nf()", "undefined\n7"),
        Step("console.log('> 7')", "> 7\nundefined"),
        Step("'" + "abcdefghij" * 15 + "'", "'" + "abcdefghij" * 15 + "'"),
        Step("new Promise(r => setTimeout(r, 500)).then(() => console.log('late'))",
             contains=("Promise {", "late"), quiet=0.9, forbid=("setTimeout",), prompt=""),
        Step(".exit", ""),
    ]),
    Session("sqlite3", ["sqlite3", "a.db"], start="sqlite> ", steps=[
        Step("create table t(a,b);", "", "sqlite> "),
        Step("insert into t values(1,'one'||'-uno'),(2,'two'||'-dos');", ""),
        Step("select a*5005,b from t;", "5005|one-uno\n10010|two-dos"),
        Step("selec 1;", 'Parse error: near "selec": syntax error\n  selec 1;\n  ^--- error here'),
        Step("select 5;", "5"),
        Step("select", "", "   ...> "),
        Step("8*8;", "64", "sqlite> "),
        Step("select 1;\nselect 2;", "1\n2"),
        Step(".quit", ""),
    ]),
    Session("gdb", ["gdb", "-q", "demo"], start=r"\(gdb\) ", start_quiet=1.5,
            prepare=f"cat > demo.c <<'X'\n{DEMO}X\ngcc -g -O0 -o demo demo.c",
            steps=[
        Step("break square", contains=("Breakpoint 1 at",), forbid=("break square",),
             prompt="(gdb) "),
        Step("run", contains=("Starting program", "Breakpoint 1, square (x=1)"),
             until=r"square \("),
        Step("p x + 8000", "$1 = 8001"),
        Step("delete", "", "Delete all breakpoints? (y or n) "),
        Step("y", "", "(gdb) "),
        Step("continue", contains=("Continuing.", "total is 650", "exited with code 03"),
             until="exited", forbid=("continue",)),
        Step("quit", ""),
    ]),
    Session("lua", ["lua5.4"], start="> ", steps=[
        Step("print(17*1003)", "17051", "> "),
        Step("for i=1,2 do", "", ">> "),
        Step('print("loop", i*606) end', "loop\t606\nloop\t1212".expandtabs(8), "> "),
        Step("5", "5"),
        Step("x =", "", ">> "),
        Step("3", "", "> "),
        Step("os.exit(7)", ""),
    ]),
    Session("php", ["php", "-a"], start="php > ", steps=[
        Step('echo 33*101, "\\n";', "3333", "php > "),
        Step("$z = 8;", ""),
        Step("echo str_repeat(\"xo\", $z), PHP_EOL;", "xoxoxoxoxoxoxoxo"),
        Step("echo 7;", "7"),
        Step("if (1) {", "", "php { "),
        Step("echo 'in', PHP_EOL; }", "in", "php > "),
    ]),
    Session("ghci", ["ghci"], start="ghci> |Prelude> ", start_quiet=2.0, steps=[
        Step("sum [1..200]", "20100", "ghci> "),
        Step(":t not", "not :: Bool -> Bool"),
        Step("5", "5"),
        Step("concat (replicate 30 \"abcdefgh\")", '"' + "abcdefgh" * 30 + '"'),
        Step("let long = \"" + "abcdefghij" * 13 + "\" in length long", "130"),
        Step(":quit", "Leaving GHCi."),
    ]),
    Session("tclsh", ["tclsh"], start="% ", steps=[
        Step("expr 12*12*12", "1728", "% "),
        Step("string reverse stressed", "desserts"),
        Step("puts hi", "hi"),
        Step("set a 5\nset b 6", "5\n6"),
        Step("exit 2", ""),
    ]),
    Session("bc", ["bc", "-q"], start_quiet=0.4, steps=[
        Step("6*7", "42", ""),
        Step("5", "5"),
        Step("1+1\n2+2", "2\n4"),
        Step("quit", ""),
    ]),
    Session("cat", ["cat"], start_quiet=0.3, steps=[
        Step("hello", "hello", ""),
        Step("two\nlines", "two\nlines"),
        Step("a\ttab", "a\ttab".expandtabs(8)),
        Step(press=("C-d",), expect=""),
    ]),
    Session("vim", ["vim", "-u", "NONE", "v.txt"], start="first row", start_quiet=0.8,
            prepare="printf 'first row\\nsecond row\\n' > v.txt", steps=[
        Step("oinserted 777", enter=False, contains=("first row\ninserted 777\nsecond row",),
             prompt=""),
        Step("\x1b", enter=False, contains=("inserted 777",), forbid=("-- INSERT --",), quiet=1.2),
        Step("ix", enter=False, view="rows", contains=("inserted 77x7",), forbid=("first row",),
             prompt=""),
        Step(raw=b"\x1b:wq\r", send="\x1b:wq"),
    ]),
    Session("bash-vim", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ",
            prepare="printf 'first row\\nsecond row\\n' > v.txt", steps=[
        Step("echo before; vim -u NONE v.txt", contains=("first row\nsecond row",),
             forbid=("echo before",), quiet=0.9, prompt=""),
        Step(":q", "", "$ ", quiet=0.6),
        Step("seq 300 | less", contains=("1\n2\n3\n",), forbid=("echo", "seq"), prompt=":"),
        Step("G", contains=("300",), forbid=("\n100\n",), enter=False),
        Step("q", "", "$ ", enter=False),
        Step("vim -u NONE -c q v.txt; echo back", "back", quiet=0.9),
        Step("echo fine", "fine"),
    ]),
    Session("secret", ["bash", "secret.sh"], start="User: ", prepare=(
        "printf 'read -r -p \"User: \" u\\nread -r -s -p \"Passphrase: \" p\\necho\\n"
        "echo \"hello ${u^^}, ${#p} characters\"\\nread -r -s -p \"PIN: \" q\\necho\\n"
        "echo \"pin has ${#q} digits, bye 4040\"\\n' > secret.sh"), steps=[
        Step("ada", "", "Passphrase: "),
        Step("tr0ub4dor", "hello ADA, 9 characters", "PIN: "),
        Step("1234", "pin has 4 digits, bye 4040"),
    ]),
    Session("progress", [PYTHON311, "-u", "p.py"], prepare=(
        "cat > p.py <<'X'\nimport sys,time\nwhile True:\n"
        " l=input('calc> ')\n"
        " if l=='progress':\n"
        "  for i in range(0,101,4):\n"
        "   print(f\"\\rloading [{'#'*(i//4):<25}] {i:3d}%\",end='',flush=True); time.sleep(.01)\n"
        "  print('\\nloaded 8842 items')\n"
        " elif l=='dots':\n"
        "  for i in range(10): print('.',end='',flush=True); time.sleep(.05)\n"
        "  print('\\nfinished 7731')\n"
        " elif l=='die': print('fatal: bad state 5005'); sys.exit(7)\n"
        " elif l=='color': print('\\x1b[1;32mgreen\\x1b[0m and \\x1b[38;5;208morange\\x1b[0m')\n"
        " elif l=='multi':\n"
        "  print('\\n'.join(f'\\x1b[2K{k}' for k in 'abc')+'\\x1b[2A\\r\\x1b[2KX\\x1b[2B\\n')\n"
        "X"), start="calc> ", steps=[
        Step("progress", "loading [#########################] 100%\nloaded 8842 items", "calc> "),
        Step("dots", "..........\nfinished 7731"),
        Step("color", "green and orange"),
        Step("multi", "X\nb\nc"),
        Step("die", "fatal: bad state 5005"),
    ]),
    Session("ipython", [IPYTHON, "--colors=Linux"], start=r"\[1\]", start_quiet=1.5, steps=[
        Step("6*7*1001", "Out[1]: 42042", "In [2]: ", quiet=0.6),
        Step("x = 5150", "", "In [3]: "),
        Step("print('abc'); 5", "abc\nOut[3]: 5", "In [4]: "),
        Step(FOR, IT, "In [5]: "),
        Step("print('" + "abcdefghij" * 15 + "')", "abcdefghij" * 15, "In [6]: "),
        Step("exit", ""),
    ]),
    Session("ipython-cold", [IPYTHON], steps=[
        Step("99*101", at_once=True, until=r"9999", prompt="In [2]: ", quiet=1.5,
             contains=("IPython", "9999"), forbid=("99*101",)),
    ]),
    Session("pdb", [PYTHON311, "-m", "pdb", "t.py"], start=r"\(Pdb\) ", prepare=(
        "printf 'x = 5\\nfor i in range(3):\\n    x += i\\nprint(x)\\n' > t.py"), steps=[
        Step("n", contains=("t.py(2)<module>()\n-> for i in range(3):",), prompt="(Pdb) "),
        Step("p x", "5"),
        Step("x", "5"),
        Step("c", contains=("8\nThe program finished",), until=r"\(Pdb\) "),
        Step("q", ""),
    ]),
    Session("perl-debug", ["perl", "-d", "-e", "1"], start=r"DB<1> ", steps=[
        Step("p 6*7*1001", "42042", "  DB<2> "),
        Step("p 5", "5", "  DB<3> "),
        Step("q", ""),
    ]),
    Session("bash-editing", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ",
            prepare="touch apple.txt apricot.txt banana.txt", steps=[
        Step("echo first", "first", "$ "),
        Step(press=("Up",), expect="", prompt="$ echo first"),
        Step(press=("Enter",), expect="first", prompt="$ "),
        Step("cat ap", "", "$ cat ap", enter=False),
        Step(press=("Tab", "Tab"), expect="apple.txt    apricot.txt", prompt="$ cat ap"),
        Step(press=("C-u",), expect="", prompt="$ "),
        Step("ls b", "", "$ ls b", enter=False),
        Step("\t", "", "$ ls banana.txt ", enter=False),
        Step(press=("Enter",), expect="banana.txt", prompt="$ "),
        Step(press=("C-r",), expect="", prompt="(reverse-i-search)`': "),
        Step(press=("C-c",), expect="^C", prompt="$ "),
        Step("abc", "", "$ abc", enter=False),
        Step(press=("C-c",), expect="^C", prompt="$ "),
        Step("echo '你好' café 🚀", "你好 café 🚀"),
        Step("echo a    b", "a b"),
        Step("echo !!", "echo echo a    b\necho a b"),
        Step("printf 'a\\tb\\n'", "a       b"),
        Step("printf 'one\\n\\n\\ntwo\\n\\n'", "one\n\n\ntwo"),
        Step("yes | head -3", "y\ny\ny"),
        Step("read x; echo got $x", "", ""),
        Step("got it", "got got it", "$ "),
        Step("stty -echo; read x; stty echo", "", ""),
        Step("hidden", "", "$ "),
        Step("select a in red blue; do echo you $a; break; done", "1) red\n2) blue", "#? "),
        Step("2", "you blue", "$ "),
        Step(press=("C-l",), expect=""),
        Step("echo after", "after"),
        Step("(sleep 0.3; echo background) &", contains=("[1] ",), forbid=("sleep",), quiet=0.1,
             until=r"\[1\]"),
        Step("sleep 0.8; echo foreground", contains=("background\n[1]+", "\nforeground"), quiet=1.1,
             forbid=("sleep 0.8",)),
    ]),
    Session("bash-ahead", ["bash", "--norc"], env={"PS1": "box:\\w\\$ "}, start=r"# ", steps=[
        Step("echo one", "one", "box:~# ", before="sleep 0.9", quiet=1.2),
        Step("echo two\necho three", "two\nthree", before="sleep 0.9", quiet=1.2),
        Step("cd /usr; echo four", "four", "box:/usr# ", before="sleep 0.9", quiet=1.2),
        Step("echo five", "line\nfive", before="sleep 0.9; echo line", quiet=1.2),
    ]),
    Session("zsh-ahead", ["zsh", "-f"], env={"PS1": "z> "}, start="z> ", steps=[
        Step("PS1='z> '", "", "z> "),
        Step("echo one", "one", "z> ", before="sleep 0.9", quiet=1.2),
        Step("echo two\necho three", "two\nthree", before="sleep 0.9", quiet=1.2),
    ]),
    Session("fish-ahead", ["fish", "--no-config"], start="> ", start_quiet=1.0, steps=[
        Step("echo one", "one", None, before="sleep 0.9", quiet=1.4),
        Step("echo two", "two", None, before="sleep 0.9", quiet=1.4),
    ]),
    Session("python313-ahead", [PYTHON313, "-i"], start=">>> ", steps=[
        Step("import time", "", ">>> "),
        Step("6*7", "42", ">>> ", before="time.sleep(0.9)", quiet=1.3),
        Step("8*8", "64", ">>> ", before="time.sleep(0.9)", quiet=1.3),
    ]),
    Session("node-ahead", ["node"], start="> ", start_quiet=1.0, steps=[
        Step("6*7", "undefined\n42", "> ", before="for(const t=Date.now();Date.now()-t<900;);",
             quiet=1.3),
        Step("await new Promise(r=>setTimeout(r,600)); console.log('x')", "x\nundefined",
             quiet=0.9),
    ]),
    Session("dash-ahead", ["dash"], env={"PS1": "$ "}, start=r"\$ ", steps=[
        Step("echo one\necho two", "one\ntwo", "$ ", before="sleep 0.9", quiet=1.2),
        Step("cat", "", ""),
        Step("$ x", "$ x"),
        Step(press=("C-d",), expect="", prompt="$ "),
    ]),
    Session("git-add-p", ["git", "add", "-p"], start=r"\? ", prepare=(
        "git init -q . && git config user.email a@b.c && git config user.name n && "
        "seq 30 > f && git add f && git commit -qm x && sed -i 's/^2$/two/;s/^25$/x/' f"), steps=[
        Step("s", contains=("Sorry, cannot split this hunk\n@@", "-2\n+two"), forbid=("25",)),
        Step("y", contains=("-25\n+x",), forbid=("two",)),
        Step("n", ""),
    ]),
    Session("ipython-simple", [IPYTHON, "--simple-prompt", "--no-banner"], start=r"\[1\]",
            start_quiet=1.5, steps=[
        Step(FOR, IT, "In [2]: ", quiet=0.6),
        Step("1 + 1", "Out[2]: 2", "In [3]: ", quiet=0.6),
    ]),
    Session("bash-marks", ["bash", "--norc"], env={"PS1": (
            "\\[\\e]133;A\\a\\]in \\w\n\\$ \\[\\e]133;B\\a\\]")}, start="in ~", steps=[
        Step("cd /usr", "", "# "),
        Step("echo hi", "hi"),
        Step("printf abc", "abc"),
        Step("echo in /usr", "in /usr"),
        Step("", ""),
        Step("clear", ""),
        Step("seq 100", "\n".join(map(str, range(1, 101)))),
        Step("echo usr; ls -d /us", "", "# echo usr; ls -d /us", enter=False),
        Step(press=("Tab",), expect="", prompt="# echo usr; ls -d /usr/"),
        Step(press=("Enter",), expect="usr\n/usr/", prompt="# "),
    ]),
    Session("dialog", ["dialog", "--menu", "Choose", "9", "30", "2", "a", "Apples", "b", "Bread"],
            start="Cancel", steps=[
        Step(press=("Down",), contains=("a  Apples", "b  Bread", "<  OK  >  <Cancel>", "└──")),
    ]),
    Session("menu", [PYTHON311, "-q", "menu.py"], start="press a key", prepare=(
        "cat > menu.py <<'X'\nimport os,sys,tty\ntty.setraw(0)\nat=0\n"
        "def show():\n"
        " for n,name in enumerate(('red','green','blue')):\n"
        "  sys.stdout.write(f\"\\r\\x1b[K{'>' if n==at else ' '} {name}\\r\\n\")\n"
        " sys.stdout.write('press a key'); sys.stdout.flush()\n"
        "print('Which colour?\\r')\nshow()\n"
        "while (key:=os.read(0,8))!=b'q':\n"
        " at=(at+1)%3; sys.stdout.write('\\x1b[3A'); show()\nX"), steps=[
        Step(press=("Down",), expect="  red\n> green\n  blue", prompt="press a key"),
        Step(press=("Down",), expect="  green\n> blue"),
        Step("q", "", enter=False),
    ]),
    Session("clear-name", ["bash", "--norc"], env={"PS1": "in \\w\n\\$ "}, start="in ~", prepare=(
        "printf '#!/bin/sh\\nclear; echo ./show - 12:00; echo ./show\\n' > show; chmod +x show"
            ), steps=[
        Step("./show", "./show - 12:00\n./show", "# "),
        Step("echo after", "after"),
        Step("printf abc", "abc"),
    ]),
    Session("fzf-inline", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ", steps=[
        Step("seq 50 | fzf --height 8", contains=("50/50", "> 1"), forbid=("seq",), ready=True,
             prompt="> "),
        Step("33", enter=False, contains=("1/50",), prompt="> 33"),
        Step(press=("Enter",), expect="33", prompt="$ "),
    ]),
    Session("clear-heavy", ["bash", "--norc"], env={"PS1": "$ "}, start=r"\$ ", size=Size(10, 40),
            steps=[
        Step("seq 30; clear; seq 5", "1\n2\n3\n4\n5", "$ "),
        Step("seq 3; printf '\\e[H\\e[2J'; seq 2", "1\n2"),
        Step("seq 3; tput reset; seq 81 82", "81\n82"),
        Step("clear; seq 25", "\n".join(map(str, range(1, 26)))),
        Step("printf '\\e[H\\e[2J'; seq 101 125", "\n".join(map(str, range(101, 126)))),
        Step("echo x", "x"),
    ]),
]  # fmt: skip


def main() -> None:
    wanted = sys.argv[1:]
    for session in SESSIONS:
        if wanted and session.name not in wanted:
            continue
        if shutil.which(session.argv[0]) is None:
            print(f"{session.name}: {session.argv[0]} is not installed, skipped")
            continue
        record(session)


if __name__ == "__main__":
    main()
