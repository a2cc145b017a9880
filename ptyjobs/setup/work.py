"""Configure or restore one client, and describe the result.

Owns the steps: read, decide, change, and the exact removal. Never prints.

Removal: the original file from before the first setup is kept as a backup. If the file is still the
output of setup for that original, removal restores it byte for byte; if it has changed since, only
our entry is removed.
"""

from __future__ import annotations

import enum
import os

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.errors import PtyJobsError
from ptyjobs.setup import clients, files, jsonc, plugin, rules, toml_text, yaml_text
from ptyjobs.setup.jsonc import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ptyjobs.setup.clients import Client, Place, Server, World

CLAUDE_CODE = "claude-code"
FORMATS: dict[str, Any] = {"json": jsonc, "toml": toml_text, "yaml": yaml_text}


class State(enum.StrEnum):
    """State of a client relative to this installation."""

    ABSENT = "not configured"
    READY = "configured"
    OTHER = "configured for another installation"
    TAKEN = "the name is taken"
    BROKEN = "its file is broken"
    MISSING = "its command is missing"


class Action(enum.StrEnum):
    """Action that was taken, or with a dry run would be."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the result: a client, its file, the action and remarks."""

    client: str
    path: str
    action: Action
    words: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """State of one file as reported by `doctor`."""

    client: str
    path: str
    state: State
    words: str = ""


def names() -> tuple[str, ...]:
    """Names of all clients."""
    return (CLAUDE_CODE, *(client.name for client in clients.CLIENTS))


def found(world: World) -> tuple[str, ...]:
    """Names of the installed clients."""
    here = [client.name for client in clients.CLIENTS if client.found(world)]
    return ((CLAUDE_CODE,) if plugin.found(world) else ()) + tuple(here)


def chosen(name: str, *, world: World) -> tuple[Client | None, list[Place]]:
    """A client of the table and its files on this machine; None for Claude Code."""
    client = next((one for one in clients.CLIENTS if one.name == name), None)
    if client is None:
        return None, []
    return client, client.found(world) or client.files(world)[:1]


def configure(
    name: str,
    *,
    world: World,
    server: Server,
    entry_name: str = "ptyjobs",
    permissions: bool = False,
    dry_run: bool = False,
) -> list[Outcome]:
    """Configure one client; errors in its files are returned as outcomes, never raised."""
    client, places = chosen(name, world=world)
    if client is None:
        outcomes = [_guarded(name, plugin.folder(world), lambda: _install(world, server, dry_run))]
        if permissions:
            path = os.path.join(plugin.config(world), "settings.json")
            outcomes.append(_guarded(name, path, lambda: _allow(path, dry_run=dry_run)))
        return outcomes

    def one(place: Place) -> Outcome:
        started = clients.for_place(server, place, world=world)
        return _guarded(
            name, place.path, lambda: _put(client, place, started, entry_name, dry_run=dry_run)
        )

    return [one(place) for place in places]


def remove(
    name: str, *, world: World, entry_name: str = "ptyjobs", dry_run: bool = False
) -> list[Outcome]:
    """Undo the setup of one client."""
    client, places = chosen(name, world=world)
    if client is None:
        path = os.path.join(plugin.config(world), "settings.json")
        return [
            _guarded(name, plugin.folder(world), lambda: _uninstall(world, dry_run)),
            *(
                [_guarded(name, path, lambda: _disallow(path, dry_run=dry_run))]
                if os.path.exists(path)
                else []
            ),
        ]

    def one(place: Place) -> Outcome:
        return _guarded(name, place.path, lambda: _drop(client, place, entry_name, dry_run=dry_run))

    return [one(place) for place in places]


def _guarded(name: str, path: str, step: Callable[[], tuple[Action, str]]) -> Outcome:
    """Run one step; an error in a file becomes an outcome, so that the other clients continue."""
    try:
        action, words = step()
    except Broken as broken:
        return Outcome(name, path, Action.FAILED, f"{broken}; the file was left unchanged")
    except PtyJobsError as error:
        return Outcome(name, path, Action.FAILED, str(error))
    except OSError as error:
        return Outcome(name, path, Action.FAILED, f"{error.strerror}: {error.filename or path}")
    return Outcome(name, path, action, words)


# -- one entry of one file


def _put(
    client: Client, place: Place, server: Server, name: str, *, dry_run: bool
) -> tuple[Action, str]:
    text_format = FORMATS[client.format]
    path = (*client.at, name)
    entry = client.entry(server)
    words: list[str] = []

    def edit(before: bytes | None) -> bytes:
        text = files.decoded(before or b"", path=place.path)
        present = text_format.get(text, path)
        if present is not None and not clients.is_ours(present):
            raise _taken(name)
        merged = {**present, **entry} if isinstance(present, dict) else entry
        words[:] = ["updated"] if present is not None else ["added"]
        if present == merged:
            return before or b""
        return str(text_format.put(text, path, merged)).encode()

    changed = _change(place.path, edit, dry_run=dry_run)
    return (Action(words[0]) if changed else Action.UNCHANGED), client.note


def _taken(name: str) -> PtyJobsError:
    return PtyJobsError(
        f"another server is named {name!r} there; it was left unchanged.",
        advice="Choose another name: ptyjobs setup --name NAME",
    )


def _change(path: str, edit: Callable[[bytes | None], bytes | None], *, dry_run: bool) -> bool:
    if dry_run:
        before = files.read(path)
        return edit(before) != before
    return files.change(path, edit)


def _drop(client: Client, place: Place, name: str, *, dry_run: bool) -> tuple[Action, str]:
    text_format = FORMATS[client.format]
    path = (*client.at, name)
    original = files.backup_of(place.path)

    def edit(before: bytes | None) -> bytes | None:
        if before is None:
            return None
        text = files.decoded(before, path=place.path)
        present = text_format.get(text, path)
        if present is None:
            return before
        if not clients.is_ours(present):
            raise _taken(name)
        return _restored(
            original,
            before,
            again=lambda old: text_format.put(old, path, present),
            without=lambda: _without(text_format, text, path, original),
        )

    changed = _change(place.path, edit, dry_run=dry_run)
    if not dry_run:
        files.forget_backup(place.path)
    return (Action.REMOVED if changed else Action.UNCHANGED), ""


def _restored(
    original: bytes | None,
    before: bytes,
    *,
    again: Callable[[str], str],
    without: Callable[[], str],
) -> bytes | None:
    """Original file from before the first setup, if nothing else has changed since."""
    try:
        if again((original or b"").decode()).encode() == before:
            return original
    except (Broken, UnicodeDecodeError):  # the backup is damaged: remove only the entry
        pass
    return without().encode()


def _without(text_format: Any, text: str, path: Sequence[str], original: bytes | None) -> str:
    """`text` without the entry, and without the tables above it that setup created."""
    text = text_format.drop(text, path)
    if text_format is not jsonc or original is None:
        return str(text)
    for depth in range(len(path) - 1, 0, -1):
        above = path[:depth]
        if jsonc.get(text, above) == {} and jsonc.get(original.decode(), above) is None:
            text = jsonc.drop(text, above)
    return str(text)


# -- the plugin of Claude Code


def _install(world: World, server: Server, dry_run: bool) -> tuple[Action, str]:
    target = plugin.folder(world)
    plugin.check_ours(target)
    present = plugin.contents(target)
    if present == plugin.wanted(server):
        return Action.UNCHANGED, _doubled(world)
    if not dry_run:
        plugin.install(world, server)
    note = "plugin; restart Claude Code"
    return (Action.UPDATED if present else Action.ADDED), _doubled(world) or note


def _uninstall(world: World, dry_run: bool) -> tuple[Action, str]:
    target = plugin.folder(world)
    plugin.check_ours(target)
    if not os.path.lexists(target):
        return Action.UNCHANGED, ""
    if not dry_run:
        plugin.remove(world)
    return Action.REMOVED, ""


def _doubled(world: World) -> str:
    """Advice for a server that was also registered manually; empty without one."""
    path = os.path.join(os.path.dirname(plugin.config(world)), ".claude.json")
    if "CLAUDE_CONFIG_DIR" in world.environ:
        path = os.path.join(plugin.config(world), ".claude.json")
    try:
        servers = jsonc.get((files.read(path) or b"").decode(), ("mcpServers",))
    except (OSError, UnicodeDecodeError, Broken):  # Claude Code itself reports it
        return ""
    for name, entry in servers.items() if isinstance(servers, dict) else ():
        if clients.is_ours(entry):
            return f"it is registered twice: claude mcp remove --scope user {name}"
    return ""


def _allow(path: str, *, dry_run: bool) -> tuple[Action, str]:
    def edit(before: bytes | None) -> bytes:
        text = files.decoded(before or b"", path=path)
        return jsonc.extend(text, ("permissions", "allow"), plugin.PERMISSIONS).encode()

    changed = _change(path, edit, dry_run=dry_run)
    return (Action.UPDATED if changed else Action.UNCHANGED), "reading tools allowed"


def _disallow(path: str, *, dry_run: bool) -> tuple[Action, str]:
    keys = ("permissions", "allow")
    original = files.backup_of(path)

    def edit(before: bytes | None) -> bytes | None:
        text = files.decoded(before or b"", path=path)
        present = jsonc.get(text, keys)
        mine = [rule for rule in plugin.PERMISSIONS if rule in (present or ())]
        if before is None or not mine:
            return before
        return _restored(
            original,
            before,
            again=lambda old: jsonc.extend(old, keys, plugin.PERMISSIONS),
            without=lambda: jsonc.withdraw(text, keys, mine),
        )

    changed = _change(path, edit, dry_run=dry_run)
    if not dry_run:
        files.forget_backup(path)
    return (Action.REMOVED if changed else Action.UNCHANGED), ""


def import_rules(world: World, *, dry_run: bool = False) -> Outcome:
    """Import the Bash rules of Claude Code's user settings into our configuration."""
    source = os.path.join(plugin.config(world), "settings.json")
    target = world.environ.get("PTYJOBS_CONFIG") or world.xdg("ptyjobs", "config.toml")

    def step() -> tuple[Action, str]:
        found = rules.of_settings(files.decoded(files.read(source) or b"", path=source))

        def edit(before: bytes | None) -> bytes | None:
            text = files.decoded(before or b"", path=target)
            changed = rules.merged(text, found).encode()
            return before if changed == (before or b"") else changed

        changed = _change(target, edit, dry_run=dry_run)
        words = ", ".join(f"{len(found[name])} {name}" for name in found) or "no rules for Bash"
        return (Action.UPDATED if changed else Action.UNCHANGED), words

    return _guarded("rules", target, step)


# -- states for doctor


def standings(*, world: World, server: Server, entry_name: str = "ptyjobs") -> list[Standing]:
    """State of every installed client relative to this installation."""
    found_here = []
    if plugin.found(world):
        found_here.append(_plugin_standing(world, server))
    for client in clients.CLIENTS:
        for place in client.found(world):
            state, words = _standing(client, place, world=world, server=server, name=entry_name)
            found_here.append(Standing(client.name, place.path, state, words))
    return found_here


def _plugin_standing(world: World, server: Server) -> Standing:
    target = plugin.folder(world)
    present = plugin.contents(target)
    program = present.get(plugin.INSTALLED, b"").decode(errors="replace").strip()
    state, words = State.OTHER, program
    if not present:
        state, words = State.ABSENT, ""
    elif present == plugin.wanted(server):
        state, words = State.READY, _doubled(world)
    elif program and not os.access(program, os.X_OK):
        state, words = State.MISSING, program
    return Standing(CLAUDE_CODE, target, state, words)


def _standing(
    client: Client, place: Place, *, world: World, server: Server, name: str
) -> tuple[State, str]:
    try:
        text = (files.read(place.path) or b"").decode()
        present = FORMATS[client.format].get(text, (*client.at, name))
    except Broken as broken:
        return State.BROKEN, str(broken)
    except UnicodeDecodeError:
        return State.BROKEN, "not UTF-8"
    except OSError as error:
        return State.BROKEN, error.strerror or ""
    if present is None:
        return State.ABSENT, ""
    if not clients.is_ours(present):
        return State.TAKEN, ""
    program = clients.program_of(present)
    if program and not os.access(program, os.X_OK):
        return State.MISSING, program
    wanted = client.entry(clients.for_place(server, place, world=world))
    same = all(present.get(key) == value for key, value in wanted.items() if key != "envs")
    return (State.READY, "") if same else (State.OTHER, program)
