"""Imports in the background: permissions, one at a time, progress, cancellation, interruption, and the kept report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from imports import background_import
from models.db import retention
from models.imports.import_jobs import ImportJob, ImportRejection
from tests.databases import on_both_databases
from tests.imports.test_builtin_maps import PIPEDRIVE
from tests.resolvers.import_runner import InProcessRunner
from tests.sample_exports import MAP
from tests.subscription_recorder import subscribe
from tests.world import World, open_world

RUN = """mutation($input: RunImportInput!) { runImport(input: $input) {
  importRun { id state } userErrors { code path message } } }"""
PREVIEW = "mutation($input: PreviewImportInput!) { previewImport(input: $input) { userErrors { code path } } }"
CANCEL = """mutation($id: ID!) { cancelImport(id: $id) {
  importRun { state cancelRequested } userErrors { code path } } }"""
REPORT = """query($id: ID!) { importRun(id: $id) {
  state error warnings rowsRead rowsTaken rowsUnchanged rowsRejected shareDone finishedAt } }"""
HEADER = "number;title;seller;client;stage;created;closed;amount\n"


def deal_row(number: int, amount: str = "100") -> str:
    return f"{number};Deal {number};Ann;Initech;Offer;02.11.2026;;{amount}\n"


@pytest.fixture
async def world(usual_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(background_import, "REPORT_SECONDS", 0.005)
    async with open_world(usual_database_url) as world:
        world.services.import_runner = InProcessRunner(world, tmp_path)
        yield world


@pytest.fixture
def runner(world: World) -> InProcessRunner:
    assert isinstance(world.services.import_runner, InProcessRunner)
    return world.services.import_runner


async def run_import(world: World, path: str, actor: str = "admin", **input: Any) -> dict[str, Any]:
    input = {"inboxPath": path, "mapText": MAP, **input}
    return (await world.query(RUN, actor, input=input))["runImport"]


async def start(world: World, path: str, **input: Any) -> str:
    payload = await run_import(world, path, **input)
    assert payload["userErrors"] == []
    return payload["importRun"]["id"]


async def read_report(world: World, import_id: str) -> dict[str, Any]:
    return (await world.query(REPORT, id=import_id))["importRun"]


async def test_only_administrators_import_and_see_imports(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    for name, role in (("Emma", "EMPLOYEE"), ("Mia", "MANAGER"), ("Dora", "DIRECTOR")):
        await world.create_employee(name, role=role)
    await world.create_device("Hall", "WALLBOARD")
    await world.create_device("CRM", "INTEGRATION")
    import_id = await start(world, "deals.csv")
    await runner.task
    documents = {
        "query($id: ID!) { importRun(id: $id) { id } }": {"id": import_id},
        "{ importRuns { totalCount } }": {},
    }

    for actor in ("Emma", "Mia", "Dora", "Hall", "CRM"):
        preview = await world.query(PREVIEW, actor, input={"inboxPath": "deals.csv", "mapText": MAP})
        cancel = await world.query(CANCEL, actor, id=import_id)
        payloads = [await run_import(world, "deals.csv", actor), preview["previewImport"], cancel["cancelImport"]]
        assert [[error["code"] for error in payload["userErrors"]] for payload in payloads] == [["FORBIDDEN"]] * 3
        for document, variables in documents.items():
            [error] = (await world.execute(document, actor, **variables)).errors
            assert error.original_error.code == "FORBIDDEN"
        async with subscribe(
            world, "subscription($id: ID!) { importProgress(id: $id) { id } }", actor, id=import_id
        ) as news:
            await news.wait_until(lambda news=news: news.errors)
        assert news.errors[0].original_error.code == "FORBIDDEN"
        assert (await world.query("query($id: ID!) { node(id: $id) { id } }", actor, id=import_id))["node"] is None
    assert await ImportJob.all().count() == 1


async def test_one_import_runs_at_a_time(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    runner.is_waiting = True
    first = await start(world, "deals.csv")

    second = await run_import(world, "deals.csv")

    assert [(error["code"], error["path"]) for error in second["userErrors"]] == [("CONFLICT", ["input"])]
    runner.run_waiting()
    await runner.task
    assert (await read_report(world, first))["state"] == "FINISHED"
    await start(world, "deals.csv")
    await runner.task


@on_both_databases
async def test_cancelled_import_stops_between_batches_and_is_completed_by_the_next(
    world: World, runner: InProcessRunner
) -> None:
    (runner.folder / "exports").mkdir()
    for number in range(60):  # a batch for each file
        (runner.folder / "exports" / f"{number:03}.csv").write_text(HEADER + deal_row(number))
    import_id = await start(world, "exports")
    document = "subscription($id: ID!) { importProgress(id: $id) { state rowsRead shareDone } }"
    async with subscribe(world, document, id=import_id) as news:
        await news.wait_until(lambda: news.events and news.events[-1]["importProgress"]["rowsRead"] > 0)

        cancelled = await world.query(CANCEL, id=import_id)
        await news.wait_until(lambda: news.events[-1]["importProgress"]["state"] == "CANCELLED")

    assert cancelled["cancelImport"] == {"importRun": {"state": "RUNNING", "cancelRequested": True}, "userErrors": []}
    report = await read_report(world, import_id)
    assert 0 < report["rowsTaken"] == report["rowsRead"] < 60
    assert 0 < report["shareDone"] < 1
    second_id = await start(world, "exports")
    await runner.task
    second = await read_report(world, second_id)
    assert (second["state"], second["rowsRead"], second["rowsUnchanged"]) == ("FINISHED", 60, report["rowsTaken"])
    assert second["rowsTaken"] == 60 - report["rowsTaken"]


async def test_import_without_a_process_counts_as_interrupted_and_can_be_started_again(
    world: World, runner: InProcessRunner
) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    runner.is_waiting = True
    first = await start(world, "deals.csv")

    await world.advance_and_run_jobs(seconds=50)
    state_before = (await read_report(world, first))["state"]
    await world.advance_and_run_jobs(seconds=11)
    state_after = (await read_report(world, first))["state"]
    runner.waiting.clear()
    runner.is_waiting = False
    second = await start(world, "deals.csv")
    await runner.task

    assert (state_before, state_after) == ("RUNNING", "INTERRUPTED")
    assert (await read_report(world, second))["rowsTaken"] == 1


async def test_process_that_was_given_up_stops_and_changes_no_report(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "exports").mkdir()
    for number in range(60):
        (runner.folder / "exports" / f"{number:03}.csv").write_text(HEADER + deal_row(number))
    runner.is_waiting = True
    import_id = await start(world, "exports")
    await world.advance_and_run_jobs(seconds=61)

    runner.run_waiting()
    await runner.task

    report = await read_report(world, import_id)
    assert (report["state"], report["rowsRead"]) == ("INTERRUPTED", 0)
    deals = await world.query("{ deals { totalCount } }")
    assert deals["deals"]["totalCount"] < 60


@on_both_databases
async def test_report_keeps_rejected_rows_in_pages_and_for_a_while(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + "".join(deal_row(number, "much") for number in range(1, 131)))
    import_id = await start(world, "deals.csv")
    await runner.task
    document = """query($id: ID!, $after: String) { importRun(id: $id) { rejectedRows(first: 100, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { node { file line column reason cells { column value } } } } } }"""

    first = (await world.query(document, id=import_id))["importRun"]["rejectedRows"]
    after = first["pageInfo"]["endCursor"]
    second = (await world.query(document, id=import_id, after=after))["importRun"]["rejectedRows"]

    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (130, True)
    nodes = [edge["node"] for edge in (*first["edges"], *second["edges"])]
    assert [node["line"] for node in nodes] == list(range(2, 132))
    assert {(node["file"], node["column"]) for node in nodes} == {("deals.csv", "amount")}
    assert {"column": "amount", "value": "much"} in nodes[0]["cells"]
    await retention.purge_expired(world.now + retention.REJECTION_TTL)
    assert await ImportRejection.all().count() == 130
    while await retention.purge_expired(world.now + retention.REJECTION_TTL + timedelta(seconds=1)):
        pass
    assert await ImportRejection.all().count() == 0
    assert (await read_report(world, import_id))["rowsRejected"] == 130


async def test_files_without_rows_are_a_warning(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "deals.csv").write_text(HEADER)

    import_id = await start(world, "deals.csv")
    await runner.task

    report = await read_report(world, import_id)
    assert (report["state"], report["rowsRead"]) == ("FINISHED", 0)
    assert "The files have no rows." in report["warnings"]


@on_both_databases
async def test_file_that_is_gone_when_the_import_begins_fails_it_with_a_reason(
    world: World, runner: InProcessRunner
) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    runner.is_waiting = True
    import_id = await start(world, "deals.csv")
    (runner.folder / "deals.csv").unlink()

    runner.run_waiting()
    await runner.task

    report = await read_report(world, import_id)
    assert (report["state"], report["rowsRead"]) == ("FAILED", 0)
    assert report["error"].startswith("This cannot be imported.")
    assert str(runner.folder) not in report["error"]


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"inboxPath": None}, "REQUIRED", "files"),
        ({"mapText": None}, "REQUIRED", "map"),
        ({"map": "bitrix24"}, "INVALID", "mapText"),
        ({"mapText": None, "map": "nonsense"}, "NOT_FOUND", "map"),
        ({"mapText": None, "map": "../../etc/passwd"}, "NOT_FOUND", "map"),
        ({"mapText": "name = "}, "INVALID", "mapText"),
        ({"mapText": "#" * 200_001}, "OUT_OF_RANGE", "mapText"),
        ({"inboxPath": "nothing.csv"}, "NOT_FOUND", "inboxPath"),
        ({"inboxPath": "other.csv"}, "INVALID", "inboxPath"),
    ],
)
async def test_input_that_cannot_be_used_is_refused(
    world: World, runner: InProcessRunner, input: dict[str, Any], code: str, field: str
) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    (runner.folder / "other.csv").write_text("name;price\n")

    payload = await run_import(world, **{"path": "deals.csv", **({"inboxPath": "deals.csv"} | input)})

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [(code, ["input", field])]
    assert await ImportJob.all().count() == 0


async def test_cancelling_an_import_that_is_over_changes_nothing(world: World, runner: InProcessRunner) -> None:
    (runner.folder / "deals.csv").write_text(HEADER + deal_row(1))
    import_id = await start(world, "deals.csv")
    await runner.task

    payload = (await world.query(CANCEL, id=import_id))["cancelImport"]
    unknown = (await world.query(CANCEL, id="nonsense"))["cancelImport"]

    assert payload["importRun"] == {"state": "FINISHED", "cancelRequested": False}
    assert [(error["code"], error["path"]) for error in unknown["userErrors"]] == [("NOT_FOUND", ["id"])]


FIND = """mutation($input: PreviewImportInput!) { previewImport(input: $input) {
  preview { map foundMap questions files { name kind columns { name field confidence samples } } }
  userErrors { code path message } } }"""


async def test_preview_without_a_map_finds_one_that_imports_when_it_is_sent_back(
    world: World, runner: InProcessRunner
) -> None:
    (runner.folder / "deals.csv").write_text("Deal,Sales rep,Step,Amount (EUR)\nChairs,Ann,Offer,100\n")

    payload = (await world.query(FIND, "admin", input={"inboxPath": "deals.csv"}))["previewImport"]

    assert payload["userErrors"] == []
    preview = payload["preview"]
    assert preview["map"] == "deals"
    [file] = preview["files"]
    assert [(column["field"], column["confidence"] > 0.9, column["samples"]) for column in file["columns"]] == [
        ("title", True, ["Chairs"]),
        ("owner", True, ["Ann"]),
        ("stage", True, ["Offer"]),
        ("amount", True, ["100"]),
    ]
    [question] = preview["questions"]
    assert question == (
        'What does the stage “Offer” mean? Fill in under file 1.stages: "Offer" = "open"  # or "won", "lost"?'
    )
    completed_map = preview["foundMap"].replace('# "Offer"', '"Offer"')
    import_id = await start(world, "deals.csv", mapText=completed_map)
    await runner.task
    assert (await read_report(world, import_id))["rowsTaken"] == 1


async def test_preview_shows_a_found_map_that_lacks_a_column_or_cannot_read_the_file_yet(
    world: World, runner: InProcessRunner
) -> None:
    contents = {"lacks.csv": "Deal,Wer,Status\nBoats,Ann,open\n", "days.csv": "Deal,Owner,Created\nA,Ann,03/04/2026\n"}
    previews = {}
    for name, content in contents.items():
        (runner.folder / name).write_text(content)
        payload = (await world.query(FIND, "admin", input={"inboxPath": name}))["previewImport"]
        previews[name] = payload["preview"]

    assert previews["lacks.csv"]["questions"] == ["lacks.csv: no column was found for owner."]
    assert [column["field"] for column in previews["lacks.csv"]["files"][0]["columns"]] == ["title", None, "status"]
    assert "is the day or the month first?" in previews["days.csv"]["questions"][0]
    assert [column["field"] for column in previews["days.csv"]["files"][0]["columns"]] == ["title", "owner", "created"]


async def test_import_without_a_map_uses_a_built_in_one_that_fits_or_is_refused(
    world: World, runner: InProcessRunner
) -> None:
    (runner.folder / "deals.csv").write_text(PIPEDRIVE)
    (runner.folder / "other.csv").write_text(HEADER + deal_row(1))

    import_id = await start(world, "deals.csv", mapText=None)
    await runner.task
    refused = await run_import(world, "other.csv", mapText=None)
    unknown = (await world.query(FIND, "admin", input={"inboxPath": "other.csv"}))["previewImport"]

    assert (await ImportJob.get(id=1)).map_name == "pipedrive"
    assert (await read_report(world, import_id))["rowsRead"] == 3
    [error] = refused["userErrors"]
    assert (error["code"], error["path"]) == ("REQUIRED", ["input", "map"])
    assert "call previewImport first" in error["message"]
    assert unknown["userErrors"] == []
