"""Hints for the next step after an error, in terms of the MCP tools.

Owns the wording of hints for tool results and resources, over stdio and HTTP. Never changes an
error message. The compatibility tools have their own hints (`compat`).
"""

from __future__ import annotations

from ptyjobs.errors import Hint

HINTS = {
    Hint.READ_OUTPUT: "Its output can still be read with output or tail.",
    Hint.LOOK_FIRST: "Look with tail first.",
    Hint.START_A_JOB: "There are no jobs; start one with execute.",
    Hint.KEY_NAMES: "{near} {spelling} text goes in the input parameter.",
    Hint.CHECK_THEN_KILL: "Look with status, then kill it.",
    Hint.CHECK_STATUS: "Try again; status shows whether it still runs.",
    Hint.WHOLE_LINE: "With an allow-list send the whole line with enter=true.",
    Hint.OWN_JOB: "A line editor may obey it; use execute for such a command.",
    Hint.ONE_KEY: "Send one key a call, or start the program as a job of its own with execute.",
    Hint.INSIST: "If it asks for this secret, give its name followed by !.",
    Hint.CELL_ORIGIN: "Rows and columns count from 1.",
    Hint.NAME_IN_USE: "Use it, kill it (job_id='{job_id}'), or choose another name.",
    Hint.HELD: "Reading goes on; wait(until='person') returns at the release.",
}
