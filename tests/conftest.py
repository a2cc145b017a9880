"""Shared by all tests: pytest's helper for tests that run pytest; the two parts of the suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# By default an example may take 0.2 s, and drawing the examples 1 s: both depend on the load.
settings.register_profile("ptyjobs", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ptyjobs")

pytest_plugins = ["pytester"]

#: The tests of these directories, and those directly in `tests/`, depend on nothing but their
#: input. All others drive real programs and are marked `live`; only those may run a second time
#: (tools/retried.py).
DETERMINISTIC = frozenset(
    {"docs", "input", "model", "policy", "recordings", "render", "store", "terminal", "text"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        parts = item.path.relative_to(here).parts
        if len(parts) > 1 and parts[0] not in DETERMINISTIC:
            item.add_marker(pytest.mark.live)
