"""Results in the exact form in which the SDK sends them, without the SDK.

Owns which fields of a result each protocol era has, and their order. Never decides what a result
says. The SDK validates a handler's result against a model for the era and dumps that: unknown
fields are dropped, the others come in the order of the model. This module has the same order as a
table, for the results that our handlers produce; tests compare its bytes with the SDK's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ptyjobs.text.sanitize import scrub

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with `initialize`."""
STATELESS = "2026-07-28"
"""The revision without a session: every request carries the client's facts."""
META = "io.modelcontextprotocol/"
"""Prefix of the protocol's own keys in `_meta`."""
TASKS = f"{META}tasks"
"""The extension that `tasks` serves."""

_NEW = frozenset({"resultType", "cacheScope", "ttlMs"})  # fields of STATELESS alone
_RESULTS: dict[str, tuple[str, ...]] = {
    "tools/call": ("_meta", "content", "isError", "resultType", "structuredContent"),
    "tools/list": ("_meta", "cacheScope", "resultType", "tools", "ttlMs"),
    "prompts/list": ("_meta", "cacheScope", "prompts", "resultType", "ttlMs"),
    "resources/list": ("_meta", "cacheScope", "resources", "resultType", "ttlMs"),
    "resources/templates/list": (
        "_meta", "cacheScope", "resourceTemplates", "resultType", "ttlMs",
    ),
    "server/discover": (
        "_meta", "cacheScope", "capabilities", "instructions", "resultType", "supportedVersions",
        "ttlMs",
    ),
    "initialize": ("capabilities", "instructions", "protocolVersion", "serverInfo"),
    "ping": (),
}  # fmt: skip
_ITEMS: dict[str, tuple[str, ...]] = {
    "tools": (
        "_meta", "annotations", "description", "inputSchema", "name", "outputSchema", "title",
    ),
    "prompts": ("arguments", "description", "name", "title"),
    "resources": ("description", "mimeType", "name", "uri"),
    "resourceTemplates": ("description", "mimeType", "name", "uriTemplate"),
    "content": ("data", "mimeType", "text", "type"),
    "arguments": ("description", "name", "required"),
    "annotations": ("destructiveHint", "idempotentHint", "readOnlyHint"),
    "serverInfo": ("name", "title", "version"),
    "capabilities": ("completions", "extensions", "prompts", "resources", "tools"),
}  # fmt: skip
_SCHEMA = ("properties", "required", "type")  # declared fields of a schema before STATELESS


def declares_tasks(ctx: Any) -> bool:
    """True if a request, as the SDK describes it, declares the tasks extension."""
    capabilities = ctx.session.client_capabilities if ctx is not None else None
    return TASKS in ((capabilities and capabilities.extensions) or {})


def shaped(
    method: str, result: Mapping[str, Any], *, stateless: bool, server: Mapping[str, Any]
) -> dict[str, Any]:
    """The result of a request in its era; `server`: the server's name, title and version."""
    names = [name for name in _RESULTS[method] if stateless or name not in _NEW]
    shape = {name: _item(name, value, stateless) for name, value in _chosen(result, names).items()}
    if stateless:
        shape["_meta"] = {**shape.get("_meta", {}), f"{META}serverInfo": dict(server)}
    return shape


def _chosen(value: Mapping[str, Any], names: list[str] | tuple[str, ...]) -> dict[str, Any]:
    return {name: value[name] for name in names if value.get(name) is not None}


def _item(name: str, value: Any, stateless: bool) -> Any:
    if name in ("inputSchema", "outputSchema"):
        return _schema(value, stateless)
    if name not in _ITEMS:
        return value
    if isinstance(value, list):
        return [_item(name, one, stateless) for one in value]
    names = [one for one in _ITEMS[name] if stateless or one != "extensions"]
    chosen = _chosen(value, names)
    if name == "capabilities":  # its members have the names of lists
        return chosen
    return {one: _item(one, found, stateless) for one, found in chosen.items()}


def _schema(value: Mapping[str, Any], stateless: bool) -> dict[str, Any]:
    first = _chosen(value, ("type",) if stateless else _SCHEMA)
    return {**first, **{name: one for name, one in value.items() if name not in first}}


def line(**message: Any) -> bytes:
    """A JSON-RPC message as one line, its fields in the order of the arguments."""
    text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return scrub(text).encode() + b"\n"
