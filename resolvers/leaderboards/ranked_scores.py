"""The scores of a leaderboard, read and ranked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from domain.leaderboards.ranking import RankedList
from models.goals import goals
from models.ledger import scores
from models.ledger.score_filter import ScoreFilter
from models.organization import people
from models.organization.people import Employee
from resolvers.leaderboards.rosters import LeaderboardMoment, Rosters, load_rosters


@dataclass(frozen=True)
class LeaderboardKey:
    """The cache key: which scores are ranked, and whether by attainment or by value."""

    score_filter: ScoreFilter
    by_attainment: bool


@dataclass
class RankedScores:
    """The ranking at a time and at the start of its day; amounts in the metric's smallest unit.

    leader_ids    the employees that are ranked only while they sell
    transferred   of a team's leaderboard: the ranked employees who may have scores that are credited to other teams
    base_version  the version as long as no value and no target has moved
    moved_at      by employee id: the change-log position at which their value or target has last moved since
    revision      replaced as soon as anything is known to have moved: as long as it is the same, so are the scores,
                  targets and employees
    """

    key: LeaderboardKey
    as_of: datetime | None
    ranking: RankedList
    day_start_ranking: RankedList
    leader_ids: frozenset[int]
    transferred: frozenset[int]
    base_version: int
    moved_at: dict[int, int] = field(default_factory=dict)
    revision: object = field(default_factory=object)
    # By employee id, loaded as rows are shown. A change replaces the dict, so that a read begun before the change
    # fills the old one and is not kept.
    targets: dict[int, int | None] = field(default_factory=dict)
    employees: dict[int, Employee] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The change-log position of the last move. Only moves of the ranked employees count, so it tells no others."""
        return max(self.moved_at.values(), default=self.base_version)

    @property
    def employee_ids(self) -> set[int]:
        """The employees that are ranked or have a part in the total."""
        return self.ranking.values.keys() | self.ranking.roster.places.keys()

    def has_part(self, employee_id: int) -> bool:
        """Return whether the employee is ranked or has a part in the total."""
        return employee_id in self.ranking.values or employee_id in self.ranking.roster.places

    def restrict_to(self, employee_ids: Collection[int]) -> RankedScores:
        """Return independent ranked scores of these employees alone, as if there were no others."""
        return replace(
            self,
            ranking=self.ranking.restrict_to(employee_ids),
            day_start_ranking=self.day_start_ranking.restrict_to(employee_ids),
            leader_ids=self.leader_ids.intersection(employee_ids),
            transferred=self.transferred.intersection(employee_ids),
            moved_at={id_: position for id_, position in self.moved_at.items() if id_ in employee_ids},
        )

    async def load_targets(self, employee_ids: Iterable[int]) -> Mapping[int, int | None]:
        """Return the targets by employee id, at least of these employees; None or missing for those without one."""
        if self.ranking.targets is not None:
            return self.ranking.targets
        cache, score_filter = self.targets, self.key.score_filter
        if missing_ids := [employee_id for employee_id in employee_ids if employee_id not in cache]:
            targets = await goals.employee_targets(
                score_filter.metric, score_filter.first_day, score_filter.last_day, self.as_of, missing_ids
            )
            cache.update((employee_id, targets.get(employee_id)) for employee_id in missing_ids)
        return cache

    async def load_employees(self, employee_ids: Iterable[int]) -> Mapping[int, Employee]:
        """Return the rows by employee id, at least of these employees."""
        cache = self.employees
        if missing_ids := [employee_id for employee_id in employee_ids if employee_id not in cache]:
            cache.update((row.id, row) for row in await people.load_by_ids(missing_ids) if row)
        return cache


async def ranked_scores_at(key: LeaderboardKey, moment: LeaderboardMoment, base_version: int) -> RankedScores:
    """Return the ranked scores of a past instant; they are not cached."""
    assert moment.as_of is not None
    rosters = await load_rosters(key.score_filter, moment)
    totals, (at_day_start, at_moment) = await load_scores(key.score_filter, rosters, [moment.day_start, moment.as_of])
    return await rank(key, moment, base_version, rosters, totals.updated_by(at_moment), at_day_start)


class _Scores(NamedTuple):
    """Scores by employee id, and the whole scores of the transferred employees."""

    values: dict[int, int]
    whole_values: dict[int, int]

    def updated_by(self, changed: _Scores) -> _Scores:
        return _Scores(self.values | changed.values, self.whole_values | changed.whole_values)


async def load_scores(
    score_filter: ScoreFilter, rosters: Rosters, instants: Sequence[datetime]
) -> tuple[_Scores, list[_Scores]]:
    """Return the present scores, and for each instant the scores that were others then, as they were then."""
    parts = await scores.score_totals(score_filter, instants)
    wholes: Sequence[dict[int, int]] = [{} for _ in parts]
    if rosters.transferred:
        wholes = await scores.score_totals(replace(score_filter, team_spans=None), instants, rosters.transferred)
    return _Scores(parts[0], wholes[0]), [
        _Scores(_subtract_later(parts[0], later_part), _subtract_later(wholes[0], later_whole))
        for later_part, later_whole in zip(parts[1:], wholes[1:], strict=True)
    ]


def _subtract_later(values: dict[int, int], later: dict[int, int]) -> dict[int, int]:
    """Return the earlier values of the employees in `later`: their values without the later amounts."""
    return {employee_id: values.get(employee_id, 0) - amount for employee_id, amount in later.items()}


async def rank(
    key: LeaderboardKey,
    moment: LeaderboardMoment,
    base_version: int,
    rosters: Rosters,
    current: _Scores,
    day_start: _Scores,
) -> RankedScores:
    """Rank the scores, and the scores at the start of the day.

    day_start  only of employees with another score at the start of the day
    """
    targets, day_start_targets = None, None
    if key.by_attainment:
        target_arguments = key.score_filter.metric, key.score_filter.first_day, key.score_filter.last_day
        targets, day_start_targets = [
            await goals.employee_targets(*target_arguments, at) for at in (moment.as_of, moment.day_start)
        ]
    ranking = RankedList(rosters.current, current.values, targets, current.whole_values)
    if rosters.current is not rosters.day_start or targets != day_start_targets:
        values, whole_values = current.updated_by(day_start)
        day_start_ranking = RankedList(rosters.day_start, values, day_start_targets, whole_values)
    else:
        day_start_ranking = ranking.copy()
        for employee_id in day_start.values.keys() | day_start.whole_values.keys():
            value = day_start.values.get(employee_id, current.values.get(employee_id, 0))
            whole_value = day_start.whole_values.get(employee_id, current.whole_values.get(employee_id))
            day_start_ranking.set_value(employee_id, value, whole_value)
    return RankedScores(
        key, moment.as_of, ranking, day_start_ranking, rosters.leader_ids, rosters.transferred, base_version
    )
