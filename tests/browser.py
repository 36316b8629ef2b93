"""A headless Chromium for tests of pages, driven over its DevTools protocol. Tests are skipped where there is none."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect

REQUIRED: Final = "TEST_BROWSER"  # set: tests fail where there is no browser
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_START_SECONDS: Final = 60.0
_WAIT_SECONDS: Final = 60.0


@dataclass
class BrowserTab:
    """An open tab. `complaints`: warnings and errors of the browser, such as violations of the page's policy."""

    socket: ClientConnection
    complaints: list[str] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        call_id = next(self._ids)
        await self.socket.send(json.dumps({"id": call_id, "method": method, "params": params}))
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), _WAIT_SECONDS))
            if message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                if entry["level"] in ("warning", "error"):
                    self.complaints.append(entry["text"])
            if message.get("id") == call_id:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.wait_for("document.readyState === 'complete'")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def wait_for(self, expression: str) -> Any:
        """Return the value of an expression once it is true; fail if it does not become so."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while not (value := await self.evaluate(expression)):
                await asyncio.sleep(0.05)
        return value

    async def type_text(self, element_id: str, text: str) -> None:
        """Replace the text of an input by keyboard input."""
        await self.evaluate(f"document.getElementById({element_id!r}).select()")
        await self.call("Input.insertText", text=text)

    async def press_enter(self) -> None:
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13, text="\r")


def find_browser() -> str:
    """Return the path of a Chromium; where there is none, skip the test, or fail it if the run demands a browser."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)("there is no Chromium")
    return program


@asynccontextmanager
async def open_browser_tab(folder: Path) -> AsyncIterator[BrowserTab]:
    """Start a browser with a new profile in `folder` and open a tab; skip the test where there is no browser."""
    program = find_browser()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with its sandbox
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0", *sandbox,
        f"--user-data-dir={folder / 'profile'}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await _read_port(folder / "profile" / "DevToolsActivePort")
        async with httpx2.AsyncClient() as http:
            target = (await http.put(f"http://127.0.0.1:{port}/json/new?about:blank")).json()
        async with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            tab = BrowserTab(socket)
            for domain in ("Page", "Log"):
                await tab.call(f"{domain}.enable")
            yield tab
    finally:
        process.terminate()
        await process.wait()


async def _read_port(file: Path) -> str:
    async with asyncio.timeout(_START_SECONDS):
        while not (lines := _read_lines(file)):
            await asyncio.sleep(0.05)
    return lines[0]


def _read_lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
