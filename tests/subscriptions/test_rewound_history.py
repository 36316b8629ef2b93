"""After the database has gone back in time, streams begin anew and old cursors are unknown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.live import change_log, epoch
from resolvers.request.services import NullNotifier
from tests.database_restore import back_up
from tests.http_server import RunningServer, receive_message, run_test_server, send_message
from tests.world import START, World, open_world

LEADERBOARD = "leaderboard { total version standings { value } }"
EVENT_FIELDS = {"activities": "id cursor kind", "dealWon": "id cursor title", "alerts": "id cursor"}


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path, database_url=database_url) as server:
        yield server


class Subscriptions:
    """Subscriptions over one socket, with the newest payload and the error of each."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.payloads: dict[str, list[Any]] = {}
        self.error_codes: dict[str, str] = {}

    async def start(self, name: str, selection: str, **variables: Any) -> None:
        self.payloads[name] = []
        query = f"subscription($after: ID) {{ {selection} }}" if variables else f"subscription {{ {selection} }}"
        await send_message(self.socket, id=name, type="subscribe", payload={"query": query, "variables": variables})

    async def receive_until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                message = await receive_message(self.socket, timeout=60)
                if message["type"] == "next":
                    self.payloads[message["id"]] += message["payload"]["data"].values()
                elif message["type"] == "error":
                    self.error_codes[message["id"]] = message["payload"][0]["extensions"]["code"]

    def newest(self, name: str) -> Any:
        return self.payloads[name][-1]


async def record_win(server: RunningServer, title: str = "Chairs") -> dict[str, Any]:
    data = await server.execute(
        """mutation($input: RecordDealInput!) { recordDeal(input: $input) { deal { id } userErrors { message } } }""",
        input={"title": title, "status": "WON", "amount": {"amount": "10"}},
    )
    return data["recordDeal"]


async def test_streams_begin_anew_and_old_cursors_are_unknown_after_a_restore(
    server: RunningServer, database_url: str, tmp_path: Path
) -> None:
    await record_win(server)
    restore = await back_up(database_url, tmp_path)
    async with server.connect() as socket:
        subscriptions = Subscriptions(socket)
        await subscriptions.start("board", LEADERBOARD)
        for field, selection in EVENT_FIELDS.items():
            await subscriptions.start(field, f"{field} {{ {selection} }}")
        await subscriptions.receive_until(lambda: bool(subscriptions.payloads["board"]))
        for number in range(4):
            await record_win(server, f"Lost {number}")
        await subscriptions.receive_until(
            lambda: subscriptions.newest("board")["total"] == "50.00" and len(subscriptions.payloads["dealWon"]) == 4
        )
        lost_board = subscriptions.newest("board")
        lost_cursors = {field: subscriptions.newest(field)["cursor"] for field in ("activities", "dealWon")}
        list_cursor = (await server.execute("{ activities(first: 1) { edges { cursor } } }"))["activities"]["edges"][0]
        assert list_cursor["cursor"] == lost_cursors["activities"]

        await restore()
        await subscriptions.receive_until(
            lambda: subscriptions.newest("board")["total"] == "10.00" and len(subscriptions.error_codes) == 3
        )
        restored_board = subscriptions.newest("board")
        assert restored_board["version"] > lost_board["version"]
        assert set(subscriptions.error_codes.values()) == {"CURSOR_UNKNOWN"}
        assert await server.execute(f"{{ {LEADERBOARD} }}") == {"leaderboard": restored_board}

        for number in range(8):  # more than were lost
            await record_win(server, f"New {number}")
        await subscriptions.receive_until(lambda: subscriptions.newest("board")["total"] == "90.00")
        assert subscriptions.newest("board")["version"] > restored_board["version"]

        subscriptions.error_codes.clear()
        for field, cursor in lost_cursors.items():
            await subscriptions.start(f"resumed {field}", f'{field}(after: "{cursor}") {{ {EVENT_FIELDS[field]} }}')
        await subscriptions.receive_until(lambda: len(subscriptions.error_codes) == 2)
        assert set(subscriptions.error_codes.values()) == {"CURSOR_UNKNOWN"}


async def test_new_epoch_of_another_process_reaches_open_streams(
    server: RunningServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.connect() as socket:
        subscriptions = Subscriptions(socket)
        await subscriptions.start("activities", "activities { id cursor }")
        await subscriptions.start("board", LEADERBOARD)
        await subscriptions.receive_until(lambda: bool(subscriptions.payloads["board"]))
        version = subscriptions.newest("board")["version"]
        await record_win(server)
        await subscriptions.receive_until(lambda: bool(subscriptions.payloads["activities"]))

        await epoch.renew(START)  # in the row of the log, as `./run restored` does
        await subscriptions.receive_until(
            lambda: (
                "activities" in subscriptions.error_codes and subscriptions.newest("board")["version"] > version + 1000
            )
        )

        cursor = subscriptions.newest("activities")["cursor"]
        await subscriptions.start("resumed", f'activities(after: "{cursor}") {{ id cursor }}')
        await subscriptions.receive_until(lambda: "resumed" in subscriptions.error_codes)
        assert subscriptions.error_codes == {"activities": "CURSOR_UNKNOWN", "resumed": "CURSOR_UNKNOWN"}


async def test_state_of_an_earlier_time_is_held_back_until_the_new_epoch(server: RunningServer) -> None:
    company_id = (await server.execute("{ company { id } }"))["company"]["id"]
    await server.execute(
        """mutation($input: SetGoalInput!) { setGoal(input: $input) { goal { id } userErrors { message } } }""",
        input={"owner": company_id, "metric": "deals_won", "target": "9", "period": {"kind": "YEAR"}},
    )
    await record_win(server)
    async with server.connect() as socket:
        subscriptions = Subscriptions(socket)
        await subscriptions.start("goal", f'goalProgress(scope: "{company_id}") {{ id progress {{ version }} }}')
        await subscriptions.receive_until(lambda: bool(subscriptions.payloads["goal"]))
        version = subscriptions.newest("goal")["progress"]["version"]

        async with connection.write_transaction():
            await connection.execute("UPDATE goal SET version = 1")
            await change_log.append(["goals"], START)
        await asyncio.sleep(1.5)  # the hub has read the row, and the stream the goal
        await epoch.renew(START)
        await subscriptions.receive_until(lambda: subscriptions.newest("goal")["progress"]["version"] > version + 1000)

    assert [state["progress"]["version"] for state in subscriptions.payloads["goal"][:-1]] == [version]


async def test_page_is_continued_by_the_cursor_of_an_earlier_epoch(database_url: str) -> None:
    async with open_world(database_url) as world:
        world.services.set_epoch("before")
        for _ in range(3):
            await world.mutate("recordCall", direction="OUTBOUND")
        document = (
            "query($after: String) { activities(first: 2, after: $after) { edges { cursor node { id cursor } } } }"
        )
        first_page = (await world.query(document))["activities"]["edges"]
        assert [edge["cursor"] for edge in first_page] == [edge["node"]["cursor"] for edge in first_page]

        world.services.set_epoch("later")
        second_page = (await world.query(document, after=first_page[-1]["cursor"]))["activities"]["edges"]

    assert len(second_page) == 1
    assert second_page[0]["node"]["id"] not in {edge["node"]["id"] for edge in first_page}


async def test_change_at_a_position_that_was_read_before_is_not_stored(database_url: str, tmp_path: Path) -> None:
    async def count_leads() -> int:
        return (await connection.fetch_rows("SELECT COUNT(*) AS count FROM lead"))[0]["count"]

    async with open_world(database_url) as world:
        restore = await back_up(database_url, tmp_path)
        for _ in range(3):
            await world.mutate("recordLead", title="Lost")
        lost_position = (await connection.fetch_rows("SELECT MAX(id) AS id FROM change"))[0]["id"]
        notifier = NullNotifier()
        notifier.committed_position = lost_position
        world.services.notifier = notifier
        await restore()

        document = 'mutation { recordLead(input: {title: "Early"}) { lead { id } } }'
        result = await world.execute(document)

        assert isinstance(result.errors[0].original_error, DatabaseUnavailable)
        assert await count_leads() == 0


async def test_caches_of_what_was_lost_are_dropped(database_url: str, tmp_path: Path) -> None:
    async def read(world: World) -> Any:
        data = await world.query("{ leaderboard { total } forecast { pipeline booked } company { name } }")
        return data["leaderboard"]["total"], data["forecast"]["booked"], data["company"]["name"]

    async with open_world(database_url) as world:
        world.services.set_epoch("before")
        restore = await back_up(database_url, tmp_path)
        before = await read(world)
        await world.mutate("recordDeal", title="Lost", status="WON", amount={"amount": "7"})
        await world.mutate("updateCompany", name="Lost and Co.")
        assert await read(world) != before
        await restore()
        world.services.set_epoch("later")

        assert await read(world) == before
