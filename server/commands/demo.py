"""The demo command: creates or reuses the demo company, serves it, and simulates activity until Ctrl-C.

A stamp file beside the database records the version of the generated history, its seed and its day. A company of
another day is created anew rather than continued, so its year of history always ends today.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import json
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import uvicorn
import uvloop

from demo import activity_simulator, banner, history_generator
from demo.api_client import Ask, over_http
from demo.history_generator import Story
from demo.seeding import PASSWORD, Made, make
from models import migrator
from models.db import connection
from models.organization.company import the_company
from resolvers.request.services import Services
from server import settings
from server.app import clock
from server.http.rate_limit import throttle
from server.observability import logging
from server.settings import Settings
from server.uvicorn_runner import end_well, server_config

SEED: Final = 20
_DATABASE: Final = Path("var/demo.db")
_AT_WORK: Final = 12  # sellers with simulated activity
_TRIES: Final = 20  # ports to try when the default one is taken


def show(*, host: str | None, port: int | None, fresh: bool) -> None:
    """Serve the demo until stopped."""
    end_well()
    quiet = {"log_level": "warning"} if "log_level" not in settings.load().model_fields_set else {}
    found = settings.load(demo=True, database_url=f"sqlite://{_DATABASE}", workers=1, host=host, port=port, **quiet)
    logging.configure(found)
    found.check_fit_to_serve()
    with (
        contextlib.suppress(KeyboardInterrupt),
        _alone(),
        _listening(found, chosen=port is not None) as listening,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        told, made = runner.run(_company(found, fresh))
        runner.run(_serve(found, listening, told, made))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock so that no second demo runs on the same database: it might recreate the company under the first."""
    with _beside(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("The demo is running already: stop it first, or use it.") from None
        yield


def _beside(suffix: str) -> Path:
    return _DATABASE.with_name(_DATABASE.name + suffix)


def _listening(found: Settings, *, chosen: bool) -> socket.socket:
    """Return a listening socket on the port or, if it is taken and was not given by the user, on one of the next."""
    family = socket.AF_INET6 if ":" in found.host else socket.AF_INET
    for port in range(found.port, found.port + (1 if chosen or not found.port else _TRIES)):
        try:
            return socket.create_server((found.host, port), family=family, backlog=2048)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise click.ClickException(f"Cannot listen on {found.host}: {error.strerror}.") from error
    raise click.ClickException(f"Port {found.port} is taken: give a free one with --port.")


async def _company(found: Settings, fresh: bool) -> tuple[Story, Made]:
    """Return today's generated history and the device tokens, reusing the last company if it is still current."""
    told = Story(SEED, clock())
    same = {"version": history_generator.VERSION, "seed": SEED, "day": told.today.isoformat()}
    card = _beside(".json")
    if not fresh and _DATABASE.exists() and card.exists():
        kept: dict[str, Any] = json.loads(card.read_text())
        if same.items() <= kept.items():
            async with connection.connected(found.database_url):
                if not await migrator.pending():
                    return told, Made(kept["wallboard"], kept["integration"])
    card.unlink(missing_ok=True)  # first: without it, a half-created company is created anew next time
    for suffix in ("", "-wal", "-shm"):
        _beside(suffix).unlink(missing_ok=True)
    await migrator.migrate(found.database_url)
    async with connection.connected(found.database_url):
        made = await _made(found, told)
    card.touch(0o600)
    card.write_text(json.dumps({**same, **asdict(made)}))
    return told, made


async def fill(found: Settings) -> str:
    """Create the company in the connected database, which must have none, and return the list of sign-ins."""
    if await the_company() is not None:
        raise click.ClickException("There is a company already: name an empty database in SCORELINE_DATABASE_URL.")
    told = Story(SEED, clock())
    return banner.sign_ins(told.people, await _made(found, told))


async def _made(found: Settings, told: Story) -> Made:
    services = Services(found.secret_text, throttle(), ring=lambda: None)
    with click.progressbar(length=100, label="Creating a company with a year of history") as bar, _keeping_all():
        return await make(told, services, lambda share: bar.update(int(share * 100) - bar.pos))


@contextlib.contextmanager
def _keeping_all() -> Iterator[None]:
    """Disable garbage collection while the company is created, which it would slow down by a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Showing(uvicorn.Server):
    """A server that simulates activity of the company while it serves."""

    def __init__(self, config: uvicorn.Config, address: str, ask: Ask, told: Story, made: Made) -> None:
        super().__init__(config)
        self.address, self.ask, self.told, self.made = address, ask, told, made
        self._living: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            click.echo(banner.text(self.address, self.told.people, self.made))
            best = sorted(self.told.sellers, key=lambda person: -person.talent)[:_AT_WORK]
            emails = [person.email for person in best]  # the banner suggests signing in as one of them
            self._living = asyncio.create_task(
                activity_simulator.live(self.ask, clock, emails, PASSWORD), name="living"
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._living is not None:
            self._living.cancel()
            await asyncio.gather(self._living, return_exceptions=True)
        await super().shutdown(sockets)


async def _serve(found: Settings, listening: socket.socket, told: Story, made: Made) -> None:
    host, port = listening.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard address includes the loopback
    address = f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
    await _Showing(server_config(found), address, over_http(reached, port), told, made).serve([listening])
