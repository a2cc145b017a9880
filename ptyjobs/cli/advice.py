"""Hints for the next step after an error, in terms of the command line.

Owns the wording of hints for a user at a shell. Never changes an error message.
"""

from __future__ import annotations

from ptyjobs.errors import Hint

HINTS = {
    Hint.READ_OUTPUT: "Its output can still be read with ptyjobs logs or ptyjobs screen.",
    Hint.LOOK_FIRST: "Look with ptyjobs screen {job_id} first.",
    Hint.START_A_JOB: "There are no jobs; start one: ptyjobs run -d -- CMD",
    Hint.KEY_NAMES: "{near} {spelling} text goes before them, without --key.",
    Hint.CHECK_THEN_KILL: "Look with ptyjobs status, then ptyjobs kill.",
    Hint.CHECK_STATUS: "Try again; ptyjobs status {job_id} shows whether it still runs.",
    Hint.WHOLE_LINE: "With an allow-list send the whole line, without --no-enter.",
    Hint.OWN_JOB: "A line editor may obey it; use ptyjobs run for such a command.",
    Hint.ONE_KEY: "Send one key at a time, or start the program with ptyjobs run.",
    Hint.INSIST: "If it asks for it, type it there: ptyjobs attach.",
    Hint.CELL_ORIGIN: "Choose a cell on the screen.",
    Hint.NAME_IN_USE: "Use it, replace it with --replace, or choose another --name.",
    Hint.HELD: "ptyjobs release {job_id} hands it back.",
}
