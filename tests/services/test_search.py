"""One pattern over all jobs; jobs selected by project and label; a model's own project first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.client import AsyncJobs, search
from ptyjobs.errors import BadInput
from ptyjobs.mcp import tools
from ptyjobs.mcp.handlers import ToolCall
from ptyjobs.mcp.results import Result

pytestmark = pytest.mark.live


def call(jobs: Jobs, name: str, **arguments: object) -> Result:
    async def run() -> Result:
        client = AsyncJobs(jobs.config)
        try:
            tool = tools.by_name(name)
            assert tool is not None
            result = await tool.handler(ToolCall(client, jobs.config), tool.check(arguments))
            assert isinstance(result, Result)
            return result
        finally:
            await client.close()

    return asyncio.run(run())


def test_lines_of_all_jobs_newest_first_with_line_numbers(jobs: Jobs) -> None:
    jobs.execute("printf 'a\\nError: one\\n'", name="web", wait=30)
    jobs.execute("printf 'b\\nc\\nError: two\\nError: three\\n'", name="web", wait=30, replace=True)
    jobs.execute("echo fine", name="other", wait=30)
    found = search.grep(jobs.registry.all(), "Error: .*", limit=8000)
    assert [(one.job_id, one.run, one.line, one.text) for one in found.found] == [
        ("web", 2, 4, "Error: three"), ("web", 2, 3, "Error: two"), ("web.1", 1, 2, "Error: one"),
    ]  # fmt: skip
    assert (found.jobs, found.more) == (3, False)
    bounded = search.grep(jobs.registry.all(), "Error: .*", limit=40)
    assert bounded.found[0].text == "Error: three"
    assert bounded.more
    text = call(jobs, "output", job_id="*", grep="Error").text
    assert text.splitlines()[:2] == [
        '[*] 3 lines match "Error" in 3 jobs', "[web] line 4: Error: three",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="needs grep"):
        call(jobs, "output", job_id="*")


def test_selection(jobs: Jobs, tmp_path: Path) -> None:
    project = tmp_path / "p"
    (project / ".git").mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (project / "sub").mkdir()
    jobs.execute("true", name="in", cwd=str(project / "sub"), labels={"tier": "web"}, wait=30)
    jobs.execute("true", name="out", cwd=str(tmp_path), labels={"tier": "db"}, wait=30)

    def names(*where: str, labels: tuple[str, ...] = ()) -> list[str]:
        chosen = search.selected(
            jobs.registry, where=search.conditions(where), labels=search.labels_of(labels)
        )
        return [job.job_id for job in chosen]

    assert names(f"project={project}") == ["in"]
    assert names(labels=("tier",)) == ["out", "in"]
    assert names("state=completed", labels=("tier=db",)) == ["out"]
    assert names("name=i*", "lifetime=session") == ["in"]
    with pytest.raises(BadInput, match="project, name, state, lifetime, target"):
        search.conditions(["colour=red"])
    with pytest.raises(BadInput, match="cannot name a label"):
        jobs.execute("true", labels={"a b": ""})


def test_the_jobs_of_this_project_come_first(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        jobs.execute("true", name=name, cwd=str(tmp_path / name), wait=30)
    monkeypatch.chdir(tmp_path / "here")
    lines = call(jobs, "list").text.splitlines()
    assert lines[0].startswith("[here]")
    assert "· in /" not in lines[0]
    assert lines[1].startswith("[there]")
    assert lines[1].endswith(f"· in {tmp_path / 'there'}")
