"""Rules for Bash are imported; existing entries of our configuration are kept."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ptyjobs.setup import rules, work
from ptyjobs.setup.clients import World

SETTINGS = """{
  // mine
  "permissions": {
    "allow": ["Bash(npm run lint)", "Bash(git log:*)", "Read(~/x)", "mcp__a__b"],
    "deny": ["Bash(rm -rf:*)"],
    "ask": ["Bash"]
  }
}"""


def test_bash_rules_are_translated() -> None:
    assert rules.of_settings(SETTINGS) == {
        "allow": ["npm run lint", "git log:*"],
        "ask": ["*"],
        "deny": ["rm -rf:*"],
    }
    assert rules.of_settings("") == {}


def test_they_are_added_to_our_configuration(tmp_path: Path) -> None:
    world = World(str(tmp_path))
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(SETTINGS)
    config = tmp_path / ".config" / "ptyjobs" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('# mine\nrows = 50\n\n[permissions]\nallow = ["ls"]  # looking\n')
    outcome = work.import_rules(world)
    assert (outcome.action, outcome.words) == (work.Action.UPDATED, "2 allow, 1 ask, 1 deny")
    text = config.read_text()
    assert text.startswith("# mine\nrows = 50\n")
    assert tomllib.loads(text)["permissions"] == {
        "allow": ["ls", "npm run lint", "git log:*"],
        "ask": ["*"],
        "deny": ["rm -rf:*"],
    }
    assert work.import_rules(world).action is work.Action.UNCHANGED
    assert config.read_text() == text
