"""Lightweight WebSocket clients in a process of their own, so that their CPU time is not counted as the server's.

Implements just enough of RFC 6455 and graphql-transport-ws to subscribe and to count messages. Expects unmasked,
unfragmented text frames, as Scoreline sends them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any


class Client(asyncio.Protocol):
    """One socket; `on_message` is called with the text of each message."""

    def __init__(self, address: str, token: str, heard: Callable[[Client, bytes], None]) -> None:
        self.address, self.token, self.heard = address, token, heard
        self.buffer = bytearray()
        self.open = False
        self.closed = False
        self.count = 0
        self.last = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self.buffer.startswith(b"HTTP/1.1 101"), bytes(self.buffer[:200])
            del self.buffer[: end + 4]
            self.open = True
            self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {self.token}"}})
        while len(self.buffer) >= 2:
            size, start = self.buffer[1] & 127, 2
            if size == 126:
                start = 4
                if len(self.buffer) < 4:
                    return
                size = struct.unpack(">H", self.buffer[2:4])[0]
            elif size == 127:
                start = 10
                if len(self.buffer) < 10:
                    return
                size = struct.unpack(">Q", self.buffer[2:10])[0]
            if len(self.buffer) < start + size:
                return
            opcode, payload = self.buffer[0] & 15, bytes(self.buffer[start : start + size])
            del self.buffer[: start + size]
            if opcode == 9:
                self._frame(10, payload)
            elif opcode == 1:
                self.heard(self, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def say(self, what: dict[str, Any]) -> None:
        self._frame(1, json.dumps(what).encode())

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([128 | opcode, 128 | size]) if size < 126 else bytes([128 | opcode, 254]) + struct.pack(">H", size)
        self.transport.write(head + b"\0\0\0\0" + payload)  # a mask of zeroes leaves the payload unchanged


async def listen(address: str, token: str, asked: list[dict[str, Any]], commands: Any, out: Any) -> None:
    """Open a socket for each `subscribe` payload, print "ready", then answer each input line with message counts."""
    loop = asyncio.get_running_loop()
    host, _, port = address.partition(":")
    clients: list[Client] = []

    def heard(client: Client, text: bytes) -> None:
        if text.startswith(b'{"type":"connection_ack"'):
            client.say({"id": "1", "type": "subscribe", "payload": client.asked})  # type: ignore[attr-defined]
            return
        client.count += 1
        client.last = text

    for payload in asked:
        _, client = await loop.create_connection(lambda: Client(address, token, heard), host, int(port))
        client.asked = payload  # type: ignore[attr-defined]
        clients.append(client)
        if len(clients) % 50 == 0:
            await asyncio.sleep(0.01)
    while not all(client.count for client in clients):
        await asyncio.sleep(0.02)
        assert not any(client.closed for client in clients), "the server closed a socket"
    print("ready", file=out, flush=True)
    while line := (await loop.run_in_executor(None, commands.readline)).strip():
        if line == "reset":
            for client in clients:
                client.count = 0
        lasts = {client.last for client in clients}
        answer = {
            "messages": sum(client.count for client in clients),
            "least": min(client.count for client in clients),
            "closed": sum(client.closed for client in clients),
            "different": len(lasts),
            "last": next(iter(lasts)).decode(),
        }
        print(json.dumps(answer), file=out, flush=True)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = json.loads(sys.stdin.readline())
    asyncio.run(listen(given["address"], given["token"], given["asked"], sys.stdin, sys.stdout))


if __name__ == "__main__":
    main()
