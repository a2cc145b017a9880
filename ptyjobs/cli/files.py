"""User-named files: report I/O errors as one-line messages.

Owns the wording. Never opens a file and never reports errors of standard output.
"""

from __future__ import annotations

import contextlib
import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput, UnknownJob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ptyjobs.config import Config


STDOUT = "-"
"""A file name that means standard output."""


@contextlib.contextmanager
def named(file: str | Path | None, *, advice: str = "") -> Iterator[None]:
    """Convert an OSError inside to a BadInput about the file it names, else about `file`.

    `file` None means standard output, whose errors are not converted.
    """
    try:
        yield
    except OSError as error:
        if file is None:
            raise
        name = os.fspath(error.filename or file)
        why = error.strerror or str(error)
        raise BadInput(f"{str(name)!r}: {why}.", advice=advice) from None


def must_not_exist(file: str | Path, *, force: bool) -> None:
    """Raise BadInput if the file exists, unless `force`; devices may be written."""
    if not force and os.path.isfile(file):
        name = os.fspath(file)
        raise BadInput(f"{name} exists already.", advice="Name another file, or use --force.")


def source(word: str, settings: Config) -> tuple[Path, bool]:
    """The file or job directory that `word` names, and True if it is a job.

    A file wins over a job of the same name. Raises BadInput or UnknownJob for neither.
    """
    from pathlib import Path

    from ptyjobs.client.registry import Registry

    path = Path(word)
    if path.is_file() or (path / "spec.json").exists():
        return path, path.is_dir()
    if "/" in word or path.exists():  # job ids contain no "/"
        what = "There is no file" if not path.exists() else "There is no recording in"
        raise BadInput(f"{what} {word!r}.", advice="Name a recording or a job.")
    try:
        return Registry(settings.state_dir).find(word).path, True
    except UnknownJob as error:
        raise UnknownJob(
            f"There is no file and no job {word!r}.",
            advice=error.advice, hint=error.hint, facts=error.facts,
        ) from None  # fmt: skip
