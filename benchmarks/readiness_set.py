"""Programs and steps for measuring readiness.

A step is one send. Its output must contain `token` (never part of the echo), followed by the prompt
`ready`. The product does not receive these values.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    send: str
    token: str = ""
    slow: bool = False  # silent or ticking for a while: where silence is a wrong signal
    enter: bool = True
    ready: str | None = None  # another prompt after this step; "" for none
    password: bool = False


@dataclass(frozen=True)
class Setup:
    name: str
    argv: tuple[str, ...]
    ready: str
    steps: tuple[Step, ...]
    kind: str = "local"  # local | relay | remote | screen
    env: dict[str, str] = field(default_factory=dict)


def q(send: str, token: str = "", **more: object) -> Step:
    return Step(send, token, **more)  # type: ignore[arg-type]


def slow(send: str, token: str = "", **more: object) -> Step:
    return Step(send, token, slow=True, **more)  # type: ignore[arg-type]


def key(send: str, token: str = "", **more: object) -> Step:
    return Step(send, token, enter=False, ready="", **more)  # type: ignore[arg-type]


PYTHON = (
    q("6*7*1001", "42042"),
    q("x = 5150"),
    q("1/0", "ZeroDivisionError: division by zero"),
    slow("import time; time.sleep(1.3); print(7*1111)", "7777"),
    slow("for i in range(6): print('t', i * 1111); time.sleep(.3)\r", "t 5555"),
    slow("n = 0\rwhile n < 6e6: n += 1\r\rprint(n + 77)", "6000077"),
    slow(
        "import subprocess; print(subprocess.run('sleep 1; echo $((5*1111))', shell=True))", "5555"
    ),
    slow("a = 1\rtime.sleep(.6); b = 2\rprint(a + b + 8800)", "8803"),
    q("len('abc') + 4400", "4403"),
    q("input('name? ')", "name\\? $", ready=""),
    q("bob", "'bob'"),
)

SHELL = (
    q("echo $((123*45))", "5535"),
    q("v=12"),
    q("ls /etc >/dev/null; echo $((v*101))", "1212"),
    slow("sleep 1.2; echo woke $((7*1111))", "woke 7777"),
    slow("for i in 1 2 3 4 5; do echo n$((i*1111)); sleep 0.3; done", "n5555"),
    slow("i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; echo $((i+7))", "150007"),
    slow("(sleep 0.7; exit 3) ; echo done $((11*11))", "done 121"),
    slow("sleep 0.5\recho a$((30+3))\rsleep 0.5; echo b$((40+4))", "b44"),
    q("cat", "", ready=""),
    q("some words 12", "some words 12\r?\nsome words 12", ready=""),
    Step("\x04", "[$#] $", enter=False, ready=""),
    q("echo last $((9*9))", "last 81"),
)

SHELL_JOBS = (
    *SHELL,
    q("sleep 0.2 & echo bg $((6*6))", "bg 36"),
    slow("(sleep 0.8; echo p $((7*7))) | cat", "p 49"),
)

NODE = (
    q("6*7*1001", "42042"),
    q("const o = {a: 31}", "undefined"),
    q("o.a * 3003", "93093"),
    slow("await new Promise(r => setTimeout(() => r(71*101), 1500))", "7171"),
    slow(
        "for (let i = 0; i < 5; i++) { process.stdout.write('.'); "
        "await new Promise(r => setTimeout(r, 300)) }; 50*101",
        "5050",
    ),
    slow("var t = Date.now(); while (Date.now() - t < 1200); 60*101", "6060"),
    slow("1\rawait new Promise(r => setTimeout(r, 700))\r80*101", "8080"),
    slow("require('child_process').execSync('sleep 0.9; echo $((44*101))').toString()", "4444"),
    q("[1,2,3].map(x => x*707)", "2121"),
)

SQL = (
    q("create table t(a,b);"),
    q("insert into t values(1,'one'||'-uno'),(2,'two'||'-dos');"),
    q("select a*5005,b from t;", "10010\\|two-dos"),
    q("selec 1;", "syntax error"),
    slow(
        "with recursive c(x) as (select 1 union all select x+1 from c where x<6000000) "
        "select count(*)+11 from c;",
        "6000011",
    ),
    slow(".shell sleep 1; echo $((5*1111))", "5555"),
    q("select 'last' || (4*4);", "last16"),
    q(".tables", "t"),
)

COOKED = """
import sys, time, threading
def out(text):
    sys.stdout.write(text); sys.stdout.flush()
while True:
    out("calc> ")
    line = sys.stdin.readline()
    if not line: break
    word = line.strip()
    if word == "think": time.sleep(2); out("result 90125\\n")
    elif word == "dots":
        for _ in range(8): out("."); time.sleep(.25)
        out("\\nfinished 7731\\n")
    elif word == "bars":
        for i in range(0, 101, 4): out(f"\\rloading {i:3d}%"); time.sleep(.03)
        out("\\nloaded 8842 items\\n")
    elif word == "fake": out("calc> not yet\\ncalc> "); time.sleep(.8); out("\\nreal 6161\\n")
    elif word == "burn":
        end = time.monotonic() + 1
        while time.monotonic() < end: pass
        out("burnt 3131\\n")
    else: out(f"sum {sum(map(ord, word))}\\n")
"""

THREADS = """
import os, queue, sys, threading, time
lines = queue.Queue()
def reader():
    while True: lines.put(sys.stdin.readline())
threading.Thread(target=reader, daemon=True).start()
def out(text): sys.stdout.write(text); sys.stdout.flush()
while True:
    out("thr> ")
    word = lines.get().strip()
    if word == "think": time.sleep(1.2); out("result 90125\\n")
    elif word == "dots":
        for _ in range(5): out("."); time.sleep(.3)
        out("\\nfinished 7731\\n")
    else: out(f"sum {sum(map(ord, word))}\\n")
"""

TIMER = """
import threading, time
def tick():
    n = 0
    while True: time.sleep(.15); n += 1; print(f"\\rtick {n}", flush=True)
threading.Thread(target=tick, daemon=True).start()
while True:
    word = input("tmr> ")
    if word == "think": time.sleep(1)
    print(f"sum {sum(map(ord, word)) * 1111}")  # one write: the clock may not divide the line
"""

SECRETS = """
import getpass, time
print("hello", input("User: ").upper())
for n in range(3):
    word = getpass.getpass("Passphrase: ")
    time.sleep(1.2)
    if len(word) == 9: break
    print("Sorry, try again.")
print("in with", len(word) * 1111)
while True: print("you said", input("in> ").upper())
"""

POLLER = """
import asyncio, os, sys, tty
tty.setcbreak(0)
async def main():
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()
    loop.add_reader(0, lambda: queue.put_nowait(os.read(0, 99)))
    os.write(1, b"ask> ")
    line = b""
    while True:
        line += await queue.get()
        while b"\\n" in line or b"\\r" in line:
            word, _, line = line.replace(b"\\r", b"\\n").partition(b"\\n")
            os.write(1, word + b"\\r\\n")
            if word == b"think": await asyncio.sleep(1.2)
            if word == b"dots":
                for _ in range(4): os.write(1, b"."); await asyncio.sleep(.3)
            os.write(1, b"sum %d\\r\\nask> " % sum(word))
asyncio.run(main())
"""

ASKED = (
    q("abc", "sum 294"),
    slow("think", "result 90125|sum 542"),
    q("zz", "sum 244"),
    slow("dots", "finished 7731|sum 442"),
)


def inline(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-u", "-c", code)


def setups(python311: str, python313: str, ipython: str, ssh: tuple[str, ...]) -> list[Setup]:
    """Every set-up; the runner skips programs that are not installed and says so."""
    plain = {"HISTFILE": "/dev/null", "PS1": "$ ", "NODE_REPL_HISTORY": ""}
    sh = "[$#] $"
    bash = ("bash", "--norc")
    found = [
        Setup("python 3.11", (python311, "-i"), ">>> $", PYTHON),
        Setup("python 3.13", (python313,), ">>> $", PYTHON),
        Setup("ipython", (ipython,), r"In \[\d+\]: ", PYTHON[:5] + PYTHON[6:9]),
        Setup("bash", bash, sh, SHELL_JOBS, env=plain),
        Setup("dash", ("dash",), sh, SHELL, env=plain),
        Setup("zsh", ("zsh", "-f"), sh, SHELL, env=plain),
        Setup("fish", ("fish", "--no-config"), "# $", FISH),
        Setup("node", ("node",), "> $", NODE, env=plain),
        Setup("sqlite3", ("sqlite3",), "sqlite> $", SQL),
        Setup("bc", ("bc", "-q"), "", BC),
        Setup("gdb", ("gdb", "-q"), r"\(gdb\) $", GDB),
        Setup("lua", ("lua5.4",), "> $", LUA),
        Setup("tclsh", ("tclsh",), "% $", TCL),
        Setup("php", ("php", "-a"), "php > $", PHP),
        Setup("ghci", ("ghci",), "ghci> $", GHCI),
        Setup("perl -d", ("perl", "-d", "-e", "1"), r"DB<\d+> $", PERL),
        Setup("ed", ("ed",), "", ED),
        Setup("cooked program", inline(COOKED), "calc> $", CALC),
        Setup("reader thread", inline(THREADS), "thr> $", ASKED + ASKED[:3] + ASKED[2:3]),
        Setup("background timer", inline(TIMER), "", TIMED),
        Setup("event loop", inline(POLLER), "ask> $", ASKED + ASKED),
        Setup("passwords", inline(SECRETS), "", SECRET),
        Setup(
            "script", ("script", "-q", "-c", "bash --norc", "/dev/null"), sh, SHELL, "relay", plain
        ),
        Setup(
            "socat",
            ("socat", "-,raw,echo=0", "EXEC:bash --norc,pty,setsid,ctty,stderr"),
            sh,
            SHELL,
            "relay",
            plain,
        ),
        Setup("rlwrap", ("rlwrap", "dash"), sh, SHELL[:8] + SHELL[11:], "relay", plain),
        Setup("sudo", ("sudo", "PS1=$ ", *bash), sh, SHELL, "relay", plain),
        Setup("su -P", ("su", "-P", "-c", "PS1='$ ' bash --norc"), sh, SHELL, "relay", plain),
        Setup("less", ("less", "/etc/services"), "", LESS, "screen"),
        Setup("vim", ("vim", "-u", "NONE", "-n"), "", VIM, "screen"),
        Setup("nano", ("nano",), "", NANO, "screen"),
        Setup("htop", ("htop",), "", HTOP, "screen"),
        Setup("top", ("top",), "", TOP, "screen"),
        Setup("fzf", ("bash", "-c", "seq 1 5000 | fzf"), "", FZF, "screen"),
        Setup(
            "tmux",
            ("tmux", "-L", f"ptyjobs-bench-{os.getpid()}", "-f", "/dev/null", "new", "dash"),
            sh,
            (SHELL[0], SHELL[3], SHELL[4], SHELL[6], SHELL[11]),
            "relay",
            plain,
        ),
        Setup(
            "screen",
            ("screen", "-c", "/dev/null", "dash"),
            sh,
            (SHELL[0], SHELL[3], SHELL[4], SHELL[6], SHELL[11]),
            "relay",
            plain,
        ),
    ]
    if ssh:
        remote = (*SHELL[:8], *SHELL[8:12])
        found.append(Setup("ssh bash", (*ssh, "-t", "PS1='$ ' bash --norc"), sh, remote, "remote"))
        found.append(
            Setup("ssh python", (*ssh, "-t", f"{python311} -i"), ">>> $", PYTHON[:5], "remote")
        )
    return found


FISH = (
    q("math 123 x 45", "5535"),
    q("set v 12"),
    q("math $v x 101", "1212"),
    slow("sleep 1.2; echo woke (math 7 x 1111)", "woke 7777"),
    slow("for i in 1 2 3 4 5; echo n(math $i x 1111); sleep 0.3; end", "n5555"),
    slow("set i 0; while test $i -lt 3000; set i (math $i + 1); end; echo =(math $i + 7)", "=3007"),
    slow("sleep 0.5\recho a(math 30 + 3)\rsleep 0.5; echo b(math 40 + 4)", "b44"),
    q("echo last (math 9 x 9)", "last 81"),
)
BC = (
    q("17*1003", "17051"),
    q("x=3"),
    q("x^7", "2187"),
    slow("for(i=0;i<400000;i++){y=i*i}; y+11", "\n159999200012"),
    q("x+4400", "4403"),
    q("1/0", "ivide by zero"),
    q("55*101", "5555"),
    q("scale=4; 2/3", r"\.6666"),
)
GDB = (
    q("p 123*45", "5535"),
    q("set $x = 12"),
    q("p $x*101", "1212"),
    slow("shell sleep 1.2; echo woke $((7*1111))", "woke 7777"),
    slow("python import time; time.sleep(1); print(41*101)", "4141"),
    slow("python [print('t', i * 1111) or time.sleep(.3) for i in range(5)] and None", "t 4444"),
    q("info display", "auto-display"),
    q("p 31*3", "93"),
)
LUA = (
    q("print(17*1003)", "17051"),
    q("x = 31"),
    q("print(x*3003)", "93093"),
    slow("local n=0; for i=1,6e7 do n=n+1 end; print(n//1000+7)", "60007"),
    slow("os.execute('sleep 1.1'); print(41*101)", "4141"),
    slow("for i=1,5 do print('t', i*1111); os.execute('sleep 0.3') end", "t\\s+5555"),
    q("print(#'abc' + 4400)", "4403"),
    q("error('no ' .. 7*7)", "no 49"),
)
TCL = (
    q("expr 12*12*12", "1728"),
    q("set x 31", "31"),
    q("expr $x*3003", "93093"),
    slow("after 1200; expr 41*101", "4141"),
    slow("for {set i 0} {$i < 5} {incr i} {puts t[expr $i*1111]; after 300}", "t4444"),
    slow("set n 0; while {$n < 1500000} {incr n}; expr $n+7", "1500007"),
    slow("exec sleep 1; expr 61*101", "6161"),
    q("string reverse stressed", "desserts"),
)
PHP = (
    q('echo 33*101, "\\n";', "3333"),
    q("$z = 8;"),
    q('echo $z*1111, "\\n";', "8888"),
    slow('sleep(1); echo 41*101, "\\n";', "4141"),
    slow('for ($i=0;$i<5;$i++) { echo "t", $i*1111, "\\n"; usleep(300000); }', "t4444"),
    slow('for ($n=0;$n<20000000;$n++); echo $n+7, "\\n";', "20000007"),
    slow('system("sleep 1; echo $((61*101))");', "6161"),
    q("echo str_repeat('xo', 4), PHP_EOL;", "xoxoxoxo"),
)
GHCI = (
    q("sum [1..200]", "20100"),
    q("let x = 31"),
    q("x * 3003", "93093"),
    slow("import Control.Concurrent"),
    slow("threadDelay 1200000 >> print (41*101)", "4141"),
    slow("mapM_ (\\i -> print (i*1111) >> threadDelay 300000) [1..5]", "5555"),
    slow("foldr (+) 7 [1..2000000]", "2000001000007"),
    q(":t not", "Bool -> Bool"),
)
PERL = (
    q("p 17*1003", "17051"),
    q("$x = 31"),
    q("p $x*3003", "93093"),
    slow("sleep 1; print 41*101", "4141"),
    slow("for (1..5) { print 't', $_*1111, qq(\\n); select(undef,undef,undef,.3) }", "t5555"),
    slow("$n = 0; $n++ while $n < 8e6; print $n+7", "8000007"),
    slow("system('sleep 1; echo $((61*101))')", "6161"),
    q("p uc 'abc'", "ABC"),
)
ED = (
    q("a"),
    q("first row"),
    q("second row"),
    q("."),
    q(",p", "first row\r\nsecond row\r\n"),
    q("1s/first/third"),
    q("1p", "third row\r\n"),
    slow("!sleep 1; echo $((61*101))", "6161\r\n!"),
    q("=", "2\r\n"),
)
CALC = (
    q("abc", "sum 294"),
    slow("think", "result 90125"),
    q("zz", "sum 244"),
    slow("dots", "finished 7731"),
    slow("bars", "loaded 8842 items"),
    slow("fake", "real 6161"),
    slow("burn", "burnt 3131"),
    slow("think\rabc", "result 90125[\\s\\S]*sum 294"),
    q("a", "sum 97"),
)
TIMED = tuple(
    Step(w, f"sum {sum(map(ord, w)) * 1111}", slow=w == "think")
    for w in ("abc", "zz", "q1", "think", "xyz", "hello", "m", "nn")
)
SECRET = (
    q("ada", "hello ADA[\\s\\S]*Passphrase: $"),
    slow("wrong", "Sorry, try again.\\s+Passphrase: $", password=True),
    slow("tr0ub4dor", "in with 9999\\s+in> $", password=True),
    q("one", "you said ONE\\s+in> $"),
    q("two", "you said TWO\\s+in> $"),
    q("three", "you said THREE\\s+in> $"),
    q("four", "you said FOUR\\s+in> $"),
    q("five", "you said FIVE\\s+in> $"),
)
LESS = tuple(key(k) for k in ("G", "g", " ", "b", "/http\r", "n", "10g", "\x06"))
VIM = tuple(key(k) for k in ("i", "hello 77", "\x1b", "yy", "p", ":set nu\r", "G", "x"))
NANO = tuple(key(k) for k in ("hello 88", "\r", "more", "\x0b", "\x15", "\x07", "\x18", "x"))
HTOP = tuple(key(k) for k in ("h", "q", "\x1b[B", "t", "t", "I", "I", "\x1b[A"))
TOP = tuple(key(k) for k in ("h", "q", "1", "1", "c", "c", "V", "V"))
FZF = tuple(key(k) for k in ("12", "3", "\x7f", "\x1b[A", "\x1b[B", "4", "\x15", "77"))
