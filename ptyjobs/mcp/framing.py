"""JSON-RPC framing: encode and decode one line, and answer malformed lines.

Owns the error responses to malformed lines. Never does I/O. The SDK drops such lines silently, and
its serialiser raises on a lone surrogate, which ends the whole server; here every request is
answered under its own id if the id is readable, and lone surrogates become U+FFFD in both
directions.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ptyjobs.text.sanitize import scrub

if TYPE_CHECKING:
    from mcp_types import RequestId

PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # as in JSON-RPC 2.0

_ID = re.compile(rb'"id"\s*:\s*(?:(-?\d{1,15})|"([\w-]{1,64})")\s*[,}]')


def encode(message: Any) -> bytes:
    """Encode the SDK's form of a message as one line; never fails on a lone surrogate."""
    from pydantic_core import PydanticSerializationError

    try:
        text: str = message.model_dump_json(by_alias=True, exclude_unset=True)
        return text.encode() + b"\n"
    except (PydanticSerializationError, UnicodeEncodeError):
        plain = message.model_dump(mode="python", by_alias=True, exclude_unset=True)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return scrub(text).encode() + b"\n"


def error_line(request_id: RequestId | None, code: int, message: str) -> bytes:
    """Encode a JSON-RPC error as one line."""
    body = {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}
    return json.dumps(body).encode() + b"\n"


def decode(line: bytes) -> tuple[Any | None, list[bytes]]:
    """Decode a line to the SDK's form of it, or to None and the error lines that answer it.

    Batches are refused (the protocol dropped them), with one error per request in the batch.
    """
    from mcp_types import JSONRPCNotification, jsonrpc_message_adapter
    from pydantic import ValidationError

    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return _decode_odd(line)
    if isinstance(message, JSONRPCNotification) and b'"id"' in line:
        return _decode_odd(line)  # with an invalid id it would pass as a notification
    return message, []


def _decode_odd(line: bytes) -> tuple[Any | None, list[bytes]]:
    from mcp_types import jsonrpc_message_adapter
    from pydantic import ValidationError

    try:
        value = _repaired(json.loads(line.decode("utf-8", "replace")))
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return None, [error_line(_guess_id(line), PARSE_ERROR, f"Parse error: {reason}")]
    if isinstance(value, list):
        ids: list[RequestId | None] = [
            found for item in value if (found := _readable_id(item)) is not None
        ]
        text = "Invalid request: batches are not supported; send one message per line"
        return None, [error_line(found, INVALID_REQUEST, text) for found in ids or [None]]
    fault = _fault(value)
    if fault:
        return None, _refusal(value, fault)
    try:
        return jsonrpc_message_adapter.validate_python(value, by_name=False), []
    except ValidationError:
        return None, _refusal(value, "not a JSON-RPC 2.0 message")


def _refusal(value: Any, fault: str) -> list[bytes]:
    if _is_answer(value):
        return []  # a malformed response is no request: never answer it
    return [error_line(_readable_id(value), INVALID_REQUEST, f"Invalid request: {fault}")]


def _repaired(value: Any) -> Any:
    """The parsed value with lone surrogates replaced in every string."""
    return json.loads(scrub(json.dumps(value, ensure_ascii=False)))


def _is_answer(value: Any) -> bool:
    if not isinstance(value, dict) or "method" in value:
        return False
    return "result" in value or "error" in value


def _fault(value: Any) -> str:
    """Describe the fault of a parsed message in a phrase; empty if the repair made it valid."""
    if not isinstance(value, dict):
        return "a message is a JSON object"
    if value.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "id" in value and _readable_id(value) is None:
        return "id must be a string or a whole number"
    if "method" not in value:
        return "" if _is_answer(value) else "method is missing"
    if not isinstance(value["method"], str):
        return "method must be a string"
    if not isinstance(value.get("params", {}), dict):
        return "params must be an object"
    return ""


def _guess_id(line: bytes) -> RequestId | None:
    """The unambiguous request id in a line that is not JSON, because its sender is waiting."""
    found = _ID.findall(line)
    if len(found) != 1 or line.count(b'"id"') != 1:
        return None
    number, text = found[0]
    return int(number) if number else str(text, "ascii")


def _readable_id(value: Any) -> RequestId | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, (str, int)) and not isinstance(found, bool) else None
