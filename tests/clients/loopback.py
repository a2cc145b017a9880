"""A scripted model on the loopback interface that speaks the interfaces of OpenAI and Gemini.

Owns chat completions, responses and `streamGenerateContent`, whole or streamed, as far as agents
need them for one conversation. Never uses a network. A step is the model's next answer: a text, or
the shell command of a tool call; requests without tools (titles, summaries) are answered with one
word. Each answer waits for `think`.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass
class Command:
    """A tool call: the first of `tools` that the client offers, with the arguments made for it."""

    arguments: Callable[[str], Json]  # of the tool's name
    tools: tuple[str, ...]


@dataclass
class Loopback:
    """The script, and what the client asked."""

    steps: list[str | Command]
    tools: bool = True  # a request of the conversation has tools
    url: str = ""
    think: threading.Event = field(default_factory=threading.Event)
    working: threading.Event = field(default_factory=threading.Event)  # a turn has begun
    asked: list[str] = field(default_factory=list)  # requests of the conversation, as JSON

    def answer(self, body: Json) -> tuple[str, str, Json]:
        """A text and the name and arguments of a tool, one of them empty."""
        names = list(_tools(body))
        if self.tools and not names:
            return "ok", "", {}
        self.asked.append(json.dumps(body))
        self.working.set()
        self.think.wait(120)
        step = self.steps.pop(0) if self.steps else "done"
        if isinstance(step, str):
            return step, "", {}
        name = next(name for name in step.tools if name in names)
        return "", name, step.arguments(name)


def _call_id() -> str:
    """One that no other call of a conversation has."""
    return f"call_{next(_calls)}"


_calls = itertools.count(1)


def _tools(body: Json) -> Iterator[str]:
    for tool in body.get("tools") or ():
        for one in tool.get("functionDeclarations", (tool.get("function", tool),)):
            yield one.get("name", one.get("type", ""))


@contextmanager
def loopback(*steps: str | Command, tools: bool = True) -> Iterator[Loopback]:
    """Serve the script on a free port of 127.0.0.1."""
    model = Loopback(list(steps), tools=tools)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            body: Json = json.loads(data or b"{}")
            for part, shape in (
                ("/chat/completions", _completions), ("/responses", _responses),
                ("GenerateContent", _gemini), ("generateContent", _gemini),
            ):  # fmt: skip
                if part in self.path:
                    streamed = body.get("stream") or "streamGenerateContent" in self.path
                    return self._send(*shape(*model.answer(body), bool(streamed)))
            self._send(b"{}", "application/json")

        def do_GET(self) -> None:
            models = [{"id": "scripted", "object": "model"}]
            self._send(json.dumps({"data": models, "models": []}).encode(), "application/json")

        def _send(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield model
    finally:
        model.think.set()
        server.shutdown()
        server.server_close()


def _stream(events: list[Json], *, named: bool = False, done: bool = False) -> tuple[bytes, str]:
    head = [f"event: {event['type']}\n" if named else "" for event in events]
    text = "".join(
        f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(head, events, strict=True)
    )
    return (text + ("data: [DONE]\n\n" if done else "")).encode(), "text/event-stream"


def _completions(text: str, tool: str, arguments: Json, streamed: bool) -> tuple[bytes, str]:
    message: Json = {"role": "assistant", "content": text or None}
    if tool:
        function = {"name": tool, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": _call_id(), "type": "function", "function": function}
        message["tool_calls"] = [call]
    reason = "tool_calls" if tool else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    frame: Json = {"id": "c1", "created": 1, "model": "scripted", "usage": usage}
    if not streamed:
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {**frame, "object": "chat.completion", "choices": [choice]}
        return json.dumps(whole).encode(), "application/json"
    frame["object"] = "chat.completion.chunk"
    first = {"index": 0, "delta": message, "finish_reason": None}
    last: Json = {"index": 0, "delta": {}, "finish_reason": reason}
    return _stream([{**frame, "choices": [one]} for one in (first, last)], done=True)


def _responses(text: str, tool: str, arguments: Json, streamed: bool) -> tuple[bytes, str]:
    item: Json
    if tool:
        item = {"type": "function_call", "id": "fc_1", "call_id": _call_id(), "name": tool,
                "arguments": json.dumps(arguments), "status": "completed"}  # fmt: skip
    else:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": content}  # fmt: skip
    usage = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20,
             "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
    response = {"id": "resp_1", "object": "response", "status": "completed", "output": [item],
                "usage": usage, "model": "scripted"}  # fmt: skip
    if not streamed:
        return json.dumps(response).encode(), "application/json"
    begun = {**response, "status": "in_progress", "output": []}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return _stream(events, named=True)


def _gemini(text: str, tool: str, arguments: Json, streamed: bool) -> tuple[bytes, str]:
    part: Json = {"functionCall": {"name": tool, "args": arguments}} if tool else {"text": text}
    content = {"role": "model", "parts": [part]}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}
    answer = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
              "usageMetadata": usage, "modelVersion": "scripted"}  # fmt: skip
    if streamed:
        return _stream([answer])
    return json.dumps(answer).encode(), "application/json"
