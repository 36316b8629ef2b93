"""Test receivers of webhooks and mail, which respond as a test says and keep what they received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.backing_services import free_port

WEBHOOK_SECRET = "a secret of some length"


@dataclass
class WebhookReceiver:
    """A webhook receiver.

    status_for    the response status of each request, by its number from 1
    requests      headers and body of each request; the request line is the header ""
    accepted_ids  the message ids of requests that were answered with 200
    """

    port: int = field(default_factory=free_port)
    status_for: Callable[[int], int] = lambda number: 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    accepted_ids: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?who=crm#{WEBHOOK_SECRET}"

    @property
    def is_up(self) -> bool:
        return self._server is not None

    @property
    def message_ids(self) -> list[str]:
        return [headers["x-scoreline-delivery"] for headers, _ in self.requests]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-1])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append(({**headers, "": head[0]}, body))
            status = self.status_for(len(self.requests))
            if status == 200:
                self.accepted_ids.append(headers.get("x-scoreline-delivery", ""))
            writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def run_receiver() -> AsyncIterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


@dataclass
class ReceivedMail:
    sender: str
    recipients: list[str]
    message: EmailMessage


@dataclass
class MailServer:
    """A mail server that accepts mail to its known addresses, or to any if `known_addresses` is None."""

    port: int = 0
    known_addresses: frozenset[str] | None = None
    received: list[ReceivedMail] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, recipients = "", list[str]()
        writer.write(b"220 mail.example.com\r\n")
        try:
            while line := (await reader.readline()).decode().strip():
                verb, answer = line.partition(" ")[0].upper(), "250 well"
                if verb == "MAIL":
                    sender, recipients = _extract_address(line), []
                elif verb == "RCPT" and (
                    self.known_addresses is None or _extract_address(line) in self.known_addresses
                ):
                    recipients.append(_extract_address(line))
                elif verb == "RCPT":
                    answer = "550 there is nobody of that name"
                elif verb == "DATA":
                    writer.write(b"354 go on\r\n")
                    text = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                    mail = message_from_bytes(text, policy=policy.default)
                    assert isinstance(mail, EmailMessage)
                    self.received.append(ReceivedMail(sender, recipients, mail))
                writer.write(f"{answer}\r\n".encode())
                if verb == "QUIT":
                    break
        finally:
            writer.close()


def _extract_address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


@asynccontextmanager
async def run_mail_server() -> AsyncIterator[MailServer]:
    mail_server = MailServer()
    server = await asyncio.start_server(mail_server.serve, "127.0.0.1", 0)
    mail_server.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mail_server
