"""A to-do list in the terminal: arrows move, Space ticks, a adds, d deletes, q saves and quits."""

import curses
import sys
import time
from pathlib import Path


class Todo:
    def __init__(self, path):
        self.path = Path(path)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.items = [[line[:1] == "x", line[2:]] for line in lines]
        self.at = 0

    def save(self):
        text = "".join(f"{'x' if done else '-'} {name}\n" for done, name in self.items)
        self.path.write_text(text)


def draw(win, todo, message=""):
    rows, cols = win.getmaxyx()
    win.erase()
    win.addnstr(0, 0, f" To do: {todo.path.name}".ljust(cols - 9), cols - 9, curses.A_REVERSE)
    win.addstr(0, cols - 9, time.strftime("%H:%M:%S"), curses.A_REVERSE)
    for number, (done, name) in enumerate(todo.items[: rows - 3]):
        look = curses.A_BOLD if number == todo.at else curses.A_NORMAL
        if done:
            look |= curses.color_pair(1)
        mark = "[x]" if done else "[ ]"
        win.addnstr(number + 1, 1, f"{mark} {name}", cols - 2, look)
    if not todo.items:
        win.addstr(1, 1, "Nothing to do. Press a.", curses.A_DIM)
    done = sum(done for done, _ in todo.items)
    win.addnstr(rows - 1, 0, message or f"{done} of {len(todo.items)} done", cols - 1)
    win.refresh()


def ask(win, question):
    rows, _ = win.getmaxyx()
    win.move(rows - 1, 0)
    win.clrtoeol()
    win.addstr(rows - 1, 0, question)
    curses.echo()
    curses.curs_set(1)
    answer = win.getstr(rows - 1, len(question), 60).decode()
    curses.noecho()
    curses.curs_set(0)
    return answer.strip()


def run(win, todo):
    curses.curs_set(0)
    curses.use_default_colors()
    curses.init_pair(1, curses.COLOR_GREEN, -1)
    message = ""
    while True:
        draw(win, todo, message)
        message = ""
        key = win.getch()
        if key == ord("q"):
            todo.save()
            return
        if key == ord("a"):
            name = ask(win, "New: ")
            if name:
                todo.items.append([False, name])
                todo.at = len(todo.items) - 1
            else:
                message = "nothing added"
        elif key == curses.KEY_DOWN and todo.at < len(todo.items) - 1:
            todo.at += 1
        elif key == curses.KEY_UP and todo.at > 0:
            todo.at -= 1
        elif key == ord(" ") and todo.items:
            todo.items[todo.at][0] = not todo.items[todo.at][0]
        elif key == ord("d") and todo.items:
            answer = ask(win, f"Delete {todo.items[todo.at][1]!r}? [y/N] ")
            if answer.lower() == "y":
                del todo.items[todo.at]
                todo.at = max(0, min(todo.at, len(todo.items) - 1))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: todo.py FILE")
    todo = Todo(sys.argv[1])
    curses.wrapper(run, todo)
    print(f"{len(todo.items)} items saved in {todo.path.name}")


if __name__ == "__main__":
    main()
