"""Numbers with units on the command line, checked during parsing.

Owns the argparse types for durations and counts. Never reports errors itself: the parser reports an
invalid value with the flag's name.
"""

from __future__ import annotations

import argparse

from ptyjobs.config import types

YEAR = 31_536_000.0  # seconds; also the longest duration that a setting accepts


def duration(word: str) -> float:
    """Seconds, zero or more; also `500ms`, `30s`, `5m`, `2h`, `1d`."""
    return float(_read(types.seconds(0, YEAR), word))


def limit(word: str) -> float:
    """Seconds, more than zero: without a limit the flag is left out."""
    seconds = duration(word)
    if not seconds:
        raise argparse.ArgumentTypeError(f"{word!r} would end it at once; the default is no limit")
    return seconds


def count(word: str) -> int:
    """A whole number, zero or more."""
    return int(_read(types.integer(0, 1_000_000_000), word))


def _read(kind: types.Kind, word: str) -> float:
    try:
        return float(kind.read(word))
    except types.Unusable as expected:
        raise argparse.ArgumentTypeError(f"{word!r} is not usable; expected {expected}") from None
