"""A headless Chromium, driven by its DevTools protocol: open a page, run scripts in it, take a screenshot."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.stages.live.clock_video import CYCLE

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"),
    *("--no-first-run", "--disable-background-networking", "--disable-extensions", "--window-size=1200,700"),
)

CLOCK_ON_SCREEN = (
    "(() => { const d = context.getImageData(0, 0, 320, 64).data; let n = 0;"
    "for (let b = 0; b < 20; b++) { const x = b % 10 * 32 + 16, y = (b > 9 ? 48 : 16);"
    "n += (d[4 * (y * 320 + x)] > 125) * 2 ** b; } return n; })()"
)
"""The time that the frame on the page's canvas shows (`tests.stages.live.clock_video`)."""


def made_after(seconds: float) -> str:
    """JavaScript expression: true if the frame on the page's canvas was made after a time, seconds since 1970."""
    return f"({CLOCK_ON_SCREEN} - {int(seconds * 1000) % CYCLE} + {CYCLE}) % {CYCLE} < {CYCLE // 2}"


def browser_program() -> str | None:
    """Path of a Chromium on this machine; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in one browser."""

    def __init__(self, program: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._loop = asyncio.new_event_loop()
        self._number = 0
        port_file = folder / "DevToolsActivePort"
        end = time.monotonic() + 60
        while not port_file.exists() or "\n" not in port_file.read_text():
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.1)
        self._port = int(port_file.read_text().split("\n")[0])
        self._loop.run_until_complete(self._connect())

    async def _connect(self) -> None:
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{self._port}/json") as answer:
            pages = await answer.json(content_type=None)
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self._socket = await self._session.ws_connect(address, max_msg_size=0)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the protocol and return its result."""
        return self._loop.run_until_complete(self._call(method, parameters))

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = json.loads((await self._socket.receive(timeout=30)).data)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def open(self, url: str) -> None:
        """Load a page."""
        self.call("Page.navigate", url=url)

    def run(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page; a promise is awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = 20) -> Any:
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # A name that the page has not defined yet counts as false.
            value = self.run(f"(() => {{ try {{ return {expression} }} catch (error) {{ return null }} }})()")
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"not true within {seconds} s: {expression}")

    def screenshot(self, path: Path) -> None:
        """Save the page as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._process.terminate()
        self._process.wait(20)
        self._loop.close()
