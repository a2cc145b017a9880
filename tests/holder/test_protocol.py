"""The holder's socket: frames split at any byte, and a peer that reads only a part."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs import protocol
from ptyjobs.holder.peers import Peer
from ptyjobs.protocol import Data

MESSAGES = st.lists(
    st.one_of(
        st.builds(Data, st.integers(0, 2**64 - 1), st.binary(max_size=40)),
        st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
    ),
    max_size=6,
)


@given(messages=MESSAGES, data=st.data())
def test_any_cut_of_the_bytes_gives_the_same_messages(
    messages: list[protocol.Message], data: st.DataObject
) -> None:
    stream = b"".join(map(protocol.encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder, seen = protocol.Decoder(), []
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen.extend(decoder.feed(stream[first:last]))
    assert seen == messages


@pytest.mark.parametrize(
    "frame",
    [
        protocol.HEADER.pack(protocol.MAX_FRAME + 1, protocol.DATA),
        protocol.HEADER.pack(1, ord("?")) + b"x",
        protocol.HEADER.pack(2, protocol.JSON) + b"[]",
        protocol.HEADER.pack(50_000, protocol.JSON) + b"[" * 50_000,
        protocol.HEADER.pack(3, protocol.DATA) + b"abc",
    ],
)
def test_what_is_no_frame_ends_the_connection(frame: bytes) -> None:
    with pytest.raises(protocol.BrokenFrame):
        list(protocol.Decoder().feed(frame))


def test_what_a_peer_does_not_take_at_once_follows_in_order() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        peer = Peer(ours, 1)
        sent = [Data(n, bytes([n]) * 50_000) for n in range(20)]
        for message in sent:
            peer.send(message)
        assert peer.wants_write
        assert 0 < peer.queued < 20 * 50_013
        decoder, seen = protocol.Decoder(), []
        while len(seen) < len(sent):
            seen.extend(decoder.feed(theirs.recv(64 << 10)))
            peer.flush()
        assert seen == sent
        assert not peer.wants_write
        assert peer.queued == 0
        peer.close()


def test_a_peer_that_has_gone_is_closed_by_the_next_message() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    peer = Peer(ours, 1)
    peer.send({"event": "news"})
    assert peer.closed
    assert not peer.wants_write
    peer.close()
