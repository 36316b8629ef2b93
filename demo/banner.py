"""Start-up banner of the demo: addresses, accounts to sign in with, and an example query."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from demo import company_data
from demo.company_data import DemoPerson
from demo.seeding import PASSWORD, DeviceTokens
from domain.permissions import Role

EXAMPLE_QUERY = "{ leaderboard(first: 5) { standings { rank employee { name } value } } }"


def format_banner(address: str, people: Sequence[DemoPerson], tokens: DeviceTokens) -> str:
    """Return the banner that is printed when the demo starts serving.

    address  "host:port" at which a browser reaches the server
    """
    return f"""
{company_data.COMPANY} is running, and its simulated employees record their work.

  Screens    http://{address}/
             (dashboard, cards, plan: choose one of the accounts below)
  Watch      http://{address}/wallboard#token={tokens.wallboard}
             (the office wallboard, updated live)
  Query      http://{address}/graphql#token={tokens.wallboard}
             (run any query or subscription in the browser)
  GraphQL    http://{address}/graphql
  Live       ws://{address}/graphql  (graphql-transport-ws)
  Health     http://{address}/health/ready

{format_sign_ins(people, tokens)}

Leaders of this month:
  curl -s http://{address}/graphql -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer {tokens.wallboard}' \\
    -d '{{"query": "{EXAMPLE_QUERY}"}}'

Ctrl-C stops the demo; `--fresh` starts with a new company.
"""


def format_sign_ins(people: Sequence[DemoPerson], tokens: DeviceTokens) -> str:
    """Return the accounts to sign in with and the tokens of the devices."""
    accounts = "\n".join(f"{role:<10} {person.email}" for role, person in pick_person_per_role(people).items())
    return f"""Accounts, all with the password "{PASSWORD}":
{indent(accounts, "  ")}

  Wallboard token    {tokens.wallboard}
  Integration token  {tokens.integration}"""


def pick_person_per_role(people: Sequence[DemoPerson]) -> dict[str, DemoPerson]:
    """Return one person for each role; the employee is the one with the highest talent."""
    seller = max((person for person in people if person.role is Role.EMPLOYEE), key=lambda person: person.talent)
    manager = next(person for person in people if person.team == seller.team and person.role is Role.MANAGER)
    director = next(person for person in people if person.role is Role.DIRECTOR)
    admin = next(person for person in people if person.role is Role.ADMIN)
    return {"employee": seller, "manager": manager, "director": director, "admin": admin}
