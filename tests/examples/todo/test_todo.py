"""The to-do list as its users see it."""

import sys
from pathlib import Path

TODO = [sys.executable, str(Path(__file__).with_name("todo.py"))]
CLOCK = r"\d\d:\d\d:\d\d"


def test_a_day(job, tmp_path, screen_snapshot):
    todo = job([*TODO, "list.txt"], cwd=tmp_path, rows=10, cols=40)
    todo.screen.check_text("Nothing to do. Press a.")
    for item in ("buy milk", "write tests"):
        todo.press("a")
        todo.type(item)
    todo.press("Up")
    todo.press("Space")
    todo.screen.check_text("1 of 2 done", row=9)
    todo.screen.check_style("[x] buy milk", bold=True, fg="green")
    screen_snapshot(todo, mask=[CLOCK])
    todo.press("q")
    assert todo.exit().code == 0
    assert (tmp_path / "list.txt").read_text() == "x buy milk\n- write tests\n"


def test_deleting_asks_first(job, tmp_path):
    (tmp_path / "list.txt").write_text("- keep me\n- drop me\n")
    todo = job([*TODO, "list.txt"], cwd=tmp_path)
    todo.press("d")
    todo.screen.check_text("Delete 'keep me'? [y/N]", row=23)
    todo.type("")
    todo.screen.check_text("keep me")
    todo.press("Down")
    todo.press("d")
    todo.type("y")
    todo.screen.check_no_text("drop me")


def test_a_smaller_window(job, tmp_path):
    (tmp_path / "list.txt").write_text("".join(f"- item {n}\n" for n in range(20)))
    todo = job([*TODO, "list.txt"], cwd=tmp_path)
    todo.resize(6, 30)
    todo.press("Down")
    todo.screen.check_text("item 2")
    todo.screen.check_no_text("item 5")


def test_without_a_file_it_says_how(job):
    todo = job(TODO)
    assert todo.fresh == "usage: todo.py FILE"
    assert todo.exit().code == 1


def test_the_session_of_a_bug_report(replay, screen_snapshot):
    """Recorded by a user: `ptyjobs record --input -o empty.cast -- python todo.py list.txt`."""
    session = replay("empty.cast")
    session.until(text="New: ")
    session.until(text="nothing added")
    screen_snapshot(session, mask=[CLOCK])
    assert "0 items saved" in session.to_end().screen
