"""Who is let in, with what at hand, and for how long.

Each operation gets a context of its own, with the rights as they are now. A socket
stays open only as long as its token holds: when it expires, or the session, device or
employee behind it ends, whoever waits in `ended` hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from strawberry.dataloader import DataLoader

from domain.failures import Unauthenticated
from models import people
from models.database import AWAY
from resolvers import sessions
from resolvers.caller import Caller
from resolvers.context import Context, Services
from resolvers.viewer import Viewer
from server.presence import Attendance
from subscriptions.asking import hub

_LOOK_EVERY = timedelta(minutes=5)  # also when nobody said that anything changed
_SHORTEST = timedelta(milliseconds=50)

log = logging.getLogger(__name__)


class Gate:
    def __init__(self, services: Services, clock: Callable[[], datetime], attendance: Attendance) -> None:
        self.services, self.clock, self.attendance = services, clock, attendance

    def context(self, caller: Caller) -> Context:
        return Context(caller, self.services, self.clock, lambda by_keys: DataLoader(load_fn=by_keys, cache=False))

    async def admit(self, caller: Caller) -> Context:
        """Return what one operation of the caller works with; a stranger's has no viewer. Raises Unauthenticated."""
        context = self.context(caller)
        if caller.token is not None:
            context.who = await sessions.viewer(caller.token, self.services, self.clock())
        return context

    async def admit_clock(self) -> Context:
        """Return what is done with when time, and nobody, asks for it."""
        context = self.context(Caller(address="clock"))
        context.who = Viewer.of_clock(await people.tree())
        return context

    async def ended(self, context: Context) -> None:
        """Return when whoever the context belongs to may no longer stay; never for a stranger, who hears nothing."""
        viewer = context.who
        if viewer is None:
            await asyncio.get_running_loop().create_future()
            return
        with self.attendance.of(viewer.id), hub(context).listen(sessions.topics(viewer)) as bell:
            while True:
                now = self.clock()
                left = viewer.expires_at + sessions.LEEWAY - now if viewer.expires_at else _LOOK_EVERY
                await bell.wait(max(_SHORTEST, min(left, _LOOK_EVERY)).total_seconds())
                try:
                    await self.admit(context.caller)
                except Unauthenticated:
                    return
                except AWAY as error:  # nothing is known of his rights; what he asks for fails by itself
                    log.warning("A socket's rights could not be looked at (%r); trying again.", error)
                    await asyncio.sleep(1)
