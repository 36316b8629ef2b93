"""Who is let in, and with what at hand.

Each operation gets a context of its own, with the rights as they are now.
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
    def __init__(self, services: Services, clock: Callable[[], datetime]) -> None:
        self.services, self.clock = services, clock

    def context(self, caller: Caller) -> Context:
        return Context(caller, self.services, self.clock, lambda by_keys: DataLoader(load_fn=by_keys, cache=False))

    def live(self) -> Context:
        """Return what the process itself reads with for its live streams: for nobody, from what is kept for them."""
        context = self.context(Caller(address="live"))
        context.known = self.services.known
        return context

    async def admit(self, caller: Caller) -> Context:
        """Return what one operation of the caller works with; a stranger's has no viewer. Raises Unauthenticated."""
        context = self.context(caller)
        if caller.token is not None:
            context.who = await sessions.viewer(caller.token, self.services, self.clock())
        return context

    async def admit_clock(self) -> Context:
        """Return what is done with when time, and nobody, asks for it."""
        context = self.context(Caller(address="clock"))
        office = await self.services.office_at(await offices.position())
        context.who = replace(Viewer.of_clock(office.tree), office=office)
        return context
