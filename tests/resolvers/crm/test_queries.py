"""Search by name: case-insensitive, in Cyrillic too, and without special meaning of any character."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import World, cache_company, open_world

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
EXPECTED_MATCHES = [
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


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world(url) as world:
        for number, name in enumerate(NAMES):
            await world.mutate("createEmployee", name=name, email=f"{number}@example.com", role="EMPLOYEE")
            await world.mutate("recordClient", name=name)
            await world.mutate("recordDeal", title=name)
        yield world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_company(database_url) as world:
        yield world


async def test_search_matches_part_of_name_in_any_case(world: World) -> None:
    documents = {
        "employees": "query($text: String) { employees(search: $text, first: 50) { edges { node { name } } } }",
        "clients": "query($text: String) { clients(search: $text, first: 50) { edges { node { name } } } }",
        "deals": "query($text: String) { deals(filter: {search: $text}, first: 50) { edges { node { name: title } } } }",
    }
    for text, expected in EXPECTED_MATCHES:
        for connection, document in documents.items():
            edges = (await world.query(document, text=text))[connection]["edges"]
            names = sorted(edge["node"]["name"] for edge in edges if edge["node"]["name"] != "Ada Admin")

            assert names == sorted(expected), (connection, text)


async def test_search_matches_only_new_name_after_rename(world: World) -> None:
    client = (await world.mutate("recordClient", name="Ёлка", externalId="c1"))["client"]["id"]
    await world.mutate("recordClient", id=client, name="Берёза")
    ids_by_text = {}
    for text in ("елка", "БЕРЕЗА"):
        edges = await world.query(
            "query($text: String) { clients(search: $text) { edges { node { id } } } }", text=text
        )
        ids_by_text[text] = [edge["node"]["id"] for edge in edges["clients"]["edges"]]

    assert ids_by_text == {"елка": [], "БЕРЕЗА": [client]}
