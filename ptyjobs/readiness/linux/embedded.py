"""Programs with a pty of their own that are not relays: an editor's terminal, a build in a pane.

Owns the question whether a program that waits for its terminal and for a pty master handled the
input itself or passed it on. A relay shows only the output of its inner programs and the echo of
their line discipline. So a program that has drawn something while its inner programs neither ran,
read nor wrote, and have no unread input, handled the key itself. Never decides if an inner program
did run: the key may have been passed on.

Sources: proc(5) for schedstat, and for /proc/PID/io (rchar and wchar count all threads and the
reaped children).
"""

from __future__ import annotations

from collections.abc import Iterable

from ptyjobs._dataclass import dataclass
from ptyjobs.process import procfs
from ptyjobs.process.procfs import Denied, ProcessExited
from ptyjobs.readiness.linux.relays import Inner

_ECHOED = 3  # cells that the line discipline echoes for one byte at most (^X, CR LF)


@dataclass(frozen=True, slots=True)
class Shown:
    """Output and input counts of one job's terminal at the time of a probe.

    `output`: bytes the job has written; `typed_at`: that number when input was last sent, and
    `typed` its length in bytes; `inputs` counts the inputs. `alternate`: the alternate screen is
    on.
    """

    output: int = 0
    inputs: int = 0
    typed_at: int = 0
    typed: int = 0
    alternate: bool = False


@dataclass(frozen=True, slots=True)
class _Rest:
    """CPU time, bytes read and bytes written of the inner programs, by pid.

    Bytes read are summed over all threads: the main thread of a JVM never runs.
    """

    ran: tuple[tuple[int, int, int, int], ...]

    @property
    def silent(self) -> bool:
        """True if none of them has ever written anything."""
        return all(wrote == 0 for *_, wrote in self.ran)


class Embedded:
    """Per job: the state of the inner programs of each pty before the last input."""

    def __init__(self, proc: str) -> None:
        self._proc = proc
        self._before: dict[tuple[int, int], tuple[int, _Rest]] = {}  # at the input of that number
        self._now: dict[tuple[int, int], tuple[int, _Rest]] = {}
        self._own: set[tuple[int, int]] = set()

    def answers(
        self,
        key: tuple[int, int],
        members: Iterable[int],
        inners: list[Inner],
        shown: Shown,
        *,
        starting: bool,
    ) -> bool:
        """True if the program `key` (pid, start) handled the last input itself.

        `members`: the programs on all its ptys; `starting`: one of them runs. Before the first
        input the program may only have drawn a frame for an inner program that starts.
        """
        rest = self._rest(members)
        if rest is None:
            return False
        before = self._base(key, rest, shown)
        if any(inner.unread for inner in inners):
            return False
        if shown.alternate and rest.silent:
            if starting and not shown.inputs:
                return False
            self._own.add(key)
            return True
        if before is None or before != rest:
            return False
        echo = _ECHOED * shown.typed if any(inner.mode.echo for inner in inners) else 0
        if shown.output - shown.typed_at > echo:
            self._own.add(key)
        return key in self._own

    def _base(self, key: tuple[int, int], rest: _Rest, shown: Shown) -> _Rest | None:
        """Their state before the last input; None if it was not recorded."""
        if len(self._now) > 16:
            self._now.clear()
            self._before.clear()
        last = self._now.get(key)
        if last is not None and last[0] != shown.inputs:
            self._before[key] = shown.inputs, last[1]
        self._now[key] = shown.inputs, rest
        kept = self._before.get(key)
        return kept[1] if kept is not None and kept[0] == shown.inputs else None

    def _rest(self, members: Iterable[int]) -> _Rest | None:
        try:
            return _Rest(tuple((pid, *procfs.activity(self._proc, pid)) for pid in sorted(members)))
        except (ProcessExited, Denied):
            return None
