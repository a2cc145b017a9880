"""Times that are not numbers are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load
from ptyjobs.errors import BadInput

pytestmark = pytest.mark.live

CALLS: dict[str, Callable[[Jobs, float], object]] = {
    "wait": lambda jobs, time: jobs.execute("cat", name="other", wait=time),
    "timeout of interact": lambda jobs, time: jobs.interact("cat", input="x", timeout=time),
    "timeout of wait": lambda jobs, time: jobs.wait("cat", timeout=time),
    "grace": lambda jobs, time: jobs.kill("cat", grace=time),
}


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_changes_nothing(tmp_path: Path, time: float) -> None:
    with Jobs(load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        jobs.execute("cat", name="cat")
        for name, call in CALLS.items():
            with pytest.raises(BadInput, match=rf"{name.split()[0]}={time} is not a time"):
                call(jobs, time)
        assert [job.job_id for job in jobs.list()] == ["cat"]
        assert "still here" in jobs.interact("cat", input="still here").fresh.text
