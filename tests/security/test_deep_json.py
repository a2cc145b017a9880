"""JSON that is nested too deeply is refused like any other JSON of a wrong form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs.client.events import _Cursor
from ptyjobs.errors import BadInput
from ptyjobs.mcp.tools import by_name
from ptyjobs.store.jobdir import JobDir
from ptyjobs.store.masking import mask_job
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Known

DEEP = "[" * 100_000
HINT = Path(__file__).parents[2] / "ptyjobs/plugin/hooks/bash_hint.py"


@pytest.mark.parametrize("words", [["-m", "ptyjobs", "hook", "session-start"], [str(HINT)]])
def test_a_hook_answers_nothing(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *words], input=DEEP.encode(), capture_output=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_an_argument_that_is_json_text_is_refused() -> None:
    execute, interact = (by_name(name) for name in ("execute", "interact"))
    assert execute is not None
    assert interact is not None
    with pytest.raises(BadInput, match="env must be an object of texts"):
        execute.check({"command": "true", "env": DEEP})
    assert interact.check({"job_id": "t", "keys": DEEP})["keys"] == (DEEP,)  # no key has that name


def test_lines_that_a_job_wrote_do_not_keep_a_secret_unmasked(tmp_path: Path) -> None:
    typed = json.dumps([1.0, 0, "i", "say hunter2-hunter2"])
    (tmp_path / "events").write_text("\n".join([DEEP, "7", "{}", "[1, 2, {}, 3]", typed, ""]))
    redactor = Redactor([Known.of("hunter2-hunter2", name="S")])
    assert mask_job(JobDir(tmp_path), redactor) == 1
    assert "hunter2" not in (tmp_path / "events").read_text()


@pytest.mark.parametrize("text", [DEEP, "[1e999, 1]", "[[1], 2]", "7", ""])
def test_a_position_that_no_follower_wrote_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    assert _Cursor(str(tmp_path), "key").load() is None
