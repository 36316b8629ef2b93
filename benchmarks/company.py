"""The company that benchmarks run against, and how it records a win."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.request import Request, urlopen

from benchmarks.fixtures import fill_company
from benchmarks.harness import BenchmarkProcess, Harness

RECORD_DEAL: Final = """mutation($input: RecordDealInput!) { recordDeal(input: $input) {
  deal { id status } goals { id progress { value } } userErrors { path message } } }"""


@dataclass
class BenchmarkCompany:
    """A company in the benchmark's database, the access token of its administrator, and ids for the queries."""

    harness: Harness
    token: str
    ids: dict[str, str]

    def execute(self, server: BenchmarkProcess, query: str, **variables: Any) -> Any:
        """Execute an operation over HTTP as the administrator and return its data; fails on GraphQL errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        with urlopen(Request(f"http://{server.address}/graphql", body, headers), timeout=30) as response:
            result = json.loads(response.read())
        assert "errors" not in result, result
        return result["data"]


def set_up_company(
    harness: Harness, *, sellers: int, deals: int, on_progress: Callable[[int], None] = lambda step_count: None
) -> BenchmarkCompany:
    """Set up a company of this size and sign in as its administrator.

    on_progress  called as in `fill_company`
    """
    harness.run_command("migrate")
    harness.run_command(
        "setup", "--name", "Bench", "--currency", "EUR", "--zone", "UTC", "--admin", "Ada", "--email", "ada@example.com"
    )
    asyncio.run(fill_company(harness.url, sellers=sellers, deals=deals, on_progress=on_progress))
    server = harness.serve()
    company = BenchmarkCompany(harness, "", {})
    session = company.execute(
        server,
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        input={"email": "ada@example.com", "password": "correct horse"},
    )
    company.token = session["signIn"]["accessToken"]
    matches = company.execute(server, '{ employees(search: "seller 00001") { edges { node { id team { id } } } } }')
    seller = matches["employees"]["edges"][0]["node"]
    company.ids.update(seller=seller["id"], team=seller["team"]["id"], company=encode_row_id("Company", 1))
    server.stop()
    return company


def deal_input(company: BenchmarkCompany) -> dict[str, Any]:
    return {"title": "Chairs", "status": "WON", "amount": {"amount": "100.00"}, "owner": company.ids["seller"]}


def record_win(company: BenchmarkCompany, server: BenchmarkProcess) -> None:
    company.execute(server, RECORD_DEAL, input=deal_input(company))


def encode_row_id(kind: str, row_id: int) -> str:
    from domain.primitives.global_ids import encode_global_id

    return encode_global_id(kind, row_id)
