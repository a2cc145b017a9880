"""A program with one behaviour for each word typed: talk.py [PROMPT]"""

import getpass
import os
import sys
import threading
import time

PROMPT = sys.argv[1].replace("\\n", "\n") if len(sys.argv) > 1 else "talk: "


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def pauses() -> None:
    """Lines with pauses of 0.3 to 1.5 s."""
    for number, pause in enumerate((0.3, 1.5, 0.6, 1.2)):
        write(f"burst {number * 1111}\n")
        time.sleep(pause)
    write("burst end 9001\n")


def spinner() -> None:
    """A character that turns, then a result in its place."""
    for number in range(60):
        shape = "|/-\\"[number % 4]
        write(f"\r{shape} working")
        time.sleep(0.03)
    write("\r\x1b[Kworked 9002\n")


def bars() -> None:
    """Two lines of progress redrawn by cursor movement, as docker and npm do."""
    write("layer a: 0%\nlayer b: 0%\n")
    for number in range(0, 101, 10):
        write(f"\x1b[2A\x1b[2Klayer a: {number}%\n\x1b[2Klayer b: {number // 2}%\n")
        time.sleep(0.05)
    write("pulled 9003\n")


def download() -> None:
    """A bar as pip draws it, coloured, ended by a line feed."""
    for number in range(0, 41):
        bar = "━" * number + "\x1b[90m" + "━" * (40 - number)
        write(
            f"\r   \x1b[32m{bar}\x1b[0m {number * 2.5:5.1f}/100.0 kB eta 0:00:0{4 - number // 10}"
        )
        time.sleep(0.02)
    write("\nSuccessfully fetched 9004\n")


def silent() -> None:
    """Five seconds of silent computation."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        sum(range(10_000))
    write("computed 9005\n")


def question() -> None:
    """A question in the middle of the work."""
    write("Overwrite existing file? (yes/no) ")
    answer = sys.stdin.readline().strip()
    time.sleep(0.7)
    write(f"you said {answer.upper()} 9006\n")


def login() -> None:
    """A password with three tries; each wrong one costs a second."""
    for _ in range(3):
        if getpass.getpass("Password: ") == "correct horse":
            write("Last login: Monday 9007\n")
            return
        time.sleep(1)
        write("Sorry, try again.\n")
    write("3 incorrect attempts 9008\n")


def tty() -> None:
    """Asks on /dev/tty, whatever standard input is."""
    with open("/dev/tty", "r+b", buffering=0) as terminal:
        terminal.write(b"Host key unknown. Continue (fingerprint)? ")
        answer = terminal.readline().strip().decode()
    write(f"continuing with {answer[::-1]} 9009\n")


def later() -> None:
    """The prompt immediately, a thread's line later."""
    threading.Timer(0.9, lambda: write("\nnotice 9010\n")).start()
    write("scheduled\n")


def mimic() -> None:
    """Prints its own prompt while it still computes."""
    write(PROMPT)
    time.sleep(0.8)
    write("\rnot yet      \n" + PROMPT + "\n")
    time.sleep(1.2)
    write("lookalike end 9011\n")


def flood() -> None:
    """Five megabytes, with a first and a last line to find."""
    write("huge begins 9012\n")
    for number in range(50_000):
        write(f"{number:07d} {'x' * 90}\n")
    write("huge ends 9013\n")


def dribble() -> None:
    """One character each 150 ms."""
    for char in "slowly typed 9014":
        write(char)
        time.sleep(0.15)
    write("\n")


def alternate() -> None:
    """To the alternate screen and back, with a result on the ordinary one."""
    write("\x1b[?1049h\x1b[2J\x1b[5;5Hsplash 1234")
    time.sleep(0.6)
    write("\x1b[?1049l" + "back on the ordinary screen 9015\n")


def inferior() -> None:
    """A child process that asks; the parent waits for it."""
    code = "x = input('child asks: '); print('child got', x[::-1], 9016)"
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code])


def warn() -> None:
    """Both streams, interleaved."""
    for number in range(3):
        write(f"out {number}\n")
        sys.stderr.write(f"err {number * 3009}\n")
    sys.stderr.flush()


WORDS = {
    f.__name__: f
    for f in (
        pauses, spinner, bars, download, silent, question, login, tty, later, mimic, flood,
        dribble, alternate, inferior, warn,
    )
}  # fmt: skip

while True:
    write(PROMPT)
    line = sys.stdin.readline()
    if not line:
        sys.exit(4)
    word, _, rest = line.strip().partition(" ")
    if word in WORDS:
        WORDS[word]()
    elif word == "leave":
        write("leaving 9017\n")
        sys.exit(int(rest))
    elif word == "crash":
        write("about to abort 9018\n")
        os.abort()
    elif word:
        write(f"{len(line.strip()) * 1013} for {word[0].upper()}\n")
