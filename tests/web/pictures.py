"""The pictures of README and the documents, made by the tool itself: real jobs in a real browser.

    python -m tests.web.pictures [FOLDER]

Writes `web-overview.png` and `web-job.png`, dark, and both in light. Owns the six jobs. Needs
Chromium and the extra [web]; a job whose program is not installed is left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import world
from tests.web.browser import Browser
from tests.web.harness import SCREEN, run, serving

INTO = Path(__file__).parents[2] / "docs" / "pictures"
ROWS, COLS = 12, 60  # a card shows all of it, readable
CARDS = "[...document.querySelectorAll('.card pre')].map(picture => picture.innerText)"
SCALE = 1.5  # picture pixels per pixel of the page
SETTLED = "new Promise(done => setTimeout(done, 1200))"  # it fades in

CART = """
    import pytest
    from shop.cart import Cart

    def test_total_is_rounded():
        cart = Cart()
        cart.add("kettle", 39.005)
        assert cart.total == 39.0

    def test_empty_cart():
        assert Cart().total == 0
"""
ORDERS = """
    create table orders (item, price, sold);
    insert into orders values ('kettle', 39.0, 12), ('cups', 18.5, 7), ('tea', 4.2, 96);
"""
QUERY = "select item, sold, price*sold as total from orders;"
SERVER = """
    import http.server, socketserver
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form, *words): print("GET /", words[1], flush=True)
    server = socketserver.TCPServer(("127.0.0.1", 0), Quiet)
    print("  shop 2.1.0  ready on http://127.0.0.1:%d/" % server.server_address[1], flush=True)
    server.serve_forever()
"""
TRAIN = """
    import math, time
    for epoch in range(1, 1000):
        print(f"epoch {epoch:3}  loss {0.9 / math.sqrt(epoch):.4f}", flush=True)
        end = time.monotonic() + 0.4
        while time.monotonic() < end: math.sqrt(2)
"""
DEPLOY = """
    import getpass
    print("Deploying 12 files to shop.example ...")
    getpass.getpass("ann@shop.example's password: ")
"""


@dataclass(frozen=True)
class Scene:
    """One job: its command line, the lines typed into it, and what it shows then."""

    name: str
    line: str
    typed: tuple[str, ...] = ()
    shows: str = ""


# The newest is shown first.
SCENES = (
    Scene("deploy", f"{sys.executable} deploy.py", shows="password:"),
    Scene("train", f"{sys.executable} train.py", shows="epoch   9"),
    Scene("dev-server", f"{sys.executable} server.py", shows="ready on"),
    Scene("db", "sqlite3 -column -header shop.db", (".read orders.sql", QUERY), "total"),
    Scene("py", f"{sys.executable} -q -i", ("from statistics import mean, stdev",
          "prices = [4.2, 18.5, 39.0]", "mean(prices), stdev(prices)"), "17.49"),
    Scene("editor", "vim -n -u NONE -N -c 'syntax on' test_cart.py", shows="rounded"),
)  # fmt: skip


@contextmanager
def shop(place: Path) -> Iterator[tuple[str, list[Scene]]]:
    """The viewer's address, and the running scenes."""
    folder = place / "shop"
    folder.mkdir()
    files = {"test_cart.py": CART, "orders.sql": ORDERS, "server.py": SERVER, "train.py": TRAIN}
    for name, text in {**files, "deploy.py": DEPLOY}.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    with serving(place, "--write") as url:
        scenes = [scene for scene in SCENES if shutil.which(scene.line.split()[0])]
        size = ("--rows", str(ROWS), "--cols", str(COLS), "--cwd", str(folder))
        plain = ("--env", "PYTHON_BASIC_REPL=1")
        for scene in scenes:
            line = scene.line.replace(sys.executable, "python3")
            run(place, "run", "-d", "--name", scene.name, *size, *plain, "--", line)
            for typed in scene.typed:  # each once the program waits, so nothing is typed ahead
                run(place, "wait", scene.name, "--timeout", "20")
                run(place, "send", scene.name, typed)
            name = scene.name
            wanted = scene.shows
            assert world.eventually(lambda n=name, w=wanted: w in run(place, "logs", n))  # type: ignore[misc]
        yield url, scenes


def make(into: Path) -> list[str]:
    """Write the pictures; returns the text of each card, in the page's order."""
    with tempfile.TemporaryDirectory() as scratch, shop(Path(scratch)) as (url, scenes):
        browser = Browser()
        try:
            for theme, suffix in (("dark", ""), ("light", "-light")):
                browser.scheme(theme)
                _size(browser, 1200, 690)
                browser.go("about:blank")
                browser.go(url)
                browser.wait(f"{CARDS}.filter(text => text.trim()).length === {len(scenes)}")
                browser.run(SETTLED)
                cards: list[str] = browser.run(CARDS)
                browser.picture(into / f"web-overview{suffix}.png")
                _size(browser, 900, 460)
                browser.run("location.hash = '#/job/py'")
                browser.wait(f"{SCREEN}.includes('17.49')")
                browser.run(SETTLED)
                browser.picture(into / f"web-job{suffix}.png")
        finally:
            browser.close()
    return cards


def _size(browser: Browser, width: int, height: int) -> None:
    browser.ask(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=height, deviceScaleFactor=SCALE, mobile=False,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=INTO)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make(folder)


if __name__ == "__main__":
    main()
