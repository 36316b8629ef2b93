"""Builds the context of each operation, authenticating the bearer token.

Every operation gets a new context, with the viewer's current permissions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from strawberry.dataloader import DataLoader

from models.organization import reference_data
from resolvers.auth import sessions
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer


class ContextFactory:
    """Creates contexts for requests, for the scheduler and for live streams."""

    def __init__(self, services: Services, clock: Callable[[], datetime]) -> None:
        self.services, self.clock = services, clock

    def create_context(self, client: ClientInfo) -> Context:
        """Return a context without a viewer."""
        return Context(
            client, self.services, self.clock, lambda load_batch: DataLoader(load_fn=load_batch, cache=False)
        )

    def create_for_streams(self) -> Context:
        """Return a context without a viewer that reads from the reference cache: for streams of the process itself."""
        context = self.create_context(ClientInfo(address="live"))
        context.reference_cache = self.services.reference_cache
        return context

    async def create_for_request(self, client: ClientInfo) -> Context:
        """Return the context of one operation, with the viewer of the client's token (none without a token).

        raises  Unauthenticated if the token is not valid, Throttled after too many wrong ones.
        """
        context = self.create_context(client)
        if client.token is not None:
            context.current_viewer = await sessions.authenticate_client(client, self.services, self.clock())
        return context

    async def create_for_scheduler(self) -> Context:
        """Return a context for scheduled jobs, with a system viewer in place of an employee."""
        context = self.create_context(ClientInfo(address="clock"))
        current_data = await self.services.reference_data_at(await reference_data.read_position())
        context.current_viewer = replace(Viewer.for_scheduler(current_data.tree), reference_data=current_data)
        return context
