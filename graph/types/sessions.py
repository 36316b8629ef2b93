"""GraphQL types Viewer and Device."""

from __future__ import annotations

from datetime import datetime

import strawberry

from domain.permissions import Action, DeviceKind, Reach, Role
from graph.base.field_declarations import NOTHING, WHOLE_VIEWER, declare
from graph.base.row_types import Info, Node, row_type
from graph.base.scopes import Scope
from graph.types.people import Employee
from models.auth import sessions
from resolvers.alerts import inbox
from resolvers.auth import own_sessions
from resolvers.request import scopes
from resolvers.request import viewer as viewers


@row_type(sessions.Device, description="A wallboard, or an integration that records for employees.")
class Device(Node):
    name: str
    kind: DeviceKind
    created_at: datetime
    last_seen_at: datetime | None
    revoked_at: datetime | None

    @strawberry.field(
        graphql_type=Scope,
        description="The team or company the device reads or records for.",
        metadata=declare(NOTHING),
    )
    @staticmethod
    async def scope(root: strawberry.Parent[sessions.Device], info: Info) -> object:
        return info.context.tree.teams[root.team_id] if root.team_id else await info.context.company()


@strawberry.type(description="A sign-in of the viewer that has not ended.")
class Session:
    id: strawberry.ID
    started_at: datetime
    expires_at: datetime = strawberry.field(description="When it ends unless it is refreshed before.")
    current: bool = strawberry.field(description="Whether this request belongs to it.")


@strawberry.type(description="An action, and how far it reaches for the viewer.")
class Permission:
    action: Action
    reach: Reach


@strawberry.type(description="The signed-in employee or device.")
class Viewer:
    employee: Employee | None = strawberry.field(description="Null for a device.")
    device: Device | None

    @strawberry.field(description="Null for a device.")
    @staticmethod
    def role(root: strawberry.Parent[viewers.Viewer]) -> Role | None:
        return root.employee.role if root.employee else None

    @strawberry.field(
        description="The actions that reach anything for the viewer. They follow from the role, and for an employee who "
        "manages a team or other employees are at least those of a manager.",
        metadata=declare(WHOLE_VIEWER, length=20),
    )
    @staticmethod
    def permissions(root: strawberry.Parent[viewers.Viewer]) -> list[Permission]:
        reaches = {action: root.reach(action) for action in Action}
        return [Permission(action=action, reach=reach) for action, reach in reaches.items() if reach is not Reach.NONE]

    @strawberry.field(
        description="Of the employee's profile, such as `en`, in which alerts are told; null if none was chosen, and for a "
        "device.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    def language(root: strawberry.Parent[viewers.Viewer]) -> str | None:
        return root.employee.language if root.employee else None

    @strawberry.field(
        graphql_type=Scope,
        description="The widest that the viewer reads: the company, the first team they lead, or themselves; a device's own.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def scope(info: Info) -> object:
        return (await scopes.viewer_scope(info.context)).row

    @strawberry.field(description="Zero for a device.", metadata=declare(WHOLE_VIEWER))
    @staticmethod
    async def unread_alerts(info: Info) -> int:
        return await inbox.count_unread(info.context)

    @strawberry.field(
        graphql_type=list[Session],
        description="The newest 100 sessions of the employee; empty for a device.",
        metadata=declare(WHOLE_VIEWER, length=1),
    )
    @staticmethod
    async def sessions(info: Info) -> list[own_sessions.SessionEntry]:
        return await own_sessions.list_sessions(info.context)
