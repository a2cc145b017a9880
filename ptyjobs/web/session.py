"""Access to the viewer: its token, and the user at the other end of a connection.

Owns the files of kept tokens (`$STATE/web-tokens/PORT` and `PORT-write`, 0600). Never shares a
token between reading and writing: a reader does not gain write access when the viewer is restarted
with `--write`. A token is kept for an explicit port, so that an open page can reconnect to a
restarted viewer; on a port that the kernel chooses each viewer has a new token. The subtle thing:
while no viewer is running, another user of this machine can listen on its port and receive the
token from a page that reconnects. So the token alone is not sufficient: the kernel reports the user
of a local connection (proc(5), /proc/net/tcp), and other users are refused.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from pathlib import Path

from ptyjobs.client.files import private_directory

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
            kept = file.read_text(encoding="ascii", errors="replace").strip()
            if len(kept) >= SHORTEST and kept.isascii():
                return kept
    token = secrets.token_urlsafe(LENGTH)
    file.unlink(missing_ok=True)
    made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(made, "w", encoding="ascii") as out:
        out.write(token + "\n")
    return token


def is_stranger(peer: tuple[str, int], local: tuple[str, int]) -> bool:
    """True if the socket at the other end of a local connection is another user's.

    Root may do everything anyway. False if the kernel does not report it: then the token decides.
    """
    wanted = [_address(*peer), _address(*local)]
    with contextlib.suppress(OSError), open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            words = line.split()
            if words[1:3] == wanted:
                return int(words[7]) not in (0, os.geteuid())
    return False


def _address(host: str, port: int) -> str:
    """The kernel's notation: the address as a number in this machine's byte order."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
