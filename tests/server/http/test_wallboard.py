"""The wallboard: how its page is served, and that a device may run the operations of its scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from server.http.web_app import POLICY, load_web_app
from tests.http_server import receive_message, run_test_server, send_message
from tests.web_documents import DOCUMENTS

OPERATIONS = {
    name.split()[1].lower(): text for name, text in DOCUMENTS.items() if name.startswith("wallboard/")
}  # by the names of the constants, in small letters


async def test_page_is_served_without_sign_in_and_outside_demo(tmp_path: Path) -> None:
    app = load_web_app()
    async with run_test_server(tmp_path) as server:
        page = await server.http.get("/wallboard")
        answers = [
            await server.http.request(method, path)
            for method, path in [("HEAD", "/wallboard"), ("GET", "/wallboard?lang=ru"), ("POST", "/wallboard"), ("GET", "/wallboard/x")]
        ]  # fmt: skip
        files = re.findall(r'(?:href|src)="(/web/[^"]+)"', page.text)
        statuses = {(await server.http.get(path)).status_code for path in files}

    assert (page.status_code, page.content) == (200, app.wallboard.content)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"
    assert [answer.status_code for answer in answers] == [200, 200, 405, 404]
    assert answers[0].content == b""
    assert answers[1].content == app.wallboard.content
    assert f"/web/{app.digest}/wallboard/main.js" in files
    assert f"/web/{app.digest}/wallboard/wallboard.css" in files
    assert not any("/styles/" in path or "/screens/" in path for path in files)
    assert statuses == {200}


@pytest.mark.parametrize("scope_type", ["company", "team"])
async def test_operations_work_for_device_of_company_or_team(tmp_path: Path, scope_type: str) -> None:
    subscriptions = {name for name, text in OPERATIONS.items() if text.lstrip().startswith("subscription")}
    async with run_test_server(tmp_path) as server:
        viewer_id = (await server.execute("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
        team = (await server.execute(CREATE_TEAM))["createTeam"]["team"]["id"]
        await server.execute(MOVE_EMPLOYEE, id=viewer_id, team=team)
        created = await server.execute(CREATE_DEVICE, scope=team if scope_type == "team" else None)
        token = created["createDevice"]["token"]
        screen = await server.execute(OPERATIONS["screen"], token=token)
        scope = screen["viewer"]["device"]["scope"]["id"]
        await server.execute(SET_GOAL, owner=scope)
        with_goal = await server.execute(OPERATIONS["screen"], token=token)
        then = screen["leaderboard"]["asOf"]
        improvement = await server.execute(OPERATIONS["then_and_now"], token=token, scope=scope, then=then)
        async with server.connect(token) as socket:
            for name in subscriptions:
                payload = {"query": OPERATIONS[name], "variables": {"scope": scope, "metric": "calls_made"}}
                await send_message(socket, id=name, type="subscribe", payload=payload)
            received: dict[str, Any] = {}
            while set(received) < subscriptions - {"wins"}:
                received |= data_by_id(await receive_message(socket))
            await server.execute(RECORD_WIN)
            while "wins" not in received:
                received |= data_by_id(await receive_message(socket))

    assert subscriptions == {"board", "goals", "forecast", "wins", "contest"}
    assert received["wins"]["dealWon"]["title"] == "Loggers"
    assert received["goals"]["goalProgress"]["owner"]["id"] == scope
    assert [goal["owner"]["id"] for goal in with_goal["goals"]] == [scope]
    assert improvement["before"]["period"] == improvement["now"]["period"]


CREATE_TEAM = 'mutation { createTeam(input: {name: "North"}) { team { id } } }'
MOVE_EMPLOYEE = (
    "mutation($id: ID!, $team: ID) { updateEmployee(input: {id: $id, team: $team}) { userErrors { message } } }"
)
CREATE_DEVICE = 'mutation($scope: ID) { createDevice(input: {name: "Hall", kind: WALLBOARD, scope: $scope}) { token } }'
SET_GOAL = """mutation($owner: ID!) {
  setGoal(input: {owner: $owner, metric: "deals_won", target: "3", period: {}}) { goal { id } }
}"""
RECORD_WIN = """mutation {
  recordDeal(input: {title: "Loggers", amount: {amount: "4200"}, status: WON}) { userErrors { message } }
}"""


def data_by_id(message: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a `next` message, by the id of its operation."""
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return {message["id"]: message["payload"]["data"]}
