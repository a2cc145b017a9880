"""A full-screen program that redraws itself every 0.2 s; q quits."""

import select
import sys
import termios
import time
import tty

saved = termios.tcgetattr(0)
tty.setcbreak(0)
sys.stdout.write("\x1b[?1049h\x1b[?25l")
note, ticks = "none", 0
try:
    while note != "q":
        ticks += 1
        text = f"\x1b[H\x1b[2Jmonitor\r\nload {ticks % 7}.{ticks % 10}\r\nlast key: {note}\r\n"
        sys.stdout.write(text)
        sys.stdout.flush()
        if select.select([0], [], [], 0.2)[0]:
            note = sys.stdin.read(1)
            time.sleep(0.05)
finally:
    sys.stdout.write("\x1b[?25h\x1b[?1049l")
    termios.tcsetattr(0, termios.TCSADRAIN, saved)
print("monitor closed 1223")
