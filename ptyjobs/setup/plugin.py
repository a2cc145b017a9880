"""Install the plugin folder that Claude Code loads from ~/.claude/skills.

Owns the copy of `ptyjobs/plugin` there, the file in it that names this installation, and its
removal. Claude Code loads a folder in `skills/` that has a plugin manifest as a separate plugin
(tested with 2.1.332), so no file of the user changes. Never changes a folder that is not this
plugin.
"""

from __future__ import annotations

import json
import os
import shutil

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import Refused

if TYPE_CHECKING:
    from ptyjobs.setup.clients import Server, World

NAME = "ptyjobs"
INSTALLED = "scripts/installed"  # absolute path of the command that the plugin starts first
READ_ONLY = ("wait", "tail", "output", "status", "list")
PERMISSIONS = tuple(f"mcp__plugin_{NAME}_{NAME}__{tool}" for tool in READ_ONLY)
"""Claude Code's names of the tools that only read; `setup --permissions` allows them."""


def source() -> str:
    """Plugin folder of this installation."""
    return os.path.join(os.path.dirname(os.path.dirname(__file__)), "plugin")


def folder(world: World) -> str:
    """Path at which Claude Code finds the plugin."""
    return os.path.join(config(world), "skills", NAME)


def config(world: World) -> str:
    """Configuration folder of Claude Code."""
    return world.environ.get("CLAUDE_CONFIG_DIR") or world.dot(".claude")


def found(world: World) -> bool:
    """True if Claude Code is installed, or has ever run."""
    return os.path.isdir(config(world)) or world.program("claude")


def wanted(server: Server) -> dict[str, bytes]:
    """Expected contents of every file in the folder."""
    files = contents(source())
    if server.command.startswith("/") and not server.args:
        files[INSTALLED] = f"{server.command}\n".encode()
    return files


def contents(path: str) -> dict[str, bytes]:
    """Relative path → bytes of every file below `path`; empty if the folder does not exist."""
    files = {}
    for base, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for name in names:
            full = os.path.join(base, name)
            with open(full, "rb") as file:
                files[os.path.relpath(full, path)] = file.read()
    return files


def install(world: World, server: Server) -> None:
    """Replace the folder by the current plugin. Raises Refused if it is not this plugin."""
    target = folder(world)
    check_ours(target)
    temporary = f"{target}.{os.getpid()}.ptyjobs"
    try:
        for name, data in wanted(server).items():
            path = os.path.join(temporary, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, 0o755 if name.endswith(".sh") else 0o644)
        if os.path.lexists(target):
            _remove(target)
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove(world: World) -> None:
    """Remove the folder. Raises Refused if it is not this plugin."""
    target = folder(world)
    check_ours(target)
    if os.path.lexists(target):
        _remove(target)
    above = os.path.dirname(target)
    if os.path.isdir(above) and not os.listdir(above):
        os.rmdir(above)


def _remove(target: str) -> None:
    if os.path.islink(target):
        os.unlink(target)
    else:
        shutil.rmtree(target)


def check_ours(target: str) -> None:
    """Raise Refused unless `target` is absent or this plugin."""
    if not os.path.lexists(target):
        return
    try:
        with open(os.path.join(target, ".claude-plugin", "plugin.json"), encoding="utf-8") as file:
            name = json.load(file).get("name")
    except (OSError, ValueError, AttributeError):
        name = None
    if name != NAME:
        raise Refused(
            f"{target} is not the ptyjobs plugin; it was left unchanged.",
            advice="Move it away and run setup again.",
        )
