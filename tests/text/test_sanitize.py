"""Text for a model has no invisible characters, loses no visible ones, and keeps its budget."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.text.sanitize import budget, for_model, scrub


@pytest.mark.parametrize(
    "text",
    [
        "plain\ttext\n",
        "caf\u00e9 cafe\u0301 \u4f60\u597d \u0928\u092e\u0938\u094d\u0924\u0947",
        "\u2500\u2502\u250c \u2588\u2591 \u2800\u28ff \ue0b0 \ue0a0",
        "\U0001f680 \u2764\ufe0f \u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3 \u26a0\ufe0e",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f926\U0001f3fd\u200d\u2642\ufe0f",
        "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1eb\U0001f1f7",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0915\u094d\u200d\u0937",
        "\u00a0 no-break",
    ],
)
def test_what_can_be_seen_stays(text: str) -> None:
    assert for_model(text) == (text, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\u{1b}[31mb"),
        ("a\rb\x00\x7f\x9b", "a\\u{d}b\\u{0}\\u{7f}\\u{9b}"),
        ("access\u202egnp.exe", "access\\u{202e}gnp.exe"),
        ("a\u2066b\u2069", "a\\u{2066}b\\u{2069}"),
        ("pay\u200bpal \ufeffx", "pay\\u{200b}pal \\u{feff}x"),
        ("a\u200db", "a\\u{200d}b"),
        ("\u4f60\u200d\u597d", "\u4f60\\u{200d}\u597d"),
        ("a\ufe0f", "a\\u{fe0f}"),
        ("\u2764\ufe0f\ufe0f", "\u2764\ufe0f\\u{fe0f}"),
        ("hi\U000e0068\U000e0069", "hi\\u{e0068}\\u{e0069}"),
        ("x\u3164y\u00ad\u2028", "x\\u{3164}y\\u{ad}\\u{2028}"),
        ("a\ud83d", "a\\u{d83d}"),
        ("\U000e0100", "\\u{e0100}"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert for_model(text) == (shown, True)


def test_line_ends_of_a_terminal_are_not_hidden_characters() -> None:
    assert for_model("a\r\nb\r\n") == ("a\nb\n", False)


ANY = st.text(alphabet=st.characters(), max_size=60)


@given(ANY)
def test_no_control_and_no_bidi_ever_passes(text: str) -> None:
    safe, _ = for_model(text)
    safe.encode()
    for char in safe:
        assert unicodedata.category(char) not in ("Cs", "Zl", "Zp")
        assert unicodedata.category(char) != "Cc" or char in "\n\t"
        assert unicodedata.bidirectional(char) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
    assert for_model(safe) == (safe, False)


@given(ANY)
def test_scrubbed_text_can_be_encoded(text: str) -> None:
    assert scrub(text).encode().decode() == scrub(text)


def test_scrub_joins_pairs_and_replaces_halves() -> None:
    assert scrub("a\ud83d\ude80b\ud83d") == "a\U0001f680b\ufffd"
    assert scrub("\U0001f680") == "\U0001f680"


def test_budget_cuts_at_line_ends_and_counts_exactly() -> None:
    text = "".join(f"line {n:03d}\n" for n in range(100))
    cut = budget(text, 90, hint="output(since=0) has the rest")
    assert cut.text == (
        "line 000\nline 001\nline 002\nline 003\nline 004\n"
        "[... 90 lines, 810 characters left out; output(since=0) has the rest ...]\n"
        "line 095\nline 096\nline 097\nline 098\nline 099\n"
    )
    assert (cut.omitted_lines, cut.omitted_chars) == (90, 810)


def test_budget_cuts_inside_one_long_line() -> None:
    cut = budget("a" * 50 + "b" * 50, 20)
    assert cut.text == "a" * 10 + "\n[... 80 characters left out ...]\n" + "b" * 10
    assert (cut.omitted_lines, cut.omitted_chars) == (0, 80)


def test_budget_of_only_a_head_and_only_a_tail() -> None:
    text = "one\ntwo\nthree\nfour\n"
    assert budget(text, 8, head_share=1.0).text == (
        "one\ntwo\n[... 2 lines, 11 characters left out ...]"
    )
    assert budget(text, 5, head_share=0.0).text == (
        "[... 3 lines, 14 characters left out ...]\nfour\n"
    )


@given(st.text(alphabet="ab\n\u0301\U0001f680", max_size=200), st.integers(0, 80), st.floats(0, 1))
def test_budget_adds_up(text: str, limit: int, share: float) -> None:
    cut = budget(text, limit, head_share=share)
    if len(text) <= limit:
        assert cut.text == text
        return
    head, tail = cut.text.partition("[... ")[0], cut.text.partition(" ...]")[2]
    tail = tail.removeprefix("\n")
    # The line end before the gap may be the text's own or the gap's.
    heads = [h for h in (head, head.removesuffix("\n")) if text.startswith(h)]
    assert text.endswith(tail)
    assert any(len(h) + cut.omitted_chars + len(tail) == len(text) for h in heads)
    assert 0 <= cut.omitted_lines <= text.count("\n") + 1
