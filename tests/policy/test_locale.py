"""A shell whose locale is missing obeys the bytes of non-ASCII characters as keys."""

from __future__ import annotations

import pytest

from ptyjobs.holder.input_policy import is_utf8
from ptyjobs.model import JobSpec


@pytest.mark.parametrize(
    ("env", "utf8"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "xx_XX.UTF-8"}, False),
        ({"LC_ALL": "xx_XX.UTF-8", "LANG": "C.UTF-8"}, False),
        ({}, False),
    ],
)
def test_a_locale_must_exist_to_be_utf8(env: dict[str, str], utf8: bool) -> None:
    spec = JobSpec(job_id="a", argv=("true",), command="true", cwd="/", env=env)
    assert is_utf8(spec) is utf8
