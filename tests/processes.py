"""Whole processes, started as a user would: commands that end, and servers to measure, freeze and kill.

A process runs in a folder of its own with nothing but its settings in the environment, so
it knows neither this machine's variables nor what the test's own process has in memory.
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
PATIENCE = 60.0  # seconds after which something that has not happened has failed
SECRET = "s" * 64
_TICKS = os.sysconf("SC_CLK_TCK")
measured = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="a process's CPU is not told here")


@dataclass
class Done:
    """A command that has ended; `cpu` is the seconds of processor time that it took."""

    code: int
    out: str
    err: str
    cpu: float


class Process:
    """One command that runs."""

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
        """How it ended, as the shell has it with a minus for a signal; None while it runs."""
        return self._process.poll()

    @property
    def said(self) -> str:
        """What it has written to standard error so far."""
        return self.err.read_text(errors="replace")

    def cpu(self) -> float:
        """Return the seconds of processor time that it has taken so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def queued(self) -> float:
        """Return the seconds for which it could not run as other processes did: what they cost is not its fault."""
        return _queued(Path(f"/proc/{self.pid}/schedstat"))

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, patience: float = PATIENCE) -> int:
        return self._process.wait(patience)

    async def ended(self, patience: float = PATIENCE) -> int:
        """Wait for its end without keeping anybody else waiting."""
        return await asyncio.to_thread(self.wait, patience)


def queued_here() -> float:
    """Return the same for the thread that asks."""
    return _queued(Path(f"/proc/self/task/{get_native_id()}/schedstat"))


def _queued(stat: Path) -> float:
    return int(stat.read_text().split()[1]) / 1e9


class Home:
    """A folder from which commands are run, and what they find in their environment.

    settings  by their names without `SCORELINE_`; None for one that is not set.
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
    """End the process with the block, however that ends; what it said is there when a test fails."""
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
    """A server in a process of its own. `token` is empty until somebody signs in."""

    process: Process | None = None
    home: Home | None = None

    async def sign_in(self, **who: str) -> str:
        """Sign in, as the administrator unless told otherwise, and go on as whoever that is."""
        document = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { message } } }"
        found = await self.data(document, token="", input=ADMIN | who)
        assert found["signIn"]["userErrors"] == []
        self.token = found["signIn"]["accessToken"]
        return self.token

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """Return what the balancer hears."""
        response = await self.http.get("/health/ready")
        return response.status_code, response.json()

    async def until_ready(self, status: str = "ready", patience: float = PATIENCE) -> None:
        """Wait until readiness reads so."""
        async with asyncio.timeout(patience):
            while (await self.ready())[1]["status"] != status:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(home: Home, **settings: Any) -> AsyncIterator[Running]:
    """Have a server running that answers; it is ended with the block, if it still runs."""
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
    """Make the tables and the company in an empty database, faster than the commands would, and return its address."""
    about = {"name": "Acme", "currency": "EUR", "zone": "Europe/Berlin", "country": None, "admin": "Ada Admin"}

    async def made() -> None:
        await migrator.migrate(url)
        async with connection.connected(url), connection.writing():
            await company.set_up(**{**about, **ADMIN, **company_}, now=clock())

    finished(made())
    return url
