"""Chromium, driven by its own protocol over two pipes: no further library, no port, no sleeping.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
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
# The browser reads commands from descriptor 3 and writes to 4.
_WITH_PIPES = 'exec "$0" --remote-debugging-pipe "$@" 3<&%d 4>&%d'


class Tab:
    """A page of a browser; everything waits for what it asked for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._incoming = os.fdopen(reading, "rb")
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
            part = self._incoming.read1(1 << 20)
            if not part:
                raise EOFError("The browser has ended.")
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
        while not self.seen("Page.loadEventFired"):
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
        """A click of the mouse in the middle of the first element that fits."""
        where = self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center', inline: 'center'}});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1
            )

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
        ["sh", "-c", _WITH_PIPES % (commands[0], replies[1]), str(CHROMIUM), *OPTIONS, *options,
         f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(commands[0], replies[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    os.close(commands[0]), os.close(replies[1])
    try:
        yield Tab(replies[0], commands[1])
    finally:
        os.close(commands[1])
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
