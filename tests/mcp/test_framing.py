"""Invalid messages are answered, each with its own error and id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import JSONRPCRequest, JSONRPCResponse

from ptyjobs.mcp.framing import decode, encode


def answers(line: bytes) -> list[dict[str, Any]]:
    message, lines = decode(line)
    assert message is None
    return [json.loads(answer) for answer in lines]


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"{", -32700, None),
        (b"garbage", -32700, None),
        (b"\xff\xfe\x00", -32700, None),
        (b"[" * 200_000, -32700, None),
        (b'{"jsonrpc":"2.0","id":31,"method":"ping"', -32700, 31),
        (b'{"jsonrpc":"2.0","id":31,"method":"ping",}', -32700, 31),
        (b'{"jsonrpc":"2.0","id":"a-1","method":ping}', -32700, "a-1"),
        (b"5", -32600, None),
        (b"null", -32600, None),
        (b"[]", -32600, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":"x"}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":7}', -32600, 7),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600, 7),
        (b'{"id":"x","method":"ping"}', -32600, "x"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, None),
    ],
)
def test_malformed_lines(line: bytes, code: int, request_id: object) -> None:
    (answer,) = answers(line)
    assert answer["error"]["code"] == code
    assert answer["id"] == request_id
    assert len(answer["error"]["message"]) < 200


def test_every_request_of_a_batch_is_refused_under_its_own_id() -> None:
    line = b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":"b","method":"x"},5]'
    assert [answer["id"] for answer in answers(line)] == [1, "b"]


def test_a_broken_answer_is_not_answered() -> None:
    assert answers(b'{"jsonrpc":"2.0","id":1,"result":5}') == []


def test_half_a_surrogate_pair_is_repaired_on_the_way_in() -> None:
    params = rb'{"a":"x\ud83dy","b":"\ud83d\ude00"}'
    line = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + params + b"}"
    message, lines = decode(line)
    assert lines == []
    assert isinstance(message, JSONRPCRequest)
    assert message.params == {"a": "x\ufffdy", "b": "\U0001f600"}


@given(st.text(st.characters(categories=["L", "Cs", "Cc", "Zl"])))
def test_any_text_can_be_sent(text: str) -> None:
    line = encode(JSONRPCResponse(jsonrpc="2.0", id=1, result={"text": text}))
    assert line.count(b"\n") == 1
    found = json.loads(line.decode())["result"]["text"]
    assert len(found) <= len(text)
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert found == text
    found.encode()


@given(st.binary(max_size=200))
def test_no_line_raises(line: bytes) -> None:
    message, lines = decode(line)
    assert message is None or lines == []
