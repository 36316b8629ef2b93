"""Leaderboard cache of a process: ranked scores are updated incrementally instead of being read and sorted again.

Changes are read from the change log, so a cached leaderboard is as exact as one built from the tables: it is valid at
a position of the log, and brought to the newest position whenever it is requested. Only scores that have moved are read
again and repositioned in the ranking; those that this process has posted itself are added. Changes of people or of the company's calendar drop all cached leaderboards.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, NamedTuple

from domain.leaderboards.ranking import RankedList
from models.goals import goals
from models.ledger import scores
from models.ledger.score_filter import ScoreFilter
from models.live import change_log
from models.organization import people, quotas
from models.organization.people import Employee
from resolvers.leaderboards.rosters import LeaderboardMoment, Rosters, load_rosters
from resolvers.request.services import CommittedChange

_MAX_CACHED_ROWS: Final = 200_000  # of all cached leaderboards: some 60 MB
_MAX_STALE_SCORES: Final = 500  # with more moved scores a leaderboard is rebuilt
_RESET_TOPICS: Final = frozenset(
    {"*", "people", "company"}
)  # after changes of these the ranked employees may be others


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
    totals, (at_day_start, at_moment) = await _load_scores(key.score_filter, rosters, [moment.day_start, moment.as_of])
    return await _rank(key, moment, base_version, rosters, totals.updated_by(at_moment), at_day_start)


class _Scores(NamedTuple):
    """Scores by employee id, and the whole scores of the transferred employees."""

    values: dict[int, int]
    whole_values: dict[int, int]

    def updated_by(self, changed: _Scores) -> _Scores:
        return _Scores(self.values | changed.values, self.whole_values | changed.whole_values)


async def _load_scores(
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


async def _rank(
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


class _CacheEntry:
    """An entry of the cache. The holder of its lock builds the ranked scores or brings them up to date."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.ranked: RankedScores | None = None  # built at the first request
        self.stale_ids: set[int] = set()  # ids of employees whose scores have moved since they were read


class LeaderboardCache:
    """The cache of a process. Not to be used within a unit of work, since cached data must be committed data.

    Three kinds of concurrency meet here. `_follow_lock` lets one task read the change log for all entries; the
    lock of an entry lets one task build or refresh it while others of the same key wait for the result; and every await
    may be followed by a `_clear` of another task, so each step checks that its entry is still the one in the cache.
    """

    def __init__(self) -> None:
        self._position: int | None = None  # of the change log: changes up to it are applied to all entries
        # Versions count from the last `_clear`. A new entry takes up the moves since, and not the present position:
        # that would tell of every change of the company, also of those that its viewer may not see.
        self._base_version = 0
        self._moved_at: defaultdict[str, dict[int, int]] = defaultdict(dict)  # by metric and employee id
        self._follow_lock = asyncio.Lock()
        self._entries: OrderedDict[LeaderboardKey, _CacheEntry] = OrderedDict()
        self._rosters: dict[_RosterKey, Rosters] = {}
        self._roster_moves: list[tuple[int, date | None]] = []  # see `_drop_rosters`; since the last `_clear`
        self._employees: dict[int, Employee] = {}
        self._today: date | None = None

    async def get(
        self, key: LeaderboardKey, moment: LeaderboardMoment, up_to_position: int | None = None
    ) -> RankedScores:
        """Return the present ranked scores, which may change at the next await.

        up_to_position  the change-log position that the result must include; None for all that is committed

        Loops until the entry is complete at the position up to which the log was followed: a refresh reads scores at a
        later position, so the changes up to that position must be applied before the result is consistent.
        """
        while True:
            if moment.today != self._today:
                self._clear(self._position or 0)
                self._today = moment.today
            entry = self._entries.setdefault(key, _CacheEntry())
            self._entries.move_to_end(key)
            async with entry.lock:
                position = await self._follow_change_log(up_to_position)
                while self._entries.get(key) is entry:
                    if entry.ranked is None or len(entry.stale_ids) > _MAX_STALE_SCORES:
                        await self._build(entry, key, moment)
                    elif entry.stale_ids:
                        read_at = await self._reread_stale(entry)
                        if read_at != position:  # other scores may have moved before these were read
                            position = await self._follow_change_log(read_at)
                            continue
                    if self._entries.get(key) is entry:
                        assert entry.ranked is not None
                        return entry.ranked

    async def is_current(self, key: LeaderboardKey, today: date, revision: object) -> bool:
        """Return whether the ranked scores of a key have this revision, with all that was committed before the call."""
        await self._follow_change_log(None)
        entry = self._entries.get(key)
        if entry is None or entry.ranked is None or today != self._today:
            return False
        if entry.stale_ids or entry.ranked.revision is not revision:
            return False
        self._entries.move_to_end(key)
        return True

    def apply_committed(self, change: CommittedChange) -> None:
        """Apply a change that this process has committed, so that neither the log nor its scores need be read.

        Nothing is done if entries of the log before it were not applied, or are just being read.
        """
        if self._position != change.previous_position or self._follow_lock.locked():
            return
        stale_before = {key: frozenset(entry.stale_ids) for key, entry in self._entries.items()}
        self._apply_topics(change.topics, change.position)
        self._position = change.position
        for key, entry in self._entries.items():
            # the scores of an entry that is being read may be from before or after the change
            if entry.ranked is not None and not entry.lock.locked() and key.score_filter.team_spans is None:
                self._add_scores(entry, entry.ranked, entry.stale_ids - stale_before[key], change)

    def _add_scores(
        self, entry: _CacheEntry, ranked: RankedScores, employee_ids: Collection[int], change: CommittedChange
    ) -> None:
        """Add the scores of a change to those of the employees, which are no longer stale then.

        ranked  of a leaderboard of all teams, on which values are whole scores
        """
        amounts = dict.fromkeys(employee_ids, 0)
        score_filter = ranked.key.score_filter
        for score in change.scores:
            is_ranked = score.metric == score_filter.metric and score.employee_id in amounts
            if is_ranked and score_filter.first_day <= score.day <= score_filter.last_day:
                amounts[score.employee_id] += score.amount
        for employee_id, amount in amounts.items():
            if ranked.ranking.set_value(employee_id, ranked.ranking.values.get(employee_id, 0) + amount):
                ranked.moved_at[employee_id] = change.position
        entry.stale_ids -= amounts.keys()

    async def get_base_version(self) -> int:
        """Return the version of a board that does not move."""
        await self._follow_change_log(0)
        return self._base_version

    async def _follow_change_log(self, up_to_position: int | None) -> int:
        """Apply new changes of the log to all entries; return the position up to which that is done."""
        async with self._follow_lock:
            if self._position is None:
                self._position = self._base_version = await change_log.last_position()
            elif up_to_position is None or self._position < up_to_position:
                position, topics = await change_log.topics_since(self._position)
                self._apply_topics(topics, position)
                self._position = position
            return self._position

    def _apply_topics(self, topics: Collection[str], position: int) -> None:
        if not _RESET_TOPICS.isdisjoint(topics):
            self._clear(position)
            return
        moved_scores, moved_targets = _moved_scores(topics), _moved_targets(topics)
        sellers = {employee_id for employee_id, _ in moved_scores.get(quotas.SELLING_METRIC, ())}
        self._drop_rosters(
            sellers.union(*moved_targets.values()), {move for moves in moved_scores.values() for move in moves}
        )
        for metric, employee_ids in moved_targets.items():
            self._moved_at[metric].update(dict.fromkeys(employee_ids, position))
        if "goals" in topics:
            for key, entry in list(self._entries.items()):
                if key.by_attainment:
                    del self._entries[key]
                elif entry.ranked is not None:
                    entry.ranked.targets, entry.ranked.revision = {}, object()
                    moved_ids = filter(entry.ranked.has_part, moved_targets[key.score_filter.metric])
                    entry.ranked.moved_at |= dict.fromkeys(moved_ids, position)
        for metric, scores_of_metric in moved_scores.items():
            self._moved_at[metric].update((employee_id, position) for employee_id, _ in scores_of_metric)
        for key, entry in self._entries.items():
            score_filter = key.score_filter
            stale_ids = {
                employee_id
                for employee_id, day in moved_scores.get(score_filter.metric, ())
                if score_filter.first_day <= day <= score_filter.last_day
                and score_filter.employee_id in (None, employee_id)
            }
            entry.stale_ids |= stale_ids
            if stale_ids and entry.ranked is not None:
                entry.ranked.revision = object()

    def _drop_rosters(self, seller_ids: set[int], moves: set[tuple[int, date]]) -> None:
        """Drop the rosters that may rank other employees after these changes, and their entries.

        seller_ids  employees with moved wins or goals: they decide whether a leader is ranked
        moves       employees and days of all moved scores: with one in a period that is over, a newer account is ranked
        """
        self._roster_moves += [*((seller_id, None) for seller_id in seller_ids), *moves]
        for roster_key, rosters in list(self._rosters.items()):
            if _may_change(roster_key, rosters, self._roster_moves[-len(seller_ids) - len(moves) :]):
                del self._rosters[roster_key]
                for key in [key for key in self._entries if self._roster_key(key) == roster_key]:
                    del self._entries[key]

    def _roster_key(self, key: LeaderboardKey) -> _RosterKey:
        score_filter = key.score_filter
        is_over = self._today is not None and score_filter.last_day < self._today
        return score_filter.team_ids, score_filter.employee_id, score_filter.last_day if is_over else None

    def _clear(self, position: int) -> None:
        self._entries, self._rosters, self._employees = OrderedDict(), {}, {}
        self._roster_moves = []
        self._base_version, self._moved_at = position, defaultdict(dict)

    async def _build(self, entry: _CacheEntry, key: LeaderboardKey, moment: LeaderboardMoment) -> None:
        rosters, employees, roster_key = self._rosters, self._employees, self._roster_key(key)
        while roster_key not in rosters:
            moves, moves_before = self._roster_moves, len(self._roster_moves)
            loaded = await load_rosters(key.score_filter, moment)
            if not _may_change(roster_key, loaded, moves[moves_before:]):  # else it may be older than these
                rosters[roster_key] = loaded  # after a `_clear` meanwhile this dict is discarded too
        entry_rosters = rosters[roster_key]
        entry.stale_ids.clear()  # scores that move from here on are added again
        base_version, moved_at = self._base_version, dict(self._moved_at[key.score_filter.metric])
        totals, [at_day_start] = await _load_scores(key.score_filter, entry_rosters, [moment.day_start])
        entry.ranked = await _rank(key, moment, base_version, entry_rosters, totals, at_day_start)
        entry.ranked.employees = employees
        entry.ranked.moved_at = {id_: moved for id_, moved in moved_at.items() if entry.ranked.has_part(id_)}
        row_count = sum(len(cached.ranked.ranking) for cached in self._entries.values() if cached.ranked is not None)
        while row_count > _MAX_CACHED_ROWS and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            row_count -= len(oldest.ranked.ranking) if oldest.ranked is not None else 0

    async def _reread_stale(self, entry: _CacheEntry) -> int:
        """Read the stale scores again, and return the change-log position at which they were read.

        A failed read marks them stale again, so that no change is lost.
        """
        ranked = entry.ranked
        assert ranked is not None
        stale_ids, entry.stale_ids = entry.stale_ids, set()
        try:
            totals, position = await scores.score_totals_for(ranked.key.score_filter, stale_ids)
        except BaseException:
            entry.stale_ids |= stale_ids
            raise
        ranked.revision = object()
        moved_at = self._moved_at[ranked.key.score_filter.metric]
        for employee_id, (value, whole_value) in totals.items():
            is_transferred = employee_id in ranked.transferred
            if ranked.ranking.set_value(employee_id, value, whole_value if is_transferred else None):
                # For later entries as well: the position may be above the one at which the move was followed
                ranked.moved_at[employee_id] = moved_at[employee_id] = position
        return position


def _may_change(roster_key: _RosterKey, rosters: Rosters, moves: Iterable[tuple[int, date | None]]) -> bool:
    """Return whether the rosters may rank other employees after moves of wins and goals (day None) and of scores."""
    over_day = roster_key[2]
    return any(
        employee_id in rosters.leader_ids
        if day is None
        else over_day is not None and day <= over_day and employee_id not in rosters.current.places
        for employee_id, day in moves
    )


_RosterKey = tuple[frozenset[int] | None, int | None, date | None]  # teams, employee, last day of a period that is over


def _moved_scores(topics: Iterable[str]) -> dict[str, list[tuple[int, date]]]:
    """Return, by metric, pairs of employee id and day of the scores that the topics report as moved."""
    scores_by_metric: dict[str, list[tuple[int, date]]] = defaultdict(list)
    for topic in topics:
        name, _, day = topic.partition("@")
        match name.split(":"):
            case ["score", metric, "employee", employee_id]:
                scores_by_metric[metric].append((int(employee_id), date.fromisoformat(day)))
    return scores_by_metric


def _moved_targets(topics: Iterable[str]) -> defaultdict[str, set[int]]:
    """Return, by metric, the ids of the employees with targets that the topics report as moved."""
    ids_by_metric: defaultdict[str, set[int]] = defaultdict(set)
    for topic in topics:
        match topic.split(":"):
            case ["target", metric, "employee", employee_id]:
                ids_by_metric[metric].add(int(employee_id))
    return ids_by_metric
