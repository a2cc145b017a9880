"""A client that opens addresses is asked to open the viewer; it never sees a value."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ptyjobs.client import viewer_link
from ptyjobs.mcp.person import Elicitation, declared


class Session:
    """A client's session that notes what it was asked."""

    def __init__(self, action: str, *, url: bool = True) -> None:
        elicitation = SimpleNamespace(url=SimpleNamespace() if url else None)
        self.client_capabilities = SimpleNamespace(elicitation=elicitation)
        self.protocol_version = "2025-11-25"
        self.asked: list[tuple[str, str]] = []
        self.action = action

    async def elicit_url(self, message: str, url: str, elicitation_id: str, related: Any) -> Any:
        self.asked.append((message, url))
        return SimpleNamespace(action=self.action)


class Jobs:
    def __init__(self, state_dir: Path) -> None:
        self.config = SimpleNamespace(state_dir=str(state_dir))
        self.answers: list[tuple[str, bool]] = []

    async def done(self, job_id: str, *, by: str, declined: bool) -> None:
        self.answers.append((job_id, declined))


def context(session: Session) -> Any:
    return SimpleNamespace(session=session, request_id=7)


async def test_a_client_is_asked_once_and_may_decline(tmp_path: Path) -> None:
    import asyncio

    viewer_link.announce(str(tmp_path), url="http://127.0.0.1:9/#token=t", write=False)
    jobs, session = Jobs(tmp_path), Session("decline")
    elicitation = Elicitation(jobs)  # type: ignore[arg-type]  # a double
    for _ in range(2):
        async with elicitation.of(context(session), None).asking(("db",), "log in"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert session.asked == [("Job db asks for you: log in", "http://127.0.0.1:9/#token=t&job=db")]
    assert jobs.answers == [("db", True)]


async def test_without_viewer_or_capability_nobody_is_asked(tmp_path: Path) -> None:
    jobs, session = Jobs(tmp_path), Session("accept")
    elicitation = Elicitation(jobs)  # type: ignore[arg-type]  # a double
    async with elicitation.of(context(session), None).asking(("db",), "log in"):
        pass
    assert session.asked == []
    assert not declared(context(Session("accept", url=False)))
    assert not declared(None)


def test_the_link_of_a_viewer_that_has_gone_is_not_given(tmp_path: Path) -> None:
    viewer_link.announce(str(tmp_path), url="http://127.0.0.1:9/#token=t", write=True)
    assert viewer_link.link(str(tmp_path), "a b").endswith("#token=t&job=a%20b")
    file = tmp_path / "viewer.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text().replace('"started": ', '"started": 1'))
    assert viewer_link.link(str(tmp_path), "a") == ""
    viewer_link.withdraw(str(tmp_path))
    assert not file.exists()
