"""Runs commands and servers as processes, as a user would, to measure, freeze and kill them.

A process runs in its own directory with only its settings in the environment, so neither variables of this machine
nor the memory of the test process influence it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import get_native_id
from typing import Any

import httpx2
import pytest

from models.db import connection
from resolvers.organization import company
from server.clock import utc_now
from server.setting_descriptions import DESCRIPTIONS, PREFIX, variable_name
from tests.backing_services import free_port
from tests.command_forker import Command, CommandForker
from tests.empty_database import create_database, run_in_thread
from tests.http_server import ADMIN, RunningServer, http_client

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 120.0  # for anything a test waits for
SECRET = "s" * 64
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
needs_schedstat = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="no CPU accounting of processes here"
)


@dataclass
class CommandResult:
    """The result of a command; `cpu_seconds` is the processor time it took, without that of imported modules."""

    code: int
    out: str
    err: str
    cpu_seconds: float


@cache
def _command_forker() -> CommandForker:
    forker = CommandForker()
    atexit.register(forker.stop)
    return forker


class Process:
    """A running command."""

    def __init__(self, workspace: Workspace, arguments: tuple[str, ...], settings: dict[str, Any]) -> None:
        self.out, self.err = (workspace.log_folder / f"{workspace.next_number()}.{kind}" for kind in ("out", "err"))
        self.out.touch()
        self.err.touch()
        self._process = _command_forker().start(
            Command(
                arguments,
                workspace.folder,
                workspace.environment(**settings),
                self.out,
                self.err,
                workspace.obeys_permissions,
            )
        )
        self.pid = self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while the command runs."""
        return self._process.poll()

    @property
    def stderr_text(self) -> str:
        """The text written to standard error so far."""
        return self.err.read_text(errors="replace")

    @property
    def total_cpu_seconds(self) -> float:
        """The processor time that the command took, once it has ended and was waited for."""
        return self._process.cpu_seconds

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, without that of imported modules."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def queued_seconds(self) -> float:
        """Return the time it was runnable but waited for a processor, to discount the load of other processes."""
        return _read_queued_seconds(Path(f"/proc/{self.pid}/schedstat"))

    def kill(self) -> None:
        """Kill the process, like a power cut."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(TIMEOUT_SECONDS)

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> int:
        return self._process.wait(timeout)

    async def wait_async(self, timeout: float = TIMEOUT_SECONDS) -> int:
        """Wait for the end without blocking the event loop."""
        return await asyncio.to_thread(self.wait, timeout)


def queued_seconds_of_this_thread() -> float:
    """Return the time the calling thread was runnable but waited for a processor."""
    return _read_queued_seconds(Path(f"/proc/self/task/{get_native_id()}/schedstat"))


def _read_queued_seconds(stat: Path) -> float:
    return int(stat.read_text().split()[1]) / 1e9


class Workspace:
    """A directory to run commands in, and the settings in their environment.

    log_folder         for what the commands print, if that is another one
    obeys_permissions  whether the permissions of files bind the commands also if root runs them
    settings           by names without `SCORELINE_`; None: not set
    """

    def __init__(
        self, folder: Path, *, log_folder: Path | None = None, obeys_permissions: bool = False, **settings: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log_folder, self.obeys_permissions = log_folder or folder, obeys_permissions
        self.folder, self.settings = folder, {"secret": SECRET} | settings
        self._started = 0

    def next_number(self) -> int:
        self._started += 1
        return self._started

    def environment(self, **more: Any) -> dict[str, str]:
        settings = {name: value for name, value in {**self.settings, **more}.items() if value is not None}
        variables = {
            variable_name(name) if name in DESCRIPTIONS else f"{PREFIX}{name.upper()}": str(value)
            for name, value in settings.items()
        }
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        return {**inherited, **variables, "PYTHONPATH": str(ROOT)}

    def start(self, *arguments: str, **settings: Any) -> Process:
        return Process(self, arguments, settings)

    def run(self, *arguments: str, **settings: Any) -> CommandResult:
        """Run a command to its end."""
        process = self.start(*arguments, **settings)
        try:
            code = process.wait()
        finally:
            if process.code is None:
                process.kill()
        return CommandResult(
            code, process.out.read_text(errors="replace"), process.stderr_text, process.total_cpu_seconds
        )

    def succeed(self, *arguments: str, **settings: Any) -> CommandResult:
        result = self.run(*arguments, **settings)
        assert result.code == 0, result.err
        return result


@contextmanager
def killed_at_end(process: Process) -> Iterator[Process]:
    """Kill the process at the end of the block; print the end of its standard error if the block raises."""
    try:
        yield process
    except BaseException:
        print(process.stderr_text[-4000:])
        raise
    finally:
        if process.code is None:
            process.kill()


@dataclass
class SpawnedServer(RunningServer):
    """A server in its own process. `token` is empty until `sign_in`."""

    process: Process | None = None
    workspace: Workspace | None = None

    async def sign_in(self, **credentials: str) -> str:
        """Sign in, by default as the administrator, and use the access token for further requests."""
        document = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { message } } }"
        payload = await self.execute(document, token="", input=ADMIN | credentials)
        assert payload["signIn"]["userErrors"] == []
        self.token = payload["signIn"]["accessToken"]
        return self.token

    async def read_readiness(self) -> tuple[int, dict[str, Any]]:
        """Return status code and body of the readiness check."""
        response = await self.http.get("/health/ready")
        return response.status_code, response.json()

    async def wait_until_ready(self, status: str = "ready", timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the readiness check reports the status."""
        async with asyncio.timeout(timeout):
            while (await self.read_readiness())[1]["status"] != status:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_server(workspace: Workspace, **settings: Any) -> AsyncIterator[SpawnedServer]:
    """Run a server and yield it when it answers; kill it at the end of the block if it still runs."""
    address = f"127.0.0.1:{free_port()}"
    process = workspace.start("serve", "--port", address.rpartition(":")[2], **settings)
    with killed_at_end(process):
        async with http_client(f"http://{address}", timeout=TIMEOUT_SECONDS) as http:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while True:
                    assert process.code is None, process.stderr_text
                    try:
                        await http.get("/health/live")
                    except httpx2.TransportError:
                        await asyncio.sleep(0.02)
                    else:
                        break
            yield SpawnedServer(http, address, process=process, workspace=workspace)


def prepare_database(url: str, **company_details: Any) -> str:
    """Create tables and company in an empty database, faster than by commands, and return its URL."""
    defaults = {"name": "Acme", "currency": "EUR", "zone": "Europe/Berlin", "country": None, "admin": "Ada Admin"}

    async def create_company() -> None:
        await create_database(url)
        async with connection.connect(url), connection.write_transaction():
            await company.set_up(**{**defaults, **ADMIN, **company_details}, now=utc_now())

    run_in_thread(create_company())
    return url
