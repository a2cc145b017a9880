"""Read and replace configuration files that belong to others.

Owns: the atomic replacement, the backup beside the file, and the check that the file is still the
one that was read. Never follows a change with a partial write: a file is the old or the new one.
A symbolic link is kept, the file that it names is replaced (dotfile managers link them).
"""

from __future__ import annotations

import contextlib
import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

BACKUP = ".ptyjobs-backup"
TRIES = 5  # a running client that keeps writing gets this many chances to be quiet


def read(path: str) -> bytes | None:
    """The bytes of a file, None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def decoded(data: bytes, *, path: str) -> str:
    """The text of a file. Raises Refused for one that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refused(f"{path}, line {line}: not UTF-8; it was left alone.") from None


def change(path: str, edit: Callable[[bytes | None], bytes | None], *, backup: bool = True) -> bool:
    """Replace a file by `edit` of its bytes (None: no file); True if it changed.

    `edit` runs again when somebody else wrote the file meanwhile. `backup`: keep what was there
    before the first change in FILE.ptyjobs-backup. Raises Refused when the file never rests.
    """
    path = os.path.realpath(path)
    for _ in range(TRIES):
        before = read(path)
        after = edit(before)
        if after == before:
            return False
        if after is None:
            if read(path) == before:
                os.unlink(path)
                return True
            continue
        if backup and before is not None:
            _keep(path, before)
        temporary = f"{path}.{os.getpid()}.ptyjobs"
        try:
            _write(temporary, after, like=path)
            if read(path) == before:  # as late as can be
                os.replace(temporary, path)
                return True
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    raise Refused(
        f"{path} is being written by its client.", advice="Close the client and run setup again."
    )


def _keep(path: str, data: bytes) -> None:
    """The first version that we saw; a later setup must not replace it by one of ours."""
    with contextlib.suppress(FileExistsError):
        _write(path + BACKUP, data, like=path)


def _write(path: str, data: bytes, *, like: str) -> None:
    """A new file with the permissions of `like` (0600 without one)."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        mode = os.stat(like).st_mode & 0o777
    except FileNotFoundError:
        mode = 0o600
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def backup_of(path: str) -> bytes | None:
    """What the file held before the first setup; None if there was no file, or no setup."""
    return read(os.path.realpath(path) + BACKUP)


def forget_backup(path: str) -> None:
    """Remove the backup: what it held has been restored."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.realpath(path) + BACKUP)
