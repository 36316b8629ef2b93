"""The heartbeat mutation."""

from __future__ import annotations

import strawberry

from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.analytics import worktime as rows


@payload("Whether the viewer counts as online, and their work time today.")
class HeartbeatPayload:
    online: bool = False
    today_hours: float = 0.0


@strawberry.type
class WorkMutation:
    @mutation("Sent about once a minute by the employee's client while it is in use; timed by the server's clock.")
    async def heartbeat(self, info: Info) -> HeartbeatPayload:
        day = await rows.record_heartbeat(info.context)
        return HeartbeatPayload(online=True, today_hours=day.hours)
