"""A funnel with a few fields equals the full one, and reads nothing that it does not show."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Collection
from typing import Any, cast

import pytest

from graph.base.answer_parts import (
    OPEN_AMOUNTS,
    OPEN_CLIENTS,
    OPEN_DEALS,
    OTHER_DAYS,
    OTHER_OUTCOMES,
    OWN_DAYS,
    OWN_OUTCOMES,
)
from graph.schema import create_schema
from models.crm.deals import StageEntry
from tests.resolvers.funnel_deals import FUNNEL_QUERY, open_world_with_stages, record_deal, seed_deals
from tests.resolvers.two_sellers import record_won_deal
from tests.statement_counter import count_statements
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_stages(database_url) as world:
        yield world


ALL_FIELDS = [
    field
    for fields in (OPEN_DEALS, OPEN_CLIENTS, OPEN_AMOUNTS, OWN_OUTCOMES, OWN_DAYS, OTHER_OUTCOMES, OTHER_DAYS)
    for field in sorted(fields)
]


def test_every_field_of_a_funnel_has_its_part() -> None:
    types = create_schema()._schema.type_map
    fields = {*cast(Any, types["FunnelStage"]).fields, *cast(Any, types["Funnel"]).fields}

    assert fields - {"stage", "stages", "scope", "period"} == set(ALL_FIELDS)
    assert len(ALL_FIELDS) == len(set(ALL_FIELDS))


def select_fields(fields: Collection[str]) -> str:
    """Return the selection of these fields, in a funnel or in its stages."""
    of_stages = " ".join(field for field in fields if field != "weakest")
    return f"stages {{ stage {{ name }} {of_stages} }}" + " weakest { stage { name } }" * ("weakest" in fields)


def restrict_funnel(funnel_data: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return the funnel with nothing but these fields."""
    names = {"stage", *fields}
    stages = [{name: value for name, value in stage.items() if name in names} for stage in funnel_data["stages"]]
    return {"stages": stages} | ({"weakest": funnel_data["weakest"]} if "weakest" in fields else {})


async def test_every_selection_shows_the_figures_of_the_full_answer(world: World) -> None:
    """Each field alone for two viewers and scopes, and random selections for all."""
    await seed_deals(world, sellers=7, weak=2, slow=4)
    await world.mutate("setExchangeRate", currency="USD", rate="0.9")
    client = (await world.mutate("recordClient", "Ann", name="A"))["client"]["id"]
    for owner, currency in (("Ann", "EUR"), ("Ann", "USD"), ("S2", "USD"), ("S4", "EUR")):
        amount, created_at = {"amount": "10", "currency": currency}, "2026-11-01T10:00:00Z"
        owner_id = world.global_ids[owner]
        await world.mutate("recordDeal", title="Tables", owner=owner_id, amount=amount, createdAt=created_at)
        await world.mutate("recordDeal", "Ann", title="Tables", stage=world.stage_ids[1], client=client)
    await record_deal(world, "Ann", 0, 1, end="win")
    distinct_values: dict[str, set[Any]] = {field: set() for field in ALL_FIELDS}
    generator = random.Random(7)
    viewers_and_scopes = [("admin", "Ann"), ("Ann", "Ann"), ("admin", "S2"), ("admin", "S4"), ("admin", "North"),
                          ("admin", "company")]  # fmt: skip
    for number, (user, scope) in enumerate(viewers_and_scopes):
        scope_id = world.global_ids[scope]
        full = (await world.query(FUNNEL_QUERY % select_fields(ALL_FIELDS), user, scope=scope_id))["funnel"]
        for field in ALL_FIELDS:
            values = [full] if field == "weakest" else full["stages"]
            distinct_values[field] |= {str(value[field]) for value in values}
        subsets = [[], *([field] for field in ALL_FIELDS[number % 3 :: 3])]
        subsets += [generator.sample(ALL_FIELDS, generator.randrange(2, 6)) for _ in range(4)]
        for fields in subsets:
            partial = (await world.query(FUNNEL_QUERY % select_fields(fields), user, scope=scope_id))["funnel"]
            assert partial == restrict_funnel(full, fields), (user, scope, fields)

    assert all(len(values) > 1 for values in distinct_values.values()), distinct_values


async def test_every_selection_shows_the_figures_of_the_full_answer_without_stage_history(world: World) -> None:
    await record_won_deal(world, "Ann", "10")
    await world.mutate("recordDeal", "Ann", title="Chairs", status="LOST", stage=world.stage_ids[2])
    await world.mutate("recordDeal", "Bob", title="Chairs", stage=world.stage_ids[3])
    await StageEntry.all().delete()
    for has_history in (False, True):  # of one deal of Bob: then nothing is shown of Ann's
        for scope in ("Ann", "Bob", "North"):
            scope_id = world.global_ids[scope]
            full = (await world.query(FUNNEL_QUERY % select_fields(ALL_FIELDS), scope=scope_id))["funnel"]
            assert (full["stages"][0]["entered"] > 0) == (scope == "Bob" or not has_history)
            for field in ALL_FIELDS:
                partial = (await world.query(FUNNEL_QUERY % select_fields([field]), scope=scope_id))["funnel"]
                assert partial == restrict_funnel(full, [field]), (scope, field, has_history)
        await record_deal(world, "Bob", 0)


@pytest.mark.parametrize(
    ("fields", "tables"),
    [
        ("stages { stage { name } openDeals }", [{"stage", "deal"}]),
        ("stages { clients openAmount }", [{"stage", "deal"}]),
        ("scope { name } stages { stage { name } }", [{"stage", "deal"}]),
        ("stages { entered }", [{"stage", "deal"}, {"stage", "deal", "stage_visit"}]),
        ("weakest { openDeals }", [{"stage", "deal"}, {"stage", "deal", "stage_visit"}]),
    ],
)
async def test_funnel_reads_only_what_is_selected(world: World, fields: str, tables: list[set[str]]) -> None:
    await record_deal(world, "Ann", 0, 1)
    document = f"query($id: ID!) {{ employee(id: $id) {{ funnel {{ {fields} }} }} }}"
    await world.query(document, id=world.global_ids["Ann"])  # the reference data is in the cache from here on
    with count_statements() as statements:
        await world.query(document, id=world.global_ids["Ann"])

    named = [set(re.findall(r"(?:FROM|JOIN) (stage_visit|stage|deal)\b", statement)) for statement in statements]
    assert [names for names in named if names] == tables
