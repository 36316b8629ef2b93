"""Runs dashboards of real client libraries as processes, and a proxy that leads them to a server that is alive."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.processes import TIMEOUT_SECONDS

FOLDER = Path(__file__).parent
CACHE = FOLDER.parents[2] / "var" / "client-tests"
NODE_FILES = ("package.json", "package-lock.json", ".npmrc")


class ClientsNotAvailable(Exception):
    """The client libraries of JavaScript cannot be installed here; the message says why."""


def install_node_clients() -> Path:
    """Return a folder with the locked packages, installed on first use. Raises ClientsNotAvailable."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ClientsNotAvailable("there is no Node.js with npm here")
    digest = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in NODE_FILES)).hexdigest()[:16]
    folder = CACHE / digest
    if not folder.exists():
        unfinished_folder = CACHE / f"{digest}.{os.getpid()}"
        unfinished_folder.mkdir(parents=True)
        for name in NODE_FILES:
            shutil.copy(FOLDER / name, unfinished_folder)
        install = subprocess.run([npm, "ci"], cwd=unfinished_folder, capture_output=True, text=True, timeout=280)
        if install.returncode:
            shutil.rmtree(unfinished_folder)
            raise ClientsNotAvailable(f"npm cannot install the client libraries: {install.stderr[-500:]}")
        with suppress(OSError):  # another process of the test run was first
            unfinished_folder.rename(folder)
        shutil.rmtree(unfinished_folder, ignore_errors=True)
    shutil.copy(FOLDER / "client.mjs", folder)
    return folder


class ClientProcess:
    """A dashboard; `events` are those that it has printed."""

    def __init__(self, library: str, process: asyncio.subprocess.Process) -> None:
        self.library, self._process = library, process
        self.events: list[dict[str, Any]] = []

    async def read_events(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.events.append(json.loads(line))

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def total(self) -> str | None:
        """The total of the leaderboard that the dashboard shows."""
        states = self.events_of("state")
        return states[-1]["total"] if states else None

    @property
    def is_connected(self) -> bool:
        """Whether the dashboard has received a state since its connection was last closed."""
        kinds = [event["event"] for event in self.events if event["event"] in ("state", "closed")]
        return bool(kinds) and kinds[-1] == "state"

    def sleep(self) -> None:
        """Stop the process, like a laptop that is closed."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def is_running(self) -> bool:
        return self._process.returncode is None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait_until(
        self, condition: Callable[[ClientProcess], bool], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Wait until the condition is true; fail with what the client has printed if it ends or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not condition(self) and self.is_running():
                    await asyncio.sleep(0.05)
        assert condition(self), (self.library, self.events)


@asynccontextmanager
async def run_clients(
    sessions: Mapping[str, Mapping[str, str]], address: str, **options: Any
) -> AsyncIterator[list[ClientProcess]]:
    """Run dashboards within the block.

    sessions  by library: accessToken, refreshToken and expiresAt
    """
    settings = {"address": address, "renews": False, "usesDefaults": False, **options}
    async with AsyncExitStack() as stack:
        clients = []
        for library, session in sessions.items():
            if library == "gql":
                command, folder = [sys.executable, str(FOLDER / "gql_client.py")], FOLDER
            else:
                command, folder = ["node", "client.mjs"], await asyncio.to_thread(install_node_clients)
            process = await asyncio.create_subprocess_exec(
                *command,
                json.dumps({**settings, **session, "library": library}),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            client = ClientProcess(library, process)
            read_task = asyncio.create_task(client.read_events())
            stack.push_async_callback(_end, client, process, read_task)
            clients.append(client)
        yield clients


async def _end(client: ClientProcess, process: asyncio.subprocess.Process, read_task: asyncio.Task[None]) -> None:
    client.kill()
    await process.wait()
    await read_task


class Proxy:
    """A TCP proxy that connects each client to the first server that accepts the connection, like a load balancer.

    addresses  of the servers, in the order in which they are tried
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)
        self.address = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.address = "{}:{}".format(*server.sockets[0].getsockname())
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            for address in self.addresses:
                with suppress(OSError):
                    host, port = address.split(":")
                    server_reader, server_writer = await asyncio.open_connection(host, int(port))
                    await self._relay((reader, server_writer), (server_reader, writer))
                    return
        finally:
            writer.close()

    async def _relay(self, *directions: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Copy bytes in both directions until one of them ends."""

        async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await reader.read(65_536):
                    writer.write(data)
                    await writer.drain()

        tasks = [asyncio.create_task(copy(reader, writer)) for reader, writer in directions]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for _, writer in directions:  # before waiting, which may be cancelled too
                writer.close()
            await asyncio.gather(*tasks, return_exceptions=True)
