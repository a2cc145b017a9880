"""Read and replace configuration files of other programs.

Owns the atomic replacement, the backup next to the file, and the check that the file is unchanged
since it was read. Never leaves a partial write: the file is the old or the new version. A symbolic
link is kept and its target replaced (dotfile managers use such links).
"""

from __future__ import annotations

import contextlib
import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

BACKUP = ".ptyjobs-backup"
TRIES = 5  # attempts while a running client keeps writing the file


def read(path: str) -> bytes | None:
    """Bytes of a file; None if it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def decoded(data: bytes, *, path: str) -> str:
    """Text of a file. Raises Refused if it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refused(f"{path}, line {line}: not UTF-8; it was left unchanged.") from None


def change(path: str, edit: Callable[[bytes | None], bytes | None], *, backup: bool = True) -> bool:
    """Replace a file by `edit` of its bytes (None: no file); True if it changed.

    `edit` runs again if another process wrote the file meanwhile. `backup`: keep the contents from
    before the first change in FILE.ptyjobs-backup. Raises Refused if the file keeps changing.
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
            if read(path) == before:  # check as late as possible
                os.replace(temporary, path)
                return True
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    raise Refused(
        f"{path} is being written by its client.", advice="Close the client and run setup again."
    )


def _keep(path: str, data: bytes) -> None:
    """Keep the first version that setup saw; a later setup must not overwrite it."""
    with contextlib.suppress(FileExistsError):
        _write(path + BACKUP, data, like=path)


def _write(path: str, data: bytes, *, like: str) -> None:
    """Write a new file with the permissions of `like` (0600 if that does not exist)."""
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
    """Contents of the file before the first setup; None if there was no file or no setup."""
    return read(os.path.realpath(path) + BACKUP)


def forget_backup(path: str) -> None:
    """Remove the backup after its contents were restored."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.realpath(path) + BACKUP)
