"""The log on disk: every byte the job wrote, addressed by its offset.

Owns the segment files `log.<offset>` of one job's directory: append, read, quota, gaps. An offset
never changes its meaning: a segment is named by the offset of its first byte, and after a failed
write (disk full) the next byte that fits opens a new segment named by *its* offset, so that lost
bytes are a gap between two segments (`gaps`), never a shift. Never renders, never waits: `take`
returns how much fitted. The holder is the only writer; any number of readers open the files
independently. The subtle thing: on a full disk the oldest segments are deleted in favour of the
newest output, so a segment is never much larger than a quarter of the kept bytes.
"""

from __future__ import annotations

import errno
import os
import re

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.process.regular import open_regular

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "log."
MIN_SEGMENT = 64 << 10
MAX_SEGMENT = 16 << 20
_SEGMENT = re.compile(rf"{re.escape(PREFIX)}[0-9]{{16}}")


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes [start, end) that could not be written, and the reason (errno name)."""

    start: int
    end: int
    error: str


def segment_name(offset: int) -> str:
    return f"{PREFIX}{offset:016d}"


class LogWriter:
    """Appends to a job's log and keeps it within `limit` bytes.

    `append` drops the oldest segments over the limit or on a full disk, and counts bytes that could
    not be written; `take` does neither, but stops when there is no room.
    """

    def __init__(self, directory: str | os.PathLike[str], *, limit: int) -> None:
        self._dir = os.fspath(directory)
        self._limit = max(limit, 1)
        self._largest = min(max(self._limit // 4, min(MIN_SEGMENT, self._limit)), MAX_SEGMENT)
        self._segment = min(self._largest, MIN_SEGMENT)  # size at which the open one is closed
        self._kept: list[tuple[int, int]] = []  # (first offset, bytes) of closed segments
        self._fd = -1
        self._start = 0  # offset of the open segment's first byte
        self._no_room = False  # the last write did not fit
        self.end = 0
        self.floor = 0
        self.gaps: list[Gap] = []

    def append(self, data: bytes) -> OSError | None:
        """Append `data`; bytes that cannot be written become a gap, and the error is returned."""
        view: bytes | memoryview = data
        while view:
            try:
                written = self._write(view, drop=True)
                if written == len(view):
                    return None
                view = memoryview(view)[written:]
            except OSError as failure:  # ENOSPC, EDQUOT, EIO: a failure of the disk, not of the job
                if self._kept and failure.errno in (errno.ENOSPC, errno.EDQUOT):
                    self._drop_oldest()
                    continue
                self._gap(len(view), failure)
                return failure
        return None

    def take(self, data: bytes) -> tuple[int, OSError | None]:
        """Append as much of `data` as fits: the number of bytes, and the error that stopped it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._write(view, drop=False) :]
            except OSError as failure:  # as above, or the limit (EDQUOT)
                self._no_room = True
                return len(data) - len(view), failure
        return len(data), None

    def discard(self, before: int) -> int:
        """Delete the segments that end at or before offset `before`; returns the new floor.

        This includes an open segment without room: a reader that has read everything calls this
        once, and again only when there is more output, which needs the room.
        """
        held = self.end - self._start
        if self._fd >= 0 and held and (self._no_room or held >= self._segment):
            self._close_segment()
        if self._fd < 0 and self._kept:
            try:
                self._open()
            except OSError:  # ENOSPC: the newest one stays, because its name tells readers the end
                before = min(before, self._kept[-1][0])
        while self._kept and sum(self._kept[0]) <= before:
            self._drop_oldest()
        return self.floor

    def _write(self, view: bytes | memoryview, *, drop: bool) -> int:
        if self._fd < 0 or self.end - self._start >= self._segment:
            self._rotate(drop=drop)
        written = os.write(self._fd, view)
        self._no_room = False
        self.end += written
        return written

    def _rotate(self, *, drop: bool) -> None:
        """Close the open segment and open one named by `end`; with `drop` delete the oldest."""
        self._close_segment()
        kept = sum(size for _, size in self._kept)
        self._segment = min(self._largest, max(MIN_SEGMENT, kept // 4))
        if not drop and self._kept and kept + self._segment > self._limit:
            raise OSError(errno.EDQUOT, f"its limit of {self._limit} bytes is reached")
        self._open()
        while self._kept and kept + self._segment > self._limit:
            kept -= self._drop_oldest()

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path(self.end), flags, 0o600)
        self._start = self.end

    def _drop_oldest(self) -> int:
        start, size = self._kept.pop(0)
        self._unlink(start)
        newest = self._start if self._fd >= 0 else self.end
        self.floor = self._kept[0][0] if self._kept else newest
        return size

    def _close_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            if self.end > self._start:
                self._kept.append((self._start, self.end - self._start))
            else:  # it was never written to
                self._unlink(self._start)

    def _path(self, start: int) -> str:
        return f"{self._dir}/{segment_name(start)}"

    def _unlink(self, start: int) -> None:
        try:
            os.unlink(self._path(start))
        except FileNotFoundError:  # deleted with its job
            return

    def _gap(self, count: int, failure: OSError) -> None:
        """Record `count` lost bytes and make the next byte start a new segment."""
        self._close_segment()
        name = errno.errorcode.get(failure.errno or 0, str(failure.errno))
        if self.gaps and self.gaps[-1].end == self.end and self.gaps[-1].error == name:
            self.gaps[-1] = Gap(self.gaps[-1].start, self.end + count, name)
        elif len(self.gaps) < 1000:
            self.gaps.append(Gap(self.end, self.end + count, name))
        self.end += count

    def segments(self) -> list[tuple[int, int]]:
        """(first offset, bytes) of each kept segment, oldest first."""
        if self._fd < 0:
            return [*self._kept]
        return [*self._kept, (self._start, self.end - self._start)]

    def pread(self, segment: int, limit: int, position: int) -> bytes | None:
        """Read the open segment, without opening it again; None if `segment` is another."""
        if self._fd < 0 or segment != self._start:
            return None
        return os.pread(self._fd, limit, position)

    def close(self) -> None:
        self._close_segment()


class LogReader:
    """Reads a job's log by offset, live or ended.

    It lists the directory to find the segments, unless it has the `writer` in the same process.
    """

    def __init__(self, directory: str | Path, *, writer: LogWriter | None = None) -> None:
        self._dir = directory
        self._writer = writer

    def segments(self) -> list[tuple[int, int]]:
        """(first offset, bytes) of each kept segment, oldest first."""
        if self._writer is not None:
            return self._writer.segments()
        found = []
        try:
            with os.scandir(self._dir) as entries:
                for entry in entries:
                    if _SEGMENT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        try:
                            found.append((int(entry.name[len(PREFIX) :]), entry.stat().st_size))
                        except FileNotFoundError:  # dropped by the quota concurrently
                            continue
        except FileNotFoundError:  # the job was deleted
            return []
        return sorted(found)

    @property
    def floor(self) -> int:
        segments = self.segments()
        return segments[0][0] if segments else 0

    @property
    def end(self) -> int:
        segments = self.segments()
        return segments[-1][0] + segments[-1][1] if segments else 0

    def read(self, offset: int, limit: int) -> tuple[int, bytes]:
        """Up to `limit` bytes from `offset`: (offset of the first byte returned, the bytes).

        The result starts later than requested if bytes were dropped by the quota or lost to a full
        disk, and it never crosses such a gap; b"" means that there is nothing after `offset`.
        """
        parts: list[bytes] = []
        first = position = offset
        for start, size in self.segments():
            if start + size <= position or limit <= 0:
                continue
            if start > position:
                if parts:
                    break
                first = position = start
            try:
                chunk = self._pread(start, position - start, limit)
            except FileNotFoundError:  # dropped between the listing and the read
                continue
            if chunk:
                parts.append(chunk)
                position += len(chunk)
                limit -= len(chunk)
        return first, b"".join(parts)

    def _pread(self, segment: int, position: int, limit: int) -> bytes:
        if self._writer is not None:
            data = self._writer.pread(segment, limit, position)
            if data is not None:
                return data
        fd = open_regular(os.path.join(self._dir, segment_name(segment)))
        try:
            return os.pread(fd, limit, position)
        finally:
            os.close(fd)
