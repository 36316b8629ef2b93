"""Uploads to import over HTTP, by the GraphQL multipart request specification, up to the finished import."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from server.http import uploads
from server.requests.multipart_request import clean_file_name
from tests.http_server import WAIT_SECONDS, RunningServer, receive_message, run_test_server, send_message
from tests.sample_exports import MAP

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREFLIGHT = {"GraphQL-Require-Preflight": "1"}
RUN = """mutation($input: RunImportInput!) { runImport(input: $input) {
  importRun { id state fileNames map } userErrors { code path message } } }"""
PREVIEW = """mutation($input: PreviewImportInput!) { previewImport(input: $input) {
  preview { map ignoredFiles files { name kind lines missingFields problems { line column reason }
    columns { name field samples } } } userErrors { code path message } } }"""
REPORT = """query($id: ID!) { importRun(id: $id) { state dryRun error rowsRead rowsTaken rowsUnchanged rowsRejected shareDone
  startedBy { name } summary warnings counts { kind read new changed unchanged rejected }
  rejectedRows { totalCount edges { node { file line column reason cells { column value } } } } } }"""
HEADER = "number;title;seller;client;stage;created;closed;amount;note\n"
EXPORT = HEADER + (
    "1;Chairs;Ann;Initech;Offer;02.11.2024;;100.50;first\n2;Desks;Ann;;Won;02.11.2024;03.11.2024;nonsense;\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    folder = tmp_path_factory.mktemp("uploads")
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "deals.csv").write_text(EXPORT)
    async with run_test_server(folder, upload_limit=1_000_000, import_inbox=inbox) as running:
        yield running


async def upload(
    server: RunningServer,
    query: str,
    files: dict[str, tuple[str, bytes]],
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    map: object = None,
    operations: object = None,
    **input: Any,
) -> httpx2.Response:
    """Send files by part name, each at its place in `input.files`."""
    token = server.token if token is None else token
    variables = {"input": {"files": [None] * len(files), **input}}
    map = {name: [f"variables.input.files.{index}"] for index, name in enumerate(files)} if map is None else map
    parts: list[Any] = [
        ("operations", (None, json.dumps(operations or {"query": query, "variables": variables}))),
        ("map", (None, json.dumps(map))),
        *((name, (file_name, content, "text/csv")) for name, (file_name, content) in files.items()),
    ]
    authorization = {"authorization": f"Bearer {token}"} if token else {}
    headers = PREFLIGHT if headers is None else headers
    return await server.http.post("/graphql", files=parts, headers={**headers, **authorization})


async def wait_for_end(server: RunningServer, import_id: str) -> dict[str, Any]:
    while True:
        report: dict[str, Any] = (await server.execute(REPORT, id=import_id))["importRun"]
        if report["state"] != "RUNNING":
            return report
        await asyncio.sleep(0.2)


async def wait_until_folders_are_deleted() -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while list_upload_folders():
            await asyncio.sleep(0.05)


def list_upload_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{uploads._FOLDER_PREFIX}{os.getpid()}-*"))


async def test_uploaded_file_is_imported_in_the_background_and_reported(server: RunningServer) -> None:
    answer = (await upload(server, RUN, {"0": ("deals.csv", EXPORT.encode())}, mapText=MAP)).json()

    payload = answer["data"]["runImport"]
    assert payload["userErrors"] == []
    assert {**payload["importRun"], "id": ""} == {
        "id": "",
        "state": "RUNNING",
        "fileNames": ["deals.csv"],
        "map": "map",
    }
    report = await wait_for_end(server, payload["importRun"]["id"])
    [rejected] = report.pop("rejectedRows")["edges"]
    assert rejected["node"]["file"] == "deals.csv"
    assert (rejected["node"]["line"], rejected["node"]["column"]) == (3, "amount")
    assert {"column": "title", "value": "Desks"} in rejected["node"]["cells"]
    assert report.pop("summary")
    assert report == {
        "state": "FINISHED", "dryRun": False, "error": None, "rowsRead": 2, "rowsTaken": 1, "rowsUnchanged": 0,
        "rowsRejected": 1, "shareDone": 1, "startedBy": {"name": "Ada Admin"}, "warnings": report["warnings"],
        "counts": [{"kind": "deals", "read": 2, "new": 1, "changed": 0, "unchanged": 0, "rejected": 1}],
    }  # fmt: skip
    deals = await server.execute("{ deals { edges { node { title amount { amount } } } } }")
    assert [edge["node"] for edge in deals["deals"]["edges"]] == [{"title": "Chairs", "amount": {"amount": "100.50"}}]
    await wait_until_folders_are_deleted()


async def test_file_of_the_inbox_is_imported_with_progress_as_a_subscription(server: RunningServer) -> None:
    variables = {"input": {"inboxPath": "deals.csv", "mapText": MAP, "dryRun": True}}
    import_id = (await server.execute(RUN, **variables))["runImport"]["importRun"]["id"]

    async with server.connect() as socket:
        query = "subscription($id: ID!) { importProgress(id: $id) { state rowsRead shareDone } }"
        await send_message(socket, id="1", type="subscribe", payload={"query": query, "variables": {"id": import_id}})
        state: dict[str, Any] = {}
        while state.get("state") != "FINISHED":
            message = await receive_message(socket, timeout=60)
            state = message["payload"]["data"]["importProgress"]

    assert state == {"state": "FINISHED", "rowsRead": 2, "shareDone": 1}
    listed = await server.execute("{ importRuns { totalCount edges { node { id dryRun inboxPath } } } }")
    assert listed["importRuns"]["edges"][0]["node"] == {"id": import_id, "dryRun": True, "inboxPath": "deals.csv"}


async def test_preview_shows_what_the_map_takes_from_uploaded_files(server: RunningServer) -> None:
    answer = (await upload(server, PREVIEW, {"0": ("deals.csv", EXPORT.encode())}, mapText=MAP)).json()

    preview = answer["data"]["previewImport"]["preview"]
    [file] = preview["files"]
    assert (preview["map"], file["name"], file["kind"], file["lines"]) == ("map", "deals.csv", "deals", 3)
    assert {column["name"]: column["field"] for column in file["columns"]} == {
        "number": "id", "title": "title", "seller": "owner", "client": "client", "stage": "stage",
        "created": "created", "closed": "closed", "amount": "amount", "note": None,
    }  # fmt: skip
    assert file["columns"][1]["samples"] == ["Chairs", "Desks"]
    [problem] = file["problems"]
    assert (problem["line"], problem["column"]) == (3, "amount")
    assert list_upload_folders() == []


async def test_map_or_file_that_cannot_be_used_is_a_user_error(server: RunningServer) -> None:
    files = {"0": ("deals.csv", b"name;price\nChair;5\n")}

    wrong_file = (await upload(server, RUN, files, mapText=MAP)).json()["data"]["runImport"]
    wrong_map = (await upload(server, RUN, files, mapText="nonsense = 1")).json()["data"]["runImport"]

    assert [(error["code"], error["path"]) for error in wrong_file["userErrors"]] == [("INVALID", ["input", "files"])]
    assert "scoreline-upload" not in wrong_file["userErrors"][0]["message"]
    assert [(error["code"], error["path"]) for error in wrong_map["userErrors"]] == [("INVALID", ["input", "mapText"])]
    assert list_upload_folders() == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"headers": {}}, 400, "BAD_REQUEST"),
        ({"headers": {"GraphQL-Require-Preflight": ""}}, 400, "BAD_REQUEST"),
        ({"token": ""}, 401, "UNAUTHENTICATED"),
        ({"token": "nonsense"}, 401, "UNAUTHENTICATED"),
        ({"map": []}, 400, "BAD_REQUEST"),
        ({"map": {"0": "variables.input.files.0"}}, 400, "BAD_REQUEST"),
        ({"map": {"1": ["variables.input.files.0"]}}, 400, "BAD_REQUEST"),
        ({"map": {"0": ["variables.input.files.0"], "1": ["variables.input.files.1"]}}, 400, "BAD_REQUEST"),
        ({"map": {"0": ["variables.input.files.5"]}}, 400, "BAD_REQUEST"),
        ({"map": {"0": ["variables.input.mapText"]}}, 400, "BAD_REQUEST"),
        ({"map": {"0": ["query"]}}, 400, "BAD_REQUEST"),
        ({"operations": [{"query": RUN}]}, 400, "BAD_REQUEST"),
        ({"operations": {"query": "{ company { name } }"}}, 400, "BAD_REQUEST"),
        ({"operations": {"query": "mutation { heartbeat { userErrors { code } } }"}}, 400, "BAD_REQUEST"),
        ({"operations": {"query": "mutation { nonsense }"}}, 400, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_multipart_request_is_refused_unless_it_follows_the_rules(
    server: RunningServer, changes: dict[str, Any], status: int, code: str
) -> None:
    response = await upload(server, RUN, {"0": ("deals.csv", EXPORT.encode())}, mapText=MAP, **changes)

    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)
    assert list_upload_folders() == []


async def test_upload_of_a_device_is_forbidden_before_it_is_read(server: RunningServer) -> None:
    created = await server.execute(
        """mutation($input: CreateDeviceInput!) { createDevice(input: $input) { token } }""",
        input={"name": "CRM", "kind": "INTEGRATION"},
    )

    response = await upload(
        server, RUN, {"0": ("deals.csv", EXPORT.encode())}, mapText=MAP, token=created["createDevice"]["token"]
    )

    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


async def test_files_over_the_limit_are_refused_while_they_arrive(server: RunningServer) -> None:
    response = await upload(server, RUN, {"0": ("deals.csv", b"x" * 1_100_000)}, mapText=MAP)

    assert (response.status_code, response.headers["connection"]) == (413, "close")
    assert list_upload_folders() == []


async def test_multipart_body_that_ends_early_is_bad_request(server: RunningServer) -> None:
    body = b'--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query": "{ company { name } }"}'
    headers = {**PREFLIGHT, "authorization": f"Bearer {server.token}"}

    cut = await server.http.post(
        "/graphql", content=body, headers={**headers, "content-type": "multipart/form-data; boundary=b"}
    )
    without_boundary = await server.http.post(
        "/graphql", content=body, headers={**headers, "content-type": "multipart/form-data"}
    )

    assert (cut.status_code, without_boundary.status_code) == (400, 400)


async def test_upload_variable_of_a_json_request_is_bad_input(server: RunningServer) -> None:
    response = await server.post(RUN, variables={"input": {"files": ["/etc/passwd"], "mapText": MAP}})

    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("sent", "cleaned"),
    [
        ("deals.csv", "deals.csv"),
        ("Сделки (2026).xlsx", "Сделки (2026).xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\exports\\deals.csv", "deals.csv"),
        ("..", "file"),
        ("", "file"),
        (".hidden", "hidden"),
        ("a\0b\n.csv", "a_b_.csv"),
        ("x" * 500 + ".csv", "x" * 150 + ".csv"),
    ],
)
async def test_file_name_is_cleaned_to_its_last_part(sent: str, cleaned: str) -> None:
    assert clean_file_name(sent) == cleaned


async def test_long_names_of_any_letters_fit_a_file_system(tmp_path: Path) -> None:
    name = clean_file_name(f"{'Сделки за ноябрь ' * 20}.csv")

    (tmp_path / name).write_text("id\n")
    assert name.startswith("Сделки за ноябрь") and name.endswith(".csv")
    assert len(clean_file_name("д" * 300 + "." + "ж" * 300).encode()) <= 255
