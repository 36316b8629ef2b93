"""Permissions of live data: viewers receive only what they may query, revoked sessions and devices nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest
import pytest_asyncio

from resolvers.auth.sessions import CLOCK_LEEWAY
from tests.acceptance.permissions.company import PASSWORD, RightsCompany, run_rights_company
from tests.http_server import send_message, wait_closed

RECORD_CALL: Final = (
    'mutation { recordCall(input: {direction: OUTBOUND, employee: "$who"}) { userErrors { message } } }'
)
RECORD_WIN: Final = """mutation {
  recordDeal(input: {title: "$name", owner: "$who", amount: {amount: 1}, status: WON}) { userErrors { message } }
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RightsCompany]:
    async with run_rights_company(tmp_path_factory.mktemp("live")) as rights_company:
        yield rights_company


async def test_goal_progress_of_team_sends_each_viewer_only_visible_goals(company: RightsCompany) -> None:
    text = 'subscription { goalProgress(scope: "$who") { owner { name } metric { key } progress { value } } }'
    async with company.subscribe(await company.fill_template(text, "North"), "Ann", "Max") as [
        ann_listener,
        max_listener,
    ]:
        for listener, owners in (
            (ann_listener, {"Ann", "North"}),
            (max_listener, {"Ann", "Cid", "Max", "Fay", "North", "Far"}),
        ):
            while len(listener.events) < 2 * len(owners):
                await listener.next_event()
            assert {owner_and_metric(goal)[0] for goal in listener.events} == owners
        await company.execute_as_admin(RECORD_WIN, "Cid")

        assert owner_and_metric(await ann_listener.next_event()) == ("North", "deals_won")
        assert {
            owner_and_metric(await max_listener.next_event()),
            owner_and_metric(await max_listener.next_event()),
        } == {("Cid", "deals_won"), ("North", "deals_won")}


def owner_and_metric(goal: Any) -> tuple[str, str]:
    return goal["owner"]["name"], goal["metric"]["key"]


async def test_activities_send_each_viewer_only_readable_entries(company: RightsCompany) -> None:
    text = 'subscription { activities(scope: "$who", kinds: [CALL_MADE]) { employee { name } } }'
    async with company.subscribe(
        await company.fill_template(text, "Acme"), "Ann", "Max", "NorthCrm", "Wall"
    ) as listeners:
        for name in ("Bob", "Cid", "Ann"):
            await company.execute_as_admin(RECORD_CALL, name)
        ann_listener, max_listener, crm_listener, wall_listener = listeners
        await ann_listener.next_event()
        for listener in (max_listener, crm_listener):
            await listener.next_event()
            await listener.next_event()
        await wall_listener.drain()

    received_names = [[entry["employee"]["name"] for entry in listener.events] for listener in listeners]
    assert received_names == [["Ann"], ["Cid", "Ann"], ["Cid", "Ann"], []]


async def test_deal_won_is_sent_within_the_devices_scope(company: RightsCompany) -> None:
    async with company.subscribe("subscription { dealWon { title } }", "Wall", "NorthWall", "Ann", "Crm") as listeners:
        for name in ("Bob", "Cid"):
            await company.execute_as_admin(RECORD_WIN, name)
        wall_listener, north_listener, ann_listener, crm_listener = listeners
        for listener in (wall_listener, wall_listener, ann_listener, ann_listener, north_listener):
            await listener.next_event()

    assert [win["title"] for win in north_listener.events] == ["Cid"]
    assert (
        [win["title"] for win in wall_listener.events]
        == [win["title"] for win in ann_listener.events]
        == ["Bob", "Cid"]
    )
    assert crm_listener.error == "NOT_FOUND"


async def test_leaderboard_of_device_shows_its_scope(company: RightsCompany) -> None:
    text = "subscription { leaderboard { standings { employee { name } value } } }"
    async with company.subscribe(text, "Wall", "NorthWall", "Crm") as [wall_listener, north_listener, crm_listener]:
        await wall_listener.wait_for_initial_state()
        await north_listener.wait_for_initial_state()
        await company.execute_as_admin(RECORD_WIN, "Bob")
        await wall_listener.next_event()
        await company.execute_as_admin(RECORD_WIN, "Cid")
        leaderboard = await north_listener.next_event()

    assert {row["employee"]["name"] for row in leaderboard["standings"]} == {"Ann", "Cid", "Max", "Fay"}
    assert len(north_listener.events) == 2  # Bob's win does not change this leaderboard
    assert crm_listener.error == "NOT_FOUND"


async def test_activities_of_team_stop_for_removed_manager(company: RightsCompany) -> None:
    text = 'subscription { activities(scope: "$who") { employee { name } } }'
    set_manager = 'mutation {{ updateTeam(input: {{id: "$who", manager: {}}}) {{ userErrors {{ message }} }} }}'
    async with company.subscribe(await company.fill_template(text, "North"), "Max") as [max_listener]:
        await company.execute_as_admin(set_manager.format("null"), "North")
        await company.execute_as_admin(RECORD_CALL, "Cid")
        await company.execute_as_admin(RECORD_CALL, "Max")
        first = await max_listener.next_event()
    await company.execute_as_admin(set_manager.format(f'"{company.facts["Max"]["who"]}"'), "North")

    assert first["employee"]["name"] == "Max"


# Sessions and tokens


async def hire(company: RightsCompany, name: str) -> dict[str, Any]:
    """Create an employee, sign them in and return the tokens."""
    data = await company.execute_as_admin(
        f"""mutation {{ createEmployee(input: {{name: "{name}", email: "{name}@example.com", password: "{PASSWORD}"}}) {{
          employee {{ id }} userErrors {{ message }} }} }}"""
    )
    company.facts[name] = {"who": data["createEmployee"]["employee"]["id"]}
    return await company.sign_in(name)


async def query_and_connect_refused(company: RightsCompany, token: str) -> tuple[int, str, str]:
    """Return HTTP status, error code and message of a query; a socket must be closed for the same reason."""
    response = await company.server.post("{ company { id } }", token=token)
    [error] = response.json()["errors"]
    async with company.server.open_socket() as socket:
        await send_message(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        code, reason = await wait_closed(socket)
    assert (code, reason) == (4403, f"{error['extensions']['code']}: {error['message']}"[:120])
    return response.status_code, error["extensions"]["code"], error["message"]


async def test_deactivated_employee_is_signed_out_at_once(company: RightsCompany) -> None:
    session = await hire(company, "Eve")
    async with company.server.connect(session["accessToken"]) as socket:
        await company.execute_as_admin(
            'mutation { updateEmployee(input: {id: "$who", active: false}) { userErrors { message } } }', "Eve"
        )
        assert (await wait_closed(socket))[0] == 4403

    assert (await query_and_connect_refused(company, session["accessToken"]))[:2] == (401, "UNAUTHENTICATED")
    text = f'mutation {{ refreshSession(refreshToken: "{session["refreshToken"]}") {{ accessToken }} }}'
    answer = (await company.server.post(text, token="")).json()
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await company.sign_in("Eve"))["accessToken"] is None


async def test_revoked_device_is_signed_out_at_once(company: RightsCompany) -> None:
    async with company.server.connect(company.tokens["Spare"]) as socket:
        await company.execute_as_admin('mutation { revokeDevice(id: "$who") { userErrors { message } } }', "Spare")
        assert (await wait_closed(socket))[0] == 4403

    assert (await query_and_connect_refused(company, company.tokens["Spare"]))[:2] == (401, "UNAUTHENTICATED")


def encode_token(claims: dict[str, Any], secret: str = "s" * 32, algorithm: str = "HS256", **other_claims: Any) -> str:
    return jwt.encode(claims | other_claims, secret, algorithm=algorithm)


@pytest.mark.filterwarnings("ignore:The HMAC key is 32 bytes long")
async def test_invalid_tokens_are_rejected_with_the_same_message(company: RightsCompany) -> None:
    token = company.tokens["Ann"]
    claims = jwt.decode(token, options={"verify_signature": False})
    header, body, signature = token.split(".")
    other_body = encode_token(claims, sub="1").split(".")[1]
    invalid_tokens = {
        "signed with another secret": encode_token(claims, "t" * 32),
        "forged": f"{header}.{other_body}.{signature}",
        "unsigned": encode_token(claims, "", "none"),
        "unsigned, with a signature": f"{encode_token(claims, '', 'none').split('.')[0]}.{body}.{signature}",
        "of another algorithm": encode_token(claims, algorithm="HS512"),
        "without expiry": encode_token({key: value for key, value in claims.items() if key != "exp"}),
        "of no session": encode_token(claims, sid=999_999),
        "of another's session": encode_token(claims, sub="1"),
        "of a session with a huge number": encode_token(claims, sid=10**30),
        "of a session without a number": encode_token(claims, sid="x"),
        "with a huge expiry": encode_token(claims, exp=10**18),
        "truncated": token[:-1],
        "of an unknown device": "sld_" + "x" * 43,
    }

    assert {
        kind: await query_and_connect_refused(company, invalid_token) for kind, invalid_token in invalid_tokens.items()
    } == dict.fromkeys(invalid_tokens, (401, "UNAUTHENTICATED", "This token is not valid: sign in again."))


async def test_expired_token_is_reported_and_closes_the_socket(company: RightsCompany) -> None:
    claims = jwt.decode((await company.sign_in("Ann"))["accessToken"], options={"verify_signature": False})
    expires_at = datetime.now(UTC) - CLOCK_LEEWAY + timedelta(seconds=1)
    async with company.server.connect(encode_token(claims, exp=expires_at)) as socket:
        assert (await wait_closed(socket))[0] == 4403

    assert (await query_and_connect_refused(company, encode_token(claims, exp=expires_at)))[:2] == (
        401,
        "TOKEN_EXPIRED",
    )
    assert (await query_and_connect_refused(company, encode_token(claims, "t" * 32, exp=expires_at)))[
        1
    ] == "UNAUTHENTICATED"
