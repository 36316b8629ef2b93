"""Builds the context of each operation, authenticating the bearer token.

Every operation gets a new context, with the viewer's current permissions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from strawberry.dataloader import DataLoader

from models.organization import reference_data as offices
from resolvers.auth import sessions
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer


class Gate:
    """Creates contexts for requests, for the scheduler and for live streams."""

    def __init__(self, services: Services, clock: Callable[[], datetime]) -> None:
        self.services, self.clock = services, clock

    def context(self, caller: Caller) -> Context:
        """Return a context without a viewer."""
        return Context(caller, self.services, self.clock, lambda by_keys: DataLoader(load_fn=by_keys, cache=False))

    def live(self) -> Context:
        """Return a context without a viewer that reads from the reference cache: for streams of the process itself."""
        context = self.context(Caller(address="live"))
        context.known = self.services.known
        return context

    async def admit(self, caller: Caller) -> Context:
        """Return the context of one operation, with the viewer of the client's token (none without a token).

        raises  Unauthenticated if the token is not valid.
        """
        context = self.context(caller)
        if caller.token is not None:
            context.who = await sessions.viewer(caller.token, self.services, self.clock())
        return context

    async def admit_clock(self) -> Context:
        """Return a context for scheduled jobs, with a system viewer in place of an employee."""
        context = self.context(Caller(address="clock"))
        office = await self.services.office_at(await offices.position())
        context.who = replace(Viewer.of_clock(office.tree), office=office)
        return context
