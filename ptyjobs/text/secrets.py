"""Secrets to search for: a known value, or the digest of a typed one.

Owns `Known` and `Digest`, the encodings of a value (in JSON, in base64) and both as JSON types for
another ptyjobs process. Never searches (see `redaction`). A value that must not be kept (typed at a
no-echo prompt) is a `Digest`: length, one salted bit for each of its first bytes, and a salted
hash. The bits make a search fast; apart from the length they are all that a digest reveals.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64

from ptyjobs._dataclass import TYPE_CHECKING, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Form = tuple[int, str, str]  # bytes, filter bits ("01..."), hash in hexadecimal

SHORTEST = 3  # characters of a secret; shorter ones occur in every text
LONGEST_TYPED = 1 << 20  # bytes of a form in a digest; the longest input that is typed is shorter
SHORTEST_TYPED = 4  # characters of a typed secret: "yes" at a no-echo prompt is none
FILTER = 24  # bytes of a digest compared by one bit each
DIGEST = 16  # bytes of a digest's hash
BASE64 = 6  # characters of an encoded form; shorter ones would match by chance

BLANKS = re.compile(r"[\s|\u2500-\u257f]+")


@dataclass(frozen=True, slots=True)
class Known:
    """A secret with a known value. `forms` are the strings searched for."""

    name: str
    value: str
    forms: tuple[str, ...]
    base64: tuple[str, ...] = ()
    loose: str = ""  # the value without its blanks, if it has any

    @property
    def key(self) -> tuple[str, str]:
        """Identity of the secret; equal for duplicates."""
        return "", self.value

    @classmethod
    def of(cls, value: str, *, name: str) -> Known:
        forms = [value, *_json(value)]
        if " " in value:
            forms.append(value.replace(" ", "+"))
        encoded = tuple(_encoded(value.encode("utf-8", "surrogateescape")))
        return cls(name, value, tuple(dict.fromkeys(forms)), encoded, _loose(value))


@dataclass(frozen=True, slots=True)
class Digest:
    """A typed secret without its value: enough to recognise it, not to reveal it."""

    name: str
    salt: str  # hexadecimal
    forms: tuple[Form, ...]
    base64: tuple[Form, ...] = ()  # likewise for the encoded forms
    loose: tuple[Form, ...] = ()  # likewise for the value without blanks

    @property
    def key(self) -> tuple[str, str]:
        """Identity of the secret; equal for duplicates."""
        return self.salt, self.forms[0][2]

    @classmethod
    def of(cls, value: str, *, name: str, salt: bytes) -> Digest:
        data = value.encode("utf-8", "surrogateescape")
        quoted = [form.encode("utf-8", "surrogateescape") for form in _json(value)]
        table = _table(salt)

        def made(forms: Iterable[bytes]) -> tuple[Form, ...]:
            return tuple(
                (len(form), form[:FILTER].translate(table).decode(), _hash(form, salt).hex())
                for form in dict.fromkeys(forms)
            )

        encoded = [form.encode() for form in _encoded(data)]
        loose = _loose(value).encode("utf-8", "surrogateescape")
        blank = made([loose] if loose else [])
        return cls(name, salt.hex(), made([data, *quoted]), made(encoded), blank)


Secret = Known | Digest


def lines_of(value: str) -> list[str]:
    """The parts of a value that are secrets by themselves: each line of a multi-line value."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) <= 1:
        return [value.strip("\r\n")]
    return [line for line in lines if len(line) >= 8]


def _encoded(data: bytes) -> list[str]:
    """Substrings of any base64 text that contains `data`: one for each alignment and alphabet."""
    forms = []
    for before in range(3):
        whole = b2a_base64(b"\0" * before + data, newline=False)
        first = (0, 2, 3)[before]  # these depend on the bytes before it
        form = whole[first : (before + len(data)) * 8 // 6].decode()
        if len(form) >= BASE64:
            forms += [form, form.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(forms))


def _loose(value: str) -> str:
    """`value` without the characters that can occur in a text's margin; "" if it has none."""
    loose = BLANKS.sub("", value)
    return loose if loose != value and len(loose) >= SHORTEST else ""


def _json(value: str) -> list[str]:
    """`value` as escaped inside JSON strings, as in prompts, titles and structured results."""
    return [json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]]


def _hash(data: bytes, salt: bytes) -> bytes:
    from _blake2 import blake2b  # from hashlib, which would load OpenSSL into every holder

    return blake2b(data, key=salt, digest_size=DIGEST).digest()


_TABLES: dict[bytes, bytes] = {}


def _table(salt: bytes) -> bytes:
    """Map each byte to "0" or "1", depending on the salt."""
    table = _TABLES.get(salt)
    if table is None:
        noise = b"".join(_hash(bytes([n]), salt) for n in range(256 // DIGEST))
        table = _TABLES[salt] = bytes(ord("0") + (byte & 1) for byte in noise)
    return table


def digest_spans(
    data: bytes, salt: bytes, forms: Sequence[tuple[str, Form]]
) -> list[tuple[int, int, str]]:
    """Places in `data` that match a digest's form: start, end and the form's name."""
    bits = data.translate(_table(salt))
    spans: list[tuple[int, int, str]] = []
    for name, (size, filter_, hash_) in forms:
        wanted, expected = filter_.encode(), bytes.fromhex(hash_)
        at = bits.find(wanted)
        while at >= 0:
            if _hash(data[at : at + size], salt) == expected:
                spans.append((at, at + size, name))
            at = bits.find(wanted, at + 1)
    return spans


# -- serialization for another process


def pack(secrets: Iterable[Secret]) -> list[dict[str, Any]]:
    """Serialize secrets to JSON types, for another ptyjobs process that searches on our behalf."""
    return [
        {"name": one.name, "value": one.value}
        if isinstance(one, Known)
        else {
            "name": one.name,
            "salt": one.salt,
            "forms": one.forms,
            "base64": one.base64,
            "loose": one.loose,
        }
        for one in secrets
    ]


def unpack(wire: Iterable[dict[str, Any]]) -> list[Secret]:
    """Inverse of `pack`."""
    return [
        Known.of(one["value"], name=one["name"])
        if "value" in one
        else Digest(
            one["name"],
            one["salt"],
            _forms(one["forms"]),
            _forms(one["base64"]),
            _forms(one["loose"]),
        )
        for one in wire
    ]


def digests_only(wire: object) -> list[dict[str, Any]]:
    """The entries of `wire` that are packed digests; the others are not ours (a tampered file)."""
    entries = wire if isinstance(wire, list) else []
    return [one for one in entries if isinstance(one, dict) and _is_digest(one)]


def _is_digest(one: dict[str, Any]) -> bool:
    try:
        (digest,) = unpack([one])
    except (ValueError, TypeError, LookupError, OverflowError):
        return False
    if isinstance(digest, Known) or not digest.forms or not isinstance(digest.name, str):
        return False
    forms = (*digest.forms, *digest.base64, *digest.loose)
    return _is_hex(digest.salt) and all(map(_is_form, forms))


def _is_form(form: Form) -> bool:
    size, bits, hash_ = form
    fits = len(bits) == min(size, FILTER) and set(bits) <= {"0", "1"}
    return SHORTEST <= size <= LONGEST_TYPED and fits and _is_hex(hash_, size=DIGEST)


def _is_hex(text: str, *, size: int = 0) -> bool:
    try:
        return bool(data := bytes.fromhex(text)) and len(data) in (size or len(data),)
    except (ValueError, TypeError):
        return False


def _forms(wire: Iterable[Iterable[Any]]) -> tuple[Form, ...]:
    return tuple((int(size), str(bits), str(hash_)) for size, bits, hash_ in wire)


def digests_of(secrets: Iterable[Secret], *, salt: bytes) -> list[Digest]:
    """Convert secrets to digests, so that a holder has no value."""
    return [
        Digest.of(one.value, name=one.name, salt=salt) if isinstance(one, Known) else one
        for one in secrets
    ]
