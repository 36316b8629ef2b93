"""Leaderboard cache of a process: ranked scores are updated incrementally instead of being read and sorted again.

Changes are read from the change log, so a cached leaderboard is as exact as one built from the tables: it is valid at
a position of the log, and brought to the newest position whenever it is requested. Only scores that have moved are read
again and repositioned in the ranking. Changes of people or of the company's calendar drop all cached leaderboards.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from domain.leaderboards.ranking import Ladder, Roll
from models.goals import goals
from models.ledger import scores
from models.ledger.scores import Whose
from models.live import change_log
from models.organization import people
from models.organization.people import Employee

_ROWS: Final = 200_000  # of all cached leaderboards: some 60 MB
_MANY: Final = 500  # with more moved scores a leaderboard is rebuilt
_OTHERS: Final = frozenset({"*", "people", "company"})  # after changes of these the ranked employees may be others


@dataclass(frozen=True)
class Asked:
    """The cache key: which scores are ranked, and whether by attainment or by value."""

    whose: Whose
    by_attainment: bool


@dataclass(frozen=True)
class Moment:
    """The time of a leaderboard.

    as_of      an instant; None for the present, which is defined by the change log, not by a clock
    today      the company's day of that time
    day_start  its first instant, for the previous ranks
    """

    at: datetime | None
    today: date
    dawn: datetime


@dataclass
class Standings:
    """The ranking at a time and at the start of its day; amounts in the metric's smallest unit.

    version  the change-log position of the last change of the ranking
    """

    asked: Asked
    at: datetime | None
    moved: int
    ladder: Ladder
    dawn: Ladder
    # By employee id, loaded as rows are shown. A change replaces the dict, so that a read begun before the change
    # fills the old one and is not kept.
    targets: dict[int, int | None] = field(default_factory=dict)
    people: dict[int, Employee] = field(default_factory=dict)

    async def targets_of(self, employees: Iterable[int]) -> Mapping[int, int | None]:
        """Return the targets by employee id, at least of these employees; None or missing for those without one."""
        if self.ladder.targets is not None:
            return self.ladder.targets
        known, whose = self.targets, self.asked.whose
        if missing := [employee for employee in employees if employee not in known]:
            found = await goals.targets_of_employees(whose.metric, whose.first, whose.last, self.at, missing)
            known.update((employee, found.get(employee)) for employee in missing)
        return known

    async def people_of(self, employees: Iterable[int]) -> Mapping[int, Employee]:
        """Return the rows by employee id, at least of these employees."""
        known = self.people
        if missing := [employee for employee in employees if employee not in known]:
            known.update((row.id, row) for row in await people.by_ids(missing) if row)
        return known


async def as_it_stood(asked: Asked, moment: Moment) -> Standings:
    """Return the ranked scores of a past instant; they are not cached."""
    assert moment.at is not None
    position = await change_log.newest()  # read first: the data may be newer than the position, never older
    rolls = await _rolls(asked.whose, moment)
    now, since_dawn, since = await scores.sums(asked.whose, [moment.dawn, moment.at])
    return await _standings(asked, moment, position, rolls, now | _less(now, since), _less(now, since_dawn))


def _less(values: dict[int, int], later: dict[int, int]) -> dict[int, int]:
    """Return the earlier values of the employees in `later`: their values without the later amounts."""
    return {employee: values.get(employee, 0) - amount for employee, amount in later.items()}


async def _rolls(whose: Whose, moment: Moment) -> tuple[Roll, Roll]:
    """Return the rosters of the employees active at the time and at the start of its day.

    Both are the same object if they are equal, so that the day-start ranking can be derived by copying.
    """
    stays = await people.stays(moment.dawn, whose.teams, whose.employee)
    now, then = ({stay.employee: stay.name for stay in stays if stay.holds(at)} for at in (moment.at, moment.dawn))
    roll = Roll(now)
    return roll, roll if now == then else Roll(then)


async def _standings(
    asked: Asked,
    moment: Moment,
    position: int,
    rolls: tuple[Roll, Roll],
    values: dict[int, int],
    at_dawn: dict[int, int],
) -> Standings:
    """Rank the values, and the values at the start of the day.

    day_start_values  only of employees whose value at the start of the day was different
    """
    targets, old = None, None
    if asked.by_attainment:
        which = asked.whose.metric, asked.whose.first, asked.whose.last
        targets, old = [await goals.targets_of_employees(*which, at) for at in (moment.at, moment.dawn)]
    ladder = Ladder(rolls[0], values, targets)
    if rolls[0] is not rolls[1] or targets != old:
        return Standings(asked, moment.at, position, ladder, Ladder(rolls[1], values | at_dawn, old))
    dawn = ladder.copy()
    for employee, value in at_dawn.items():
        dawn.move(employee, value)
    return Standings(asked, moment.at, position, ladder, dawn)


class _Kept:
    """An entry of the cache. The holder of its lock builds the ranked scores or brings them up to date."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.standings: Standings | None = None  # built at the first request
        self.stale: set[int] = set()  # ids of employees whose scores have moved since they were read


class Boards:
    """The cache of a process. Not to be used within a unit of work, since cached data must be committed data.

    Three kinds of concurrency meet here. `_follow_lock` lets one task read the change log for all entries; the
    lock of an entry lets one task build or refresh it while others of the same key wait for the result; and every await
    may be followed by a `_clear` of another task, so each step checks that its entry is still the one in the cache.
    """

    def __init__(self) -> None:
        self._position: int | None = None  # of the change log: changes up to it are applied to all entries
        self._reading = asyncio.Lock()
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()
        self._rolls: dict[tuple[frozenset[int] | None, int | None], tuple[Roll, Roll]] = {}
        self._people: dict[int, Employee] = {}
        self._today: date | None = None

    async def now(self, asked: Asked, moment: Moment, heard: int | None = None) -> Standings:
        """Return the present ranked scores, which may change at the next await.

        up_to_position  the change-log position that the result must include; None for all that is committed

        Loops until the entry is complete at the position up to which the log was followed: a refresh reads scores at a
        later position, so the changes up to that position must be applied before the result is consistent.
        """
        while True:
            if moment.today != self._today:
                self._forget()
                self._today = moment.today
            kept = self._kept.setdefault(asked, _Kept())
            self._kept.move_to_end(asked)
            async with kept.lock:
                position = await self._follow(heard)
                while self._kept.get(asked) is kept:
                    if kept.standings is None or len(kept.stale) > _MANY:
                        await self._make(kept, asked, moment, position)
                    elif kept.stale:
                        read_at = await self._refresh(kept)
                        if read_at != position:  # other scores may have moved before these were read
                            position = await self._follow(read_at)
                            continue
                    if self._kept.get(asked) is kept:
                        assert kept.standings is not None
                        return kept.standings

    async def _follow(self, heard: int | None) -> int:
        """Apply new changes of the log to all entries; return the position up to which that is done."""
        async with self._reading:
            if self._position is None:
                self._position = await change_log.newest()
            elif heard is None or self._position < heard:
                position, moved = await change_log.since(self._position)
                self._note(moved, position)
                self._position = position
            return self._position

    def _note(self, moved: Collection[str], position: int) -> None:
        if not _OTHERS.isdisjoint(moved):
            self._forget()
            return
        if "goals" in moved:
            for asked, kept in list(self._kept.items()):
                if asked.by_attainment:
                    del self._kept[asked]
                elif kept.standings is not None:
                    kept.standings.targets, kept.standings.moved = {}, position
        scored = _scored(moved)
        for asked, kept in self._kept.items():
            whose = asked.whose
            kept.stale.update(
                employee
                for employee, day in scored.get(whose.metric, ())
                if whose.first <= day <= whose.last and whose.employee in (None, employee)
            )

    def _forget(self) -> None:
        self._kept, self._rolls, self._people = OrderedDict(), {}, {}

    async def _make(self, kept: _Kept, asked: Asked, moment: Moment, position: int) -> None:
        rolls, known, which = self._rolls, self._people, (asked.whose.teams, asked.whose.employee)
        if which not in rolls:
            rolls[which] = await _rolls(asked.whose, moment)  # after a `_clear` meanwhile this dict is discarded too
        kept.stale.clear()  # scores that move from here on are added again
        now, since_dawn = await scores.sums(asked.whose, [moment.dawn])
        kept.standings = await _standings(asked, moment, position, rolls[which], now, _less(now, since_dawn))
        kept.standings.people = known
        rows = sum(len(each.standings.ladder) for each in self._kept.values() if each.standings is not None)
        while rows > _ROWS and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            rows -= len(oldest.standings.ladder) if oldest.standings is not None else 0

    async def _refresh(self, kept: _Kept) -> int:
        """Read the stale scores again, and return the change-log position at which they were read.

        A failed read marks them stale again, so that no change is lost.
        """
        standings = kept.standings
        assert standings is not None
        stale, kept.stale = kept.stale, set()
        try:
            found, position = await scores.sums_of(standings.asked.whose, stale)
        except BaseException:
            kept.stale |= stale
            raise
        for employee, value in found.items():
            if standings.ladder.move(employee, value):
                standings.moved = position
        return position


def _scored(moved: Iterable[str]) -> dict[str, list[tuple[int, date]]]:
    """Return, by metric, pairs of employee id and day of the scores that the topics report as moved."""
    found: dict[str, list[tuple[int, date]]] = defaultdict(list)
    for topic in moved:
        name, _, day = topic.partition("@")
        match name.split(":"):
            case ["score", metric, "employee", number]:
                found[metric].append((int(number), date.fromisoformat(day)))
    return found
