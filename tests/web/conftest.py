"""The extra [web] and a browser, or the reason why the tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("websockets", reason="the extra [web] is not installed")

from tests.web.browser import Browser, program


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not program():
        pytest.skip("no Chromium is installed")
    found = Browser()
    yield found
    found.close()
