"""Location and format of each client's MCP server entries.

Owns the table of clients. One row per client: its files, the keys above the entry, the entry
itself, and the signs that the client is installed. Never reads or writes a file.

Sources: the clients' own documentation and sources, as of November 2026; the samples in
`tests/setup/samples` were taken from there. In WSL, files of Windows programs are under
/mnt/c/Users; these programs start ptyjobs through wsl.exe.
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import TYPE_CHECKING, dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


@dataclass(frozen=True, slots=True)
class Server:
    """Command by which a client starts ptyjobs."""

    command: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """The machine as seen by setup; tests construct their own."""

    home: str
    environ: Mapping[str, str] = field(default_factory=dict)
    platform: str = "linux"
    drives: str = "/mnt"  # mount point of the Windows drives in WSL

    def config(self, *parts: str) -> str:
        """Path below the user's configuration folder."""
        if self.platform == "darwin":
            return os.path.join(self.home, "Library", "Application Support", *parts)
        return os.path.join(self.xdg(), *parts)

    def xdg(self, *parts: str) -> str:
        """Path below $XDG_CONFIG_HOME, on macOS too."""
        base = self.environ.get("XDG_CONFIG_HOME") or os.path.join(self.home, ".config")
        return os.path.join(base, *parts)

    def dot(self, *parts: str) -> str:
        return os.path.join(self.home, *parts)

    def windows_homes(self) -> list[str]:
        """Home folders of Windows users that we may access in WSL; empty elsewhere."""
        if "WSL_DISTRO_NAME" not in self.environ:
            return []
        users = os.path.join(self.drives, "c", "Users")
        try:
            names = sorted(os.listdir(users))
        except OSError:  # the drive is not mounted
            return []
        homes = [os.path.join(users, name) for name in names]
        return [home for home in homes if os.access(os.path.join(home, "AppData"), os.W_OK)]

    def program(self, name: str) -> bool:
        """True if a program of that name is on PATH."""
        places = self.environ.get("PATH", os.defpath).split(os.pathsep)
        return any(os.access(os.path.join(place, name), os.X_OK) for place in places if place)


@dataclass(frozen=True, slots=True)
class Place:
    """One configuration file of a client; `windows`: the client runs on the Windows side."""

    path: str
    windows: bool = False


def _plain(server: Server) -> dict[str, Any]:
    return {"command": server.command, "args": list(server.args)}


def _stdio(server: Server) -> dict[str, Any]:
    return {"type": "stdio", **_plain(server)}


def _zed(server: Server) -> dict[str, Any]:
    return {"source": "custom", **_plain(server), "env": {}}


def _opencode(server: Server) -> dict[str, Any]:
    return {"type": "local", "command": [server.command, *server.args], "enabled": True}


def _copilot(server: Server) -> dict[str, Any]:
    return {"type": "local", **_plain(server), "tools": ["*"]}


def _goose(server: Server) -> dict[str, Any]:
    return {
        "name": "ptyjobs",
        "type": "stdio",
        "enabled": True,
        "cmd": server.command,
        "args": list(server.args),
        "envs": {},
        "timeout": 300,
    }


@dataclass(frozen=True, slots=True)
class Client:
    """One client: `at` are the keys above the entry, `files` its configuration files here.

    `marks`: folders that exist only if the client is installed; `programs`: its names on PATH.
    """

    name: str
    title: str
    files: Callable[[World], list[Place]]
    entry: Callable[[Server], dict[str, Any]] = _plain
    at: tuple[str, ...] = ("mcpServers",)
    format: str = "json"  # "json" | "toml" | "yaml"
    programs: tuple[str, ...] = ()
    note: str = ""  # limitation of setup, shown to the user

    def found(self, world: World) -> list[Place]:
        """Files to write: existing files, files in existing folders; all if it is on PATH."""
        places = self.files(world)
        present = [place for place in places if os.path.isdir(os.path.dirname(place.path))]
        if not present and any(world.program(name) for name in self.programs):
            present = places[:1]
        return present


def _windows(world: World, *parts: str) -> list[Place]:
    return [Place(os.path.join(home, *parts), windows=True) for home in world.windows_homes()]


def _roaming(world: World, *parts: str) -> list[Place]:
    return _windows(world, "AppData", "Roaming", *parts)


def _claude_desktop(world: World) -> list[Place]:
    parts = ("Claude", "claude_desktop_config.json")
    return [Place(world.config(*parts)), *_roaming(world, *parts)]


def _vscode(world: World) -> list[Place]:
    found = []
    for edition in ("Code", "Code - Insiders", "VSCodium"):
        parts = (edition, "User", "mcp.json")
        found += [Place(world.config(*parts)), *_roaming(world, *parts)]
    return found


def _cline(world: World) -> list[Place]:
    tail = ("User", "globalStorage", "saoudrizwan.claude-dev", "settings")
    parts = ("Code", *tail, "cline_mcp_settings.json")
    return [Place(world.config(*parts)), *_roaming(world, *parts)]


def _codex(world: World) -> list[Place]:
    folder = world.environ.get("CODEX_HOME") or world.dot(".codex")
    return [Place(os.path.join(folder, "config.toml"))]


def _opencode_file(world: World) -> list[Place]:
    names = ("opencode.jsonc", "opencode.json")
    paths = [world.xdg("opencode", name) for name in names]
    return [Place(next((path for path in paths if os.path.exists(path)), paths[1]))]


def _home(*parts: str) -> Callable[[World], list[Place]]:
    """A file below the home folder; in WSL, also below the Windows home folder."""

    def files(world: World) -> list[Place]:
        return [Place(world.dot(*parts)), *_windows(world, *parts)]

    return files


CLIENTS: tuple[Client, ...] = (
    Client("claude-desktop", "Claude Desktop", _claude_desktop),
    Client(
        "codex", "Codex", _codex, at=("mcp_servers",), format="toml", programs=("codex",)
    ),
    Client("cursor", "Cursor", _home(".cursor", "mcp.json"), programs=("cursor",)),
    Client(
        "vscode", "VS Code", _vscode, _stdio, at=("servers",), programs=("code", "codium")
    ),
    Client("gemini", "Gemini CLI", _home(".gemini", "settings.json"), programs=("gemini",)),
    Client("windsurf", "Windsurf", _home(".codeium", "windsurf", "mcp_config.json")),
    Client(
        "zed",
        "Zed",
        lambda world: [Place(world.xdg("zed", "settings.json"))],
        _zed,
        at=("context_servers",),
        programs=("zed", "zeditor"),
    ),
    Client(
        "goose",
        "Goose",
        lambda world: [Place(world.xdg("goose", "config.yaml"))],
        _goose,
        at=("extensions",),
        format="yaml",
        programs=("goose",),
    ),
    Client(
        "opencode", "opencode", _opencode_file, _opencode, at=("mcp",), programs=("opencode",)
    ),
    Client("cline", "Cline", _cline),
    Client(
        "continue",
        "Continue",
        lambda world: [Place(world.dot(".continue", "mcpServers", "ptyjobs.json"))]
        if os.path.isdir(world.dot(".continue"))
        else [],
        programs=("cn",),
    ),
    Client(
        "junie",
        "JetBrains Junie",
        _home(".junie", "mcp", "mcp.json"),
        programs=("junie",),
        note="AI Assistant has no file: Settings | Tools | AI Assistant | MCP, add the command.",
    ),
    Client(
        "copilot", "Copilot CLI", _home(".copilot", "mcp-config.json"), _copilot,
        programs=("copilot",),
    ),
    Client("kiro", "Kiro", _home(".kiro", "settings", "mcp.json"), programs=("kiro",)),
    Client("qwen", "Qwen Code", _home(".qwen", "settings.json"), programs=("qwen",)),
)  # fmt: skip
"""Every client but Claude Code, which gets the plugin (see `plugin`)."""


def for_place(server: Server, place: Place, *, world: World) -> Server:
    """Command by which this file's client starts ptyjobs: from Windows through wsl.exe."""
    if not place.windows:
        return server
    distribution = world.environ.get("WSL_DISTRO_NAME", "")
    return Server("wsl.exe", ("-d", distribution, "--", server.command, *server.args))


def is_ours(entry: Any) -> bool:
    """True if a configured server is ptyjobs, however it is started."""
    if not isinstance(entry, dict):
        return False
    words: list[str] = []
    for key in ("command", "cmd", "args"):
        value = entry.get(key, "")
        words += map(str, value if isinstance(value, list) else [value])
    return any(os.path.basename(word).partition("==")[0] == "ptyjobs" for word in words)


def program_of(entry: Any) -> str:
    """Absolute path that an entry starts; empty if PATH or another system decides."""
    command = entry.get("command", entry.get("cmd", "")) if isinstance(entry, dict) else ""
    word = str(command[0] if isinstance(command, list) and command else command)
    return word if word.startswith("/") else ""
