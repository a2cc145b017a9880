"""A Messages API on the loopback interface whose answers come from a script.

Owns the HTTP server, the event stream of an answer and the record of the client's requests. Never
uses a network. A step is the model's next answer: a text, or the name and input of a tool.
Requests without tools (titles, summaries) are answered with one word and not recorded.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Use:
    """A tool that the model calls."""

    name: str
    input: dict[str, Any]


Step = str | Use


@dataclass
class ScriptedModel:
    """The script, its remaining steps, and every request that carried tools."""

    steps: list[Step]
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: dict[str, Any]) -> Step:
        if not request.get("tools"):
            return "ok"
        with self.lock:
            self.requests.append(request)
            return self.steps.pop(0) if self.steps else "done"

    def told(self) -> str:
        """All text of the last request to the model."""
        return json.dumps(self.requests[-1]["messages"], ensure_ascii=False)


@contextlib.contextmanager
def scripted_model(steps: Sequence[Step]) -> Iterator[ScriptedModel]:
    """Serve a script on a free port of 127.0.0.1."""
    model = ScriptedModel(list(steps))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            if "count_tokens" in self.path:
                self._send(b'{"input_tokens": 10}', "application/json")
                return
            step = model.answer(body)
            message = _message(step, body.get("model", "model"))
            if body.get("stream"):
                self._send(_stream(message), "text/event-stream")
            else:
                self._send(json.dumps(message).encode(), "application/json")

        def do_GET(self) -> None:
            self._send(b"{}", "application/json")

        do_HEAD = do_GET

        def _send(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _message(step: Step, name: str) -> dict[str, Any]:
    block: dict[str, Any]
    if isinstance(step, Use):
        block = {"type": "tool_use", "id": f"toolu_{id(step):x}"} | {
            "name": step.name,
            "input": step.input,
        }
    else:
        block = {"type": "text", "text": step}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": [block],
        "stop_reason": "tool_use" if isinstance(step, Use) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 10},
    }


def _stream(message: dict[str, Any]) -> bytes:
    (block,) = message["content"]
    if block["type"] == "text":
        start = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 10},
        },
        {"type": "message_stop"},
    ]
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )
