"""Variables that a job inherits from the server's environment."""

from __future__ import annotations

from ptyjobs.config.child_env import child_env

OURS = {
    "PATH": "/bin",
    "HOME": "/home/ada",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "COLUMNS": "80",
    "LINES": "24",
    "TMUX": "/tmp/tmux,1,0",
    "TERM_PROGRAM": "iTerm.app",
    "TERMINFO": "/opt/terminfo",
    "NOTIFY_SOCKET": "/run/notify",
    "PTYJOBS_SECRET_DB": "hunter2",
    "PTYJOBS_SANDBOX": "bwrap",
    "MCP_BG_MAX_JOBS": "3",
    "GITHUB_TOKEN": "ghp",
    "my_api_token": "t",
    "OPENAI_API_KEY": "sk",
}


def made(
    *, extra: dict[str, str] | None = None, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()
) -> dict[str, str]:
    return child_env(
        OURS,
        extra=extra or {},
        allow=allow,
        deny=deny,
        term="xterm-256color",
        rows=40,
        cols=120,
        job_id="python-1",
    )


def test_own_terminal_and_own_settings_are_not_inherited() -> None:
    env = made()
    assert env.keys() == {
        "PATH", "HOME", "LANG", "TERM", "TERMINFO", "PTYJOBS_JOB", "GITHUB_TOKEN",
        "my_api_token", "OPENAI_API_KEY",
    }  # fmt: skip
    assert env["TERM"] == "xterm-256color"
    assert env["PTYJOBS_JOB"] == "python-1"


def test_deny_is_a_net_for_secrets_whatever_their_case() -> None:
    env = made(deny=("*TOKEN*", "*_API_KEY"))
    assert not {"GITHUB_TOKEN", "my_api_token", "OPENAI_API_KEY"} & env.keys()
    assert env["PATH"] == "/bin"


def test_allow_is_the_whole_list_and_deny_goes_first() -> None:
    assert made(allow=("PATH", "*TOKEN"), deny=("GITHUB_*",)).keys() == {
        "PATH",
        "TERM",
        "PTYJOBS_JOB",
    }
    assert "PTYJOBS_SECRET_DB" not in made(allow=("*",))


def test_what_the_caller_gives_is_given() -> None:
    env = made(
        extra={"GITHUB_TOKEN": "mine", "TERM": "vt100", "COLUMNS": "20", "PTYJOBS_JOB": "x"},
        deny=("*",),
    )
    assert env == {
        "GITHUB_TOKEN": "mine",
        "TERM": "vt100",
        "COLUMNS": "20",
        "PTYJOBS_JOB": "python-1",
    }
