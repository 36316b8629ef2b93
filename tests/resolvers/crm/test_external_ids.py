"""An id of another system means the same record however its spaces and composed letters are written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.world import World, open_world

STORED_ID: Final = "Stra\N{LATIN SMALL LETTER SHARP S}e \N{LATIN SMALL LETTER E WITH ACUTE} 7"
SPELLINGS: Final = [
    STORED_ID,
    f" {STORED_ID}\N{NO-BREAK SPACE}",
    "Stra\N{LATIN SMALL LETTER SHARP S}e e\N{COMBINING ACUTE ACCENT} 7",
]

INPUTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "recordDeal": ("deal", {"title": "Boat", "amount": {"amount": "5"}}),
    "recordCall": ("call", {"direction": "INBOUND", "durationSeconds": 5}),
    "recordLead": ("lead", {"title": "Boat"}),
    "recordClient": ("client", {"name": "Acme"}),
    "recordContact": ("contact", {"name": "Bea"}),
    "createTask": ("task", {"title": "Ring"}),
}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        yield world


@pytest.mark.parametrize("mutation", INPUTS)
async def test_recording_again_updates_however_the_external_id_is_written(world: World, mutation: str) -> None:
    field, input = INPUTS[mutation]
    payloads = [await world.mutate(mutation, **input, externalId=external_id) for external_id in SPELLINGS]

    assert len({payload[field]["id"] for payload in payloads}) == 1
    kind = field.capitalize()
    for external_id in SPELLINGS:
        data = await world.query(
            "query($type: RecordType!, $id: String!) { byExternalId(type: $type, externalId: $id) { id } }",
            type=kind.upper(),
            id=external_id,
        )
        assert data["byExternalId"] == {"id": payloads[0][field]["id"]}


async def test_references_find_the_record_however_its_external_id_is_written(world: World) -> None:
    client = (await world.mutate("recordClient", name="Acme", externalId=SPELLINGS[2]))["client"]
    deals = [
        (await world.mutate("recordDeal", title="Boat", client=f"ext:{external_id}"))["deal"]
        for external_id in SPELLINGS
    ]

    data = await world.query(
        "query($id: ID!) { node(id: $id) { ... on Client { deals { totalCount } } } }", id=client["id"]
    )
    assert data["node"]["deals"]["totalCount"] == len(deals) == 3


async def test_a_batch_with_one_external_id_written_in_several_ways_is_one_record(world: World) -> None:
    data = await world.query(
        "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { deals { id } userErrors { message } } }",
        inputs=[{"title": "Boat", "externalId": external_id} for external_id in SPELLINGS],
    )
    assert data["recordDeals"]["userErrors"] == []
    assert len({deal["id"] for deal in data["recordDeals"]["deals"]}) == 1
