"""A headless browser, spoken to over its debugging pipe: JSON, each message ended by a NUL."""

import base64
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .server import PATIENCE_SECONDS
from .wait import wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: chromium)")

# Puts two descriptors where the browser looks for them; either may be in the other's place.
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page of a browser."""

    def __init__(self, folder: str) -> None:
        # It reads commands from descriptor 3 and writes to 4.
        commands_in, commands_out = os.pipe()
        answers_in, answers_out = os.pipe()
        options = (
            "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
            "--disable-component-update --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
        )
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCH, str(commands_in), str(answers_out), str(CHROMIUM)),
                *(*options.split(), f"--user-data-dir={folder}", "about:blank"),
            ],
            pass_fds=(commands_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_in)
        os.close(answers_out)
        self._commands = os.fdopen(commands_out, "wb", buffering=0)
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, args=(os.fdopen(answers_in, "rb"),), daemon=True).start()
        self._number = 0
        self._session: str | None = None
        #: What pages wrote to the console, and their uncaught exceptions.
        self.console: list[str] = []
        # The documents that have come into the page.
        self._documents: set[str] = set()
        pages: list[dict[str, Any]] = []

        def has_page() -> bool:
            targets = self.command("Target.getTargets")["targetInfos"]
            pages.extend(target for target in targets if target["type"] == "page")
            return bool(pages)

        wait_until(has_page, "the browser has a page")
        page = pages[0]
        attached = self.command("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def _read(self, stream: Any) -> None:
        rest = b""
        with stream:
            while piece := stream.read1(1 << 16):
                *messages, rest = (rest + piece).split(b"\0")
                for message in messages:
                    self._answers.put(json.loads(message))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Carry out a command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=PATIENCE_SECONDS)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(json.dumps(event["params"]))
        elif event.get("method") == "Page.frameNavigated":
            self._documents.add(event["params"]["frame"]["loaderId"])

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there whole."""
        document = self.command("Page.navigate", url=url)["loaderId"]

        def is_there() -> bool:
            # In this order: until it has come, what is asked is the page before.
            has_come = document in self._documents
            return self._holds("document.readyState === 'complete'") and has_come

        wait_until(is_there, f"{url} is there")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript; None while a page comes and goes."""
        result = self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true, also on the page that comes after this one."""
        wait_until(lambda: self._holds(expression), expression)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.evaluate(expression))
        except AssertionError:
            return False  # between two pages

    def screenshot(
        self, path: Path, width: int, height: int, *, dark: bool = False, whole: bool = False
    ) -> None:
        """For people."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        image = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(image["data"]))

    def close(self) -> None:
        """End it, with all its processes."""
        with contextlib.suppress(OSError, AssertionError, queue.Empty):
            self._session = None
            self.command("Browser.close")
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._commands.close()


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser while the block runs."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            yield browser
        finally:
            browser.close()
