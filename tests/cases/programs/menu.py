"""A full-screen menu in curses: arrows move, Enter chooses, q leaves with the count."""

import curses
import sys

ITEMS = ["Alpine trail 11", "Boreal walk 22", "Coastal path 33", "Desert road 44"]


def run(screen: curses.window) -> int:
    curses.curs_set(0)
    at, chosen = 0, []
    while True:
        screen.erase()
        screen.addstr(1, 4, "Choose a route")
        for row, item in enumerate(ITEMS):
            mark = "[x]" if item in chosen else "[ ]"
            screen.addstr(3 + row, 4, f"{mark} {item}", curses.A_REVERSE if row == at else 0)
        screen.addstr(9, 4, f"on: {ITEMS[at]}, chosen: {len(chosen)}")
        screen.refresh()
        key = screen.getch()
        if key == curses.KEY_DOWN:
            at = min(at + 1, len(ITEMS) - 1)
        elif key == curses.KEY_UP:
            at = max(at - 1, 0)
        elif key in (10, 13, curses.KEY_ENTER):
            chosen.append(ITEMS[at])
        elif key == ord("q"):
            return len(chosen)


count = curses.wrapper(run)
print(f"you chose {count * 1217}")
sys.exit(count)
