"""Further set-ups for measuring readiness: shells, REPLs, calculators, screens. See readiness_set.

All are installed from packages. Debian: ksh93u+m mksh yash tcsh busybox dc guile-3.0 sbcl clisp
ocaml-nox ruby pari-gp units gforth luajit newlisp expect gnuplot-nox swi-prolog-nox m4 dialog
whiptail mc joe ne tig nnn ncdu w3m htop fzf. PyPI: ptpython litecli.
"""

from __future__ import annotations

from benchmarks.readiness_set import LUA, PYTHON, SHELL, Setup, key, q, slow

TCSH = (
    q("@ x = 123 * 45; echo $x", "5535"),
    q("set v=12"),
    q("@ y = $v * 101; echo $y", "1212"),
    slow("sleep 1.2; @ y = 7 * 1111; echo woke $y", "woke 7777"),
    slow("foreach i (1 2 3)\r@ y = $i * 1111; echo n$y; sleep 0.3\rend", "n3333"),
    slow("sleep 0.5\r@ a = 30 + 3; echo a$a\rsleep 0.5; @ b = 40 + 4; echo b$b", "b44"),
    q("echo last `expr 9 \\* 9`", "last 81"),
)
DC = (
    q("17 1003 * p", "17051"),
    q("3 sx"),
    q("lx 7 ^ p", "2187"),
    slow("[1 - d 0 <l] sl 600000 llx 4300 103 + p", "4403"),
    slow("!sleep 1; echo $((61*101))", "6161"),
    q("31 3003 * p", "93093"),
)
GUILE = (
    q("(* 17 1003)", "17051"),
    q("(define x 31)"),
    q("(* x 3003)", "93093"),
    slow("(begin (sleep 1) (* 41 101))", "4141"),
    slow(
        "(for-each (lambda (i) (display (* i 1111)) (newline) (usleep 300000)) '(1 2 3 4))", "4444"
    ),
    slow("(let loop ((i 0)) (if (< i 20000000) (loop (+ i 1)) (+ i 7)))", "20000007"),
    q('(string-append "xo" "xo")', "xoxo"),
)
SBCL = (
    q("(* 17 1003)", "17051"),
    q("(setf x 31)", "31"),
    q("(* x 3003)", "93093"),
    slow("(progn (sleep 1) (* 41 101))", "4141"),
    slow("(dotimes (i 5) (print (* i 1111)) (finish-output) (sleep 0.3))", "4444"),
    slow("(let ((n 0)) (dotimes (i 60000000) (incf n)) (+ n 7))", "60000007"),
    q('(reverse "stressed")', "desserts"),
)
CLISP = (
    *SBCL[:5],
    slow("(let ((n 0)) (dotimes (i 300000) (incf n)) (+ n 7))", "300007"),
    SBCL[6],
)
OCAML = (
    q("17 * 1003;;", "17051"),
    q("let x = 31;;", "val x : int = 31"),
    q("x * 3003;;", "93093"),
    slow('Sys.command "sleep 1" + 41 * 101;;', "4141"),
    slow(
        'for i = 1 to 4 do Printf.printf "%d\\n%!" (i * 1111); ignore (Sys.command "sleep 0.3")'
        " done;;",
        "4444",
    ),
    slow("let n = ref 0 in for _ = 1 to 20000000 do incr n done; !n + 7;;", "20000007"),
    q('String.uppercase_ascii "abc";;', "ABC"),
)
IRB = (
    q("17 * 1003", "17051"),
    q("x = 31", "31"),
    q("x * 3003", "93093"),
    slow("sleep 1; 41 * 101", "4141"),
    slow("4.times { |i| puts (i + 1) * 1111; sleep 0.3 }", "4444"),
    slow("n = 0; n += 1 while n < 20_000_000; n + 7", "20000007"),
    slow("`sleep 1; echo $((61*101))`", "6161"),
    q("'abc'.upcase", "ABC"),
)
GP = (
    q("17*1003", "17051"),
    q("x=31;"),
    q("x*3003", "93093"),
    slow('system("sleep 1"); 41*101', "4141"),
    slow('for(i=1,4,print(i*1111);system("sleep 0.3"))', "4444"),
    slow("n=0;for(i=1,8000000,n++);n+7", "8000007"),
    q("factor(91)", "13 1"),
)
UNITS = (
    q("12 feet", "", ready="You want: $"),
    q("inches", "\\* 144"),
    q("3 km", "", ready="You want: $"),
    q("m", "\\* 3000"),
    q("bogus_unit", "Unknown unit|unknown unit"),
    q("2 hours", "", ready="You want: $"),
    q("s", "\\* 7200"),
)
GFORTH = (  # it prints " ok" behind the output and has no prompt
    q("17 1003 * .", "17051 *ok"),
    q(": sq dup * ;", "ok"),
    q("111 sq .", "12321 *ok"),
    slow("1000 ms 41 101 * .", "4141 *ok"),
    slow(": t 5 0 do i 1111 * . cr 300 ms loop ; t", "4444\\s+ok"),
    slow(": b 0 100000000 0 do 1+ loop ; b 7 + .", "100000007 *ok"),
    q("31 3003 * .", "93093 *ok"),
)
NEWLISP = (
    q("(* 17 1003)", "17051"),
    q("(set 'x 31)", "31"),
    q("(* x 3003)", "93093"),
    slow("(begin (sleep 1000) (* 41 101))", "4141"),
    slow("(for (i 1 4) (println (* i 1111)) (sleep 300))", "4444"),
    slow("(let (n 0) (dotimes (i 20000000) (inc n)) (println (int (+ n 7))))", "20000007"),
    q('(reverse "stressed")', "desserts"),
)
EXPECT = (
    q("expr 12*12*12", "1728"),
    q("set x 31", "31"),
    q("expr $x*3003", "93093"),
    slow("sleep 1; expr 41*101", "4141"),
    slow("for {set i 0} {$i < 5} {incr i} {puts t[expr $i*1111]; after 300}", "t4444"),
    slow("exec sleep 1; expr 61*101", "6161"),
    q("string reverse stressed", "desserts"),
)
GNUPLOT = (
    q("print 17*1003", "17051"),
    q("x = 31"),
    q("print x*3003", "93093"),
    slow("pause 1; print 41*101", "4141"),
    slow("do for [i=1:4] { print i*1111; pause 0.3 }", "4444"),
    slow("print system('sleep 1; echo $((61*101))')", "6161"),
    q("print strlen('abc') + 4400", "4403"),
)
SWIPL = (
    q("X is 17*1003.", "17051"),
    q("assertz(x(31)).", "true"),
    q("x(A), B is A*3003.", "93093"),
    slow("sleep(1), X is 41*101.", "4141"),
    slow("forall(between(1,4,I), (J is I*1111, writeln(J), sleep(0.3))).", "4444"),
    slow("numlist(1,1500000,L), sum_list(L,S), T is S+7.", "1125000750007"),
    q("atom_length(abcd, N).", "4"),
)
ASYNC = (
    q("6*7*1001", "42042"),
    q("x = 5150"),
    q("1/0", "ZeroDivisionError: division by zero"),
    slow("await asyncio.sleep(1.3, 7777)", "7777"),
    slow("for i in range(5): print('t', i * 1111); await asyncio.sleep(.3)\r", "t 4444"),
    slow("import time; time.sleep(1); 41*101", "4141"),
    q("len('abc') + 4400", "4403"),
)
PDB = (
    q("p 6*7*1001", "42042"),
    q("n", "busy.py\\(2\\)"),
    q("p n + 4400", "4400"),
    slow("!import time; time.sleep(1.2); print(41*101)", "4141"),
    slow("until 5", "print\\(total\\)"),
    q("p n", "4000000"),
    q("w", "module"),
)
LITECLI = (
    q("create table t(a,b);", "0 rows|OK"),
    q("insert into t values(1,'one'||'-uno'),(2,'two'||'-dos');", "2 rows"),
    q("select a*5005,b from t;", "10010"),
    q("selec 1;", "syntax error"),
    slow(
        "with recursive c(x) as (select 1 union all select x+1 from c where x<4000000) "
        "select count(*)+11 from c;",
        "4000011",
    ),
    q("select 'last' || (4*4);", "last16"),
)
M4 = (
    q("eval(17*1003)", "17051", ready=""),
    q("define(`x', 31)dnl", ready=""),
    q("eval(x*3003)", "93093", ready=""),
    slow("syscmd(sleep 1)eval(41*101)", "4141", ready=""),
    slow("esyscmd(`sleep 1; echo $((61*101))')", "6161", ready=""),
    q("len(abcd)", "4", ready=""),
)
BUSY = """n = 0
while n < 4000000: n += 1
total = n * 2

print(total)
"""
CHOICE = ("--menu", "Pick", "12", "40", "4", "a", "one", "b", "two", "c", "three")
# dialog turns application cursor keys on (DECCKM) and takes the ESC of the others for Escape.
MENU = tuple(key(k) for k in ("\x1bOB", "\x1bOB", "\x1bOA", "\t", "\t", "\x1bOB"))
MC = tuple(key(k) for k in ("\x1b[B", "\t", "\x1b[B", "\x1b[H", "\x1b[F", "\t"))
JOE = tuple(key(k) for k in ("hello 88", "\r", "more", "\x1b[A", "\x0b" + "h", "\x0b" + "h"))
NE = tuple(key(k) for k in ("hello 88", "\r", "more", "\x1b[A", "\x1b[D", "x"))
TIG = tuple(key(k) for k in ("j", "j", "k", "\r", "q", "h"))
NNN = tuple(key(k) for k in ("j", "j", "k", "G", "g", "?"))
NCDU = tuple(key(k) for k in ("j", "j", "k", "i", "i", "?"))
W3M = tuple(key(k) for k in (" ", "b", "j", "G", "g", "H"))
LITE_TREE = "mkdir -p $HOME/tree/a $HOME/tree/b; seq 900 >$HOME/tree/a/f; seq 90 >$HOME/tree/b/g"
REPO = (
    "cd $HOME; rm -rf r; git init -q r; cd r; for i in 1 2 3; do git -c user.name=n -c "
    "user.email=a@b.c commit -q --allow-empty -m commit$i; done; exec tig"
)


def more(python311: str) -> list[Setup]:
    """The set-ups; those whose program is absent are left out by the runner."""
    plain = {"HISTFILE": "/dev/null", "PS1": "$ "}
    sh = "[$#] $"
    return [
        Setup("ksh", ("ksh",), sh, SHELL, env=plain),
        Setup("mksh", ("mksh",), sh, SHELL, env=plain),
        Setup("yash", ("yash", "--norcfile"), sh, SHELL, env=plain),
        Setup("tcsh", ("tcsh", "-f"), "[>#] $", TCSH),
        Setup("busybox", ("busybox", "sh"), sh, SHELL, env=plain),
        Setup("dc", ("dc",), "", DC),
        Setup("guile", ("guile", "-q"), "scheme@\\(guile-user\\)> $", GUILE),
        Setup("sbcl", ("sbcl", "--no-userinit"), "\\* $", SBCL),
        Setup("clisp", ("clisp", "-q", "-norc"), "\\[\\d+\\]> $", CLISP),
        Setup("ocaml", ("ocaml",), "# $", OCAML),
        Setup("irb", ("irb", "-f"), "> $", IRB),
        Setup("gp", ("gp", "-fq"), "\\? $", GP),
        Setup("units", ("units",), "You have: $", UNITS, env={"UNITS_ENGLISH": "US"}),
        Setup("gforth", ("gforth",), "", GFORTH),
        Setup("luajit", ("luajit",), "> $", LUA[:3] + LUA[4:]),
        Setup("newlisp", ("newlisp",), "> $", NEWLISP),
        Setup("expect", ("expect",), "expect\\S*> $", EXPECT),
        Setup("gnuplot", ("gnuplot",), "gnuplot> $", GNUPLOT),
        Setup("swipl", ("swipl", "-q"), "\\?- $", SWIPL),
        Setup("asyncio", (python311, "-m", "asyncio"), ">>> $", ASYNC),
        Setup(
            "pdb",
            ("bash", "-c", f"printf '%s' '{BUSY}' >busy.py; exec {python311} -m pdb busy.py"),
            "\\(Pdb\\) $",
            PDB,
        ),
        Setup("ptpython", ("ptpython",), "", PYTHON[:3]),  # a toolbar follows its prompt
        Setup("litecli", ("litecli", ":memory:"), "", LITECLI),
        Setup("m4", ("m4",), "", M4),
        Setup("dialog", ("dialog", *CHOICE), "", MENU, "screen"),
        Setup("whiptail", ("whiptail", *CHOICE), "", MENU, "screen"),
        Setup("mc", ("mc", "-x", "/etc", "/usr"), "", MC, "screen"),
        Setup("joe", ("joe",), "", JOE, "screen"),
        Setup("ne", ("ne",), "", NE, "screen"),
        Setup("tig", ("bash", "-c", REPO), "", TIG, "screen"),
        Setup("nnn", ("nnn", "/etc"), "", NNN, "screen"),
        Setup("ncdu", ("bash", "-c", LITE_TREE + "; exec ncdu $HOME/tree"), "", NCDU, "screen"),
        Setup("w3m", ("w3m", "/etc/services"), "", W3M, "screen"),
    ]  # fmt: skip
