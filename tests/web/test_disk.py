"""A full disk in the page and the command line: lost output is said where it lacks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import world
from tests.faults.test_disk import fill, mounted
from tests.web.browser import Browser
from tests.web.harness import run, serving

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root mounts a file system of its own"
)

FLOOD = "read go; seq 1 200000; echo the end; cat"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "tmpfs")


def shown(browser: Browser, name: str) -> str:
    text: str = browser.run(f"document.getElementById('{name}').textContent")
    return text


def flooding(folder: Path, browser: Browser, address: str) -> None:
    """Open the page of a job that then prints more than the disk takes."""
    browser.go(address)
    browser.wait("document.querySelectorAll('.card').length === 1")
    fill(folder / "ballast")
    browser.run("location.hash = '#/job/j'")
    browser.wait("document.getElementById('mode').textContent === 'you can type'")
    run(folder, "send", "j", "", "--timeout", "0", check=False)


def test_output_that_a_full_disk_did_not_take_is_said(small_disk: Path, browser: Browser) -> None:
    run(small_disk, "run", "-d", "--name", "j", "--", FLOOD)
    with serving(small_disk, "--write") as address:
        flooding(small_disk, browser, address)
        browser.wait(
            "/could not be written to disk/.test(document.getElementById('trouble').textContent)"
        )
        assert "No space left on device" in shown(browser, "trouble")
        assert world.eventually(lambda: "waits" in run(small_disk, "list"))
        assert "of output at " in run(small_disk, "status", "j")
        (small_disk / "ballast").unlink()
        run(small_disk, "send", "j", "room again")
        browser.wait("!/No space/.test(document.getElementById('trouble').textContent)")
        assert "could not be written" in shown(browser, "trouble")  # it stays lost
        assert "fault" not in run(small_disk, "status", "j")


def test_a_job_that_waits_for_room_says_so(
    small_disk: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTYJOBS_LOG_FULL", "wait")
    run(small_disk, "run", "-d", "--name", "j", "--", FLOOD)
    with serving(small_disk, "--write") as address:
        flooding(small_disk, browser, address)
        why = "log: No space left on device; the job waits for room"
        browser.wait(f"document.getElementById('state').textContent === '{why}'")
        assert browser.run("document.getElementById('about').dataset.mood") == "stalled"
        assert "No space left on device" in run(small_disk, "list")
        (small_disk / "ballast").unlink()
        browser.wait("document.getElementById('trouble').hidden")
        assert world.eventually(lambda: "the end" in run(small_disk, "screen", "j"))
