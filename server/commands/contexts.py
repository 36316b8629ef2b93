"""Contexts of commands."""

from __future__ import annotations

from models.organization import people
from models.organization.people import Employee
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.services import NullNotifier, Services
from resolvers.request.viewer import Viewer
from server.clock import utc_now
from server.context_factory import ContextFactory, build_state
from server.http.rate_limit import create_rate_limiter
from server.settings import Settings


def create_context_factory(settings: Settings) -> ContextFactory:
    """Return the factory of a command's contexts. It notifies no other process, since servers poll the change log."""
    services = Services(settings.signing_secrets[0], create_rate_limiter(), NullNotifier(), build_state)
    return ContextFactory(services, utc_now)


async def create_import_context(settings: Settings, employee: Employee, language: str) -> RequestContext:
    """Return the context of an import with the permissions of an employee."""
    context = create_context_factory(settings).create_context(ClientInfo(None, language, "import", "import"))
    context.current_viewer = Viewer.for_employee(
        employee, await people.load_team_tree(), 0, utc_now(), has_direct_reports=False
    )
    return context
