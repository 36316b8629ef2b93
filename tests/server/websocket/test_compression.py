"""Compressed messages of a WebSocket (RFC 7692)."""

from __future__ import annotations

from pathlib import Path

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.http_server import receive_message, run_test_server, send_message


async def test_compressed_socket_works_in_both_directions(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, compress=True) as server:
        url = f"ws://{server.address}/graphql"
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            assert [type(extension).__name__ for extension in socket.protocol.extensions] == ["PerMessageDeflate"]
            await send_message(socket, type="connection_init", payload={"Authorization": f"Bearer {server.token}"})
            assert await receive_message(socket) == {"type": "connection_ack"}
            for number in range(3):
                query = "{ company { name } }" + " " * 5_000
                await send_message(socket, id=str(number), type="subscribe", payload={"query": query})
                assert (await receive_message(socket))["payload"] == {"data": {"company": {"name": "Acme"}}}
                assert (await receive_message(socket))["type"] == "complete"
            await send_message(
                socket, id="live", type="subscribe", payload={"query": "subscription { leaderboard { total } }"}
            )
            assert (await receive_message(socket))["payload"] == {"data": {"leaderboard": {"total": "0.00"}}}
            await server.execute(
                'mutation { recordDeal(input: {title: "Chairs", status: WON, amount: {amount: "7"}}) {'
                " userErrors { message } } }"
            )
            assert (await receive_message(socket))["payload"] == {"data": {"leaderboard": {"total": "7.00"}}}
