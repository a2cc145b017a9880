"""The servers that keep answers until they are fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptyjobs.store.offers import Offers, serves


def test_a_server_is_known_until_it_ends(tmp_path: Path) -> None:
    offers, other = Offers(tmp_path), Offers(tmp_path)
    first, second, third = offers.token(), offers.token(), other.token()
    assert len({first, second, third}) == 3
    assert all(serves(tmp_path, token) for token in (first, second, third))
    offers.close()
    assert [serves(tmp_path, token) for token in (first, second, third)] == [False, False, True]
    other.close()
    assert os.listdir(tmp_path / "offers") == []


def test_the_file_of_a_killed_server_is_removed_by_the_next(tmp_path: Path) -> None:
    killed = Offers(tmp_path)
    token = killed.token()
    os.close(killed._lock)  # as the kernel does
    assert not serves(tmp_path, token)
    following = Offers(tmp_path)
    assert serves(tmp_path, following.token())
    assert len(os.listdir(tmp_path / "offers")) == 1
    following.close()


@pytest.mark.parametrize("token", ["", "../jobs/a/alive.1", "x" * 16 + ".1", "x" * 16 + "\n.1"])
def test_a_token_that_a_job_has_written_is_of_no_server(tmp_path: Path, token: str) -> None:
    offers = Offers(tmp_path)
    offers.token()
    assert not serves(tmp_path, token)
    offers.close()
