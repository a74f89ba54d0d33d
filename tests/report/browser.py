"""Chromium, driven by its own protocol over two pipes: no further library, no port, no sleeping.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE = 60.0
"""Seconds of silence."""
# The browser reads commands from descriptor 3 and writes to 4; copies first, for the pipes may have these numbers.
_WITH_PIPES = """
import fcntl, os, sys
reading, writing = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(reading, 3), os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Tab:
    """A page of a browser; everything waits for what it asked for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        """Whatever the browser told unasked, oldest first."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Performance"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """The browser's answer to a command; RuntimeError where it refuses."""
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self._count:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return dict(reply["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], _PATIENCE)
            part = os.read(self._reading, 1 << 20) if ready else b""
            if not part:
                raise EOFError("The browser has ended, or has nothing more to say.")
            self._rest += part
        whole, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(whole)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, page: Path) -> None:
        """Show `page`, and wait until it is there."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        self.wait("Page.loadEventFired")

    def wait(self, method: str) -> None:
        """Until an event of this name has come."""
        while not self.seen(method):
            self._next()

    def seen(self, method: str) -> list[dict[str, Any]]:
        """Parameters of the events of this name since the page was asked for."""
        return [event["params"] for event in self.events if event["method"] == method]

    def value(self, expression: str) -> Any:
        """What JavaScript makes of `expression`; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of the first element that fits (of its first line)."""
        element = f"document.querySelector({json.dumps(selector)})"
        for _ in range(3):  # what comes into sight may only then be laid out, and move the rest
            self.value(f"{element}.scrollIntoView({{block: 'center', inline: 'center'}})")
            self.frame()
        where = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getClientRects()[0])")
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1
            )

    def frame(self) -> None:
        """Until the page has been drawn once more; its scripts may be off."""
        spot = {"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1}
        self.call("Page.captureScreenshot", clip=spot)

    def press(self, key: str, text: str = "") -> None:
        """A key, down and up: `Tab`, `Enter`; with the `text` that it types."""
        code = {"Tab": 9, "Enter": 13}.get(key, 0)
        names = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **names)
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def type(self, text: str) -> None:
        """`text` into what has the focus."""
        self.call("Input.insertText", text=text)


@contextmanager
def opened(folder: Path, *options: str) -> Iterator[Tab]:
    """A browser of its own with one empty page; its profile lies in `folder`, and it ends with the block."""
    commands, replies = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _WITH_PIPES, str(commands[0]), str(replies[1]), str(CHROMIUM)),
            *(*OPTIONS, "--remote-debugging-pipe", *options, f"--user-data-dir={folder}", "about:blank"),
        ],
        pass_fds=(commands[0], replies[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for end in (commands[0], replies[1]):
        os.close(end)
    try:
        yield Tab(replies[0], commands[1])
    finally:
        for end in (commands[1], replies[0]):
            os.close(end)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
