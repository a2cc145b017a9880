"""Other real clients read what `ptyjobs setup` wrote, and their files are restored."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import CLIENTS, package

pytestmark = pytest.mark.live
SAMPLES = Path(__file__).parents[1] / "setup" / "samples"
CASES = [
    ("codex", "@openai/codex", ".codex/config.toml", "codex.toml", r"ptyjobs"),
    ("gemini", "@google/gemini-cli", ".gemini/settings.json", "gemini.json", "ptyjobs:"),
    ("opencode", "opencode-ai", ".config/opencode/opencode.json", "opencode.json", "ptyjobs"),
]


@pytest.mark.parametrize(("client", "npm", "file", "sample", "shown"), CASES)
def test_a_client_lists_the_server(
    client: str, npm: str, file: str, sample: str, shown: str, tmp_path: Path, node: str
) -> None:
    package(npm)
    home = tmp_path / "home"
    path = home / file
    path.parent.mkdir(parents=True)
    shutil.copy(SAMPLES / sample, path)
    before = path.read_bytes()
    places = (str(Path(node).parent), str(CLIENTS / ".bin"), "/usr/bin", "/bin")
    environment = {"HOME": str(home), "PATH": os.pathsep.join(places)}

    def run(*words: str) -> str:
        done = subprocess.run(
            words, env=environment, cwd=home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run(sys.executable, "-m", "ptyjobs", "setup", client)
    assert shown in run(client, "mcp", "list")
    run(sys.executable, "-m", "ptyjobs", "setup", client, "--remove")
    assert path.read_bytes() == before


def test_codex_and_gemini_take_the_plugin_and_the_extension(tmp_path: Path, node: str) -> None:
    package("@openai/codex")
    package("@google/gemini-cli")
    root = str(Path(__file__).parents[2])
    home = tmp_path / "home"
    (home / ".codex").mkdir(parents=True)
    places = (str(Path(node).parent), str(CLIENTS / ".bin"), "/usr/bin", "/bin")
    environment = {"HOME": str(home), "PATH": os.pathsep.join(places)}

    def run(*words: str) -> str:
        done = subprocess.run(
            words, env=environment, cwd=home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("codex", "plugin", "marketplace", "add", root)
    run("codex", "plugin", "add", "ptyjobs@ptyjobs")
    assert "scripts/ptyjobs.sh" in run("codex", "mcp", "list")
    assert "successfully validated" in run("gemini", "extensions", "validate", root)
