"""Exports over HTTP: files of the same figures as the queries, with the permissions of the viewer."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from openpyxl import load_workbook

from tests.http_server import RunningServer, run_test_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD = "correct horse"
CREATE = """mutation($name: String!, $email: String!) { createEmployee(input: {
  name: $name, email: $email, password: "correct horse"}) { employee { id } userErrors { message } } }"""
SET_GOAL = """mutation($input: SetGoalInput!) { setGoal(input: $input) { goal { id } userErrors { message } } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("exports")) as running:
        for name in ("=Ann", "Bob"):
            email = f"{name.strip('=').lower()}@example.com"
            employee = (await running.execute(CREATE, name=name, email=email))["createEmployee"]["employee"]["id"]
            goal = {"owner": employee, "metric": "deals_won_amount", "target": "1500.50", "period": {"kind": "MONTH"}}
            await running.execute(SET_GOAL, input=goal)
            await running.execute(
                """mutation($owner: ID!) { recordDeal(input: {title: "Chairs", owner: $owner, status: WON,
                  amount: {amount: "300.10"}}) { userErrors { message } } }""",
                owner=employee,
            )
        yield running


async def fetch(server: RunningServer, path: str, token: str | None = None, **headers: str) -> Any:
    authorization = {"authorization": f"Bearer {server.token if token is None else token}"} if token != "" else {}
    return await server.http.get(path, headers={**authorization, **headers})


def read_csv(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


async def sign_in(server: RunningServer, email: str) -> str:
    document = 'mutation($email: String!) { signIn(input: {email: $email, password: "correct horse"}) { accessToken } }'
    return str((await server.execute(document, token="", email=email))["signIn"]["accessToken"])


async def test_goals_are_exported_as_csv(server: RunningServer) -> None:
    response = await fetch(server, "/export/goals.csv?kind=MONTH")
    rows = read_csv(response)

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="goals.csv"'
    assert response.headers["cache-control"] == "no-store"
    assert [row["Owner"] for row in rows] == ["'=Ann", "Bob"]
    expected = {
        "Owner e-mail": "bob@example.com", "Owner kind": "employee", "Metric": "Deals won, amount",
        "Metric key": "deals_won_amount", "Target": "1500.50", "Recurring": "no", "Value": "300.10", "Percent": "20.00",
    }  # fmt: skip
    assert {name: rows[1][name] for name in expected} == expected


async def test_workbook_has_numbers_and_dates_and_no_formulas(server: RunningServer) -> None:
    response = await fetch(server, "/export/goals.xlsx")
    sheet = load_workbook(io.BytesIO(response.content)).active
    headers, first, *_ = sheet.iter_rows()
    cells = {header.value: cell for header, cell in zip(headers, first, strict=True)}

    assert (cells["Owner"].value, cells["Owner"].data_type) == ("=Ann", "s")
    assert (cells["Target"].value, cells["Target"].data_type) == (1500.5, "n")
    assert isinstance(cells["First day"].value, datetime)


async def test_leaderboard_has_the_figures_of_the_query(server: RunningServer) -> None:
    rows = read_csv(await fetch(server, "/export/leaderboard.csv?metric=deals_won_amount"))
    answer = await server.execute("{ leaderboard { standings { rank value target } } }")

    assert [(int(row["Rank"]), row["Value"], row["Target"] or None) for row in rows] == [
        (row["rank"], row["value"], row["target"]) for row in answer["leaderboard"]["standings"]
    ]


async def test_card_has_the_totals_of_the_query_and_the_goals_of_the_days(server: RunningServer) -> None:
    employees = (await server.execute("{ employees { edges { node { id name } } } }"))["employees"]["edges"]
    [bob] = [edge["node"]["id"] for edge in employees if edge["node"]["name"] == "Bob"]
    rows = {row["Metric key"]: row for row in read_csv(await fetch(server, f"/export/card.csv?kind=MONTH&scope={bob}"))}
    query = """query($bob: ID) { statistics(scope: $bob, period: {kind: MONTH}, interval: MONTH) {
      series { metric { key } total previousTotal } } }"""
    series = (await server.execute(query, bob=bob))["statistics"]["series"]

    assert {key: (row["Value"], row["Previous period until then"]) for key, row in rows.items()} == {
        one["metric"]["key"]: (one["total"], one["previousTotal"]) for one in series
    }
    assert (rows["deals_won_amount"]["Target"], rows["deals_won_amount"]["Percent"]) == ("1500.50", "20.00")
    assert rows["deals_won"]["Target"] == ""
    assert (await fetch(server, f"/export/card.csv?scope={bob}", "")).status_code == 401
    colleague = await sign_in(server, "ann@example.com")
    assert (await fetch(server, f"/export/card.csv?scope={bob}", colleague)).status_code == 404


async def test_headers_are_in_the_language_of_the_request(server: RunningServer) -> None:
    [row, _] = read_csv(await fetch(server, "/export/goals.csv", **{"accept-language": "ru"}))
    assert row["Владелец"] == "'=Ann"
    assert row["Вид владельца"] == "сотрудник"


async def test_viewer_gets_only_what_they_may_see(server: RunningServer) -> None:
    token = await sign_in(server, "bob@example.com")
    rows = read_csv(await fetch(server, "/export/goals.csv", token))
    assert [row["Owner"] for row in rows] == ["Bob"]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/export/goals.csv", "", 401),
        ("/export/goals.xlsx", "nonsense", 401),
        ("/export/leaderboard.csv", "", 401),
        ("/export/leaderboard.csv?scope=nonsense", None, 404),
        ("/export/leaderboard.csv?metric=nothing", None, 400),
        ("/export/goals.csv?kind=DECADE", None, 400),
        ("/export/goals.csv?on=yesterday", None, 400),
        ("/export/goals.csv?kind=CUSTOM", None, 400),
        ("/export/goals.csv?first=5", None, 400),
        ("/export/goals.csv?scope=a&scope=b", None, 400),
        ("/export/goals.pdf", None, 404),
        ("/export/clients.csv", None, 404),
    ],
)
async def test_other_requests_are_refused(server: RunningServer, path: str, token: str | None, status: int) -> None:
    response = await fetch(server, path, token)
    assert response.status_code == status
    assert "PK" not in response.text
