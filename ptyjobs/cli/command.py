"""Shared by all command modules: registration types, completions, JSON output.

Owns no command and no parser (see `parsers`), so that each module of `ptyjobs.cli.commands` can
import it.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Protocol

    from ptyjobs import config

    Command = Callable[[argparse.Namespace, config.Config], int]

    class Add(Protocol):
        """Adds one subcommand; the function's docstring is its description."""

        def __call__(
            self, name: str, command: Command, *, job: bool = False, examples: str = ""
        ) -> argparse.ArgumentParser: ...


def completes(action: argparse.Action, *words: str) -> None:
    """Set completions that shells offer for a value; other values remain valid."""
    action.completes = words  # type: ignore[attr-defined]  # argparse's actions take any attribute


def print_json(value: object, *, indent: int | None = None) -> None:
    """Print a model value or plain JSON types as one JSON document."""
    import json

    from ptyjobs.json_values import to_json

    print(json.dumps(to_json(value), indent=indent), flush=True)
