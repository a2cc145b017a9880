"""Tokens recognised by their form alone, for the setting `redact_tokens`.

Owns the published list. The issuer made each form recognisable: a fixed prefix, and an alphabet and
length that ordinary text does not have. Never a rule about entropy or names, which would mistake
commit ids and checksums for secrets. `python -m benchmarks.redaction` counts the matches of the
list in our recordings, where every match is a false positive.
"""

from __future__ import annotations

import re

_FORMS: tuple[tuple[str, str], ...] = (
    (
        "private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.{0,20000}?)"
        r"(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    ("JWT", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    ("AWS key id", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("Google API key", r"\bAIza[\w-]{35}(?![\w-])"),
    ("Google OAuth token", r"\bya29\.[\w-]{20,}"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_\w{82})\b"),
    ("GitLab token", r"\bglpat-[\w-]{20,}(?![\w-])"),
    ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}\b"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"\bpypi-AgE[\w-]{50,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("Anthropic key", r"\bsk-ant-[\w-]{20,}"),
    ("OpenAI key", r"\bsk-(?:proj|svcacct|admin)-[\w-]{20,}"),
    ("DigitalOcean token", r"\bdo[oprt]_v1_[a-f0-9]{64}\b"),
    ("SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    ("age key", r"\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b"),
)

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(form)) for name, form in _FORMS
)
"""Name and pattern of each form."""


def reference() -> str:
    """The list as a Markdown table."""
    rows = [f"| {name} | `{form.replace('|', chr(92) + '|')}` |" for name, form in _FORMS]
    return "\n".join(["| token | form (regular expression) |", "|---|---|", *rows])
