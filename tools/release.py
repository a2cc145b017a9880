"""Set the version everywhere, and give the changelog's unreleased entries that version.

    python tools/release.py 0.2.0 [--date 2026-11-29]

Owns the list of places that name the version; `tests/clients/test_packaging.py` compares them.
Then: `python -m build && twine check dist/*`.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = "ptyjobs/plugin"
PLACES = {
    "pyproject.toml": r'(?m)^(version = ")[^"]*(")',
    "ptyjobs/__init__.py": r'(?m)^(__version__ = ")[^"]*(")',
    "CITATION.cff": r"(?m)^(version: )\S+()$",
    "server.json": r'("version": ")[^"]*(")',
    "manifest.json": r'("version": ")[^"]*(")',
    "gemini-extension.json": r'("version": ")[^"]*(")',
    f"{PLUGIN}/plugin.json": r'("version": ")[^"]*(")',
    f"{PLUGIN}/.claude-plugin/plugin.json": r'("version": ")[^"]*(")',
    f"{PLUGIN}/.codex-plugin/plugin.json": r'("version": ")[^"]*(")',
    f"{PLUGIN}/.cursor-plugin/plugin.json": r'("version": ")[^"]*(")',
}
PINS = (f"{PLUGIN}/.cursor-plugin/plugin.json", f"{PLUGIN}/scripts/ptyjobs.sh")
UNRELEASED = "## Unreleased\n"


def release(root: Path, version: str, *, date: str) -> None:
    """Write the version into every file below `root` that names it."""
    for name, pattern in PLACES.items():
        _substitute(root / name, pattern, rf"\g<1>{version}\g<2>")
    for name in PINS:
        _substitute(root / name, r"(ptyjobs==)[\d.]+[\w.]*", rf"\g<1>{version}")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if UNRELEASED not in text:
        raise SystemExit("CHANGELOG.md has no unreleased entries.")
    heading = f"{UNRELEASED}\n## {version} - {date}\n"
    changelog.write_text(text.replace(UNRELEASED, heading, 1), encoding="utf-8")


def _substitute(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"))
    if not count:
        raise SystemExit(f"{path} names no version.")
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    args = parser.parse_args()
    if not re.fullmatch(r"\d+\.\d+\.\d+(?:[abrc]+\d+)?", args.version):
        sys.exit(f"{args.version} is no version.")
    release(ROOT, args.version, date=args.date)


if __name__ == "__main__":
    main()
