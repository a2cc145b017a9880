"""The first commands and all transcripts of the documents work as they are written there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import generate, services_transcript, transcripts
from tests.docs.test_examples import fenced

pytestmark = pytest.mark.live


def test_the_first_commands_of_a_newcomer_work(tmp_path: Path) -> None:
    text = (generate.ROOT / "docs/getting-started.md").read_text()
    (block,) = [block for block in fenced(text, "sh") if "ptyjobs send" in block]
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PTYJOBS_STATE": str(tmp_path / "state"),
        "PYTHON_BASIC_REPL": "1",
    }
    done = subprocess.run(
        ["sh", "-e", "-c", block], env=environ, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "\n>>> 6 * 7\n42\n>>>" in done.stdout  # the screen
    assert done.stdout.splitlines().count("42") == 2  # the answer of send, and the screen


def test_the_transcripts_are_what_the_calls_answer(tmp_path: Path) -> None:
    if shutil.which("vim") is None:
        pytest.skip("vim is not installed")
    shown = (generate.ROOT / "docs/transcripts.md").read_text()
    assert transcripts.comparable(transcripts.page(tmp_path)) == transcripts.comparable(shown)


def test_the_services_transcript_is_what_the_calls_answer(tmp_path: Path) -> None:
    (shown,) = fenced((generate.ROOT / "docs/services.md").read_text(), "")
    made = services_transcript.block(tmp_path)
    same = [sorted(transcripts.comparable(text).splitlines()) for text in (made, shown)]
    assert same[0] == same[1]  # sorted, because a list of ports is sorted by number
