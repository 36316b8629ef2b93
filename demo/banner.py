"""What is printed when the demo serves: where to look, who to be, and one thing to try."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from demo import company_data
from demo.company_data import Person
from demo.seeding import PASSWORD, Made
from domain.permissions import Role

QUERY = "{ leaderboard(first: 5) { standings { rank employee { name } value } } }"


def text(address: str, people: Sequence[Person], made: Made) -> str:
    """Return the greeting.

    address  "host:port" as a browser reaches the server
    """
    return f"""
{company_data.COMPANY} is open, and its people are at work.

  Watch      http://{address}/wallboard#token={made.wallboard}
             (the screen in the office, live)
  Ask        http://{address}/graphql#token={made.wallboard}
             (whatever you like, and see it move)
  GraphQL    http://{address}/graphql
  Live       ws://{address}/graphql  (graphql-transport-ws)
  Health     http://{address}/health/ready

{sign_ins(people, made)}

Who leads this month:
  curl -s http://{address}/graphql -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer {made.wallboard}' \\
    -d '{{"query": "{QUERY}"}}'

Ctrl-C ends it; `--fresh` begins with a new company.
"""


def sign_ins(people: Sequence[Person], made: Made) -> str:
    """Return whom to sign in as, and the tokens of the devices."""
    as_whom = "\n".join(f"{role:<10} {person.email}" for role, person in _to_be(people).items())
    return f"""Sign in as, always with the password "{PASSWORD}":
{indent(as_whom, "  ")}

  Wallboard token    {made.wallboard}
  Integration token  {made.integration}"""


def _to_be(people: Sequence[Person]) -> dict[str, Person]:
    """Return one person for each role; of the employees one who sells well."""
    seller = max((person for person in people if person.role is Role.EMPLOYEE), key=lambda person: person.talent)
    manager = next(person for person in people if person.team == seller.team and person.role is Role.MANAGER)
    director = next(person for person in people if person.role is Role.DIRECTOR)
    admin = next(person for person in people if person.role is Role.ADMIN)
    return {"employee": seller, "manager": manager, "director": director, "admin": admin}
