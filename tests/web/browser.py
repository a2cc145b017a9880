"""A real headless Chromium, driven over its DevTools protocol (chromedevtools.github.io)."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str:
    """The installed browser, or ""."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


class Page:
    """One page, by the address of its debugger."""

    def __init__(self, address: str, *, width: int, height: int) -> None:
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(connect(address, max_size=None, compression=None))
        self._numbers = itertools.count(1)
        self.ask("Page.enable")
        self.size(width, height)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=20))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result

    def size(self, width: int, height: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def scheme(self, name: str) -> None:
        """Prefer `dark` or `light`."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def go(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def back(self) -> None:
        """Go back by one page."""
        history = self.ask("Page.getNavigationHistory")
        entry = history["entries"][history["currentIndex"] - 1]
        self.ask("Page.navigateToHistoryEntry", entryId=entry["id"])

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = 15.0) -> Any:
        """Wait until an expression is true; its value."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            value = self.run(f"(() => {{ try {{ return {script} }} catch {{ return null }} }})()")
            if value:
                return value
            time.sleep(0.02)
        raise TimeoutError(f"{script} never became true")

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def press(self, key: str, code: int, *, modifiers: int = 0) -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key,
                windowsVirtualKeyCode=code, modifiers=modifiers,
                text="\r" if (key, kind) == ("Enter", "keyDown") else "",
            )  # fmt: skip

    def saves(self, folder: Path) -> None:
        """Save the page's downloads into `folder`, without asking."""
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def picture(self, path: Path) -> None:
        """A screenshot as PNG."""
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def leave(self) -> None:
        self._open.close()


class Browser(Page):
    """A browser of our own, and its first page."""

    def __init__(self, *, width: int = 1280, height: int = 800) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-dev-shm-usage", "--remote-debugging-port=0",
                f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}",
                "about:blank",
            ],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        found = None
        while found is None:
            line = self._process.stderr.readline()
            if not line:
                raise RuntimeError("the browser did not start")
            found = re.search(r"ws://(127\.0\.0\.1:\d+)/", line)
        self._debugger = found[1]
        with urllib.request.urlopen(f"http://{self._debugger}/json/list", timeout=10) as answer:
            pages = json.load(answer)
        page = next(p for p in pages if p["type"] == "page")
        super().__init__(page["webSocketDebuggerUrl"], width=width, height=height)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tab(self) -> Page:
        """A further page in the same profile."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        address = f"ws://{self._debugger}/devtools/page/{target}"
        return Page(address, width=1280, height=800)

    def close(self) -> None:
        self.leave()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._profile.cleanup()
