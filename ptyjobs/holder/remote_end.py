"""The end of a job whose program runs on a target.

Owns the reap command, which ends the remote processes once, and the meaning of the local client's
exit. Never ends the client. The subtle thing: only the reap command knows whether the remote
program still ran, so the job's end waits for it.
"""

from __future__ import annotations

from ptyjobs import targets
from ptyjobs.model import Exit, JobSpec
from ptyjobs.process.helper import Helper


class RemoteEnd:
    """The remote processes of one job; does nothing for a job on this machine."""

    def __init__(self) -> None:
        self._reaping: Helper | None = None

    def reaped(self, spec: JobSpec, now: float) -> bool:
        """End the remote processes once, if the target needs it; True when that is done."""
        target = _target(spec)
        if target is None or not target.reap:
            return True
        if self._reaping is None:
            argv = target.reap_argv(spec.token)
            self._reaping = Helper(argv, env=spec.env, now=now)
        return self._reaping.step(now)

    def meaning(self, spec: JobSpec, exit_: Exit, last: list[str]) -> str:
        """Return "connection lost" or "not connected" if the client's exit means that; else "".

        `last`: the rows of the final screen.
        """
        target = _target(spec)
        if target is None:
            return ""
        said = (
            targets.reaped(self._reaping.said.decode("utf-8", "replace")) if self._reaping else None
        )
        kind = targets.classify(target, exit_, "\n".join(last), leader_alive=bool(said and said[1]))
        return "" if kind == targets.EXITED else kind


def _target(spec: JobSpec) -> targets.Target | None:
    name = spec.target.partition(":")[0]
    tables = {name: spec.target_table} if spec.target_table else None
    return targets.resolve(spec.target, tables=tables)
