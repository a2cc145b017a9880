"""The documents agree with the code."""

from __future__ import annotations

import re

import pytest

from tests.docs import generate


@pytest.mark.parametrize("name", generate.DOCUMENTS)
def test_generated_blocks_are_up_to_date(name: str) -> None:
    text = (generate.ROOT / name).read_text()
    assert generate.BLOCK.search(text), f"{name} has no generated block"
    assert text == generate.rendered(text), "run: python -m tests.docs"


def test_every_promise_names_a_test_that_exists() -> None:
    text = (generate.ROOT / "SPEC.md").read_text()
    table = text.partition("<!-- promises -->")[2].partition("<!-- end promises -->")[0]
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", table)
    assert named
    for path, test in named:
        source = generate.ROOT / path
        assert source.exists(), path
        assert not test or f"def {test}(" in source.read_text(), f"{path}::{test}"


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "SPEC.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
        "benchmarks/README.md",
        *(
            path.relative_to(generate.ROOT).as_posix()
            for path in generate.ROOT.glob("docs/**/*.md")
        ),
    ],
)
def test_links_inside_a_document_lead_somewhere(name: str) -> None:
    text = (generate.ROOT / name).read_text()
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        assert target in anchors, target
    for target in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (generate.ROOT / name).parent.joinpath(target).exists(), target


def test_the_walk_through_the_code_names_files_that_exist() -> None:
    text = (generate.ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`(\w+/[\w/]*\.py|\w+/|protocol\.py)`", text)
    assert len(named) > 20
    for path in set(named) - {"ptyjobs/", "tests/test_layers.py"}:
        assert (generate.ROOT / "ptyjobs" / path).exists(), path
    assert len(text.splitlines()) <= 45


def test_contributing_names_files_that_exist() -> None:
    text = (generate.ROOT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"`((?:ptyjobs|tests|docs)/[\w./]*)`", text):
        assert (generate.ROOT / path).exists(), path
