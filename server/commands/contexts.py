"""Contexts of commands."""

from __future__ import annotations

from resolvers.request.services import NullNotifier, Services
from server.clock import utc_now
from server.context_factory import ContextFactory, build_state
from server.http.rate_limit import create_rate_limiter
from server.settings import Settings


def create_context_factory(settings: Settings) -> ContextFactory:
    """Return the factory of a command's contexts. It notifies no other process, since servers poll the change log."""
    services = Services(settings.signing_secrets[0], create_rate_limiter(), NullNotifier(), build_state)
    return ContextFactory(services, utc_now)
