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
from functools import partial
from pathlib import Path
from typing import Final

import click
import uvicorn
import uvloop

from demo import activity_simulator, banner, history_generator
from demo.api_client import Transport, create_http_transport
from demo.history_generator import CompanyHistory
from demo.seeding import PASSWORD, DeviceTokens, seed_demo
from models import migrator
from models.db import connection
from models.organization.company import find_company
from server import settings
from server.clock import utc_now
from server.commands.contexts import create_context_factory
from server.commands.runtime import load_settings, run_with_database
from server.http.web_app import DemoAccounts
from server.observability import logging
from server.settings import Settings
from server.uvicorn_runner import exit_cleanly_on_sigterm, server_config
from subscriptions.core.tasks import TaskSupervisor

SEED: Final = 20
_DATABASE: Final = Path("var/demo.db")
_ACTIVE_SELLERS: Final = 12  # sellers with simulated activity
_PORT_ATTEMPTS: Final = 20  # ports to try when the default one is taken


def run_demo(*, host: str | None, port: int | None, recreate: bool) -> None:
    """Serve the demo until stopped."""
    exit_cleanly_on_sigterm()
    log_overrides = {"log_level": "warning"} if "log_level" not in settings.load().model_fields_set else {}
    demo_settings = settings.load(
        demo=True, database_url=f"sqlite://{_DATABASE}", workers=1, host=host, port=port, **log_overrides
    )
    logging.configure_logging(demo_settings)
    demo_settings.check_fit_to_serve()
    with (
        contextlib.suppress(KeyboardInterrupt),
        _single_instance_lock(),
        _bind_socket(demo_settings, port_is_explicit=port is not None) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        history, device_tokens = runner.run(_load_or_create_company(demo_settings, recreate))
        runner.run(_serve(demo_settings, listener, history, device_tokens))


@contextlib.contextmanager
def _single_instance_lock() -> Iterator[None]:
    """Hold a lock so that no second demo runs on the same database: it might recreate the company under the first."""
    with _sibling_path(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("The demo is running already: stop it first, or use it.") from None
        yield


def _sibling_path(suffix: str) -> Path:
    return _DATABASE.with_name(_DATABASE.name + suffix)


def _bind_socket(settings: Settings, *, port_is_explicit: bool) -> socket.socket:
    """Return a listening socket on the port or, if it is taken and was not given by the user, on one of the next."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for port in range(settings.port, settings.port + (1 if port_is_explicit or not settings.port else _PORT_ATTEMPTS)):
        try:
            return socket.create_server((settings.host, port), family=family, backlog=2048)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise click.ClickException(f"Cannot listen on {settings.host}: {error.strerror}.") from error
    raise click.ClickException(f"Port {settings.port} is taken: give a free one with --port.")


async def _load_or_create_company(settings: Settings, recreate: bool) -> tuple[CompanyHistory, DeviceTokens]:
    """Return today's generated history and the device tokens, reusing the last company if it is still current."""
    history = CompanyHistory(SEED, utc_now())
    stamp = {"version": history_generator.VERSION, "seed": SEED, "day": history.today.isoformat()}
    stamp_file = _sibling_path(".json")
    if not recreate and _DATABASE.exists() and stamp_file.exists():
        saved: dict[str, str] = json.loads(stamp_file.read_text())
        if stamp.items() <= saved.items():
            async with connection.connect(settings.database_url):
                if not await migrator.list_pending():
                    return history, DeviceTokens(saved["wallboard"], saved["integration"])
    stamp_file.unlink(missing_ok=True)  # first: without it, a half-created company is created anew next time
    for suffix in ("", "-wal", "-shm"):
        _sibling_path(suffix).unlink(missing_ok=True)
    await migrator.migrate(settings.database_url)
    async with connection.connect(settings.database_url):
        device_tokens = await _create_company(settings, history)
    stamp_file.touch(0o600)
    stamp_file.write_text(json.dumps({**stamp, **asdict(device_tokens)}))
    return history, device_tokens


def fill_empty_database() -> str:
    """Create tables and company in the database of the settings, and return the list of sign-ins."""
    loaded_settings = load_settings()
    asyncio.run(migrator.migrate(loaded_settings.database_url))
    return run_with_database(loaded_settings, lambda: _fill_database(loaded_settings))


async def _fill_database(settings: Settings) -> str:
    """Create the company in the connected database, which must have none, and return the list of sign-ins."""
    if await find_company() is not None:
        raise click.ClickException("There is a company already: name an empty database in SCORELINE_DATABASE_URL.")
    history = CompanyHistory(SEED, utc_now())
    return banner.format_sign_ins(history.people, await _create_company(settings, history))


async def _create_company(settings: Settings, history: CompanyHistory) -> DeviceTokens:
    create_context = create_context_factory(settings).create_at
    with (
        click.progressbar(length=100, label="Creating a company with a year of history") as progress_bar,
        _gc_disabled(),
    ):
        return await seed_demo(
            history, create_context, lambda share: progress_bar.update(int(share * 100) - progress_bar.pos)
        )


@contextlib.contextmanager
def _gc_disabled() -> Iterator[None]:
    """Disable garbage collection while the company is created, which it would slow down by a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _DemoServer(uvicorn.Server):
    """A server that simulates activity of the company while it serves."""

    def __init__(
        self,
        config: uvicorn.Config,
        address: str,
        transport: Transport,
        history: CompanyHistory,
        device_tokens: DeviceTokens,
    ) -> None:
        super().__init__(config)
        self.address, self.transport, self.history, self.device_tokens = address, transport, history, device_tokens
        self._tasks = TaskSupervisor("demo")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            click.echo(banner.format_banner(self.address, self.history.people, self.device_tokens))
            top_sellers = sorted(self.history.sellers, key=lambda person: -person.talent)[:_ACTIVE_SELLERS]
            emails = [person.email for person in top_sellers]  # the banner suggests signing in as one of them
            simulate = partial(activity_simulator.simulate_activity, self.transport, utc_now, emails, PASSWORD)
            self._tasks.start({"activity": simulate})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._tasks.stop()
        await super().shutdown(sockets)


async def _serve(
    settings: Settings, listener: socket.socket, history: CompanyHistory, device_tokens: DeviceTokens
) -> None:
    host, port = listener.getsockname()[:2]
    display_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard address includes the loopback
    address = f"[{display_host}]:{port}" if ":" in display_host else f"{display_host}:{port}"
    people = banner.pick_person_per_role(history.people)
    accounts: DemoAccounts = {
        "password": PASSWORD,
        "wallboard": device_tokens.wallboard,
        "accounts": [{"role": person.role, "email": person.email} for person in people.values()],
    }
    config = server_config(settings, demo_accounts=accounts)
    transport = create_http_transport(display_host, port)
    await _DemoServer(config, address, transport, history, device_tokens).serve([listener])
