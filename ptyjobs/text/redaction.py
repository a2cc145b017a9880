"""Remove known secrets from text that a model will read.

Owns `Redactor`: finding secrets (see `secrets`) in a text, and replacing them. Never reads a
setting, a file or a clock.

The subtle thing: the text shown differs from the bytes printed. Rows wrap in the middle of a value,
a program folds it into a box, a URL holds it percent-encoded. So the text is searched in
projections (line breaks removed, with and without the margin around them; blanks removed;
percent-encoding decoded), and matches are mapped back. Base64 is recognised by the characters that
do not depend on the bytes around the value, one form for each of the three alignments. Colours do
not matter: text has none. If a text was cut, a part of a value next to the cut is removed too.

Not recognised: a value reversed, spelled out, encoded twice, or printed in pieces with other text
between them.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.text.secrets import BLANKS, SHORTEST, Digest, Known, Secret, digest_spans, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Parts = dict[str, list[tuple[str, str]]]  # form and name, keyed by the characters of a part
    Spans = list[tuple[int, int, str]]
    Back = Callable[[int, int], tuple[int, int]]

PART = 4  # characters next to a cut that count as part of a secret

_BREAK = re.compile(r"\r?\n")
_MARGIN = re.compile(r"[ \t\r|\u2500-\u257f]*\n[ \t|\u2500-\u257f]*")
_WRAPS = (_BREAK, _MARGIN)
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_REST_BEFORE = re.compile(r"%[0-9A-Fa-f]?\Z")
_REST_AFTER = re.compile(r"\A[0-9A-Fa-f]{1,2}")
_CUT = re.compile(r"\A|\Z|…|(?m:^(?:\[\.\.\. .* \.\.\.\]|--- [a-z ]+:|[`~]{3,}|\(.*\))$\n?)")
"""Places where text may have been cut: its ends, and ptyjobs' own lines in results."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text without secrets, and the number of replacements."""

    text: str
    count: int = 0


class Redactor:
    """Removes secrets from texts; one for each reader of texts."""

    def __init__(
        self, secrets: Iterable[Secret] = (), *, shapes: Sequence[tuple[str, re.Pattern[str]]] = ()
    ) -> None:
        """`shapes`: name and pattern of tokens recognised by their form alone."""
        self._known: list[Known] = []
        self._digests: dict[str, list[Digest]] = {}  # by salt
        self._shapes = tuple(shapes)
        self._seen: set[tuple[str, str]] = set()
        self._forms: list[tuple[str, str]] = []
        self._base64: list[tuple[str, str]] = []
        self._heads: Parts = {}  # keyed by their first characters
        self._tails: Parts = {}
        self._heads_pattern: re.Pattern[str] | None = None
        self._tails_pattern: re.Pattern[str] | None = None
        self._longest = 0
        self._runs: re.Pattern[str] | None = None  # runs long enough to be an encoded secret
        self.add(*secrets)

    def __bool__(self) -> bool:
        return bool(self._known or self._digests or self._shapes)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All secrets that are searched for."""
        return (*self._known, *(d for some in self._digests.values() for d in some))

    def add(self, *secrets: Secret) -> None:
        """Search for these too; secrets already present are not added twice."""
        for secret in secrets:
            key = secret.key
            if key in self._seen:
                continue
            self._seen.add(key)
            if isinstance(secret, Known):
                self._known.append(secret)
                self._index_parts(secret)
            else:
                self._digests.setdefault(secret.salt, []).append(secret)
        self._known.sort(key=lambda one: -len(one.value))
        self._forms = [(form, one.name) for one in self._known for form in one.forms]
        self._base64 = [(form, one.name) for one in self._known for form in one.base64]
        lengths = [len(form) for form, _ in self._base64]
        typed = [one for some in self._digests.values() for one in some]
        lengths += [size for one in typed for size, _, _ in one.base64]
        if self._heads:
            self._heads_pattern = re.compile("|".join(map(re.escape, self._heads)))
            self._tails_pattern = re.compile("|".join(map(re.escape, self._tails)))
        if lengths:
            self._runs = re.compile(rf"[A-Za-z0-9+/_-]{{{min(lengths)},}}")

    def _index_parts(self, secret: Known) -> None:
        for form in (*secret.forms, *secret.base64):
            size = min(PART, len(form) - 1)
            if size >= SHORTEST:
                self._heads.setdefault(form[:size], []).append((form, secret.name))
                self._tails.setdefault(form[-size:], []).append((form, secret.name))
                self._longest = max(self._longest, len(form))

    def redact(self, text: str, *, status: bool = False) -> Redacted:
        """`text` with `[secret NAME]` for every secret; the line breaks inside one stay.

        The text may begin or end in the middle of a secret. `status`: its first line is a status
        line, in which quoted text may have been cut.
        """
        spans = self.spans(text, status=status)
        return _replaced(text, spans) if spans else Redacted(text)

    def spans(self, text: str, *, status: bool = False) -> Spans:
        """Start, end and name of every secret in `text`, ascending, without overlap."""
        if not text or not self:
            return []
        spans = self._whole(text)
        if self._heads:
            spans += self._parts(text, status=status)
        return _merged(spans)

    def pack(self) -> dict[str, Any]:
        """Serialize to JSON types, for another ptyjobs process that searches on our behalf."""
        shapes = [[name, shape.pattern] for name, shape in self._shapes]
        return {"secrets": pack(self.secrets), "shapes": shapes}

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> Redactor:
        """Inverse of `pack`."""
        shapes = [(name, re.compile(pattern)) for name, pattern in packed["shapes"]]
        return cls(unpack(packed["secrets"]), shapes=shapes)

    # -- search

    def _whole(self, text: str) -> Spans:
        views: list[tuple[str, Back]] = [(text, _same)]
        if "\n" in text:
            views += [(pattern.sub("", text), _removed(text, pattern)) for pattern in _WRAPS]
        spans: Spans = []
        for number, (view, back) in enumerate(views):
            if view not in [earlier for earlier, _ in views[:number]]:
                spans += self._find(view, self._forms, back)
                spans += self._find_encoded(view, back)
        loose = [(one.loose, one.name) for one in self._known if one.loose]
        if loose or any(one.loose for some in self._digests.values() for one in some):
            view, back = BLANKS.sub("", text), _removed(text, BLANKS)
            spans += _places(view, loose, back) + self._find_digests(view, back, "loose")
        for name, shape in self._shapes:
            spans += [(*match.span(), name) for match in shape.finditer(text)]
        return spans

    def _find_encoded(self, view: str, back: Back) -> Spans:
        spans: Spans = []
        if "%" in view and (decoded := _PERCENT.sub(_decode, view)) != view:
            spans += self._find(decoded, self._forms, _through(_decoded(view), back))
        for run in self._runs.finditer(view) if self._runs else ():
            place = _through(_moved(run.start()), back)
            spans += _places(run[0], self._base64, place)
            spans += self._find_digests(run[0], place, "base64")
        return spans

    def _find(self, view: str, forms: Iterable[tuple[str, str]], back: Back) -> Spans:
        """Places of secrets in `view`, mapped by `back` to places in the original text."""
        return _places(view, forms, back) + self._find_digests(view, back, "forms")

    def _find_digests(self, view: str, back: Back, which: str) -> Spans:
        """Like `_find`, for secrets known by digest; `which` selects the form."""
        spans: Spans = []
        if not self._digests:
            return spans
        data = view.encode("utf-8", "surrogatepass")
        for salt, digests in self._digests.items():
            forms = [(one.name, form) for one in digests for form in getattr(one, which)]
            for start, end, name in digest_spans(data, bytes.fromhex(salt), forms):
                first = start if view.isascii() else _chars(data, start)
                last = end if view.isascii() else _chars(data, end)
                spans.append((*back(first, last), name))
        return spans

    def _parts(self, text: str, *, status: bool) -> Spans:
        """Parts of secrets next to a cut: a beginning before it, an end after it."""
        reach = 4 * self._longest + 100  # margins and percent-encoding included
        spans: Spans = []
        for end, start in _cuts(text, status=status):
            while end > 0 and text[end - 1] in '\n"':
                end -= 1
            while start < len(text) and text[start] in '\n"':
                start += 1
            before = text[max(0, end - reach) : end]
            for short in _without_rest(before, _REST_BEFORE):
                for view, back in _windows(before[: len(before) - short]):
                    spans += self._beginning(view, _through(back, _moved(end - len(before))))
            after = text[start : start + reach]
            for short in _without_rest(after, _REST_AFTER):
                for view, back in _windows(after[short:]):
                    spans += self._ending(view, _through(back, _moved(start + short)))
        return spans

    def _beginning(self, view: str, place: Back) -> Spans:
        """The end of `view` that is the beginning of a secret."""
        heads = self._heads_pattern
        first = max(0, len(view) - self._longest)
        match = heads.search(view, first) if heads else None
        while heads and match:
            at = match.start()
            for form, name in _at(self._heads, view, at):
                if len(view) - at < len(form) and form.startswith(view[at:]):
                    return [(*place(at, len(view)), name)]
            match = heads.search(view, at + 1)
        return []

    def _ending(self, view: str, place: Back) -> Spans:
        """The longest beginning of `view` that is the end of a secret."""
        spans: Spans = []
        tails = self._tails_pattern
        match = tails.search(view, 0, self._longest) if tails else None
        while tails and match:
            at = match.start()
            for form, name in _at(self._tails, view, at):
                end = at + min(PART, len(form) - 1)
                if end < len(form) and form.endswith(view[:end]):
                    spans = [(*place(0, end), name)]
            match = tails.search(view, at + 1, self._longest)
        return spans


def _at(parts: Parts, view: str, at: int) -> list[tuple[str, str]]:
    """Forms of secrets with a part, of either length, at position `at` of `view`."""
    return [one for n in (SHORTEST, PART) for one in parts.get(view[at : at + n], ())]


def _places(view: str, forms: Iterable[tuple[str, str]], back: Back) -> Spans:
    spans: Spans = []
    for form, name in forms:
        at = view.find(form)
        while at >= 0:
            spans.append((*back(at, at + len(form)), name))
            at = view.find(form, at + len(form))
    return spans


def _without_rest(text: str, rest: re.Pattern[str]) -> set[int]:
    """Characters that may be the rest of a percent-encoded one split by the cut."""
    match = rest.search(text) if "%" in text else None
    return {0, len(match[0])} if match else {0}


def _windows(text: str) -> list[tuple[str, Back]]:
    """Projections of a piece of text next to a cut."""
    views: list[tuple[str, Back]] = [(text, _same)]
    if "\n" in text:
        views += [(pattern.sub("", text), _removed(text, pattern)) for pattern in _WRAPS]
    if "%" in text:
        views += [
            (_PERCENT.sub(_decode, view), _through(_decoded(view), back)) for view, back in views
        ]
    return views


def _cuts(text: str, *, status: bool) -> list[tuple[int, int]]:
    """Start and end of each place where text may have been cut."""
    cuts = [match.span() for match in _CUT.finditer(text)]
    if status:
        line = text.partition("\n")[0]
        cuts.append((len(line), len(line)))
        cuts += [(at, at + 1) for at, char in enumerate(line) if char == '"']
    return cuts


def _merged(spans: Spans) -> Spans:
    """The spans in order; overlapping spans are merged under the name of the first."""
    merged: Spans = []
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, kept = merged[-1]
            merged[-1] = (first, max(last, end), kept)
        else:
            merged.append((start, end, name))
    return merged


def _replaced(text: str, spans: Spans) -> Redacted:
    parts: list[str] = []
    done = 0
    for start, end, name in spans:
        mark = f"[secret {name}]" if name else "[secret]"
        parts += (text[done:start], mark, "\n" * text.count("\n", start, end))
        done = end
    return Redacted("".join(parts) + text[done:], len(spans))


# -- projections: a view of a text, and the mapping from places in the view to places in the text


def _same(start: int, end: int) -> tuple[int, int]:
    return start, end


def _through(inner: Back, outer: Back) -> Back:
    return lambda start, end: outer(*inner(start, end))


def _moved(by: int) -> Back:
    return lambda start, end: (by + start, by + end)


def _removed(text: str, pattern: re.Pattern[str]) -> Back:
    """The mapping back from `pattern.sub("", text)`."""
    places: tuple[list[int], list[int]] | None = None

    def back(start: int, end: int) -> tuple[int, int]:
        nonlocal places
        if places is None:
            views, texts, gone = [0], [0], 0
            for match in pattern.finditer(text):
                views.append(match.start() - gone)
                gone += match.end() - match.start()
                texts.append(match.end())
            places = views, texts
        views, texts = places
        first = bisect_right(views, start) - 1
        last = bisect_right(views, end - 1) - 1
        return texts[first] + start - views[first], texts[last] + end - 1 - views[last] + 1

    return back


def _decode(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")


def _decoded(view: str) -> Back:
    """The mapping back from the percent-decoded view: a decoded character maps to its whole run."""
    starts: list[int] = []
    ends: list[int] = []

    def back(start: int, end: int) -> tuple[int, int]:
        if not starts:
            done = 0
            for match in _PERCENT.finditer(view):
                starts.extend(range(done, match.start()))
                ends.extend(range(done + 1, match.start() + 1))
                at = match.start()
                for char in _decode(match):
                    starts.append(at)
                    at = min(at + (3 * len(char.encode()) if char != "\ufffd" else 3), match.end())
                    ends.append(at)
                done = match.end()
            starts.extend(range(done, len(view)))
            ends.extend(range(done + 1, len(view) + 1))
        return starts[start], ends[end - 1]

    return back


def _chars(data: bytes, at: int) -> int:
    """Number of characters in the first `at` bytes."""
    return len(data[:at].decode("utf-8", "surrogatepass"))
