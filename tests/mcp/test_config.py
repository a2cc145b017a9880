"""Settings: their sources; no setting is silently dropped."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import config
from ptyjobs.config import Config, load
from ptyjobs.errors import BadConfig

HOME = {"HOME": "/nowhere"}


def test_sources_override_each_other_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('max_jobs = 3\nrows = 30\ncols = 90\n[secrets]\nDB = "env:DB_PASSWORD"\n')
    environ = {**HOME, "PTYJOBS_ROWS": "31", "PTYJOBS_COLS": "91"}
    found = load(environ, flags={"cols": 92, "term": None}, file=file)
    assert (found.max_jobs, found.rows, found.cols) == (3, 31, 92)
    assert found.term == "xterm-256color"
    assert found.secrets == {"DB": "env:DB_PASSWORD"}


def test_the_six_names_of_the_older_server_are_effective(tmp_path: Path) -> None:
    found = load(
        {
            **HOME,
            "MCP_BG_MAX_JOBS": "7",
            "MCP_BG_MAX_OUTPUT_SIZE": "10MB",
            "MCP_BG_JOB_TIMEOUT": "60",
            "MCP_BG_CLEANUP_INTERVAL": "30",
            "MCP_BG_ALLOWED_COMMANDS": "^npm ,^python ,^echo ,^ls",
            "MCP_BG_WORKING_DIR": str(tmp_path),
        }
    )
    assert found.max_jobs == 7
    assert found.log_limit == 10 << 20
    assert found.job_timeout == 60
    assert found.cleanup_interval == 30
    assert found.allowed_commands == ("^npm ", "^python ", "^echo ", "^ls")
    assert found.working_dir == str(tmp_path)


def test_our_own_name_wins_over_an_alias() -> None:
    assert load({**HOME, "PTYJOBS_MAX_JOBS": "5", "MCP_BG_MAX_JOBS": "7"}).max_jobs == 5


def test_state_directory_follows_the_environment() -> None:
    assert load({"HOME": "/h"}).state_dir == "/h/.local/state/ptyjobs"
    assert load({"HOME": "/h", "XDG_STATE_HOME": "/s"}).state_dir == "/s/ptyjobs"
    assert load({"HOME": "/h", "PTYJOBS_STATE": "/x"}).state_dir == "/x"


def test_a_pattern_may_hold_commas_in_brackets() -> None:
    found = load({**HOME, "PTYJOBS_ALLOWED_COMMANDS": r"^a{1,3}$, ^b[,;]"})
    assert found.allowed_commands == (r"^a{1,3}$", "^b[,;]")


@pytest.mark.parametrize(
    ("text", "value"),
    [("500ms", 0.5), ("10", 10), ("2m", 120), ("none", None), ("1.5 s", 1.5)],
)
def test_times(text: str, value: float | None) -> None:
    if value is not None and value < 1:
        assert load({**HOME, "PTYJOBS_KILL_GRACE": text}).kill_grace == value
    else:
        assert load({**HOME, "PTYJOBS_JOB_TIMEOUT": text}).job_timeout == value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MCP_BG_MAX_JOBS", "abc"),
        ("MCP_BG_MAX_JOBS", "100000"),
        ("MCP_BG_MAX_JOBS", "0"),
        ("MCP_BG_MAX_JOBS", ""),
        ("MCP_BG_MAX_OUTPUT_SIZE", "10XB"),
        ("MCP_BG_ALLOWED_COMMANDS", "^(npm"),
        ("MCP_BG_ALLOWED_COMMANDS", ""),
        ("MCP_BG_ALLOWED_COMMANDS", " , "),
        ("MCP_BG_WORKING_DIR", "/nowhere/at/all"),
        ("PTYJOBS_SHELL", "/nowhere/zsh"),
        ("PTYJOBS_STATE", "relative"),
        ("PTYJOBS_STRUCTURED", "maybe"),
        ("PTYJOBS_SANDBOX", "jail"),
        ("PTYJOBS_MAX_CHARS", "1e9"),
        ("PTYJOBS_TARGETS", "{}"),
        ("PTYJOBS_HTTP", "everywhere"),
    ],
)
def test_an_unusable_value_stops_with_one_line_that_names_it(variable: str, value: str) -> None:
    with pytest.raises(BadConfig) as caught:
        load({**HOME, variable: value})
    text = str(caught.value)
    assert "\n" not in text
    assert variable in text
    assert repr(value) in text


def test_an_unknown_variable_is_not_overlooked() -> None:
    with pytest.raises(BadConfig, match=r"Did you mean PTYJOBS_ALLOWED_COMMANDS\?"):
        load({**HOME, "PTYJOBS_ALOWED_COMMANDS": "^ls"})


def test_an_on_exit_command_never_fails_for_a_variable(capsys: pytest.CaptureFixture[str]) -> None:
    job = {"PTYJOBS_JOB": "j", "PTYJOBS_EXIT": "0", "PTYJOBS_JOB_STATE": "completed"}
    load({**HOME, **job, "PTYJOBS_OF_MINE": "1"})
    assert capsys.readouterr().err == "ptyjobs: PTYJOBS_OF_MINE is no setting and is ignored.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_job = 3\n", "Did you mean max_jobs?"),
        ("max_jobs = true\n", "max_jobs = True"),
        ("rows = \n", "not TOML"),
        ('secrets = {A = "plain"}\n', '"env:VARIABLE"'),
    ],
)
def test_a_fault_in_the_file_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(BadConfig) as caught:
        load({"HOME": "/nowhere", "PTYJOBS_CONFIG": str(file)})
    assert str(file) in str(caught.value)
    assert words in str(caught.value)


def test_a_named_file_must_exist_and_the_usual_one_need_not(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="no such file"):
        load({**HOME, "PTYJOBS_CONFIG": str(tmp_path / "none.toml")})
    assert load({**HOME, "XDG_CONFIG_HOME": str(tmp_path)}).rows == 40


def test_settings_that_bound_each_other() -> None:
    assert load({**HOME, "PTYJOBS_MAX_WAIT": "5"}).wait_timeout == 5
    assert load({**HOME, "PTYJOBS_LOG_LIMIT": "2GiB"}).log_total == 2 << 30
    with pytest.raises(BadConfig, match="wait_timeout = 30 is above max_wait = 5"):
        load({**HOME, "PTYJOBS_MAX_WAIT": "5", "PTYJOBS_WAIT_TIMEOUT": "30"})


def test_a_secret_variable_declares_itself_and_its_value_stays_out() -> None:
    found = load({**HOME, "PTYJOBS_SECRET_DB": "hunter2"})
    assert found.secrets == {"DB": "env:PTYJOBS_SECRET_DB"}
    assert "hunter2" not in repr(found)


def test_flags_are_made_from_the_settings() -> None:
    parser = argparse.ArgumentParser()
    config.add_flags(parser)
    parsed = parser.parse_args(["--max-jobs", "4", "--structured", "--log-limit", "1MB"])
    found = load(HOME, flags=config.flags_of(parsed))
    assert (found.max_jobs, found.structured, found.log_limit) == (4, True, 1 << 20)
    with pytest.raises(BadConfig, match="flag --max-jobs"):
        load(HOME, flags=config.flags_of(parser.parse_args(["--max-jobs", "x"])))


def test_every_setting_is_documented_and_its_default_is_usable() -> None:
    table = config.docs_table()
    for setting in config.SETTINGS:
        assert f"| `{setting.name}` |" in table
        value: Any = getattr(Config(), setting.name)
        assert not value or setting.metadata["kind"].read(value) == value


def test_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().rows = 3  # type: ignore[misc]  # that is the test
