"""Starts commands of the product as forks of a process that has already imported its modules.

Importing them takes longer than most tests of a command. A forked command is a process like any other: with its own
memory, directory, environment, files and signals, and everything that it does after the imports.

The test process runs `CommandForker`, which runs this module as a process. Per command that forks a monitor, which
forks the command, reports its process id and, at its end, its exit code and processor time.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
_CAPABILITY_VERSION: Final = 0x20080522
_CAP_DAC_OVERRIDE: Final = 1
_PRELOADED_MODULES: Final = ("server.commands.cli", "server.commands.serve", "server.commands.setup")


class Command(NamedTuple):
    """A command of the product to run: `arguments` of `./run`, and the files of its standard output and error.

    obeys_permissions  whether the permissions of files bind the command also if root runs it
    """

    arguments: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    out: Path
    err: Path
    obeys_permissions: bool = False


class ForkedCommand:
    """A command that was started. `cpu_seconds`: the processor time it has taken, once it has ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()
        self.pid: int = connection.recv()
        self.returncode: int | None = None
        self.cpu_seconds = 0.0

    def poll(self, timeout: float = 0) -> int | None:
        """Return the exit code, negative for a signal; None if the command still runs after the timeout."""
        if self.returncode is None and self._connection.poll(timeout):
            with self._lock:  # another thread may have waited for it as well
                if self.returncode is None:
                    self.returncode, self.cpu_seconds = self._connection.recv()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit code. Raises TimeoutError."""
        code = self.poll(timeout)
        if code is None:
            raise TimeoutError(f"The command has not ended after {timeout} s.")
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)


class CommandForker:
    """The process that forks commands; it ends with the process that has created it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.command_forker", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(self, command: Command) -> ForkedCommand:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            socket.send_fds(self._control, [b"."], [theirs.fileno()])
        ours.send(command)
        return ForkedCommand(ours)

    def stop(self) -> None:
        self._control.close()
        self._process.wait()


def serve_requests(control: socket.socket) -> Command:
    """Fork a process for each command that is requested; return the command there, and never in this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C ends the commands, and then the monitors
    while True:
        _, handles, _, _ = socket.recv_fds(control, 1, 1)
        with suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not handles:
            sys.exit()  # the process of the tests has ended
        with Connection(handles[0]) as connection:
            if os.fork() == 0:
                control.close()
                return fork_and_monitor(connection)


def fork_and_monitor(connection: Connection) -> Command:
    """Fork the requested command; return it there, and end this process with the command."""
    command: Command = connection.recv()
    pid = os.fork()
    if pid == 0:
        return command
    with suppress(OSError):  # nobody waits for the end of the command
        connection.send(pid)
        _, status, usage = os.wait4(pid, 0)
        connection.send((os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))
    os._exit(0)


def become(command: Command) -> None:
    """Give this process the directory, environment, arguments, files and signal handlers of the command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    time.tzset()
    sys.argv = ["./run", *command.arguments]
    for file, number in ((command.out, 1), (command.err, 2)):
        handle = os.open(file, os.O_WRONLY | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    if command.obeys_permissions:
        obey_permissions()


def obey_permissions() -> None:
    """Give up the capability by which root writes wherever it likes (see capset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)  # of this thread
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: of the first 32 capabilities and of the others
    if libc.capget(header, sets) == 0:
        for number in range(3):
            sets[number] &= ~(1 << _CAP_DAC_OVERRIDE)
        if libc.capset(header, sets) == 0:
            return
    raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    for module in _PRELOADED_MODULES:
        import_module(module)
    gc.freeze()  # a collection in a command would copy the memory of all modules, only to look at them
    become(serve_requests(socket.socket(fileno=int(sys.argv[1]))))
    runpy.run_module("server", run_name="__main__", alter_sys=True)
