"""Digests of text typed at the no-echo prompts of one job.

Owns the digests and the one line that a person is typing at such a prompt, which is forgotten at
Enter. Never keeps a value, and writes a digest to disk only if the value itself is in the log,
which reveals more than the digest. The subtle thing: clients get the digests with the next reply,
so that they can hide the value from a model.
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import TYPE_CHECKING, replace

if TYPE_CHECKING:
    from typing import Any

    from ptyjobs.model import Status
    from ptyjobs.requests import Packed
    from ptyjobs.store.jobdir import JobDir
    from ptyjobs.text.redaction import Redactor

LINE = 4096  # bytes of a line; longer lines are not passwords
MOST = 200  # secrets of one job
SCANNED = 16 << 20  # bytes at the end of a log that are searched for the values
BLOCK = 1 << 20

_ERASE = frozenset(b"\x08\x7f")
_KILL = 0x15


class TypedSecrets:
    """The secrets of one job; `packed` is the form sent to clients."""

    def __init__(self) -> None:
        self.packed: list[dict[str, Any]] = []
        self._salt = b""
        self._lines: dict[int, bytearray] = {}  # by owner: the line without Enter so far

    def typed(self, text: str) -> None:
        """A caller typed `text` at a no-echo prompt."""
        from ptyjobs.text.secrets import SHORTEST_TYPED, Digest, pack

        self._salt = self._salt or os.urandom(16)
        for line in text.replace("\r", "\n").split("\n"):
            if len(line) >= SHORTEST_TYPED and len(self.packed) < MOST:
                made = pack([Digest.of(line, name="", salt=self._salt)])
                self.packed += [one for one in made if one not in self.packed]

    def keys(self, owner: int, data: bytes) -> None:
        """Keys of a person at a no-echo prompt; the line discipline edits them into a line."""
        line = self._lines.setdefault(owner, bytearray())
        for byte in data:
            if byte in b"\r\n\x03\x04":
                text = bytes(line).decode("utf-8", "surrogateescape")
                line[:] = bytes(len(line))
                line.clear()
                if byte in b"\r\n":
                    self.typed(text)
            elif byte in _ERASE:
                while line and line.pop() & 0xC0 == 0x80:  # UTF-8: up to 4 bytes a character
                    pass
            elif byte == _KILL:
                line.clear()
            elif len(line) < LINE:
                line.append(byte)

    def forget(self, owner: int) -> None:
        """Discard the unfinished line: the prompt is over, or its typist has left."""
        self._lines.pop(owner, None)

    def write(self, directory: JobDir, masked: Packed | None) -> None:
        """At the job's end, keep the digests of values that are readable in the log.

        With `masked`, digests of further secrets, no value stays readable: all are masked in the
        job's files.
        """
        if masked is not None:
            from ptyjobs.store.masking import mask_job
            from ptyjobs.text.redaction import Redactor
            from ptyjobs.text.secrets import unpack

            mask_job(directory, Redactor(unpack([*masked, *self.packed])))
        elif self.packed and self._in_log(directory):
            directory.write("secrets.json", {"secrets": self.packed})

    def clean(self, status: Status, masked: Packed | None) -> Status:
        """The final status of a job, with the values that `write` masks removed."""
        if masked is None:
            return status
        from ptyjobs.text.redaction import Redactor
        from ptyjobs.text.secrets import unpack

        redactor = Redactor(unpack([*masked, *self.packed]))
        line, title = redactor.redact(status.last_line).text, redactor.redact(status.title).text
        return replace(status, last_line=line, title=title)

    def _in_log(self, directory: JobDir) -> bool:
        from ptyjobs.text.patterns import plain
        from ptyjobs.text.redaction import Redactor
        from ptyjobs.text.secrets import unpack

        redactor = Redactor(unpack(self.packed))
        log, end = directory.log, directory.log.end
        if end - log.floor > SCANNED:  # too much to search in the holder
            return True
        at, carry = log.floor, b""
        while at < end:
            first, data = log.read(at, BLOCK)
            if not data:
                break
            text = "\n".join(map(plain, (carry + data).split(b"\n")))
            if redactor.spans(text):
                return True
            at, carry = first + len(data), data[-LINE:]
        return False

    def redactor(self, secrets: Packed | None) -> Redactor | None:
        """Secrets that a text search must not find: the caller's and those typed here.

        None for a person, or a program that acts for one.
        """
        if secrets is None:
            return None
        from ptyjobs.text.redaction import Redactor
        from ptyjobs.text.secrets import unpack

        return Redactor(unpack([*secrets, *self.packed]))
