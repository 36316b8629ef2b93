"""The boards that a process has ranked: whoever asks for one again pays for what has moved since, not for everybody.

What has moved is read from the change log, so a board that is kept is as exact as one that is made anew: it is of a
position of the log, and that is the newest when it is asked for. Scores that moved are read again, and their owners
moved on the ladder; news of people, or of the company's calendar, lets all boards go.
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

_ROWS: Final = 200_000  # of all boards that are kept: some sixty megabytes
_MANY: Final = 500  # scores that moved, from which on a board is rather made anew
_OTHERS: Final = frozenset({"*", "people", "company"})  # the news after which others may be ranked


@dataclass(frozen=True)
class Asked:
    """What is ranked: a metric's scores within days, of the people of teams or of one employee."""

    whose: Whose
    by_attainment: bool


@dataclass(frozen=True)
class Moment:
    """The moment that a board is of, None for now: no clock says that, but the change log; and its day, with its start."""

    at: datetime | None
    today: date
    dawn: datetime


@dataclass
class Standings:
    """A board as it stands at a moment, and as it stood at dawn; amounts in the metric's smallest unit.

    moved  a position of the change log since which nothing of it has moved: what it is, it was there
    """

    asked: Asked
    at: datetime | None
    moved: int
    ladder: Ladder
    dawn: Ladder
    # of those who were shown, by number; news replaces these, so what is read before it is not kept after it
    targets: dict[int, int | None] = field(default_factory=dict)
    people: dict[int, Employee] = field(default_factory=dict)

    async def targets_of(self, employees: Iterable[int]) -> Mapping[int, int | None]:
        """Return the targets of these employees, and perhaps of others; None, or nothing, for who has none."""
        if self.ladder.targets is not None:
            return self.ladder.targets
        known, whose = self.targets, self.asked.whose
        if missing := [employee for employee in employees if employee not in known]:
            found = await goals.targets_of_employees(whose.metric, whose.first, whose.last, self.at, missing)
            known.update((employee, found.get(employee)) for employee in missing)
        return known

    async def people_of(self, employees: Iterable[int]) -> Mapping[int, Employee]:
        """Return the rows of these employees, and perhaps of others."""
        known = self.people
        if missing := [employee for employee in employees if employee not in known]:
            known.update((row.id, row) for row in await people.by_ids(missing) if row)
        return known


async def as_it_stood(asked: Asked, moment: Moment) -> Standings:
    """Return a board of a moment that is over; nothing of it is kept."""
    assert moment.at is not None
    position = await change_log.newest()  # before the reads: they may be newer than it, never older
    rolls = await _rolls(asked.whose, moment)
    now, since_dawn, since = await scores.sums(asked.whose, [moment.dawn, moment.at])
    return await _standings(asked, moment, position, rolls, now | _less(now, since), _less(now, since_dawn))


def _less(values: dict[int, int], later: dict[int, int]) -> dict[int, int]:
    """Return what the values were before those of them that came later."""
    return {employee: values.get(employee, 0) - amount for employee, amount in later.items()}


async def _rolls(whose: Whose, moment: Moment) -> tuple[Roll, Roll]:
    """Return who was active at the moment, and who was at its dawn: the same roll where nobody came or went."""
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
    """Return the standings by these values, of which those at dawn were others."""
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
    """A place for standings. Who holds the lock makes them, or brings them up to date."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.standings: Standings | None = None  # made when first asked for
        self.stale: set[int] = set()  # employees whose scores have moved since they were read


class Boards:
    """One per process. Must not be asked within a unit of work: what is kept is what is committed."""

    def __init__(self) -> None:
        self._position: int | None = None  # of the change log: what moved up to it is noted in all that is kept
        self._reading = asyncio.Lock()
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()
        self._rolls: dict[tuple[frozenset[int] | None, int | None], tuple[Roll, Roll]] = {}
        self._people: dict[int, Employee] = {}
        self._today: date | None = None

    async def now(self, asked: Asked, moment: Moment, heard: int | None = None) -> Standings:
        """Return the board as it is, until the next await.

        heard  the position up to which the caller wants to know; None for all that is committed
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
                        if read_at != position:  # somebody else may have moved before these were read, and be due too
                            position = await self._follow(read_at)
                            continue
                    if self._kept.get(asked) is kept:
                        assert kept.standings is not None
                        return kept.standings

    async def _follow(self, heard: int | None) -> int:
        """Note what has moved, once for all boards; return the position up to which that is done."""
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
            rolls[which] = await _rolls(asked.whose, moment)  # if all is forgotten meanwhile, then this dict is too
        kept.stale.clear()  # what moves from here on is noted again
        now, since_dawn = await scores.sums(asked.whose, [moment.dawn])
        kept.standings = await _standings(asked, moment, position, rolls[which], now, _less(now, since_dawn))
        kept.standings.people = known
        rows = sum(len(each.standings.ladder) for each in self._kept.values() if each.standings is not None)
        while rows > _ROWS and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            rows -= len(oldest.standings.ladder) if oldest.standings is not None else 0

    async def _refresh(self, kept: _Kept) -> int:
        """Read the scores that have moved, and return the position at which they were read."""
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
    """Return by metric whose score has moved, and on which day."""
    found: dict[str, list[tuple[int, date]]] = defaultdict(list)
    for topic in moved:
        name, _, day = topic.partition("@")
        match name.split(":"):
            case ["score", metric, "employee", number]:
                found[metric].append((int(number), date.fromisoformat(day)))
    return found
