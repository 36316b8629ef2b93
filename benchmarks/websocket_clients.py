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


class WebSocketClient(asyncio.Protocol):
    """One socket; `on_message` is called with the text of each message."""

    def __init__(self, address: str, token: str, on_message: Callable[[WebSocketClient, bytes], None]) -> None:
        self.address, self.token, self.on_message = address, token, on_message
        self.buffer = bytearray()
        self.is_open = False
        self.is_closed = False
        self.message_count = 0
        self.last_message = b""

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
        if not self.is_open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self.buffer.startswith(b"HTTP/1.1 101"), bytes(self.buffer[:200])
            del self.buffer[: end + 4]
            self.is_open = True
            self.send_json({"type": "connection_init", "payload": {"Authorization": f"Bearer {self.token}"}})
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
                self._send_frame(10, payload)
            elif opcode == 1:
                self.on_message(self, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True

    def send_json(self, message: dict[str, Any]) -> None:
        self._send_frame(1, json.dumps(message).encode())

    def _send_frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        header = (
            bytes([128 | opcode, 128 | size]) if size < 126 else bytes([128 | opcode, 254]) + struct.pack(">H", size)
        )
        self.transport.write(header + b"\0\0\0\0" + payload)  # a mask of zeroes leaves the payload unchanged


async def run_clients(address: str, token: str, payloads: list[dict[str, Any]], commands: Any, output: Any) -> None:
    """Open a socket for each `subscribe` payload, print "ready", then answer each input line with message counts."""
    loop = asyncio.get_running_loop()
    host, _, port = address.partition(":")
    clients: list[WebSocketClient] = []

    def handle_message(client: WebSocketClient, text: bytes) -> None:
        if text.startswith(b'{"type":"connection_ack"'):
            client.send_json({"id": "1", "type": "subscribe", "payload": client.subscribe_payload})  # type: ignore[attr-defined]
            return
        client.message_count += 1
        client.last_message = text

    for payload in payloads:
        _, client = await loop.create_connection(
            lambda: WebSocketClient(address, token, handle_message), host, int(port)
        )
        client.subscribe_payload = payload  # type: ignore[attr-defined]
        clients.append(client)
        if len(clients) % 50 == 0:
            await asyncio.sleep(0.01)
    while not all(client.message_count for client in clients):
        await asyncio.sleep(0.02)
        assert not any(client.is_closed for client in clients), "the server closed a socket"
    print("ready", file=output, flush=True)
    while line := (await loop.run_in_executor(None, commands.readline)).strip():
        if line == "reset":
            for client in clients:
                client.message_count = 0
        last_messages = {client.last_message for client in clients}
        answer = {
            "messages": sum(client.message_count for client in clients),
            "least": min(client.message_count for client in clients),
            "closed": sum(client.is_closed for client in clients),
            "different": len(last_messages),
            "last": next(iter(last_messages)).decode(),
        }
        print(json.dumps(answer), file=output, flush=True)


def main() -> None:
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    config = json.loads(sys.stdin.readline())
    asyncio.run(run_clients(config["address"], config["token"], config["asked"], sys.stdin, sys.stdout))


if __name__ == "__main__":
    main()
