"""Earlier memberships: what another system knows of the day on which an employee left, or came to a team.

Memberships are recorded as of the moment of a change. An import adds what was so before, and moves the moment of a
change that another system dates otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from models.db import row_store
from models.organization.memberships import Membership
from models.organization.people import Employee

_DAY: Final = timedelta(days=1)


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
        first.since = joined_at if joined_at is not None and joined_at < departed_at else departed_at - _DAY
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

    A first membership without a team says nothing of the team: it becomes one of this team. If the next change is that
    of the present, `employee.team_id` is set, but not saved.
    """
    memberships = await list_memberships(employee.id)
    first, current = memberships[0], memberships[-1]
    covering = next((row for row in reversed(memberships) if row.since <= moment), None)
    if covering is not None and not (covering is first and covering.team_id == 0):
        if covering.team_id == team_id:
            return False
        if covering.since == moment:
            covering.team_id = team_id
            await row_store.save(covering, "team_id")
        else:
            await _split(covering, team_id, moment)
        is_current = covering is current
    elif first.team_id in (team_id, 0) and first.active:
        first.team_id, first.since = team_id, min(moment, first.since) if covering is None else first.since
        await row_store.save(first, "team_id", "since")
        is_current = first is current
    else:
        await Membership.create(
            employee_id=employee.id,
            team_id=team_id,
            active=True,
            since=moment,
            until=first.since,
            name=first.name,
            role=first.role,
        )
        is_current = False
    if is_current:
        employee.team_id = team_id or None
    return True


async def _split(row: Membership, team_id: int, moment: datetime) -> None:
    """Let a membership end at a moment, and another one of the team take its place from then on."""
    await Membership.create(
        employee_id=row.employee_id,
        team_id=team_id,
        active=row.active,
        since=moment,
        until=row.until,
        name=row.name,
        role=row.role,
    )
    row.until = moment
    await row_store.save(row, "until")
