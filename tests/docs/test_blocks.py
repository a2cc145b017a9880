"""Every block of code in the documents runs in a test, or a line here says why it cannot."""

from __future__ import annotations

import json
import re

import pytest

from ptyjobs.client.event_lines import line
from ptyjobs.setup import clients
from ptyjobs.store.journal import Transition
from tests.docs import generate
from tests.docs.test_examples import DOCUMENTS

API = "tests/live/test_python_api.py"
SITE = "tests/live/test_site.py"
EXAMPLES = "tests/docs/test_examples.py"
CLIENTS = "tests/clients/test_setup_clients.py"
LIGHT = "tests/cli/test_light.py::test_jobs_run_and_are_attached_and_exported"
CONFIG = f"{EXAMPLES}::test_configuration_files_load"
LOGINS = "tests/live/test_logins.py::test_a_person_logs_in_while_the_agent_waits"
ITSELF = "tests/docs/test_blocks.py"

#: By page and first words of the block: the test that runs it, or the same with another place.
RUN = {
    ("README.md", "from ptyjobs"): f"{API}::test_the_example_of_the_readme_runs_as_it_stands",
    ("README.md", "> "): f"{EXAMPLES}::test_the_readme_is_short_and_its_transcripts_are_real",
    ("docs/agents.md", "import asyncio"): f"{API}::test_the_examples_of_the_site_run_as_they_stand",
    ("docs/reference/python-api.md", "from ptyjobs"): f"{API}::"
    "test_the_examples_of_the_site_run_as_they_stand",
    ("docs/transcripts.md", "> "): f"{SITE}::test_the_transcripts_are_what_the_calls_answer",
    ("docs/services.md", "> "): f"{SITE}::test_the_services_transcript_is_what_the_calls_answer",
    ("docs/person.md", "> "): LOGINS,
    ("docs/getting-started.md", "ptyjobs demo"): "tests/cli/test_commands.py::"
    "test_the_demo_drives_python",
    ("docs/getting-started.md", "ptyjobs run"): f"{SITE}::"
    "test_the_first_commands_of_a_newcomer_work",
    ("docs/getting-started.md", "ptyjobs list"): "tests/cli/test_attach.py::"
    "test_two_people_see_and_type",
    ("docs/install.md", "pip install --no-deps"): LIGHT,
    ("docs/decisions/light-install.md", "pip install --no-deps"): LIGHT,
    ("docs/install.md", '{ "'): f"{ITSELF}::test_the_entries_of_clients_are_those_of_setup",
    ("docs/install.md", "claude plugin"): "tests/clients/test_claude_code.py::"
    "test_the_marketplace_of_the_repository_installs_the_plugin",
    ("docs/permissions.md", "[permissions]"): CONFIG,
    ("docs/reference/settings.md", "rows"): CONFIG,
    ("docs/targets.md", "[targets.vm]"): CONFIG,
    ("docs/targets.md", "ptyjobs run"): "tests/targets/test_people.py::test_a_job_runs_over_ssh",
    ("docs/testing.md", "ptyjobs record"): "tests/plugin/test_fixture.py::"
    "test_the_program_runs_again_and_a_change_of_it_is_seen",
    ("docs/testing.md", "def test_bug"): "tests/plugin/test_fixture.py::"
    "test_the_test_on_the_page_passes",
    ("docs/viewer.md", "pip install"): "tests/web/test_viewer.py",
    ("docs/waking.md", "[build]"): f"{ITSELF}::test_the_lines_of_events_are_ours",
}
INSTALLS = "needs the package index; CI and tests/examples/run install the checkout and the wheel"
#: Blocks that no test can run as they stand, with the reason.
NOT_RUN = {
    ("README.md", "pip install . &&"): INSTALLS,
    ("README.md", "pip install -e"): "it runs the tests; CI does that",
    ("docs/getting-started.md", "pipx install"): INSTALLS,
    ("docs/install.md", "pipx install"): INSTALLS,
    ("docs/install.md", "git clone"): INSTALLS,
    ("docs/install.md", "claude mcp add"): f"changes a user's clients; {CLIENTS} runs `setup`",
}


def blocks(name: str) -> list[str]:
    text = (generate.ROOT / name).read_text()
    return re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if blocks(name)])
def test_every_block_is_run(name: str) -> None:
    places = [start for page, start in (*RUN, *NOT_RUN) if page == name]
    for block in blocks(name):
        assert any(block.startswith(start) for start in places), block
    for start in places:
        assert any(block.startswith(start) for block in blocks(name)), start


@pytest.mark.parametrize("test", sorted(set(RUN.values())))
def test_the_tests_that_run_them_exist(test: str) -> None:
    path, _, function = test.partition("::")
    assert f"def {function or 'test_'}" in (generate.ROOT / path).read_text()


def test_the_lines_of_events_are_ours() -> None:
    """docs/waking.md shows a single end, a question, and fifty ends."""
    failed = Transition("exited", "build", 100.0, 142.0, what="exited with code 1",
                        text="cc main.c\nerror: no rule")  # fmt: skip
    asks = Transition("asks", "deploy", 1.0, 2.0, what="waits for input", text="Overwrite? [y/N]")
    ended = [Transition("exited", f"t{n}", 1.0, 2.0, what="exited with code 0")
             for n in range(1, 51)]  # fmt: skip
    made = [
        line([failed], running=["web"]),
        line([asks], running=["deploy", "web"]),
        line(ended, running=[]),
    ]
    (shown,) = blocks("docs/waking.md")
    assert shown.splitlines() == made


def test_the_entries_of_clients_are_those_of_setup() -> None:
    server = clients.Server("ptyjobs")
    written = [{one.at[0]: {"ptyjobs": one.entry(server)}} for one in clients.CLIENTS]
    shown = [json.loads(block) for block in blocks("docs/install.md") if block.startswith("{")]
    assert len(shown) == 2
    assert all(entry in written for entry in shown)
