"""The pictures of README and the documents: made by a command, and by nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.web import pictures
from tests.web.browser import program

ROOT = Path(__file__).parents[2]


@pytest.mark.live
def test_the_command_makes_them(tmp_path: Path) -> None:
    if not program():
        pytest.skip("no Chromium is installed")
    cards = pictures.make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in pictures.INTO.iterdir()
    }
    for path in tmp_path.iterdir():
        size = struct.unpack(">II", path.read_bytes()[16:24])  # IHDR
        assert size == ((1800, 1035) if "overview" in path.name else (1350, 690)), path.name
    (python,) = (text for text in cards if "statistics" in text)
    assert python.count("import mean") == 1, "nothing is typed ahead of its prompt"
    assert python.splitlines()[0].startswith(">>> from statistics")
    assert any("password:" in text for text in cards)


def test_each_is_shown_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    for path in pictures.INTO.iterdir():
        assert f"pictures/{path.name}" in text, path.name
