"""Leaderboard cache of a process: ranked scores are updated incrementally instead of being read and sorted again.

Changes are read from the change log, so a cached leaderboard is as exact as one built from the tables: it is valid at
a position of the log, and brought to the newest position whenever it is requested. Only scores that have moved are read
again and repositioned in the ranking; those that this process has posted itself are added. Changes of people or of the company's calendar drop all cached leaderboards.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

from models.ledger import scores
from models.live import change_log
from models.organization import quotas
from models.organization.people import Employee
from resolvers.leaderboards.ranked_scores import LeaderboardKey, RankedScores, load_scores, rank
from resolvers.leaderboards.rosters import LeaderboardMoment, Rosters, load_rosters
from resolvers.request.services import CommittedChange

_MAX_CACHED_ROWS: Final = 200_000  # of all cached leaderboards: some 60 MB
_MAX_STALE_SCORES: Final = 500  # with more moved scores a leaderboard is rebuilt
_RESET_TOPICS: Final = frozenset(
    {"*", "people", "company"}
)  # after changes of these the ranked employees may be others


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
        new_moves = [*((seller_id, None) for seller_id in seller_ids), *moves]
        self._roster_moves += new_moves
        for roster_key, rosters in list(self._rosters.items()):
            if _may_change(roster_key, rosters, new_moves):
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
        totals, [at_day_start] = await load_scores(key.score_filter, entry_rosters, [moment.day_start])
        entry.ranked = await rank(key, moment, base_version, entry_rosters, totals, at_day_start)
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
