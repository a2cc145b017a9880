"""Calls, commands and settings that the documents show exist as they are written there."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.cli.commands import describe
from ptyjobs.mcp import tools
from tests.docs import generate

ROOT = generate.ROOT
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = ["README.md", *PAGES]


def fenced(text: str, language: str) -> list[str]:
    """The blocks of code of one language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for kind, block in blocks if kind == language]


def shown_commands(text: str) -> list[str]:
    """Command lines of ptyjobs, in blocks and within sentences, without the word ptyjobs."""
    lines = [line for block in fenced(text, "sh") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    found = (re.match(r"ptyjobs ([a-z][^|&;#]*)", line) for line in lines)
    return [match[1] for match in found if match]


def unknown_words(line: str, parsers: dict[str, argparse.ArgumentParser]) -> list[str]:
    """The command or the flags of one line that do not exist; what follows `--` is a program's."""
    name, *words = shlex.split(line.partition(" -- ")[0])
    if name not in parsers:
        return [name]
    known = {flag for action in parsers[name]._actions for flag in action.option_strings}
    return [word for word in words if word.startswith("-") and word not in known]


def excerpts(text: str) -> set[str]:
    """Each call with its reply, of all transcripts."""
    blocks = [block for block in fenced(text, "") if block.startswith("> ")]
    return {part.strip() for block in blocks for part in re.split(r"\n\n(?=> )", block)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_and_flags_exist(name: str) -> None:
    parsers = describe.commands()
    for line in shown_commands((ROOT / name).read_text()):
        assert unknown_words(line, parsers) == [], line


def test_an_unknown_flag_would_be_noticed() -> None:
    parsers = describe.commands()
    assert shown_commands("see `ptyjobs list --al`\n```sh\nptyjobs frob x\n```\n") == [
        "frob x",
        "list --al",
    ]
    assert unknown_words("list --al", parsers) == ["--al"]
    assert unknown_words("frob x", parsers) == ["frob"]
    assert unknown_words("run -d -- python3 --al", parsers) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_calls_have_parameters_that_exist(name: str) -> None:
    for call, arguments in re.findall(r"[`>] ?(\w+)\((\w+=[^`\n]*)\)", (ROOT / name).read_text()):
        tool = tools.by_name(call)
        if tool is not None:
            bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', arguments)
            known = {param.name for param in tool.params}
            assert set(re.findall(r"(\w+)=", bare)) <= known, (call, arguments)


@pytest.mark.parametrize(
    "name", [name for name in PAGES if fenced((ROOT / name).read_text(), "toml")]
)
def test_configuration_files_load(name: str, tmp_path: Path) -> None:
    for block in fenced((ROOT / name).read_text(), "toml"):
        file = tmp_path / "config.toml"
        file.write_text(block)
        loaded = config.load({"PTYJOBS_CONFIG": str(file)})
        assert loaded != config.load({})


def test_the_readme_is_short_and_its_transcripts_are_real() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 200
    shown = excerpts(readme)
    assert len(shown) >= 5
    assert shown <= excerpts((ROOT / "docs/transcripts.md").read_text())


def test_the_site_shows_every_page() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert {name.removeprefix("docs/") for name in PAGES} == set(listed)
