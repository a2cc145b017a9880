"""The terminal: `Screen` interprets a job's output and holds the screen that a person would see.

The only importer of pyte. Pure: bytes in, replies and values out; no clock, no file.
"""

from __future__ import annotations

from .fast_path import LAST, plain
from .pyte_cells import Cell
from .screen import SCROLLBACK, Cursor, Screen, Stream
from .style import DEFAULT, Style
from .values import Line, Modes, Run, ShellMark

__all__ = [
    "DEFAULT",
    "LAST",
    "SCROLLBACK",
    "Cell",
    "Cursor",
    "Line",
    "Modes",
    "Run",
    "Screen",
    "ShellMark",
    "Stream",
    "Style",
    "plain",
]
