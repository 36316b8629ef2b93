"""A server with the demo company at a fixed time, and a browser: the same data in every run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext

from demo import banner
from demo.history_generator import CompanyHistory
from demo.seeding import PASSWORD, seed_demo
from models.db import connection
from server import settings
from server.commands.contexts import create_context_factory
from tests.acceptance.office import launch_browser
from tests.empty_database import create_database
from tests.http_server import serve

NOW: Final = datetime(2026, 11, 12, 13, 30, tzinfo=UTC)  # a Thursday afternoon in the middle of a month
SEED: Final = 20
HISTORY_DAYS: Final = 45
SIGN_IN: Final = """mutation($input: SignInInput!) { signIn(input: $input) {
    accessToken refreshToken viewer { role employee { id } } } }"""


@dataclass
class DemoOffice:
    """The demo company. `emails`: an account for each role, in small letters; `wallboard`: token of the wallboard."""

    address: str
    browser: Browser
    emails: dict[str, str]
    wallboard: str
    sign_in: Any

    async def open_context(self, role: str | None = None, **options: Any) -> BrowserContext:
        """Open a context at the fixed time, signed in as the account of the role; `options` are those of a context."""
        context = await self.browser.new_context(
            locale="en", reduced_motion="reduce", timezone_id="Europe/Riga", service_workers="block", **options
        )
        await context.clock.set_fixed_time(NOW)
        if role:
            token = (await self.sign_in(self.emails[role]))["refreshToken"]
            await context.add_init_script(
                f"if (location.protocol !== 'about:' && !localStorage.length) "
                f"localStorage.setItem('scoreline.session', '{token}')"
            )
        return context


@asynccontextmanager
async def open_demo_office(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoOffice]:
    """Create the demo company in `folder` and serve it, with a clock that stands still."""
    monkeypatch.setattr("server.app.utc_now", lambda: NOW)
    loaded_settings = settings.load(
        host="127.0.0.1", port=0, log_level="error", secret="s" * 32, database_url=f"sqlite://{folder}/demo.db"
    )
    history = CompanyHistory(SEED, NOW, days=HISTORY_DAYS)
    async with launch_browser() as browser:
        await create_database(loaded_settings.database_url)
        async with connection.connect(loaded_settings.database_url):
            tokens = await seed_demo(history, create_context_factory(loaded_settings).create_at)
        async with serve(loaded_settings) as server:
            people = banner.pick_person_per_role(history.people)
            emails = {role: person.email for role, person in people.items()}

            async def sign_in(email: str) -> dict[str, Any]:
                input = {"email": email, "password": PASSWORD}
                return (await server.execute(SIGN_IN, token="", input=input))["signIn"]

            yield DemoOffice(server.address, browser, emails, tokens.wallboard, sign_in)
