"""The company that benchmarks run against, and how it records a win."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final

from benchmarks.fixtures import fill_company
from benchmarks.harness import BenchmarkProcess, Harness, post
from benchmarks.seller_records import RECORDS_PER_SELLER
from domain.primitives.global_ids import decode_global_id, encode_global_id

RECORD_DEAL: Final = """mutation($input: RecordDealInput!) { recordDeal(input: $input) { deal { id status }
  goals { id name target progress { value attainmentPercent version } } userErrors { path message } } }"""


@dataclass
class BenchmarkCompany:
    """A company in the benchmark's database, the access token of its administrator, and ids for the queries."""

    harness: Harness
    token: str
    ids: dict[str, str]
    seller_ids: range = range(0)  # of the rows

    def execute(self, server: BenchmarkProcess, query: str, **variables: Any) -> Any:
        """Execute an operation over a new HTTP connection, see `execute_over`."""
        with closing(server.open_connection()) as connection:
            return self.execute_over(connection, query, variables)

    def execute_over(self, connection: HTTPConnection, query: str, variables: Mapping[str, Any]) -> Any:
        """Execute an operation as the administrator and return its data; fails on GraphQL errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        result = json.loads(post(connection, "/graphql", body, headers))
        assert "errors" not in result, result
        return result["data"]


def set_up_company(
    harness: Harness,
    *,
    sellers: int,
    deals: int,
    records: int = RECORDS_PER_SELLER,
    on_progress: Callable[[int], None] = lambda step_count: None,
) -> BenchmarkCompany:
    """Set up a company of this size and sign in as its administrator.

    records      clients, leads, open deals, calls and tasks of each seller
    on_progress  called as in `fill_company`
    """
    harness.run_command("migrate")
    harness.run_command(
        "setup", "--name", "Bench", "--currency", "EUR", "--zone", "UTC", "--admin", "Ada", "--email", "ada@example.com"
    )
    asyncio.run(fill_company(harness.url, sellers=sellers, deals=deals, records=records, on_progress=on_progress))
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
    first_seller = decode_global_id(seller["id"])
    assert first_seller is not None
    company.seller_ids = range(first_seller[1], first_seller[1] + sellers)
    company.ids.update(seller=seller["id"], team=seller["team"]["id"], company=encode_row_id("Company", 1))
    server.stop()
    return company


def deal_input(seller: str) -> dict[str, Any]:
    return {"title": "Chairs", "status": "WON", "amount": {"amount": "100.00"}, "owner": seller}


def record_win(company: BenchmarkCompany, server: BenchmarkProcess) -> None:
    company.execute(server, RECORD_DEAL, input=deal_input(company.ids["seller"]))


def encode_row_id(kind: str, row_id: int) -> str:
    return encode_global_id(kind, row_id)
