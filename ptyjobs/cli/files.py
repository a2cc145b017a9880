"""Files that a person names: one that cannot be read or written is told in a sentence.

Owns the words only. Never opens a file. What is wrong with standard output is not told here.
"""

from __future__ import annotations

import contextlib
import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def named(file: str | Path | None, *, advice: str = "") -> Iterator[None]:
    """An OSError inside becomes a BadInput about the file it names, else about `file`.

    None stands for standard output, whose errors pass.
    """
    try:
        yield
    except OSError as error:
        if file is None:
            raise
        name = os.fspath(error.filename or file)
        why = error.strerror or str(error)
        raise BadInput(f"{str(name)!r}: {why}.", advice=advice) from None
