"""Clients are found, configured, checked, and left as they were."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.cli import main
from ptyjobs.errors import Refused
from ptyjobs.setup import clients, files, jsonc, plugin, work
from ptyjobs.setup.clients import CLIENTS, Server, World
from ptyjobs.setup.work import Action, State

SAMPLES = Path(__file__).parent / "samples"
SUFFIXES = {"toml": ".toml", "yaml": ".yaml", "json": ".json"}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    program = tmp_path / "bin" / "ptyjobs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return Server(str(program))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A home with every client's folder and its sample."""
    home = tmp_path / "home"
    (home / ".continue").mkdir(parents=True)
    (home / ".claude").mkdir()
    world = World(str(home), {"PATH": "/nowhere"})
    for client in CLIENTS:
        path = Path(client.files(world)[0].path)
        path.parent.mkdir(parents=True, exist_ok=True)
        sample = SAMPLES / (client.name + SUFFIXES[client.format])
        if sample.exists():
            shutil.copy(sample, path)
    shutil.copy(SAMPLES / "claude-settings.json", home / ".claude" / "settings.json")
    return world


def tree(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def configure_all(world: World, server: Server) -> list[work.Outcome]:
    return [
        outcome
        for name in work.found(world)
        for outcome in work.configure(name, world=world, server=server, permissions=True)
    ]


def test_every_client_is_configured_once_and_left_byte_for_byte(
    world: World, server: Server
) -> None:
    before = tree(world.home)
    assert set(work.found(world)) == set(work.names())
    first = configure_all(world, server)
    assert {outcome.action for outcome in first} == {Action.ADDED, Action.UPDATED}
    for client in CLIENTS:
        (place, *_) = client.found(world)
        entry = work.FORMATS[client.format].get(
            Path(place.path).read_text(), (*client.at, "ptyjobs")
        )
        assert clients.is_ours(entry), client.name
        assert clients.program_of(entry) == server.command, client.name
    assert {outcome.action for outcome in configure_all(world, server)} == {Action.UNCHANGED}
    states = work.standings(world=world, server=server)
    assert {one.state for one in states} == {State.READY}
    for name in work.found(world):
        for outcome in work.remove(name, world=world):
            assert outcome.action is Action.REMOVED, outcome
    assert tree(world.home) == before


def test_a_dry_run_changes_nothing(world: World, server: Server) -> None:
    before = tree(world.home)
    for name in work.found(world):
        (outcome, *_) = work.configure(name, world=world, server=server, dry_run=True)
        assert outcome.action is Action.ADDED
    assert tree(world.home) == before


def test_what_the_user_changed_meanwhile_stays(world: World, server: Server) -> None:
    work.configure("gemini", world=world, server=server)
    path = Path(world.dot(".gemini", "settings.json"))
    edited = path.read_text().replace('"vimMode": true', '"vimMode": false')
    path.write_text(edited)
    work.remove("gemini", world=world)
    original = (SAMPLES / "gemini.json").read_text()
    assert path.read_text() == original.replace('"vimMode": true', '"vimMode": false')


def test_the_users_own_keys_of_our_entry_stay(world: World, server: Server) -> None:
    path = Path(world.dot(".cursor", "mcp.json"))
    entry = {"command": "ptyjobs", "env": {"PTYJOBS_ROWS": "50"}}
    path.write_text(json.dumps({"mcpServers": {"ptyjobs": entry}}))
    (standing,) = [s for s in work.standings(world=world, server=server) if s.client == "cursor"]
    assert standing.state is State.OTHER
    (outcome,) = work.configure("cursor", world=world, server=server)
    assert outcome.action is Action.UPDATED
    assert jsonc.get(path.read_text(), ("mcpServers", "ptyjobs")) == {
        "command": server.command,
        "env": {"PTYJOBS_ROWS": "50"},
        "args": [],
    }


def test_a_name_that_another_server_has_is_left_alone(world: World, server: Server) -> None:
    path = Path(world.dot(".cursor", "mcp.json"))
    text = '{"mcpServers": {"ptyjobs": {"command": "other"}}}'
    path.write_text(text)
    (outcome,) = work.configure("cursor", world=world, server=server)
    assert outcome.action is Action.FAILED
    assert "--name" in outcome.words
    assert path.read_text() == text
    (outcome,) = work.configure("cursor", world=world, server=server, entry_name="pty")
    assert outcome.action is Action.ADDED


def test_a_broken_file_is_left_alone_with_its_line(world: World, server: Server) -> None:
    path = Path(world.dot(".cursor", "mcp.json"))
    path.write_text('{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}\n')
    before = tree(world.home)
    (outcome,) = work.configure("cursor", world=world, server=server)
    assert outcome.action is Action.FAILED
    assert "line 4" in outcome.words
    assert tree(world.home) == before
    (standing,) = [s for s in work.standings(world=world, server=server) if s.client == "cursor"]
    assert standing.state is State.BROKEN
    assert "line 4" in standing.words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_told(world: World, server: Server) -> None:
    folder = Path(world.dot(".cursor"))
    folder.chmod(0o500)
    try:
        (outcome,) = work.configure("cursor", world=world, server=server)
    finally:
        folder.chmod(0o700)
    assert outcome.action is Action.FAILED
    assert "Permission denied" in outcome.words


def test_a_file_system_that_cannot_be_written_is_told(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system", path)

    monkeypatch.setattr(files.os, "open", refuse)
    (outcome,) = work.configure("cursor", world=world, server=server)
    assert outcome.action is Action.FAILED
    assert outcome.words.startswith("Read-only file system: ")


def rewritten_during(path: Path, times: int) -> Callable[[bytes | None], bytes]:
    """An edit during which the client writes its file the given number of times."""
    left = [times]

    def edit(before: bytes | None) -> bytes:
        if left[0]:
            left[0] -= 1
            path.write_bytes((before or b"") + b"x")
        return (before or b"") + b"!"

    return edit


def test_a_client_that_writes_meanwhile_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a")
    assert files.change(str(path), rewritten_during(path, 2), backup=False)
    assert path.read_bytes() == b"axx!"
    with pytest.raises(Refused, match="being written"):
        files.change(str(path), rewritten_during(path, 1000), backup=False)
    assert path.read_bytes().startswith(b"axx!x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_text("{}")
    real.chmod(0o640)
    link = tmp_path / "mcp.json"
    link.symlink_to(real)
    assert files.change(str(link), lambda _: b"{ }")
    assert link.is_symlink()
    assert real.read_bytes() == b"{ }"
    assert real.stat().st_mode & 0o777 == 0o640
    assert files.backup_of(str(link)) == b"{}"


def test_wsl_writes_the_files_of_windows(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "mnt/c/Users/me/AppData/Roaming/Claude"
    folder.mkdir(parents=True)
    (tmp_path / "mnt/c/Users/Public").mkdir()
    world = World(
        str(tmp_path / "home"),
        {"WSL_DISTRO_NAME": "Debian", "PATH": "/nowhere"},
        drives=str(tmp_path / "mnt"),
    )
    assert work.found(world) == ("claude-desktop",)
    work.configure("claude-desktop", world=world, server=server)
    text = (folder / "claude_desktop_config.json").read_text()
    assert jsonc.get(text, ("mcpServers", "ptyjobs")) == {
        "command": "wsl.exe",
        "args": ["-d", "Debian", "--", server.command],
    }
    (standing,) = work.standings(world=world, server=server)
    assert standing.state is State.READY


def test_macos_has_its_own_folder() -> None:
    world = World("/Users/me", platform="darwin")
    desktop = next(client for client in CLIENTS if client.name == "claude-desktop")
    assert desktop.files(world)[0].path == (
        "/Users/me/Library/Application Support/Claude/claude_desktop_config.json"
    )


def test_the_plugin_folder_of_somebody_else_stays(world: World, server: Server) -> None:
    skill = Path(plugin.folder(world)) / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("mine")
    for outcomes in (
        work.configure("claude-code", world=world, server=server),
        work.remove("claude-code", world=world),
    ):
        assert outcomes[0].action is Action.FAILED
        assert "left unchanged" in outcomes[0].words
    assert skill.read_text() == "mine"


def test_an_older_plugin_and_a_second_registration_are_seen(world: World, server: Server) -> None:
    work.configure("claude-code", world=world, server=Server("/gone/ptyjobs"))
    Path(world.dot(".claude.json")).write_text('{"mcpServers": {"pj": {"command": "ptyjobs"}}}')
    (standing,) = [
        s for s in work.standings(world=world, server=server) if s.client == "claude-code"
    ]
    assert (standing.state, standing.words) == (State.MISSING, "/gone/ptyjobs")
    (outcome,) = work.configure("claude-code", world=world, server=server)
    assert outcome.action is Action.UPDATED
    assert outcome.words == "it is registered twice: claude mcp remove --scope user pj"


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    assert main.main(["setup", "crusor"]) == 2
    assert "Did you mean cursor?" in capsys.readouterr().err
    assert main.main(["setup", "cursor", "claude-code", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "cursor          added (dry run) ~/.cursor/mcp.json" in printed
    assert not (tmp_path / ".cursor").exists()
    assert main.main(["setup", "cursor", "--run", "uvx", "--json"]) == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert (outcome["client"], outcome["action"]) == ("cursor", "added")
    entry = json.loads((tmp_path / ".cursor" / "mcp.json").read_text())
    assert entry == {"mcpServers": {"ptyjobs": {"command": "uvx", "args": ["ptyjobs"]}}}
    assert main.main(["setup", "--remove", "cursor"]) == 0
    assert not (tmp_path / ".cursor" / "mcp.json").exists()
