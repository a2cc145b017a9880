"""Secrets in text: found in every documented encoding; other text is unchanged."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from urllib.parse import quote_plus, unquote

import pytest

from ptyjobs.mcp import results
from ptyjobs.mcp.redacting import Border
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Digest, Known, digests_of, lines_of, pack, unpack

SECRET = "tr0ub4dor&3-unseen"
SALT = b"salt of this test"


def known(value: str = SECRET) -> Redactor:
    return Redactor([Known.of(value, name="VAULT")])


def typed(value: str = SECRET) -> Redactor:
    return Redactor([Digest.of(value, name="", salt=SALT)])


@pytest.mark.parametrize("make", [known, typed])
@pytest.mark.parametrize(
    ("shape", "lines"),
    [
        ("x{0}y", 1),
        ("{0}", 1),
        ("tr0ub4dor\n&3-unseen", 2),
        ("tr0ub4dor   \n    &3-un\n    seen", 3),
        ("│ tr0ub4dor │\n│ &3-unseen │", 2),
        ("| tr0ub4dor&3 |\n| -unseen     |", 2),
        ("?key=tr0ub4dor%263-unseen&x=1", 1),
        ("".join(f"%{byte:02x}" for byte in SECRET.encode()), 1),
        ("é tr0ub4dor%26\n3-unseen é", 2),
        (base64.b64encode(SECRET.encode()).decode(), 1),
        (base64.b64encode(b"u:" + SECRET.encode() + b"@").decode(), 1),
        (base64.urlsafe_b64encode(b"u" + SECRET.encode()).decode(), 1),
    ],
)
def test_a_secret_is_found_in_its_disguises(
    make: Callable[[], Redactor], shape: str, lines: int
) -> None:
    found = make().redact(shape.format(SECRET))
    assert found.count == 1
    assert "[secret" in found.text
    assert not leaks(found.text, SECRET)
    assert found.text.count("\n") == lines - 1


@pytest.mark.parametrize("make", [known, typed])
def test_other_text_is_left_alone(make: Callable[[], Redactor]) -> None:
    for text in ("", "tr0ub", "a\nb │\n│ c", "100 %41 %zz", SECRET[::-1], "dHIwdWI0" * 9):
        assert make().redact(f"- {text} -").text == f"- {text} -"


def test_what_stands_around_a_secret_stays() -> None:
    assert known().redact(f"a {SECRET} b\n{SECRET}").text == "a [secret VAULT] b\n[secret VAULT]"
    assert typed().redact(f"{SECRET}{SECRET}").text == "[secret][secret]"
    assert known().redact("x tr0ub4dor&3\n-unseen y").text == "x [secret VAULT]\n y"


def test_a_part_of_a_secret_beside_a_cut_goes_too() -> None:
    redactor = known()
    assert redactor.redact("prompt tr0ub4d").text == "prompt [secret VAULT]"
    assert redactor.redact("nseen tail").text == "[secret VAULT] tail"
    cut = "a tr0ub4\n[... 3 lines, 90 characters left out ...]\nseen b"
    assert redactor.redact(cut).count == 2
    line = 'waiting for input at "tr0ub4dor" · log 9\nx'
    assert redactor.redact(line, status=True).count == 1
    assert redactor.redact(line).count == 0
    assert redactor.redact("tr0 and een").count == 0  # three characters are in every text


def test_a_value_with_blanks_is_found_where_a_program_breaks_it() -> None:
    redactor = known("correct horse battery")
    assert redactor.redact("say correct\nhorse   battery now").text == "say [secret VAULT]\n now"
    assert redactor.redact(f"q={quote_plus('correct horse battery')}").count == 1


def test_each_line_of_a_long_secret_is_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA1\nshort\nMIIEowIBAAKCAQEA2\n"
    assert lines_of(key) == ["-----BEGIN KEY-----", "MIIEpAIBAAKCAQEA1", "MIIEowIBAAKCAQEA2"]
    assert lines_of("one\n") == ["one"]


def test_a_digest_tells_neither_value_nor_form() -> None:
    packed = repr(pack([Digest.of(SECRET, name="", salt=SALT)]))
    assert "tr0ub" not in packed
    assert "dHIwdWI0" not in packed
    again = Redactor(unpack(pack(digests_of([Known.of(SECRET, name="A")], salt=os.urandom(16)))))
    assert again.redact(f"<{SECRET}>").text == "<[secret A]>"


def test_a_secret_that_is_a_common_word_does_not_touch_job_ids() -> None:
    border = Border(known("server"))
    shown = border.result(
        results.Result("[server] ok\nserver up", {"job_id": "server", "a": "server"})
    )
    assert shown.text == "[server] ok · 1 secret redacted\n[secret VAULT] up"
    assert shown.facts == {"job_id": "server", "a": "[secret VAULT]"}


def test_binary_output_is_searched_too() -> None:
    noise = bytes(range(256)).decode("latin-1")
    text = f"{noise}{SECRET}{noise}\ud800"
    for redactor in (known(), typed()):
        found = redactor.redact(text)
        assert found.count == 1
        assert SECRET not in found.text


def leaks(text: str, secret: str) -> bool:
    """An independent look: does any reading of `text` show the secret?"""
    bare = re.sub(r"[\s|\u2500-\u257f]", "", text)
    wanted = re.sub(r"[\s|\u2500-\u257f]", "", secret)
    if secret in text or wanted in bare or wanted in unquote(bare):
        return True
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", bare):
        for start in range(4):
            piece = run[start:].replace("-", "+").replace("_", "/")
            piece = piece[: len(piece) // 4 * 4]
            if secret.encode() in base64.b64decode(piece):
                return True
    return False
