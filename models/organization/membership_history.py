"""Earlier memberships: what another system knows of the day on which an employee left, or came to a team.

Memberships are recorded as of the moment of a change. An import adds what was so before, and moves the moment of a
change that another system dates otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from models.db import row_store
from models.organization.memberships import Membership
from models.organization.people import Employee

_BEFORE_EVERYTHING: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def list_memberships(employee_id: int) -> list[Membership]:
    """Return the memberships of an employee, earliest first."""
    return await Membership.filter(employee_id=employee_id).order_by("since", "id")


async def was_active(employee_id: int, moment: datetime) -> bool:
    """Return whether the employee was active at a moment; before the first membership they were as it says."""
    memberships = await list_memberships(employee_id)
    return next((row.active for row in reversed(memberships) if row.since <= moment), memberships[0].active)


async def set_departure(memberships: Sequence[Membership], departed_at: datetime, joined_at: datetime | None) -> None:
    """Let an employee, now inactive, have left at `departed_at`: earlier memberships end then, later ones never were.

    memberships  those of the employee, earliest first, the last one inactive
    joined_at    None if the day of joining is not known
    """
    *active_rows, departure = memberships
    earlier = [row for row in active_rows if row.since < departed_at]
    if active_rows and not earlier:  # the account is younger than the departure
        first = active_rows[0]
        first.since = joined_at if joined_at is not None and joined_at < departed_at else _BEFORE_EVERYTHING
        earlier = [first]
    for row in active_rows:
        if row not in earlier:
            await row_store.delete(row)
    if earlier:
        earlier[-1].until = departed_at
        await row_store.save(earlier[-1], "since", "until")
    departure.since = departed_at
    await row_store.save(departure, "since")


async def insert_transfer(employee: Employee, team_id: int, moment: datetime) -> bool:
    """Let an employee have come to a team at a moment, until the next change; return whether that is new.

    A first membership without a team says nothing of the team: it becomes one of this team. If the team has not changed
    since, or the employee has left from it, `employee.team_id` is set, but not saved.
    """
    memberships = await list_memberships(employee.id)
    first, current = memberships[0], memberships[-1]
    covering = next((row for row in reversed(memberships) if row.since <= moment), None)
    if covering is None and first.team_id not in (team_id, 0):
        await _insert_copy(first, team_id, moment, until=first.since)
        return True
    changed = covering or first
    team_before = changed.team_id
    if covering is not None and team_before == team_id:
        return False
    if covering is None or covering.since == moment or (covering is first and team_before == 0):
        changed.team_id, changed.since = team_id, min(moment, changed.since)
        await row_store.save(changed, "team_id", "since")
    else:
        await _insert_copy(covering, team_id, moment, until=covering.until)
        covering.until = moment
        await row_store.save(covering, "until")
    has_left_from_it = changed is not current and not current.active and memberships[-2] is changed
    if has_left_from_it and current.team_id == team_before:
        current.team_id = team_id
        await row_store.save(current, "team_id")
    if changed is current or has_left_from_it:
        employee.team_id = team_id or None
    return True


async def _insert_copy(row: Membership, team_id: int, since: datetime, until: datetime | None) -> None:
    """Insert a membership like this one in another team."""
    await Membership.create(
        employee_id=row.employee_id,
        team_id=team_id,
        active=row.active,
        since=since,
        until=until,
        name=row.name,
        role=row.role,
    )
