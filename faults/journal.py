"""What the clients of a scene have sent, been told and received: the material of the auditor."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx2

CONNECTION_LOST = "connection lost"
NO_ANSWER = "no answer"


class WriteKind(StrEnum):
    WIN = "win"
    OPEN_DEAL = "open deal"  # of a batch or an import
    LEAD = "lead"
    REOPENING = "reopening"


@dataclass
class WriteRecord:
    """One write of a client, repeated with the same idempotency key until it is acknowledged.

    marker           the title of the record; of a reopening that of the win
    sent_at          when the last attempt began, on the monotonic clock
    acknowledged_at  None while it is not
    record_ids       ids of the record in all acknowledgements; more than one is a doubled write
    is_excused       the database may have lost it with the newest part of its history
    """

    kind: WriteKind
    marker: str
    sent_at: float = 0.0
    acknowledged_at: float | None = None
    record_ids: set[str] = field(default_factory=set)
    is_excused: bool = False


@dataclass
class ReceivedEvent:
    """An event as a client has received it. `content` is compared with the row."""

    position: int
    content: tuple[Any, ...]


@dataclass
class StreamRecord:
    """What a watcher has received of a stream of events, from its first event on.

    events  in the order of their arrival, over all connections, since the stream was begun anew
    """

    table: str
    events: list[ReceivedEvent] = field(default_factory=list)


@dataclass
class Journal:
    """Everything that the clients of a scene have noted.

    answers         number of answers by error code; an answer without errors is not counted
    messages        of the first answer with each code, to be shown when the code is unexpected
    slowest_answer  seconds
    regressions     states with a lower version than an earlier one on the same connection
    """

    writes: list[WriteRecord] = field(default_factory=list)
    streams: list[StreamRecord] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    slowest_answer: float = 0.0
    regressions: int = 0

    def note_code(self, code: str, message: str = "") -> None:
        self.answers[code] += 1
        self.messages.setdefault(code, message)

    def begin_round(self) -> None:
        """Forget everything except the last event of each stream, after which none may be missing."""
        self.writes, self.answers, self.messages = [], Counter(), {}
        self.slowest_answer, self.regressions = 0.0, 0
        for stream in self.streams:
            del stream.events[:-1]

    def excuse_writes(self, copied_at: float, restored_at: float) -> None:
        """Excuse the writes that a copy of the database made at one time has undone when it was restored at another."""
        for write in self.writes:
            if (
                write.acknowledged_at is not None
                and write.acknowledged_at >= copied_at
                and write.sent_at <= restored_at
            ):
                write.acknowledged_at, write.is_excused = None, True


class ApiClient:
    """Sends operations to one server over HTTP and notes the answers.

    timeout_seconds  after which it stops waiting for an answer
    """

    def __init__(self, address: str, timeout_seconds: float) -> None:
        self.address = address
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
        self._http = httpx2.AsyncClient(base_url=f"http://{address}", timeout=timeout_seconds, limits=limits)

    async def close(self) -> None:
        await self._http.aclose()

    async def execute(
        self, journal: Journal, token: str, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Return the data of the answer; None if there is none or it has errors; their codes are noted."""
        started_at = time.monotonic()
        try:
            response = await self._http.post(
                "/graphql",
                json={"query": query, "variables": variables or {}},
                headers={"Authorization": f"Bearer {token}"} if token else {},
            )
        except httpx2.TimeoutException:
            journal.note_code(NO_ANSWER)
            return None
        except httpx2.TransportError:
            journal.note_code(CONNECTION_LOST)
            return None
        journal.slowest_answer = max(journal.slowest_answer, time.monotonic() - started_at)
        result: dict[str, Any] = response.json()
        for error in result.get("errors", ()):
            journal.note_code(error["extensions"]["code"], error["message"])
        return None if "errors" in result else result["data"]

    async def read_readiness(self) -> str:
        """Return the status of the readiness check; "away" if the server does not answer."""
        try:
            response = await self._http.get("/health/ready", timeout=3)
        except httpx2.TransportError:
            return "away"
        return str(response.json()["status"])
