"""`interact(mark=...)`: a label in the recording, before the typed text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptyjobs.mcp.tools import INTERACT
from ptyjobs.recordings import read
from ptyjobs.testing import live
from ptyjobs.testing.server import McpClient


@pytest.mark.live
def test_a_mark_is_in_the_recording_before_the_input(tmp_path: Path) -> None:
    client = McpClient(live.settings(tmp_path))
    try:
        client.call("execute", command="cat", name="c")
        client.call("interact", job_id="c", input="one", mark="step 3")
        client.call("kill", job_id="c")
    finally:
        client.close()
    moments = read(tmp_path / "jobs" / "c").moments
    codes = [(m.code, m.text or m.data.decode()) for m in moments if m.code in "mi"]
    assert codes == [("m", "step 3"), ("i", "one\n")]


def test_its_schema_is_small() -> None:
    schema = INTERACT.schema()["properties"]["mark"]
    assert len(f',"mark":{schema}'.replace(" ", "")) <= 60
