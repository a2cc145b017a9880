"""The prompts of one job: cursor rows seen when a program was known to wait.

Owns what is learned and when two prompts are the same. Never decides that a program waits. The
subtle thing: numbers are generalised, so `In [12]: ` is known after `In [11]: `.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptGuess:
    """A cursor row seen when the program was known to wait."""

    text: str  # with digits generalised
    raw: str = ""  # as displayed
    pid: int = 0
    start: int = 0
    group: int = 0
    canonical: bool = True
    echo: bool = True
    signature: str = ""
    continuation: bool = False
    sure: bool = True  # False: inferred from silence after a prompt-like line
    marked: bool = False  # the program marked it (OSC 133)
    wrapped: bool = False  # only the last row of a longer prompt
    doubtful: bool = False  # or an earlier prompt, and output without a line end before it
    times: int = 1

    @property
    def known(self) -> bool:
        """True for a prompt: seen in a certain wait, or twice followed by silence."""
        return self.sure or self.times > 1

    def resembles(self, row: str) -> bool:
        """True if `row` is this prompt with other signs, perhaps indented.

        psql, irb, iex and ghci align their secondary prompts so. Other *words* make it a question.
        """
        head = row[: len(self.raw)]
        if len(head) < len(self.raw) or row[len(head) :].strip() or normal(head) == self.text:
            return False
        same = (new == old or not new.isalpha() for new, old in zip(head, self.raw, strict=True))
        return bool(head.strip()) and head[-1] == self.raw[-1] and all(same)


def normal(text: str) -> str:
    """A prompt with its numbers generalised: `In [12]: ` and `In [13]: ` are the same prompt."""
    return re.sub(r"\d+", "0", text)


class PromptMemory:
    """The prompts of one job, newest last; at most `LIMIT` are kept."""

    LIMIT = 64

    def __init__(self) -> None:
        self._prompts: dict[tuple[str, int, int], PromptGuess] = {}
        self.current: PromptGuess | None = None  # the prompt shown when the job last waited
        self.row: str | None = None  # the cursor row of the last answer; None: not waiting then
        self.told = ("", "")  # the row and the prompt in it, as the last answer told them apart

    def learn(self, prompt: PromptGuess) -> None:
        """Remember the cursor row of a waiting program."""
        self.current = prompt
        if not prompt.text.strip():
            return
        key = (prompt.text, prompt.pid, prompt.start)
        old = self._prompts.pop(key, None)
        if old is not None:
            prompt = dataclasses.replace(
                prompt,
                times=old.times + 1,
                sure=old.sure or prompt.sure,
                doubtful=old.doubtful and prompt.doubtful,
            )
        self._prompts[key] = prompt
        while len(self._prompts) > self.LIMIT:
            self._prompts.pop(next(iter(self._prompts)))

    def prompt_in(self, row: str) -> str:
        """The prompt at the end of the cursor's row: as in the last answer, if it is the same."""
        before, prompt = self.told
        return prompt if row == before and row.endswith(prompt) else row

    def known(self, text: str, *, pid: int = 0) -> PromptGuess | None:
        """The prompt whose text is `text`, shown by that process if pid is given."""
        wanted = normal(text)
        for prompt in reversed(self._prompts.values()):
            if prompt.text == wanted and pid in (0, prompt.pid):
                return prompt
        return None

    def of(self, pid: int) -> list[PromptGuess]:
        """The prompts of that process, newest first; of all processes for pid 0."""
        return [p for p in reversed(self._prompts.values()) if pid in (0, p.pid)]

    def shown(self) -> list[str]:
        """The prompts as displayed, newest first.

        Omits doubtful prompts, and prompts of which only the last row is known.
        """
        prompts = reversed(self._prompts.values())
        return [p.raw for p in prompts if p.raw and not p.wrapped and not p.doubtful]

    def __bool__(self) -> bool:
        return bool(self._prompts)
