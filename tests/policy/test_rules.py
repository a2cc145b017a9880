"""Permission rules: decisions on the parsed command line."""

from __future__ import annotations

import pytest

from ptyjobs import config
from ptyjobs.errors import BadConfig, NeedsApproval, Refused
from ptyjobs.policy.rules import Rules, Verdict

RULES = Rules(
    allow=("git status", "npm run test:*", "ls *", "git push --dry-run"),
    ask=("git push *", "npm publish", "docker *-prod"),
    deny=("rm -rf *", "shutdown *"),
)


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("git status", Verdict.ALLOW),
        ("echo hi", Verdict.ALLOW),
        ("git push", Verdict.ASK),
        ("git push origin main", Verdict.ASK),
        ("git push --dry-run", Verdict.ASK),  # ask takes precedence over allow
        ("npm publish", Verdict.ASK),
        ("npm publish --tag x", Verdict.ALLOW),  # the rule has no further words
        ("docker rm-prod", Verdict.ASK),
        ("cd x && git push", Verdict.ASK),
        ("rm -rf build", Verdict.DENY),
        ("/bin/rm -rf build", Verdict.DENY),
        ("echo $(rm -rf build)", Verdict.DENY),
        ("git push; rm -rf x", Verdict.DENY),
        ("for f in a b; do rm -rf $f; done", Verdict.DENY),
        ("echo 'rm -rf x'", Verdict.ALLOW),
        ("'rm' -rf x", Verdict.ASK),
        ("$tool -rf x", Verdict.ASK),
        ("A=1 make", Verdict.ASK),  # not understood: a person decides
        ("cat <<E\nrm -rf /\nE", Verdict.ASK),
        ("", Verdict.ALLOW),
    ],
)
def test_a_line_gets_its_strictest_decision(line: str, verdict: Verdict) -> None:
    assert RULES.decide(line).verdict is verdict


def test_what_no_rule_names_is_decided_otherwise() -> None:
    strict = Rules(allow=("git status", "npm run test:*"), otherwise="ask")
    assert strict.decide("git status").verdict is Verdict.ALLOW
    assert strict.decide("npm run test -- -k 'a b'").verdict is Verdict.ALLOW
    assert strict.decide("npm run tests").verdict is Verdict.ASK
    assert strict.decide("git 'status'").verdict is Verdict.ASK
    assert Rules(otherwise="deny").decide("ls").verdict is Verdict.DENY
    assert Rules(allow=("*",), otherwise="deny").decide("ls -l").verdict is Verdict.ALLOW
    assert Rules(allow=("x",)).decide("A=1 make").verdict is Verdict.ALLOW


def test_refusals_say_what_to_tell_the_user() -> None:
    with pytest.raises(NeedsApproval) as asked:
        RULES.check("git push")
    assert str(asked.value) == (
        "'git push' needs the user's approval (rule 'git push *'). Ask the user to run it, or to "
        "add it to permissions.allow of ptyjobs."
    )
    RULES.check("git push", approved=True)
    with pytest.raises(Refused, match="not allowed: 'rm -rf x' \\(rule 'rm -rf \\*'\\)"):
        RULES.check("rm -rf x", approved=True)


@pytest.mark.parametrize(
    "table",
    [{"alow": []}, {"allow": "ls"}, {"deny": [1]}, {"ask": [" "]}, {"otherwise": "no"}, ["ls"]],
)
def test_a_table_that_cannot_be_used_stops_the_program(table: object, tmp_path: object) -> None:
    import json

    path = tmp_path / "config.toml"  # type: ignore[operator]
    value = table if isinstance(table, list) else None
    lines = [f"permissions = {json.dumps(value)}"] if value else ["[permissions]"]
    if isinstance(table, dict):
        lines += [f"{key} = {json.dumps(item)}" for key, item in table.items()]
    path.write_text("\n".join(lines))
    with pytest.raises(BadConfig, match="permissions"):
        config.load({}, file=path)
