"""Rows are found, inserted, saved and replaced by functions of the models alone, and queries of rows narrow each other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tortoise.models import Model

from models.alerts import alerts
from models.alerts.alerts import AlertRule
from models.alerts.inactivity import InactivityTimer
from models.crm.pipelines import Product
from models.db import connection, row_store
from models.db.row_query import RowQuery
from models.ledger.scores import DailyTotal
from tests.empty_database import create_tables
from tests.statement_counter import count_statements
from tests.world import START


@pytest.fixture(autouse=True)
async def tables(database_url: str) -> AsyncIterator[None]:
    async with connection.connect(database_url):
        await create_tables()
        yield


def make_products(*names: str) -> list[Product]:
    return [Product(name=name, price=100, currency="EUR") for name in names]


@pytest.mark.parametrize("count", [1, 3])
async def test_inserted_rows_have_ids_and_are_updated_when_saved(count: int) -> None:
    products = make_products(*"ABC"[:count])

    async with connection.write_transaction():
        await row_store.insert_with_ids(products, batch_size=2)
        products[-1].price = 200
        await row_store.save(products[-1], "price")

    assert [row_store.column_values(row) for row in products] == [
        row_store.column_values(await row_store.get(Product, row.id)) for row in products
    ]
    assert await row_store.count(Product) == count


async def test_row_that_takes_the_place_of_another_is_stored_under_its_id() -> None:
    [old] = [await row_store.insert(row) for row in make_products("Chair")]
    [new] = make_products("Table")

    row_store.take_place_of(new, old)
    await row_store.save(new)

    assert [row.name for row in await row_store.fetch(Product, [old.id])] == ["Table"]
    assert await row_store.count(Product) == 1


async def test_fetch_without_ids_runs_no_statement() -> None:
    with count_statements() as statements:
        rows = await row_store.fetch(Product, [])

    assert (rows, len(statements)) == ([], 0)


async def test_narrowed_queries_leave_the_first_one_as_it_was() -> None:
    products = [await row_store.insert(row) for row in make_products("Chair", "Table", "Lamp")]
    query = row_store.select(Product, [row.id for row in products[:2]])

    later_rows = await query.fetch_after(products[0].id, 5)

    assert [row.name for row in later_rows] == ["Table"]
    assert await query.none().fetch() == []
    assert await query.find(products[2].id) is None
    assert await query.count() == 2


async def test_deleted_rule_is_found_only_among_the_deleted() -> None:
    rule = await row_store.insert(AlertRule(kind="DEAL_LOST", created_at=START, deleted_at=START))

    assert await alerts.find_rule(rule.id) is None
    assert (await alerts.find_rule(rule.id, with_deleted=True)).id == rule.id
    assert isinstance(alerts.select_inbox(None), RowQuery)


@pytest.mark.parametrize(
    "row",
    [
        Product(name="Chair", price=100, currency="EUR"),
        AlertRule(kind="DEAL_LOST", created_at=START),
        AlertRule(kind="DEAL_WON", created_at=START, deleted_at=START, active=False),
        DailyTotal(metric="deals_won", employee_id=1, day=START.date(), amount=3),
        InactivityTimer(kind="Deal", subject_id=1, since=1, imported_until=2),  # a column of another name
    ],
    ids=lambda row: type(row).__name__,
)
async def test_row_from_plain_columns_equals_the_one_that_tortoise_reads(row: Model) -> None:
    await row_store.insert(row)

    [columns] = await connection.fetch_rows(f"SELECT * FROM {row_store.table_name(type(row))}")

    assert vars(row_store.from_columns(type(row), columns)) == vars(await row_store.get(type(row), row.pk))
