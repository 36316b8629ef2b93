"""Search by name: case-insensitive, in Cyrillic too, and without special meaning of any character."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import World, opened

NAMES = (
    "Алёна Жёлудева",
    "Елена ЩУКИНА",
    "ООО «Ромашка»",
    "Straße & Söhne",
    "100% хлопок",
    "100500 роз",
    "под_черк",
    "подччерк",
    r"C:\disk",
    "C:/disk",
    'it\'s "quoted"',
    "two  spaces",
    "ＦＵＬＬ width",
)
FOUND = [
    ("алена", ["Алёна Жёлудева"]),
    ("АЛЁНА", ["Алёна Жёлудева"]),
    ("ЖЕЛУД", ["Алёна Жёлудева"]),
    ("лена", ["Алёна Жёлудева", "Елена ЩУКИНА"]),
    ("щукина", ["Елена ЩУКИНА"]),
    ("«ромашка»", ["ООО «Ромашка»"]),
    ("  ромашка  ", ["ООО «Ромашка»"]),
    ("STRASSE", ["Straße & Söhne"]),
    ("söhne", ["Straße & Söhne"]),
    ("100%", ["100% хлопок"]),
    ("0%х", []),
    ("%", ["100% хлопок"]),
    ("_", ["под_черк"]),
    ("под_ч", ["под_черк"]),
    ("\\", [r"C:\disk"]),
    (r"c:\DISK", [r"C:\disk"]),
    (r"\%", []),
    ("'", ['it\'s "quoted"']),
    ('"quoted"', ['it\'s "quoted"']),
    ("two spaces", ["two  spaces"]),
    ("full", ["ＦＵＬＬ width"]),
    ("nobody", []),
    ("", sorted(NAMES)),
    ("   ", sorted(NAMES)),
]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        for number, name in enumerate(NAMES):
            await world.act("createEmployee", name=name, email=f"{number}@example.com", role="EMPLOYEE")
            await world.act("recordClient", name=name)
            await world.act("recordDeal", title=name)
        yield world


async def test_employees_clients_and_deals_are_found_by_a_part_of_their_name_in_any_case(world: World) -> None:
    asked = {
        "employees": "query($text: String) { employees(search: $text, first: 50) { edges { node { name } } } }",
        "clients": "query($text: String) { clients(search: $text, first: 50) { edges { node { name } } } }",
        "deals": "query($text: String) { deals(filter: {search: $text}, first: 50) { edges { node { name: title } } } }",
    }
    for text, expected in FOUND:
        for what, document in asked.items():
            edges = (await world.ask(document, text=text))[what]["edges"]
            names = sorted(edge["node"]["name"] for edge in edges if edge["node"]["name"] != "Ada Admin")

            assert names == sorted(expected), (what, text)


async def test_a_new_name_is_found_and_the_old_one_is_not(world: World) -> None:
    client = (await world.act("recordClient", name="Ёлка", externalId="c1"))["client"]["id"]
    await world.act("recordClient", id=client, name="Берёза")
    found = {}
    for text in ("елка", "БЕРЕЗА"):
        edges = await world.ask("query($text: String) { clients(search: $text) { edges { node { id } } } }", text=text)
        found[text] = [edge["node"]["id"] for edge in edges["clients"]["edges"]]

    assert found == {"елка": [], "БЕРЕЗА": [client]}
