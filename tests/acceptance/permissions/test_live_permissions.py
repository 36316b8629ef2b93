"""Permissions of live data: viewers receive only what they may query, revoked sessions and devices nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest
import pytest_asyncio

from resolvers.auth.sessions import LEEWAY
from tests.acceptance.permissions.company import PASSWORD, Office, opened
from tests.http_server import close_code, say

CALL: Final = 'mutation { recordCall(input: {direction: OUTBOUND, employee: "$who"}) { userErrors { message } } }'
WIN: Final = """mutation {
  recordDeal(input: {title: "$name", owner: "$who", amount: {amount: 1}, status: WON}) { userErrors { message } }
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with opened(tmp_path_factory.mktemp("live")) as found:
        yield found


async def test_of_a_teams_goals_each_hears_those_he_may_see(office: Office) -> None:
    text = 'subscription { goalProgress(scope: "$who") { owner { name } metric { key } progress { value } } }'
    async with office.subscribed(await office.written(text, "North"), "Ann", "Max") as [ann, max_]:
        for listener, owners in ((ann, {"Ann", "North"}), (max_, {"Ann", "Cid", "Max", "Fay", "North", "Far"})):
            while len(listener.heard) < 2 * len(owners):
                await listener.next()
            assert {moved(goal)[0] for goal in listener.heard} == owners
        await office.act(WIN, "Cid")

        assert moved(await ann.next()) == ("North", "deals_won")
        assert {moved(await max_.next()), moved(await max_.next())} == {("Cid", "deals_won"), ("North", "deals_won")}


def moved(goal: Any) -> tuple[str, str]:
    return goal["owner"]["name"], goal["metric"]["key"]


async def test_of_the_history_each_hears_what_he_may_read(office: Office) -> None:
    text = 'subscription { activities(scope: "$who") { employee { name } } }'
    async with office.subscribed(await office.written(text, "Acme"), "Ann", "Max", "NorthCrm", "Wall") as listeners:
        for name in ("Bob", "Cid", "Ann"):
            await office.act(CALL, name)
        ann, max_, crm, wall = listeners
        await ann.next()
        for listener in (max_, crm):
            await listener.next()
            await listener.next()
        await wall.settled()

    heard = [[line["employee"]["name"] for line in listener.heard] for listener in listeners]
    assert heard == [["Ann"], ["Cid", "Ann"], ["Cid", "Ann"], []]


async def test_the_bell_rings_within_a_devices_scope(office: Office) -> None:
    async with office.subscribed("subscription { dealWon { title } }", "Wall", "NorthWall", "Ann", "Crm") as listeners:
        for name in ("Bob", "Cid"):
            await office.act(WIN, name)
        wall, north, ann, crm = listeners
        for listener in (wall, wall, ann, ann, north):
            await listener.next()

    assert [win["title"] for win in north.heard] == ["Cid"]
    assert [win["title"] for win in wall.heard] == [win["title"] for win in ann.heard] == ["Bob", "Cid"]
    assert crm.error == "NOT_FOUND"


async def test_a_board_shows_a_devices_scope(office: Office) -> None:
    text = "subscription { leaderboard { standings { employee { name } value } } }"
    async with office.subscribed(text, "Wall", "NorthWall", "Crm") as [wall, north, crm]:
        await wall.begun()
        await north.begun()
        await office.act(WIN, "Bob")
        await wall.next()
        await office.act(WIN, "Cid")
        board = await north.next()

    assert {row["employee"]["name"] for row in board["standings"]} == {"Ann", "Cid", "Max", "Fay"}
    assert len(north.heard) == 2  # Bob's win does not change this leaderboard
    assert crm.error == "NOT_FOUND"


async def test_who_no_longer_manages_hears_no_more_of_the_team(office: Office) -> None:
    text = 'subscription { activities(scope: "$who") { employee { name } } }'
    manage = 'mutation {{ updateTeam(input: {{id: "$who", manager: {}}}) {{ userErrors {{ message }} }} }}'
    async with office.subscribed(await office.written(text, "North"), "Max") as [max_]:
        await office.act(manage.format("null"), "North")
        await office.act(CALL, "Cid")
        await office.act(CALL, "Max")
        first = await max_.next()
    await office.act(manage.format(f'"{office.facts["Max"]["who"]}"'), "North")

    assert first["employee"]["name"] == "Max"


# Sessions and tokens


async def hired(office: Office, name: str) -> dict[str, Any]:
    """Create an employee, sign them in and return the tokens."""
    made = await office.act(
        f"""mutation {{ createEmployee(input: {{name: "{name}", email: "{name}@example.com", password: "{PASSWORD}"}}) {{
          employee {{ id }} userErrors {{ message }} }} }}"""
    )
    office.facts[name] = {"who": made["createEmployee"]["employee"]["id"]}
    return await office.sign_in(name)


async def refused(office: Office, token: str) -> tuple[int, str, str]:
    """Return HTTP status, error code and message of a query; a socket must be closed for the same reason."""
    response = await office.here.post("{ company { id } }", token=token)
    [error] = response.json()["errors"]
    async with office.here.bare() as socket:
        await say(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        code, reason = await close_code(socket)
    assert (code, reason) == (4403, f"{error['extensions']['code']}: {error['message']}"[:120])
    return response.status_code, error["extensions"]["code"], error["message"]


async def test_who_is_deactivated_is_nobody_at_once(office: Office) -> None:
    signed_in = await hired(office, "Eve")
    async with office.here.socket(signed_in["accessToken"]) as socket:
        await office.act(
            'mutation { updateEmployee(input: {id: "$who", active: false}) { userErrors { message } } }', "Eve"
        )
        assert (await close_code(socket))[0] == 4403

    assert (await refused(office, signed_in["accessToken"]))[:2] == (401, "UNAUTHENTICATED")
    text = f'mutation {{ refreshSession(refreshToken: "{signed_in["refreshToken"]}") {{ accessToken }} }}'
    answer = (await office.here.post(text, token="")).json()
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await office.sign_in("Eve"))["accessToken"] is None


async def test_a_device_that_is_revoked_is_nobody_at_once(office: Office) -> None:
    async with office.here.socket(office.tokens["Spare"]) as socket:
        await office.act('mutation { revokeDevice(id: "$who") { userErrors { message } } }', "Spare")
        assert (await close_code(socket))[0] == 4403

    assert (await refused(office, office.tokens["Spare"]))[:2] == (401, "UNAUTHENTICATED")


def minted(claims: dict[str, Any], secret: str = "s" * 32, algorithm: str = "HS256", **other: Any) -> str:
    return jwt.encode(claims | other, secret, algorithm=algorithm)


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long")
async def test_a_token_of_anybody_elses_making_is_refused_with_one_text_for_all(office: Office) -> None:
    token = office.tokens["Ann"]
    claims = jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    other = minted(claims, sub="1").split(".")[1]
    wrong = {
        "signed with another secret": minted(claims, "t" * 32),
        "forged": f"{head}.{other}.{signature}",
        "unsigned": minted(claims, "", "none"),
        "unsigned, with a signature": f"{minted(claims, '', 'none').split('.')[0]}.{body}.{signature}",
        "of another algorithm": minted(claims, algorithm="HS512"),
        "without expiry": minted({key: value for key, value in claims.items() if key != "exp"}),
        "of no session": minted(claims, sid=999_999),
        "of another's session": minted(claims, sub="1"),
        "of a session with a huge number": minted(claims, sid=10**30),
        "of a session without a number": minted(claims, sid="x"),
        "with a huge expiry": minted(claims, exp=10**18),
        "truncated": token[:-1],
        "of an unknown device": "sld_" + "x" * 43,
    }

    assert {kind: await refused(office, bad) for kind, bad in wrong.items()} == dict.fromkeys(
        wrong, (401, "UNAUTHENTICATED", "This token is not valid: sign in again.")
    )


async def test_a_token_that_has_expired_says_so_and_its_socket_is_closed(office: Office) -> None:
    claims = jwt.decode((await office.sign_in("Ann"))["accessToken"], options={"verify_signature": False})
    ends = datetime.now(UTC) - LEEWAY + timedelta(seconds=1)
    async with office.here.socket(minted(claims, exp=ends)) as socket:
        assert (await close_code(socket))[0] == 4403

    assert (await refused(office, minted(claims, exp=ends)))[:2] == (401, "TOKEN_EXPIRED")
    assert (await refused(office, minted(claims, "t" * 32, exp=ends)))[1] == "UNAUTHENTICATED"
