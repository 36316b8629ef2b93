"""Exports are allowed to exactly those who may ask for the same figures in GraphQL, and have the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.acceptance.permissions.company import SCOPES, RightsCompany, run_rights_company
from tests.acceptance.permissions.operations import ACTORS

STATUS_BY_CODE: Final = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "BAD_USER_INPUT": 404}
EXPORTS: Final[dict[str, tuple[str, str, Callable[[Any], list[tuple[str, ...]]], tuple[str, ...]]]] = {
    "goals": (
        "/export/goals.csv?scope={who}",
        """{{ goals(scope: "{who}") {{ owner {{ ... on Employee {{ name }} ... on Team {{ name }} ... on Company {{ name }} }}
          metric {{ key }} progress {{ value }} }} }}""",
        lambda rows: [(row["owner"]["name"], row["metric"]["key"], row["progress"]["value"]) for row in rows],
        ("Owner", "Metric key", "Value"),
    ),
    "leaderboard": (
        "/export/leaderboard.csv?scope={who}",
        """{{ leaderboard(scope: "{who}") {{ standings {{ employee {{ name }} value }} }} }}""",
        lambda board: [(row["employee"]["name"], row["value"]) for row in board["standings"]],
        ("Employee", "Value"),
    ),
    "card": (
        "/export/card.csv?kind=MONTH&scope={who}",
        """{{ statistics(scope: "{who}", period: {{kind: MONTH}}, interval: MONTH) {{
          series {{ metric {{ key }} total }} }} }}""",
        lambda statistics: [(series["metric"]["key"], series["total"]) for series in statistics["series"]],
        ("Metric key", "Value"),
    ),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RightsCompany]:
    async with run_rights_company(tmp_path_factory.mktemp("rights")) as rights_company:
        yield rights_company


@pytest.mark.parametrize("actor", ACTORS)
async def test_exports_show_what_queries_show(company: RightsCompany, actor: str) -> None:
    differences = {}
    for name, (path, query, read_rows, columns) in EXPORTS.items():
        for subject in SCOPES:
            who, token = company.facts[subject]["who"], company.tokens[actor]
            answer = (await company.server.post(query.format(who=who), token=token)).json()
            headers = {"authorization": f"Bearer {token}"} if token else {}
            response = await company.server.http.get(path.format(who=who), headers=headers)
            if "errors" in answer:
                expected: object = STATUS_BY_CODE[answer["errors"][0]["extensions"]["code"]]
                exported: object = response.status_code
            else:
                expected = sorted(read_rows(answer["data"].popitem()[1]))
                lines = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")))
                exported = sorted(tuple(line[column] for column in columns) for line in lines)
            if exported != expected:
                differences[name, subject] = (exported, expected)

    assert not differences
