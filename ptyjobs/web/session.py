"""The viewer's token: kept for a port, or new for each viewer.

Owns the files of kept tokens (`$STATE/web-tokens/PORT` and `PORT-write`, 0600). Never shares a
token between reading and writing: a reader does not gain write access when the viewer is restarted
with `--write`. A token is kept for an explicit port, so that an open page can reconnect to a
restarted viewer; on a port that the kernel chooses each viewer has a new token. The subtle thing:
while no viewer is running, another user of this machine can listen on its port and receive the
token from a page that reconnects. So the token alone is not sufficient: connections of other users
are refused (`process.peercred.is_stranger`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ptyjobs.client.files import open_regular, private_directory

FOLDER = "web-tokens"
LENGTH = 24  # bytes of randomness
SHORTEST = 16  # minimum characters of a kept token


def token_for(state_dir: str, *, port: int, write: bool, fresh: bool = False) -> str:
    """The token of a viewer on `port`: the kept one, or a new one if there is none or `fresh`."""
    if not port:
        return secrets.token_urlsafe(LENGTH)
    private_directory(Path(state_dir))
    file = private_directory(Path(state_dir, FOLDER)) / (f"{port}-write" if write else f"{port}")
    if not fresh:
        with contextlib.suppress(FileNotFoundError):
            with open(file, encoding="ascii", errors="replace", opener=open_regular) as opened:
                kept = opened.read().strip()
            if len(kept) >= SHORTEST and kept.isascii():
                return kept
    token = secrets.token_urlsafe(LENGTH)
    file.unlink(missing_ok=True)
    made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(made, "w", encoding="ascii") as out:
        out.write(token + "\n")
    return token
