"""The next step after an error, in the viewer's terms.

Owns the wording of hints for a user in a browser. Never changes a message.
"""

from __future__ import annotations

from ptyjobs.errors import Hint

HINTS = {
    Hint.READ_OUTPUT: "Its output can still be read on this page.",
    Hint.LOOK_FIRST: "Look at its screen first.",
    Hint.START_A_JOB: "There are no jobs; start one: ptyjobs run -d -- CMD",
    Hint.KEY_NAMES: "{near} {spelling}",
    Hint.CHECK_THEN_KILL: "Reload this page; kill the job if that does not help.",
    Hint.CHECK_STATUS: "Reload this page to see whether it still runs.",
    Hint.WHOLE_LINE: "With an allow-list only whole lines are taken.",
    Hint.OWN_JOB: "A line editor may obey it; start such a command as a job of its own.",
    Hint.ONE_KEY: "Press one key at a time.",
    Hint.INSIST: "If it asks for it, type it as text.",
    Hint.CELL_ORIGIN: "Point at a cell on the screen.",
    Hint.NAME_IN_USE: "Use it, end it, or choose another name.",
    Hint.HELD: "Release it first.",
}
