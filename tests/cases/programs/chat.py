"""input() in a loop while a thread prints, as a chat client does."""

import threading
import time

stop = threading.Event()


def others() -> None:
    for number in range(1, 200):
        if stop.wait(1.3):
            return
        print(f"\r<ann> message {number}\nyou: ", end="", flush=True)


threading.Thread(target=others, daemon=True).start()
time.sleep(0.1)
while (line := input("you: ")) != "/quit":
    print(f"<bot> {line.upper()} {len(line) * 1229}")
stop.set()
print("left the room 1231")
