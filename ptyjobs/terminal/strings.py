"""The control strings: OSC and DCS.

Owns titles, the working directory (OSC 7), hyperlinks (8), progress (9;4), colours (4, 10-12 and
their resets), shell marks (133) and the two DCS queries. All other strings are discarded: APC, PM,
SOS, sixel, tmux passthrough. The clipboard (52) is neither read nor written.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .replies import Replies
from .state import MAX_TITLE
from .style import changed, number

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_PROGRESS = {0: "", 1: "normal", 2: "error", 3: "indeterminate", 4: "paused"}
MAX_LINK = 2048
MAX_COLOURS = 300


class Strings(Replies):
    """Handlers of the string family."""

    def operating_system_command(self, text: str, *, end: str = "\x1b\\") -> None:
        """One OSC; a reply uses the same terminator as the query (`end`)."""
        code, _, rest = text.partition(";")
        handler = _OSC.get(code)
        if handler is not None:
            handler(self, code, rest, end)
        elif code[:1] in ("l", "L"):
            self._set_titles(code[0], text[1:], end)
        else:
            self._note_unknown(f"OSC {code[:6]}" if code.isascii() and code.isdigit() else "OSC")

    def device_control_string(self, text: str) -> None:
        """One DCS: only the two queries have an effect here."""
        if text.startswith("$q"):
            self._report_setting(text[2:])
        elif text.startswith("+q"):
            self._report_capabilities(text[2:])
        else:
            self._note_unknown("DCS")

    # --- names --------------------------------------------------------------------------------

    def set_title(self, param: str) -> None:
        """The window's title."""
        self.title = _CONTROLS.sub("", param[:MAX_TITLE])

    def set_icon_name(self, param: str) -> None:
        """The icon's title."""
        self.icon_title = _CONTROLS.sub("", param[:MAX_TITLE])

    def _set_titles(self, code: str, text: str, _end: str) -> None:
        if code in ("0", "1", "L"):
            self.set_icon_name(text)
        if code in ("0", "2", "l"):
            self.set_title(text)

    def _set_cwd(self, _code: str, text: str, _end: str) -> None:
        """OSC 7: `file://host/path`, percent-encoded."""
        if text.startswith("file://"):
            slash = text.find("/", 7)
            path = percent_decoded(text[slash:MAX_TITLE]) if slash >= 0 else b""
            self.cwd = _CONTROLS.sub("", path.decode("utf-8", "replace"))
        elif text.startswith("/"):
            self.cwd = _CONTROLS.sub("", text[:MAX_TITLE])

    def _set_link(self, _code: str, text: str, _end: str) -> None:
        """OSC 8: `params ; target`; an empty target ends the link."""
        target = text.partition(";")[2]
        if len(target) > MAX_LINK:
            target = ""
        self._pen = changed(self._pen, link=_CONTROLS.sub("", target))

    # --- progress and marks -------------------------------------------------------------------

    def _nine(self, _code: str, text: str, _end: str) -> None:
        """OSC 9;4: progress; OSC 9;9: the working directory (ConEmu); otherwise a notification."""
        items = text.split(";", 3)
        if items[0] == "4":
            word = _PROGRESS.get(number(items[1]) if len(items) > 1 else 0, "")
            if word in ("normal", "error", "paused"):
                percent = number(items[2]) if len(items) > 2 else 0
                word = f"{word} {min(percent, 100)}"
            self.progress = word
        elif items[0] == "9" and len(items) > 1:
            self.cwd = _CONTROLS.sub("", text[2:MAX_TITLE].strip('"'))

    def _mark(self, _code: str, text: str, _end: str) -> None:
        """OSC 133: the places of a shell's prompt, input, output and their end."""
        kind = text[:1]
        if kind not in ("A", "B", "C", "D"):
            return
        code: int | None = None
        if kind == "D":
            word = text[2:].partition(";")[0]
            if word.isdecimal() and word.isascii() and len(word) < 10:
                code = int(word)
        self._mark_here(kind, code)

    # --- colours ------------------------------------------------------------------------------

    def _palette(self, _code: str, text: str, end: str) -> None:
        """OSC 4: pairs of an index and a colour or `?`."""
        items = text.split(";", 64)
        for index, spec in zip(items[::2], items[1::2], strict=False):
            slot = number(index)
            if not index.isdecimal() or slot > 255:
                continue
            if spec == "?":
                self._report_colour(f"4;{slot}", self._colour(slot), end)
            else:
                self._set_colour(slot, spec)

    def _special(self, code: str, text: str, end: str) -> None:
        """OSC 10 on: foreground, background, cursor; further items apply to the next codes."""
        for offset, spec in enumerate(text.split(";", 8)):
            slot = int(code) + offset
            if slot > 12:
                break
            if spec == "?":
                self._report_colour(str(slot), self._colour(1000 + slot), end)
            else:
                self._set_colour(1000 + slot, spec)

    def _set_colour(self, slot: int, spec: str) -> None:
        colour = parse_colour(spec)
        if colour is not None and len(self._colours) < MAX_COLOURS:
            self._colours[slot] = colour

    def _reset_colours(self, code: str, text: str, _end: str) -> None:
        """OSC 104, 110-112."""
        if code != "104":
            self._colours.pop(900 + int(code), None)
        elif text:
            for index in text.split(";", 255):
                self._colours.pop(number(index), None)
        else:
            for slot in [s for s in self._colours if s < 256]:
                del self._colours[slot]

    def _program_status(self, _code: str, text: str, end: str) -> None:
        """OSC 7501: only the query is answered here; reports are read from the stream."""
        if text == "?":
            self._reply(f"\x1b]7501;?{end}")

    def _ignore(self, _code: str, _text: str, _end: str) -> None:
        """Recognised, but without effect on the screen."""


def percent_decoded(text: str) -> bytes:
    """Decode `%XX` to bytes; importing urllib for it would cost 5 ms."""
    return _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), text.encode("utf-8", "replace"))


def parse_colour(spec: str) -> tuple[int, int, int] | None:
    """`rgb:r/g/b` with 1-4 hex digits each, or `#` with 3, 6, 9 or 12 of them."""
    if spec.startswith("rgb:"):
        digits = spec[4:].split("/", 3)
    elif spec.startswith("#") and len(spec) in (4, 7, 10, 13):
        size = (len(spec) - 1) // 3
        digits = [spec[1 + i * size : 1 + (i + 1) * size] for i in range(3)]
    else:
        return None
    if len(digits) != 3:
        return None
    out: list[int] = []
    for part in digits:
        if not re.fullmatch("[0-9A-Fa-f]{1,4}", part):
            return None
        if spec[0] == "#":
            out.append(int(part.ljust(2, "0")[:2], 16))
        else:
            out.append(int(part, 16) * 255 // (16 ** len(part) - 1))
    return out[0], out[1], out[2]


_OSC: dict[str, Callable[[Strings, str, str, str], None]] = {
    "0": Strings._set_titles,
    "1": Strings._set_titles,
    "2": Strings._set_titles,
    "4": Strings._palette,
    "7": Strings._set_cwd,
    "8": Strings._set_link,
    "9": Strings._nine,
    "10": Strings._special,
    "11": Strings._special,
    "12": Strings._special,
    "22": Strings._ignore,
    "52": Strings._ignore,
    "104": Strings._reset_colours,
    "110": Strings._reset_colours,
    "111": Strings._reset_colours,
    "112": Strings._reset_colours,
    "133": Strings._mark,
    "777": Strings._ignore,
    "1337": Strings._ignore,
    "7501": Strings._program_status,
}
