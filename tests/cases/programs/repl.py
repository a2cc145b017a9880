"""A small line-driven program with several behaviours: repl.py [PROMPT]"""

import os
import sys
import time

PROMPT = sys.argv[1] if len(sys.argv) > 1 else "calc> "


def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def handle(command):
    if command == "think":  # silent for 3 s
        time.sleep(3)
        write("result 90125\n")
    elif command == "dots":  # a dot each 0.4 s for 4 s
        for _ in range(10):
            write(".")
            time.sleep(0.4)
        write("\nfinished 7731\n")
    elif command == "progress":  # \r redraws
        for i in range(0, 101, 4):
            write(f"\rloading [{'#' * (i // 4):<25}] {i:3d}%")
            time.sleep(0.03)
        write("\nloaded 8842 items\n")
    elif command == "color":
        write("\x1b[1;32mgreen\x1b[0m and \x1b[38;5;208morange\x1b[0m token 1199\n")
    elif command == "die":
        write("fatal: bad state 5005\n")
        os._exit(7)
    elif command == "bye":
        write("see you 5007\n")
        sys.exit(0)
    elif command:
        write(f"sum {sum(map(ord, command))}\n")


while True:
    write(PROMPT)
    line = sys.stdin.readline()
    if not line:
        break
    handle(line.strip())
