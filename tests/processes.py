"""Runs commands and servers as processes, as a user would, to measure, freeze and kill them.

A process runs in its own directory with only its settings in the environment, so neither variables of this machine
nor the memory of the test process influence it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import get_native_id
from typing import Any

import httpx2
import pytest

from models import migrator
from models.db import connection
from resolvers.organization import company
from server.app import clock
from tests.backing_services import free_port
from tests.empty_database import finished
from tests.http_server import ADMIN, Served

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0  # for anything a test waits for
SECRET = "s" * 64
_TICKS = os.sysconf("SC_CLK_TCK")
measured = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no CPU accounting of processes here")


@dataclass
class Done:
    """The result of a command; `cpu_seconds` is the processor time it took."""

    code: int
    out: str
    err: str
    cpu: float


class Process:
    """A running command."""

    def __init__(self, home: Home, arguments: tuple[str, ...], settings: dict[str, Any]) -> None:
        self.out, self.err = (home.folder / f"{home.next()}.{kind}" for kind in ("out", "err"))
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments],
                cwd=home.folder,
                env=home.environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.pid = self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while the command runs."""
        return self._process.poll()

    @property
    def said(self) -> str:
        """The text written to standard error so far."""
        return self.err.read_text(errors="replace")

    def cpu(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def queued(self) -> float:
        """Return the time it was runnable but waited for a processor, to discount the load of other processes."""
        return _queued(Path(f"/proc/{self.pid}/schedstat"))

    def kill(self) -> None:
        """Kill the process, like a power cut."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, patience: float = PATIENCE) -> int:
        return self._process.wait(patience)

    async def ended(self, patience: float = PATIENCE) -> int:
        """Wait for the end without blocking the event loop."""
        return await asyncio.to_thread(self.wait, patience)


def queued_here() -> float:
    """Return the time the calling thread was runnable but waited for a processor."""
    return _queued(Path(f"/proc/self/task/{get_native_id()}/schedstat"))


def _queued(stat: Path) -> float:
    return int(stat.read_text().split()[1]) / 1e9


class Home:
    """A directory to run commands in, and the settings in their environment.

    settings  by names without `SCORELINE_`; None: not set
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings = folder, {"secret": SECRET} | settings
        self._started = 0

    def next(self) -> int:
        self._started += 1
        return self._started

    def environment(self, **more: Any) -> dict[str, str]:
        settings = {name: value for name, value in {**self.settings, **more}.items() if value is not None}
        given = {f"SCORELINE_{name.upper()}": str(value) for name, value in settings.items()}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        return {**kept, **given, "PYTHONPATH": str(ROOT)}

    def start(self, *arguments: str, **settings: Any) -> Process:
        return Process(self, arguments, settings)

    def run(self, *arguments: str, **settings: Any) -> Done:
        """Run a command to its end."""
        before = os.times()
        process = self.start(*arguments, **settings)
        try:
            code = process.wait()
        finally:
            if process.code is None:
                process.kill()
        after = os.times()
        took = after.children_user - before.children_user + after.children_system - before.children_system
        return Done(code, process.out.read_text(errors="replace"), process.said, took)

    def succeed(self, *arguments: str, **settings: Any) -> Done:
        done = self.run(*arguments, **settings)
        assert done.code == 0, done.err
        return done


@contextmanager
def ending(process: Process) -> Iterator[Process]:
    """Kill the process at the end of the block; print the end of its standard error if the block raises."""
    try:
        yield process
    except BaseException:
        print(process.said[-4000:])
        raise
    finally:
        if process.code is None:
            process.kill()


@dataclass
class Running(Served):
    """A server in its own process. `token` is empty until `sign_in`."""

    process: Process | None = None
    home: Home | None = None

    async def sign_in(self, **who: str) -> str:
        """Sign in, by default as the administrator, and use the access token for further requests."""
        document = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { message } } }"
        found = await self.data(document, token="", input=ADMIN | who)
        assert found["signIn"]["userErrors"] == []
        self.token = found["signIn"]["accessToken"]
        return self.token

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Return status code and body of the readiness check."""
        response = await self.http.get("/health/ready")
        return response.status_code, response.json()

    async def until_ready(self, status: str = "ready", patience: float = PATIENCE) -> None:
        """Wait until the readiness check reports the status."""
        async with asyncio.timeout(patience):
            while (await self.ready())[1]["status"] != status:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(home: Home, **settings: Any) -> AsyncIterator[Running]:
    """Run a server and yield it when it answers; kill it at the end of the block if it still runs."""
    address = f"127.0.0.1:{free_port()}"
    process = home.start("serve", "--port", address.rpartition(":")[2], **settings)
    with ending(process):
        async with httpx2.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE) as http:
            async with asyncio.timeout(PATIENCE):
                while True:
                    assert process.code is None, process.said
                    try:
                        await http.get("/health/live")
                    except httpx2.TransportError:
                        await asyncio.sleep(0.02)
                    else:
                        break
            yield Running(http, address, process=process, home=home)


def prepared(url: str, **company_: Any) -> str:
    """Create tables and company in an empty database, faster than by commands, and return its URL."""
    about = {"name": "Acme", "currency": "EUR", "zone": "Europe/Berlin", "country": None, "admin": "Ada Admin"}

    async def made() -> None:
        await migrator.migrate(url)
        async with connection.connected(url), connection.writing():
            await company.set_up(**{**about, **ADMIN, **company_}, now=clock())

    finished(made())
    return url
