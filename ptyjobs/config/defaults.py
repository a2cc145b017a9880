"""Defaults of calls, declared once for the settings, the requests and the commands.

Owns numbers only. Times are in seconds.
"""

INTERACT_TIMEOUT = 10.0
WAIT_TIMEOUT = 30.0
MAX_CHARS = 8000  # characters of output in one answer
KILL_GRACE = 1.0  # between the first signals of `kill` and SIGKILL
TAIL_LINES = 50
OWN_SESSION = "server-"  # how the session of a server begins whose client names none
