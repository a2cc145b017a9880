"""The viewer's static files: the served files with their media types, and the check of `vendor/`.

Owns the table of files. Never serves a file outside it. The colours come from the same table that
pictures are drawn with (`terminal.colours`). Third-party files are in `vendor/` with their
licences; `VENDOR.toml` lists version, origin and SHA-256 of each.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ptyjobs.terminal.colours import THEMES, hexa

FOLDER = Path(__file__).parent
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE = (
    "viewer.mjs", "feed.mjs", "page.mjs", "overview.mjs", "card.mjs", "terminal.mjs", "live.mjs",
    "replay.mjs", "words.mjs", "viewer.css",
)  # fmt: skip
NAMES = {
    "/": "static/index.html",
    "/favicon.svg": "static/favicon.svg",
    **{f"/{name}": f"static/{name}" for name in PAGE},
    **{
        f"/vendor/{name}": f"vendor/{name}"
        for name in (
            "xterm.mjs", "xterm.css", "addon-search.mjs", "addon-unicode-graphemes.mjs",
        )
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    body: bytes
    type: str


@cache
def asset(path: str) -> Asset | None:
    """The file served at `path`, None if there is none."""
    if path == "/palette.mjs":
        return Asset(f"export const PALETTES = {json.dumps(palettes())};\n".encode(), TYPES[".mjs"])
    name = NAMES.get(path)
    if name is None:
        return None
    file = FOLDER / name
    return Asset(file.read_bytes(), TYPES[file.suffix])


def palettes() -> dict[str, dict[str, Any]]:
    """The themes of a terminal: default colours and the 16 of its palette."""
    return {
        name: {
            "foreground": hexa(theme.fg),
            "background": hexa(theme.bg),
            "colours": [hexa(value) for value in theme.colours],
        }
        for name, theme in THEMES.items()
    }


def vendored() -> dict[str, bool]:
    """Each vendored file, and True if it matches VENDOR.toml."""
    listed = tomllib.loads((FOLDER / "vendor" / "VENDOR.toml").read_text())
    return {
        name: hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == digest
        for package in listed["package"]
        for name, digest in package["files"].items()
    }
