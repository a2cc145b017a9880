"""asciicast v2 and v3 <-> events, one line at a time.

Owns the format: header, event codes, absolute times (v2) and intervals (v3). Never opens a file: it
reads and writes lines of text, so that a recording of any length streams. The subtle things: a
character split between two reads must not become U+FFFD twice, so output is decoded across events;
and the last line of a recording whose writer was killed may be incomplete, which is reported and
not an error.

Sources: docs.asciinema.org, "asciicast v2", "asciicast v3". v2 has no exit event; its document lets
readers ignore unknown codes, so an exit is written there as `x` too and read back.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ptyjobs.errors import BadRecording
from ptyjobs.model import MAX_SIDE, Size, size_of
from ptyjobs.text.sanitize import scrub

OUTPUT, INPUT, MARKER, RESIZE, EXIT = "o", "i", "m", "r", "x"
_CODES = frozenset((OUTPUT, INPUT, MARKER, RESIZE, EXIT))
_MICRO = 1_000_000
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029]")
"""JSON allows them, but a terminal obeys U+009B, and some readers end a line at U+0085."""
_LONGEST = 1e10  # seconds of a recording


@dataclass(frozen=True, slots=True)
class Event:
    """An event: `time` in seconds since the start, `code` one of `o i m r x`.

    `data` is the text of output and input, a marker's label, `COLSxROWS`, or an exit status.
    """

    time: float
    code: str
    data: str

    @property
    def size(self) -> Size:
        """The size in a resize event; raises BadRecording for any other event."""
        size = _size(self.data) if self.code == RESIZE else None
        if size is None:
            raise BadRecording(f"{self.data!r} of a {self.code!r} event is not COLSxROWS.")
        return size


def output(time: float, text: str) -> Event:
    return Event(time, OUTPUT, text)


def resize(time: float, size: Size) -> Event:
    return Event(time, RESIZE, f"{size.cols}x{size.rows}")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a recording. `timestamp` in seconds since the epoch, 0 if unknown.

    `extra` keeps all other fields, so that reading and writing a header loses none.
    """

    size: Size = field(default_factory=Size)
    version: int = 3
    timestamp: int = 0
    title: str = ""
    command: str = ""
    term: str = ""
    idle_limit: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    theme: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Skipped parts: events counted by unknown code, and an incomplete last line."""

    unknown: dict[str, int] = field(default_factory=dict)
    truncated: str = ""  # a message that names the line, or "" if the recording is complete


class CastReader:
    """Reads a recording: `header` at once, then events by iterating, then `skipped`.

    Raises BadRecording naming the line and the expected value. Unknown codes are counted, comments
    and empty lines skipped, an invalid last line without a line end tolerated.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._number = 0
        self._unknown: dict[str, int] = {}
        self._truncated = ""
        first = self._next_line()
        if first is None:
            raise BadRecording("line 1: expected an asciicast header, found the end of the file.")
        self.header = _header(first[0], self._number)

    @property
    def skipped(self) -> Skipped:
        return Skipped(dict(self._unknown), self._truncated)

    def __iter__(self) -> Iterator[Event]:
        clock = 0  # microseconds: a sum of float intervals would drift from the file
        while (line := self._next_line()) is not None:
            text, complete = line
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                if not complete and self._next_line() is None:
                    self._truncated = f"line {self._number} is cut off; what precedes it is whole"
                    return
                raise self._bad("a JSON array [time, code, data]", text) from error
            time, code, data = self._fields(value, text)
            clock = clock + time if self.header.version == 3 else time
            if code not in _CODES:
                self._unknown[code] = self._unknown.get(code, 0) + 1
                continue
            if code == RESIZE and _size(data) is None:
                raise self._bad('a size such as "120x40"', data)
            yield Event(clock / _MICRO, code, data)

    def _next_line(self) -> tuple[str, bool] | None:
        for raw in self._lines:
            self._number += 1
            text = raw.strip("\r\n\ufeff \t")
            if text and not (text.startswith("#") and self._number > 1):
                return text, raw.endswith("\n")
        return None

    def _fields(self, value: Any, text: str) -> tuple[int, str, str]:
        if not isinstance(value, list) or len(value) < 3:
            raise self._bad("an array of time, code and data", text)
        time, code, data = value[:3]
        if isinstance(time, bool) or not isinstance(time, (int, float)):
            raise self._bad("a time in seconds as the first element", text)
        if not 0 <= time <= _LONGEST:  # nor a NaN
            raise self._bad("a time of 0 or more as the first element", text)
        if not isinstance(code, str):
            raise self._bad('an event code such as "o" as the second element', text)
        if not isinstance(data, str):
            if code in _CODES:
                raise self._bad("a string as the third element", text)
            data = ""
        return round(time * _MICRO), code, scrub(data)

    def _bad(self, expected: str, found: str) -> BadRecording:
        return _bad(self._number, expected, found)


def _bad(number: int, expected: str, found: str) -> BadRecording:
    shown = found if len(found) <= 60 else found[:57] + "..."
    return BadRecording(f"line {number}: expected {expected}, found {shown!r}.")


def _size(text: str) -> Size | None:
    match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text)
    return size_of(int(match[2]), int(match[1])) if match else None


def _header(text: str, number: int) -> Header:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(number, "an asciicast header (a JSON object)", text) from error
    if not isinstance(data, dict):
        raise _bad(number, "an asciicast header (a JSON object)", text)
    version = data.pop("version", None)
    if version not in (2, 3) or isinstance(version, float):
        raise _bad(number, '"version": 2 or 3', f'"version": {version!r}')
    term = data.pop("term", {}) if version == 3 else data
    if not isinstance(term, dict):
        raise _bad(number, '"term" to be an object with cols and rows', text)
    names = ("cols", "rows") if version == 3 else ("width", "height")
    cols, rows = (term.pop(name, None) for name in names)
    for name, value in zip(names, (cols, rows), strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_SIDE:
            wanted = f'"{name}" to be an integer from 1 to {MAX_SIDE}'
            raise _bad(number, wanted, f'"{name}": {value!r}')
    env = _strings(data.pop("env", None))
    kind = term.pop("type", "") if version == 3 else env.get("TERM", "")
    return Header(
        size=Size(rows=rows, cols=cols),
        version=version,
        timestamp=_number(data.pop("timestamp", 0)),
        title=str(data.pop("title", "") or ""),
        command=str(data.pop("command", "") or ""),
        term=str(kind or ""),
        idle_limit=_limit(data.pop("idle_time_limit", None)),
        env=env,
        tags=tuple(str(tag) for tag in data.pop("tags", None) or ()),
        theme=_strings(term.pop("theme", None)),
        extra=data | ({"term": term} if version == 3 and term else {}),
    )


def _strings(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


def _limit(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


class Writer:
    """Writes a recording: `start()` is the header's line, then one line per event.

    Times are rounded to microseconds and never go back. `output_bytes` decodes UTF-8 across events:
    a character split between two reads is written whole in the later event; `finish()` returns the
    line of a character that stayed incomplete. Invalid UTF-8 becomes U+FFFD: keep the log as well.
    """

    def __init__(self, header: Header) -> None:
        if header.version not in (2, 3):
            raise BadRecording(f"There is no asciicast version {header.version} to write; use 3.")
        self._header = header
        self._clock = 0
        self._decoders = {code: _decoder() for code in (OUTPUT, INPUT)}

    def start(self) -> str:
        head = self._header
        size: dict[str, Any] = {"cols": head.size.cols, "rows": head.size.rows}
        extra = dict(head.extra)
        data: dict[str, Any] = {"version": head.version}
        if head.version == 3:
            term = size | ({"type": head.term} if head.term else {})
            term |= {"theme": head.theme} if head.theme else {}
            data["term"] = term | extra.pop("term", {})
            env = head.env
        else:
            extra.pop("term", None)
            data |= {"width": size["cols"], "height": size["rows"]}
            data |= {"theme": head.theme} if head.theme else {}
            env = head.env | ({"TERM": head.term} if head.term else {})
        optional = {
            "timestamp": head.timestamp, "title": head.title, "command": head.command,
            "idle_time_limit": head.idle_limit, "env": env, "tags": list(head.tags),
        }  # fmt: skip
        data |= {
            name: value for name, value in optional.items() if value not in ("", 0, None, {}, [])
        }
        return _json(data | extra)

    def event(self, event: Event) -> str:
        """The line of an event, including its line end."""
        if event.code not in _CODES:
            raise BadRecording(f"There is no event code {event.code!r}; use one of o i m r x.")
        time = max(self._clock, round(event.time * _MICRO))
        stamp = time - self._clock if self._header.version == 3 else time
        self._clock = time
        return _json([stamp / _MICRO, event.code, event.data])

    def output_bytes(self, time: float, data: bytes, *, code: str = OUTPUT) -> str:
        """The line of raw output (or input), or "" if it has no complete character yet."""
        text = self._decoders[code].decode(data)
        return self.event(Event(time, code, text)) if text else ""

    def finish(self) -> str:
        """The line of an incomplete last character, or ""."""
        now = self._clock / _MICRO
        rest = ((code, d.decode(b"", final=True)) for code, d in self._decoders.items())
        return "".join(self.event(Event(now, code, text)) for code, text in rest if text)


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


def _json(value: Any) -> str:
    text = scrub(json.dumps(value, ensure_ascii=False))
    return _ESCAPED.sub(lambda char: f"\\u{ord(char[0]):04x}", text) + "\n"


def write(header: Header, events: Iterable[Event]) -> Iterator[str]:
    """The lines of a whole recording."""
    writer = Writer(header)
    yield writer.start()
    for event in events:
        yield writer.event(event)
