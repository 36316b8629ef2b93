"""The employees that a leaderboard ranks: those with a quota, at the time of the leaderboard or the end of its period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.leaderboards.ranking import Roster
from models.ledger.score_filter import ScoreFilter
from models.organization import memberships, quotas
from models.organization.quotas import RosterMoment


@dataclass(frozen=True)
class LeaderboardMoment:
    """The time of a leaderboard.

    as_of      an instant; None for the present, which is defined by the change log, not by a clock
    today      the company's day of that time
    day_start  its first instant, for the previous ranks
    period_end the first instant after the period
    """

    as_of: datetime | None
    today: date
    day_start: datetime
    period_end: datetime

    def roster_moments(self, last_day: date) -> tuple[RosterMoment, RosterMoment]:
        """Return the times of the ranked members, now and for the previous ranks.

        What is over stays: a period that has ended at that time ranks the members at its end.

        last_day  of the period
        """
        if last_day < self.today:
            end = self.period_end - timedelta(microseconds=1)
            return (
                RosterMoment(end, last_day, self.as_of, is_over=True),
                RosterMoment(end, last_day, self.day_start, is_over=True),
            )
        return (
            RosterMoment(self.as_of, self.today, self.as_of),
            RosterMoment(self.day_start, self.today, self.day_start),
        )


@dataclass(frozen=True)
class Rosters:
    """The ranked employees at a time and at the start of its day.

    leader_ids   the leaders: their sales decide whether they are ranked
    transferred  of a team's leaderboard: the employees that may have scores that are credited to other teams
    """

    current: Roster
    day_start: Roster
    leader_ids: frozenset[int]
    transferred: frozenset[int]


async def load_rosters(score_filter: ScoreFilter, moment: LeaderboardMoment) -> Rosters:
    """Return the rosters of the active employees with a quota at the time and at the start of its day.

    Equal values are in the order of the names at that time, so a later new name does not change the order of a
    period that is over. Both are the same object if they hold the same employees, since ranks do not depend on names.
    """
    current, day_start = await quotas.load_rosters(
        moment.roster_moments(score_filter.last_day), score_filter.team_ids, score_filter.employee_id
    )
    transferred: frozenset[int] = frozenset()
    if score_filter.team_spans is not None:
        transferred = await memberships.load_transferred_ids([span.team_ids for span in score_filter.team_spans])
    roster = Roster(current.names)
    return Rosters(
        roster,
        roster if current.names.keys() == day_start.names.keys() else Roster(day_start.names),
        current.leader_ids | day_start.leader_ids,
        transferred & (current.names.keys() | day_start.names.keys()),
    )
