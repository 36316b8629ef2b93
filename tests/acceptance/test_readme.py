"""The commands and queries of the README work when they are pasted while the demo runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.two_servers import record_win
from tests.backing_services import free_port
from tests.http_server import http_client, receive_message, send_message
from tests.processes import ROOT, TIMEOUT_SECONDS, SpawnedServer, Workspace, killed_at_end

README = (ROOT / "README.md").read_text()
ADDRESS_IN_README = "127.0.0.1:8000"

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="the README's commands need curl")


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[SpawnedServer]:
    """The demo of `./run`, at a free port."""
    workspace = Workspace(tmp_path, secret=None)
    (tmp_path / "var").mkdir()
    port = free_port()
    process = workspace.start("demo", "--port", str(port))
    with killed_at_end(process):
        async with asyncio.timeout(3 * TIMEOUT_SECONDS):  # it creates a year of history first
            while "is running" not in process.out.read_text():
                assert process.code is None, process.stderr_text
                await asyncio.sleep(0.1)
        async with http_client(f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS) as http:
            yield SpawnedServer(http, f"127.0.0.1:{port}", process=process, workspace=workspace)


def read_shell_block(heading: str, address: str) -> str:
    """Return the first shell block below a heading, for a server at another address."""
    code = re.split(rf"^### {heading}$", README, flags=re.MULTILINE)[1].split("```sh\n")[1].split("```")[0]
    assert ADDRESS_IN_README in code
    return code.replace(ADDRESS_IN_README, address).replace(".venv/bin/python", sys.executable)


def find_graphql_block(start: str) -> str:
    """Return the GraphQL block of the README that begins with this text."""
    [query] = re.findall(rf"^```graphql\n({re.escape(start)}.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return query


async def test_commands_and_queries_of_readme_work_with_the_demo(demo: SpawnedServer) -> None:
    demo.token = await run_first_query(demo.address)
    await run_employee_card(demo)
    await run_leaderboard_subscription(demo)
    await run_first_subscription(demo)


async def run_first_query(address: str) -> str:
    """Paste the commands that sign in and query, check the response, and return the access token."""
    commands = read_shell_block("First query", address)
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", f'{commands}\necho\necho "$TOKEN"', stdout=PIPE, stderr=PIPE
    )
    output, errors = await asyncio.wait_for(shell.communicate(), TIMEOUT_SECONDS)

    assert shell.returncode == 0, errors
    response, token = output.decode().splitlines()
    employee = json.loads(response)["data"]["viewer"]["employee"]
    assert employee["standing"]["rank"] >= 1
    assert employee["goals"]
    return token


async def run_employee_card(demo: SpawnedServer) -> None:
    card = (await demo.execute(find_graphql_block("query Card")))["viewer"]["employee"]

    assert card["deals"]["totalCount"] > 0
    assert all(card[relation]["edges"] for relation in ("activities", "tasks", "calls", "leads", "clients", "deals"))


async def run_leaderboard_subscription(demo: SpawnedServer) -> None:
    async with demo.connect() as socket:
        await send_message(socket, id="1", type="subscribe", payload={"query": find_graphql_block("subscription")})
        leaderboard = (await receive_message(socket))["payload"]["data"]["leaderboard"]

    ranks = [row["rank"] for row in leaderboard["standings"]]
    assert len(ranks) == 3
    assert ranks[0] == 1
    assert ranks == sorted(ranks)  # some are equal, all on the first day of a month


async def run_first_subscription(demo: SpawnedServer) -> None:
    """Run the README's program until it has printed a win."""
    program = read_shell_block("First subscription", demo.address)
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", f"exec env {program}", env={**os.environ, "TOKEN": demo.token}, stdout=PIPE
    )
    assert shell.stdout is not None
    try:
        acknowledgement = json.loads(await asyncio.wait_for(shell.stdout.readline(), TIMEOUT_SECONDS))
        next_line = asyncio.create_task(shell.stdout.readline())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not next_line.done():  # the subscription may start after a win: it does not send earlier ones
                await record_win(demo, "Cold room")
                await asyncio.wait([next_line], timeout=1)
        message = json.loads(await next_line)
    finally:
        shell.kill()
        await shell.wait()

    assert acknowledgement == {"type": "connection_ack"}
    assert (message["type"], message["id"]) == ("next", "1")
    assert message["payload"]["data"]["dealWon"]["employee"]["name"]
