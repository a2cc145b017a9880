"""A shell in the manner of a database client: a long prompt, a second prompt as wide."""

import sys
import time

PROMPT, MORE = "MariaDB [(none)]> ", "    -> "
pending: list[str] = []
while True:
    try:
        pending.append(input(MORE if pending else PROMPT))
    except EOFError:
        print("Bye")
        sys.exit(0)
    text = " ".join(pending).strip()
    if not text.endswith(";"):
        continue
    pending.clear()
    word = text.rstrip("; ").split()[-1]
    if word == "wait":
        time.sleep(3.2)
        word = "done 8123"
    bar = "+" + "-" * (len(word) + 2) + "+"
    print(f"{bar}\n| {word} |\n{bar}\n1 row in set (0.001 sec)\n")
