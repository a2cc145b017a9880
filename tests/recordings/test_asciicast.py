"""asciicast: events -> file -> events (law 4), and exact errors for other files."""

from __future__ import annotations

import io
import itertools
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.errors import BadRecording
from ptyjobs.model import Size
from ptyjobs.recordings.asciicast import (
    CastReader,
    Event,
    Header,
    Skipped,
    Writer,
    output,
    resize,
    write,
)

TIMES = st.integers(0, 10**12).map(lambda n: n / 1_000_000)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
EVENTS = st.one_of(
    st.builds(Event, TIMES, st.sampled_from("oim"), TEXTS),
    st.builds(resize, TIMES, st.builds(Size, st.integers(1, 999), st.integers(1, 999))),
    st.builds(lambda t, n: Event(t, "x", str(n)), TIMES, st.integers(0, 255)),
)
HEADERS = st.builds(
    Header,
    size=st.builds(Size, st.integers(1, 999), st.integers(1, 999)),
    version=st.sampled_from([2, 3]),
    timestamp=st.integers(0, 2**33),
    title=TEXTS,
    command=TEXTS,
    idle_limit=st.one_of(st.none(), st.floats(0.5, 100)),
    env=st.dictionaries(st.sampled_from(["SHELL", "LANG"]), TEXTS),
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    theme=st.dictionaries(st.sampled_from(["fg", "bg"]), TEXTS),
    extra=st.dictionaries(st.sampled_from(["x-a", "duration"]), st.integers()),
)


@given(HEADERS, st.lists(EVENTS, max_size=20))
def test_events_to_file_to_events(header: Header, events: list[Event]) -> None:
    events.sort(key=lambda e: e.time)
    lines = list(write(header, events))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    reader = CastReader(lines)
    assert reader.header == header
    assert list(reader) == events
    assert reader.skipped == Skipped()


def test_the_term_type_travels_in_both_versions() -> None:
    for version in (2, 3):
        header = Header(version=version, term="xterm-256color")
        assert CastReader(write(header, [])).header.term == "xterm-256color"


def test_what_the_two_versions_look_like() -> None:
    events = [output(0.5, "a"), resize(1.25, Size(30, 100)), Event(1.25, "x", "3")]
    three = list(write(Header(size=Size(24, 80), term="xterm"), events))
    assert [json.loads(line) for line in three] == [
        {"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm"}},
        [0.5, "o", "a"],
        [0.75, "r", "100x30"],
        [0.0, "x", "3"],
    ]
    two = list(write(Header(size=Size(24, 80), version=2), events))
    assert [json.loads(line) for line in two] == [
        {"version": 2, "width": 80, "height": 24},
        [0.5, "o", "a"],
        [1.25, "r", "100x30"],
        [1.25, "x", "3"],
    ]


def test_intervals_do_not_drift() -> None:
    events = [output(n / 10, "x") for n in range(10_000)]
    assert list(CastReader(write(Header(), events)))[-1].time == 999.9


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_characters_cut_by_a_read_stay_whole(data: bytes, cuts: list[int]) -> None:
    writer = Writer(Header())
    bounds = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(bounds)]
    lines = writer.start() + "".join(writer.output_bytes(0.0, p) for p in pieces) + writer.finish()
    events = CastReader(io.StringIO(lines, newline="\n"))
    assert "".join(e.data for e in events) == data.decode(errors="replace")


def test_time_never_goes_back() -> None:
    events = [output(2.0, "a"), output(1.0, "b")]
    assert [e.time for e in CastReader(write(Header(), events))] == [2.0, 2.0]


def test_unknown_codes_are_skipped_and_counted() -> None:
    lines = [
        '{"version": 3, "term": {"cols": 80, "rows": 24}}\n',
        "# a comment\n",
        "\n",
        '[1, "o", "a"]\n',
        '[1, "z", {"any": 1}]\n',
        '[1, "z", "b"]\n',
        '[1, "o", "c"]\n',
    ]
    reader = CastReader(lines)
    assert list(reader) == [output(1.0, "a"), output(4.0, "c")]
    assert reader.skipped.unknown == {"z": 2}


def test_a_recording_cut_off_in_its_last_line_is_read_up_to_there() -> None:
    reader = CastReader(
        ['{"version": 2, "width": 80, "height": 24}\n', '[1, "o", "a"]\n', '[2, "o", "b']
    )
    assert list(reader) == [output(1.0, "a")]
    assert "line 3" in reader.skipped.truncated


def test_a_last_line_without_line_end_counts() -> None:
    reader = CastReader(['{"version": 2, "width": 80, "height": 24}\n', '[1, "o", "a"]'])
    assert list(reader) == [output(1.0, "a")]
    assert reader.skipped.truncated == ""


HEAD = '{"version": 3, "term": {"cols": 80, "rows": 24}}\n'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: expected an asciicast header"),
        (["hello\n"], "line 1: expected an asciicast header"),
        (["[1]\n"], "line 1: expected an asciicast header"),
        (['{"version": 1}\n'], 'line 1: expected "version": 2 or 3'),
        (['{"version": 2, "width": 80}\n'], 'line 1: expected "height" to be an integer from 1'),
        (['{"version": 2, "width": 1001, "height": 1}\n'], 'line 1: expected "width" to be an'),
        ([HEAD, '[1, "r", "9999x9999"]\n'], 'line 2: expected a size such as "120x40"'),
        ([HEAD, '[1e308, "o", "a"]\n'], "line 2: expected a time of 0 or more"),
        (['{"version": 3}\n'], 'line 1: expected "cols"'),
        (['{"version": 3, "term": {"cols": 0, "rows": 1}}\n'], 'line 1: expected "cols"'),
        ([HEAD, "nonsense\n"], "line 2: expected a JSON array"),
        ([HEAD, '[1, "o", "cut\n', '[1, "o", "a"]\n'], "line 2: expected a JSON array"),
        ([HEAD, '{"a": 1}\n'], "line 2: expected an array of time, code and data"),
        ([HEAD, "\n", '["x", "o", "a"]\n'], "line 3: expected a time in seconds"),
        ([HEAD, '[-1, "o", "a"]\n'], "line 2: expected a time of 0 or more"),
        ([HEAD, '[NaN, "o", "a"]\n'], "line 2: expected a time of 0 or more"),
        ([HEAD, '[1, 2, "a"]\n'], "line 2: expected an event code"),
        ([HEAD, '[1, "o", 5]\n'], "line 2: expected a string"),
        ([HEAD, '[1, "r", "wide"]\n'], "line 2: expected a size such as"),
    ],
)
def test_an_error_names_the_line_and_what_was_expected(lines: list[str], message: str) -> None:
    with pytest.raises(BadRecording, match=message):
        list(CastReader(lines))


def test_half_a_surrogate_pair_can_be_written_and_read() -> None:
    lines = list(write(Header(title="\ud83d"), [output(0.0, "a\udc00")]))
    "".join(lines).encode()
    assert list(CastReader([HEAD, '[0, "o", "a\\ud83d"]\n'])) == [output(0.0, "a\ufffd")]


def test_a_written_line_holds_no_control_character_and_no_other_line_end() -> None:
    """A terminal obeys U+009B, and `str.splitlines` ends a line at U+0085."""
    every = "".join(map(chr, [*range(0x100), 0x2028, 0x2029]))
    lines = list(write(Header(title=every, command=every), [output(0.0, every)]))
    assert all(line.splitlines() == [line[:-1]] for line in lines)
    assert not [char for line in lines for char in line[:-1] if unicodedata.category(char) == "Cc"]
    reader = CastReader(lines)
    assert list(reader) == [output(0.0, every)]
    assert reader.header.title == reader.header.command == every


def test_what_cannot_be_written_is_an_error() -> None:
    with pytest.raises(BadRecording, match="version 1"):
        Writer(Header(version=1))
    with pytest.raises(BadRecording, match="event code 'q'"):
        Writer(Header()).event(Event(0.0, "q", ""))
    with pytest.raises(BadRecording, match="not COLSxROWS"):
        _ = output(0.0, "a").size
    assert resize(0.0, Size(3, 4)).size == Size(3, 4)
