"""Duplicates: groups by e-mail, phone and name, of what the viewer may see, page by page."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors.operation_errors import BadInput
from models.crm.clients import Client, Contact
from models.db import connection
from tests.resolvers.two_sellers import open_world_with_two_sellers
from tests.world import World

DUPLICATES = """query($kind: DuplicateKind! = CLIENT, $scope: ID, $reasons: [DuplicateReason!], $first: Int! = 50, $skip: Int! = 0) {
  duplicates(kind: $kind, scope: $scope, reasons: $reasons, first: $first, skip: $skip) {
    reason value count records { ... on Client { name } ... on Contact { name } ... on Lead { title } } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


async def read_groups(world: World, actor: str = "admin", **variables: Any) -> list[tuple[str, str, int, list[str]]]:
    data = await world.query(DUPLICATES, actor, **variables)
    return [
        (group["reason"], group["value"], group["count"], [next(iter(row.values())) for row in group["records"]])
        for group in data["duplicates"]
    ]


async def test_clients_are_grouped_by_what_they_have_in_common(world: World) -> None:
    for seller, name, email, phone in (
        ("Ann", "ООО «Ромашка»", "info@romashka.example", "+7 (916) 123-45-67"),
        ("Bob", "Ромашка", "INFO@romashka.example", None),
        ("Ann", "Vector", None, "8 916 123 45 67"),
        ("Ann", "Alone", "a@example.com", "+49 30 1234567"),
        ("Ann", "Deleted", "a@example.com", None),
    ):
        client = await world.mutate("recordClient", seller, name=name, email=email, phone=phone)
        world.advance(minutes=1)
    document = "mutation($id: ID!) { deleteRecord(id: $id) { userErrors { code } } }"
    await world.query(document, id=client["client"]["id"])
    email_group = ("EMAIL", "info@romashka.example", 2, ["ООО «Ромашка»", "Ромашка"])
    phone_group = ("PHONE", "9161234567", 2, ["ООО «Ромашка»", "Vector"])
    name_group = ("NAME", "ромашка", 2, ["ООО «Ромашка»", "Ромашка"])

    assert await read_groups(world) == [email_group, phone_group, name_group]
    assert await read_groups(world, reasons=["NAME", "EMAIL"]) == [email_group, name_group]
    assert await read_groups(world, first=1, skip=1) == [phone_group]
    assert await read_groups(world, "Ann") == [phone_group]  # of what she may see
    assert await read_groups(world, "Bob") == []
    assert await read_groups(world, scope=world.global_ids["Ann"]) == [phone_group]
    assert await read_groups(world, kind="CONTACT") == []


async def test_leads_and_contacts_are_grouped_after_each_change(world: World) -> None:
    first = (await world.mutate("recordLead", "Ann", title="One", contactName="Gil Gray"))["lead"]["id"]
    await world.mutate("recordLead", "Ann", title="Two", contactName="GIL GRAY", phone="123456")
    await world.mutate("recordContact", "Ann", name="Vera", phone="123-456")
    await world.mutate("recordContact", "Ann", name="V.", phone="12 34 56")
    assert await read_groups(world, kind="LEAD") == [("NAME", "gilgray", 2, ["One", "Two"])]
    assert await read_groups(world, kind="CONTACT") == [("PHONE", "123456", 2, ["Vera", "V."])]

    await world.mutate("recordLead", "Ann", id=first, title="One", contactName="Hal", phone="123456")
    assert await read_groups(world, kind="LEAD") == [("PHONE", "123456", 2, ["One", "Two"])]


async def test_merged_records_are_duplicates_no_more(world: World) -> None:
    clients = [
        (await world.mutate("recordClient", "Ann", name="Globex", phone=phone))["client"]["id"]
        for phone in ("123456", None)
    ]
    document = "mutation($input: MergeInput!) { mergeClients(input: $input) { userErrors { code } } }"
    await world.query(document, "Ann", input={"into": clients[1], "from": clients[0]})
    assert await read_groups(world) == []

    await world.mutate("recordClient", "Ann", name="Initech", phone="12-34-56")
    assert await read_groups(world) == [("PHONE", "123456", 2, ["Globex", "Initech"])]  # the merge has filled it in


async def test_large_group_shows_its_oldest_records(world: World) -> None:
    for number in range(23):
        await world.mutate("recordClient", "Ann", name="Globex", email=f"{number}@example.com")
    [(_, _, count, names)] = await read_groups(world)
    assert (count, len(names)) == (23, 20)


@pytest.mark.parametrize("arguments", [{"first": 0}, {"first": 101}, {"skip": -1}])
async def test_impossible_pages_are_refused(world: World, arguments: dict[str, int]) -> None:
    result = await world.execute(DUPLICATES, **arguments)
    assert [type(error.original_error) for error in result.errors] == [BadInput]


async def test_keys_of_existing_records_are_filled_by_the_migration(world: World) -> None:
    migration = importlib.import_module("models.migrations.0027_merges")
    await world.mutate("recordClient", "Ann", name="Globex Ltd", phone="+49 30 1234567")
    await world.mutate("recordContact", "Ann", name="Gil", phone="123456")
    await world.mutate("recordLead", "Ann", title="A", contactName="Hal")
    for table in ("client", "contact", "lead"):
        await connection.execute(f"UPDATE {table} SET phone_key = NULL, name_key = NULL")
    await migration._fill_keys(None, None)

    [client], [contact] = await Client.all(), await Contact.all()
    assert (client.phone_key, client.name_key) == ("9301234567", "globex")
    assert (contact.phone_key, contact.name_key) == ("123456", "gil")
