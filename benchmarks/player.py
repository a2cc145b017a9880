"""The exported page beside asciinema-player: bytes, first picture, a seek into the middle.

    npm install asciinema-player
    python -m benchmarks.player --player node_modules/asciinema-player

Both show the same recording of five minutes in the same Chromium, in turns. First picture: the
first contentful paint (Paint Timing). Seek: from the call until the next frame is drawn. Bytes: of
the page, or of player, style sheet and cast. `--pictures FOLDER` writes both in dark and light and
in two sizes.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import statistics
import tempfile
import threading
from pathlib import Path

from ptyjobs.recordings import read
from ptyjobs.recordings.page import html_page
from tests.web.browser import Browser

SECONDS = 300
PAGE = """<!doctype html><meta charset=utf-8><meta name=color-scheme content="light dark">
<link rel=stylesheet href=player/dist/bundle/asciinema-player.css>
<script src=player/dist/bundle/asciinema-player.min.js></script><div id=demo></div>
<script>window.player = AsciinemaPlayer.create('x.cast', document.getElementById('demo'),
{preload: true, poster: 'npt:0:01', fit: 'width', terminalFontFamily: 'monospace'})</script>"""
DRAWN = "requestAnimationFrame(() => setTimeout(() => done(performance.now() - now), 0))"
SEEK = {
    "ours": "new Promise(done => { const now = performance.now(), bar = seek; bar.value = %s; "
    f"bar.dispatchEvent(new Event('input')); {DRAWN} }})",
    "asciinema-player": "new Promise(done => { const now = performance.now(); "
    f"player.seek(%s).then(() => {DRAWN}) }})",
}
READY = {"ours": "about.textContent", "asciinema-player": "window.player"}


def cast(path: Path) -> None:
    """A build of five minutes, ten lines a second in colours."""
    lines = [json.dumps({"version": 2, "width": 80, "height": 24})]
    for n in range(SECONDS * 10):
        text = f"\x1b[3{n % 7 + 1}mstep {n:05d}\x1b[m compiling module {n * 7919 % 1000}\r\n"
        lines.append(json.dumps([n / 10, "o", text]))
    path.write_text("\n".join(lines) + "\n")


def sizes(folder: Path, player: Path) -> dict[str, int]:
    """Bytes that a browser loads."""
    bundle = player / "dist" / "bundle"
    parts = [bundle / "asciinema-player.min.js", bundle / "asciinema-player.css", folder / "x.cast"]
    return {
        "ours": (folder / "ours.html").stat().st_size,
        "asciinema-player": len(PAGE) + sum(part.stat().st_size for part in parts),
    }


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *words: object) -> None:
        """Nothing."""


def measure(browser: Browser, url: str, name: str) -> tuple[float, float]:
    """Milliseconds to the first paint, and of a seek."""
    browser.go("about:blank")
    browser.go(f"{url}/{name}.html")
    paint = "performance.getEntriesByName('first-contentful-paint')"
    browser.wait(f"location.href.includes({name!r}) && {paint}.length > 0 && {READY[name]}")
    if name == "ours":  # the other one draws its text on a canvas
        browser.run(SEEK[name] % 150)
        assert "step 01490" in browser.run("document.body.innerText")
    first: float = browser.run(f"{paint}[0].startTime")
    browser.run(SEEK[name] % 10)
    places = [150, 30, 270, 90, 210]
    return first, statistics.median(browser.run(SEEK[name] % place) for place in places)


def pictures(browser: Browser, url: str, into: Path) -> None:
    for name in SEEK:
        for scheme in ("dark", "light"):
            for width, height in ((1100, 760), (390, 780)):
                browser.size(width, height)
                browser.scheme(scheme)
                browser.go("about:blank")
                browser.go(f"{url}/{name}.html")
                browser.wait(f"location.href.includes({name!r}) && {READY[name]}")
                browser.run(SEEK[name] % 150)
                browser.picture(into / f"{name}-{scheme}-{width}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--player", type=Path, default=Path("node_modules/asciinema-player"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cast(folder / "x.cast")
        (folder / "ours.html").write_text(html_page(read(folder / "x.cast")))
        (folder / "asciinema-player.html").write_text(PAGE)
        (folder / "player").symlink_to(args.player.resolve())
        handler = functools.partial(Quiet, directory=scratch)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        browser = Browser()
        try:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in SEEK}
            for _ in range(args.rounds):
                for name in SEEK:
                    found[name].append(measure(browser, url, name))
            for name, size in sizes(folder, args.player).items():
                paint, seek = (statistics.median(times) for times in zip(*found[name], strict=True))
                print(f"{name:18} {size / 1000:6.0f} kB   first paint {paint:6.0f} ms   "
                      f"seek {seek:6.1f} ms")  # fmt: skip
            if args.pictures:
                pictures(browser, url, args.pictures)
        finally:
            browser.close()
            server.shutdown()


if __name__ == "__main__":
    main()
