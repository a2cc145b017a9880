"""Format durations as text. Owns the one format of a duration, for every part that shows one."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Format seconds with at most two units."""
    if seconds < 0.9995:
        return f"{max(1, round(seconds * 1000))} ms" if seconds > 0 else "0 ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"
