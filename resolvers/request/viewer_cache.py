"""The viewers of a process: the sessions of requests that come together are read by one statement.

A session is read anew for each request, so a revoked one ends at once. What follows from the reading, the viewer with
their reach, is made once for all readings that are equal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from models.db import connection
from models.db.deadline import with_deadline
from models.organization import reference_data as reference_models
from models.organization.reference_data import ReferenceData, SessionState
from resolvers.request.loaders import Loaders
from resolvers.request.viewer import Viewer

MAX_VIEWERS: Final = 1_000
_READ_SECONDS: Final = 60.0  # after which a reading is given up, later than the operations that wait for it


class _CachedViewer(NamedTuple):
    columns: tuple[object, ...]
    reference_data: ReferenceData
    viewer: Viewer


class ViewerCache:
    """The viewers of sessions, least recently used ones dropped."""

    def __init__(self) -> None:
        self._loaders = Loaders()
        self._viewers: OrderedDict[tuple[int, datetime], _CachedViewer] = OrderedDict()

    async def read_session(self, session_id: int) -> SessionState | None:
        """Return a session as it is now, read together with those of other requests of this tick; None if there is none."""
        if not connection.is_outside_transaction():  # its own statements, and SQLite's only connection
            [state] = await reference_models.find_sessions([session_id])
            return state
        return await self._loaders.load(reference_models.find_sessions, _find_sessions, session_id)

    def make_viewer(self, state: SessionState, expires_at: datetime, reference_data: ReferenceData) -> Viewer:
        """Return a new viewer of a session that was read with this reference data."""
        return Viewer.for_employee(
            state.make_employee(),
            reference_data.tree,
            state.session_id,
            expires_at,
            has_direct_reports=state.has_direct_reports,
            reference_data=reference_data,
        )

    def get_viewer(self, state: SessionState, expires_at: datetime, reference_data: ReferenceData) -> Viewer:
        """Return the viewer that all requests with an equal reading share; they must not change its employee."""
        key = state.session_id, expires_at
        cached = self._viewers.get(key)
        if cached is None or cached.columns != state.columns or cached.reference_data is not reference_data:
            cached = _CachedViewer(state.columns, reference_data, self.make_viewer(state, expires_at, reference_data))
            self._viewers[key] = cached
            if len(self._viewers) > MAX_VIEWERS:
                self._viewers.popitem(last=False)
        self._viewers.move_to_end(key)
        return cached.viewer


async def _find_sessions(session_ids: Sequence[int]) -> list[SessionState | None]:
    """Find sessions for several requests: none of them may cancel it, and it ends when the database does not answer."""
    return await with_deadline(_READ_SECONDS, reference_models.find_sessions(session_ids), while_available=True)
