"""Builds the context of each operation, authenticating the bearer token, and the state of the process behind it.

Every operation gets a new context, with the viewer's current permissions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from models.organization import reference_data
from resolvers.auth import sessions
from resolvers.forecasting.forecast_engine import ForecastEngine
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.loaders import Loaders
from resolvers.request.services import ProcessState, ReferenceCacheProtocol, Services
from resolvers.request.viewer import Viewer
from server.observability import logging
from subscriptions.core.hub import Hub
from subscriptions.core.stream_context import StreamContext


def build_state() -> ProcessState:
    """Return the state of a process that has read nothing yet."""
    return ProcessState(ForecastEngine(), LeaderboardCache())


class ContextFactory:
    """Creates contexts for requests, for the scheduler and for commands."""

    def __init__(self, services: Services, clock: Callable[[], datetime]) -> None:
        self.services, self.clock = services, clock

    def create_context(self, client: ClientInfo) -> RequestContext:
        """Return a context without a viewer."""
        return RequestContext(client, self.services, self.clock, Loaders())

    def create_at(self, at: datetime, viewer: Viewer) -> RequestContext:
        """Return a context with a clock that stands still: for records of the past."""
        return RequestContext(ClientInfo(), self.services, lambda: at, Loaders(), viewer)

    async def create_for_request(self, client: ClientInfo, *, is_query: bool = False) -> RequestContext:
        """Return the context of one operation, with the viewer of the client's token (none without a token).

        is_query  whether the operation changes nothing

        raises  Unauthenticated if the token is not valid, Throttled after too many wrong ones.
        """
        context = self.create_context(client)
        if client.token is not None:
            authentication = await sessions.authenticate_client(
                client, self.services, self.clock(), shares_viewer=is_query
            )
            context.current_viewer, context.log_position = authentication.viewer, authentication.log_position
            logging.set_viewer(context.current_viewer.key)
        return context

    async def find_ready(self, client: ClientInfo) -> RequestContext | None:
        """Return the context of a query if a reading of its session is all that it takes; see `sessions.find_ready`."""
        authentication = await sessions.find_ready(client, self.services, self.clock())
        if authentication is None:
            return None
        context = self.create_context(client)
        context.current_viewer, context.log_position = authentication.viewer, authentication.log_position
        logging.set_viewer(context.current_viewer.key)
        return context

    async def create_for_scheduler(self) -> RequestContext:
        """Return a context for scheduled jobs, with a system viewer in place of an employee."""
        context = self.create_context(ClientInfo(address="clock"))
        current_data = await self.services.state.reference_data.at(await reference_data.read_position())
        context.current_viewer = replace(Viewer.for_scheduler(current_data.tree), reference_data=current_data)
        return context


@dataclass(frozen=True)
class StreamContextFactory:
    """Creates contexts for live streams.

    reference_cache  company data for all of them; None to read it for each event
    """

    services: Services
    clock: Callable[[], datetime]
    hub: Hub
    reference_cache: ReferenceCacheProtocol | None = None

    def create_context(self, client: ClientInfo, viewer: Viewer | None = None) -> StreamContext:
        """Return the context of a stream; without a viewer it is one of the process itself."""
        return StreamContext(
            client, self.services, self.clock, Loaders(), viewer, hub=self.hub,
            reference_cache=self.reference_cache,
        )  # fmt: skip
