"""Clients that send requests and do not read the responses."""

from __future__ import annotations

import asyncio
import json
import socket as stdlib_socket
from contextlib import closing, suppress
from pathlib import Path

import pytest

from server.http import header_limit
from tests.http_server import run_test_server


async def test_client_that_does_not_read_its_response_is_disconnected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_limit, "SLOW_READER_SECONDS", 0.3)
    query = "{ " + " ".join(f"a{number}: company {{ ...Names }}" for number in range(20)) + " } "
    query += "fragment Names on Company { " + " ".join(f"n{number}: name" for number in range(20)) + " }"
    async with run_test_server(tmp_path) as server:
        await server.execute(
            "mutation($n: String!) { updateCompany(input: {name: $n}) { userErrors { message } } }", n="x" * 200
        )
        body = json.dumps({"query": query}).encode()
        head = b"POST /graphql HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
        head += b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n" % (server.token.encode(), len(body))
        with closing(stdlib_socket.socket()) as client:
            client.setblocking(False)
            client.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_RCVBUF, 4_096)
            loop = asyncio.get_running_loop()
            host, port = server.address.split(":")
            await loop.sock_connect(client, (host, int(port)))
            send_task = asyncio.create_task(loop.sock_sendall(client, (head + body) * 400))  # pipelined
            await asyncio.sleep(1.5)
            send_task.cancel()
            received = bytearray()
            with suppress(ConnectionResetError):
                async with asyncio.timeout(60):
                    while chunk := await loop.sock_recv(client, 1 << 16):  # empty once the server has disconnected
                        received += chunk
        assert received.count(b"HTTP/1.1 200") < 400
