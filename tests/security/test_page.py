"""Every claim of docs/security.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLAIM = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_named_by_the_security_page_exists() -> None:
    page = (ROOT / "docs/security.md").read_text()
    claims = CLAIM.findall(page)
    rows = [line for line in page.splitlines() if line.startswith("|") and "tests/" in line]
    assert len(claims) >= len(rows) > 5
    for file, name in claims:
        assert f"def {name}(" in (ROOT / file).read_text(), (file, name)
