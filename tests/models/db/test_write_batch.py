"""Writes of a transaction wait for each other, but nothing that runs after them can tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tortoise.exceptions import IntegrityError

from models.alerts import inactivity
from models.crm import activities, deals
from models.crm.activities import ActivityKind, ActivityRow
from models.db import connection, row_store
from models.db.write_batch import MAX_BATCHED_ROWS, MAX_BATCHED_ROWS_ON_SQLITE
from models.live import change_log
from tests.empty_database import create_tables
from tests.statement_counter import count_statements
from tests.world import START

DEAL, LEAD = ("Deal", 1), ("Lead", 2)


@pytest.fixture(autouse=True)
async def tables(database_url: str) -> AsyncIterator[None]:
    async with connection.connect(database_url):
        await create_tables()
        yield


def make_activity(subject_id: int, title: str = "Chairs") -> ActivityRow:
    data = {"title": title, "changed": {"amount": [1, None]}}
    return ActivityRow(ActivityKind.DEAL_CREATED, None, None, None, START, START, "Deal", subject_id, None, data)


async def test_next_statement_sees_the_writes_that_wait() -> None:
    async with connection.write_transaction():
        with count_statements() as statements:
            await inactivity.update_timers({DEAL: START})
            await activities.insert_activities([make_activity(1)])
            assert statements == []
            timers = await inactivity.find_timers([DEAL])

    assert timers[DEAL].since == inactivity.to_microseconds(START)


async def test_values_are_stored_as_they_were_given() -> None:
    titles = ["Стол 'A'", '"\\ \n%', "\U0001f600"]
    async with connection.write_transaction():
        await activities.insert_activities([make_activity(number, title) for number, title in enumerate(titles)])

    rows = await activities.select_activities(~activities.match_employees()).fetch()
    rows.sort(key=lambda row: row.id)
    assert [row.data["title"] for row in rows] == titles
    assert [(row.at, row.kind, row.subject_id, row.client_id) for row in rows] == [
        (START, ActivityKind.DEAL_CREATED, number, None) for number in range(3)
    ]
    assert rows[0].data["changed"] == {"amount": [1, None]}


async def test_second_write_of_a_key_follows_the_first() -> None:
    later = START + timedelta(hours=1)
    async with connection.write_transaction():
        await inactivity.update_timers({DEAL: START, LEAD: START})
        await inactivity.update_timers({DEAL: later}, ended=[LEAD])

    timers = await inactivity.find_timers([DEAL, LEAD])
    assert {subject: row.since for subject, row in timers.items()} == {DEAL: inactivity.to_microseconds(later)}


async def fail_after_update() -> None:
    async with connection.write_transaction():
        await inactivity.update_timers({LEAD: START})
        raise ZeroDivisionError


async def test_savepoint_that_is_rolled_back_takes_its_own_writes_along() -> None:
    async with connection.write_transaction():
        await inactivity.update_timers({DEAL: START})
        with pytest.raises(ZeroDivisionError):
            await fail_after_update()
        async with connection.write_transaction():
            await activities.insert_activities([make_activity(1)])

    assert set(await inactivity.find_timers([DEAL, LEAD])) == {DEAL}
    assert await activities.fetch_newest_id() == 1


async def enter_stage_of_missing_deal() -> None:
    async with connection.write_transaction():
        await inactivity.update_timers({DEAL: START})
        await deals.insert_stage_entries([(1, 1, START, START.date())])


async def test_transaction_is_rolled_back_when_its_writes_fail_at_the_commit() -> None:
    with pytest.raises(IntegrityError):
        await enter_stage_of_missing_deal()

    async with connection.write_transaction():
        await inactivity.update_timers({LEAD: START})
    assert set(await inactivity.find_timers([DEAL, LEAD])) == {LEAD}


async def test_writes_outside_a_transaction_are_sent_at_once() -> None:
    position, _ = await change_log.append(["people"], START)
    await inactivity.update_timers({DEAL: START})

    assert await change_log.topics_since(position - 1 or position) == (position, frozenset())
    assert set(await inactivity.find_timers([DEAL])) == {DEAL}


@pytest.mark.parametrize(
    "count", [limit + more for limit in (MAX_BATCHED_ROWS_ON_SQLITE, MAX_BATCHED_ROWS) for more in (0, 1)]
)
async def test_many_activities_keep_their_order(count: int) -> None:
    async with connection.write_transaction():
        await activities.insert_activities([make_activity(number) for number in range(count)])

    rows = await row_store.fetch_range(activities.Activity, 1, count + 1)
    assert [row.subject_id for row in rows] == list(range(count))
