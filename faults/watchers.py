"""Watchers: clients that follow a subscription and connect again as docs/api.md tells clients to."""

from __future__ import annotations

import asyncio
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from domain.primitives.global_ids import decode_global_id
from faults.journal import Journal, ReceivedEvent, StreamRecord
from faults.rig import Rig, ServerUnderTest
from models.db.keyset_pagination import decode_cursor

MAX_BACKOFF_SECONDS: Final = 1.0
CONNECT_TIMEOUT_SECONDS: Final = 8.0
SILENCE_SECONDS: Final = 6.0  # after which a client pings; without an answer in the same time it connects again
CURSOR_UNKNOWN: Final = "CURSOR_UNKNOWN"
_RECONNECT_CODES: Final = frozenset({None, 1001, 1006, 1012, 1013})  # close codes after which a client connects again


class SubscriptionEnded(Exception):
    """The server has ended the subscription with an error."""


class Watcher(ABC):
    """Follows one subscription until it is cancelled; each connection goes to any of the servers."""

    def __init__(self, rig: Rig, journal: Journal, rng: random.Random, token: str) -> None:
        self.rig, self.journal = rig, journal
        self.reading = asyncio.Event()  # cleared: the client does not read, like one that is frozen
        self.reading.set()
        self.connection_count = 0
        self._rng, self._token = rng, token
        self._socket: ClientConnection | None = None

    async def run(self) -> None:
        backoff_seconds = 0.1
        while True:
            received_count = self.message_count
            server = self._rng.choice(self.rig.servers)
            try:
                await self._follow(server)
            except (OSError, WebSocketException, TimeoutError):
                code = self._socket.close_code if self._socket is not None else None
                if code not in _RECONNECT_CODES:
                    self.journal.note_code(
                        f"socket closed with {code}", str(self._socket and self._socket.close_reason)
                    )
            except SubscriptionEnded:
                pass
            backoff_seconds = (
                0.1 if self.message_count > received_count else min(2 * backoff_seconds, MAX_BACKOFF_SECONDS)
            )
            await asyncio.sleep(self._rng.uniform(0, backoff_seconds))  # full jitter

    def drop_connection(self) -> None:
        """Cut the connection, as a network does that changes."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _follow(self, server: ServerUnderTest) -> None:
        """Subscribe over a new connection and handle messages until it is lost. Raises SubscriptionEnded."""
        self._socket = None
        async with connect(
            f"ws://{server.address}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            open_timeout=CONNECT_TIMEOUT_SECONDS,
            close_timeout=0.5,
            ping_interval=SILENCE_SECONDS,
            ping_timeout=SILENCE_SECONDS,
        ) as socket:
            self._socket = socket
            self.connection_count += 1
            self.on_connected()
            await socket.send(_message("connection_init", payload={"Authorization": f"Bearer {self._token}"}))
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                while json.loads(await socket.recv())["type"] != "connection_ack":
                    continue
            await socket.send(_message("subscribe", id="1", payload=self.make_request()))
            while True:
                await self.reading.wait()
                self._handle(json.loads(await socket.recv()))

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] == "next" and "errors" not in message["payload"]:
            (value,) = message["payload"]["data"].values()
            self.on_value(value)
        elif message["type"] in ("next", "error"):
            errors = message["payload"]["errors"] if message["type"] == "next" else message["payload"]
            for error in errors:
                self.journal.note_code(error["extensions"]["code"], error["message"])
                if error["extensions"]["code"] == CURSOR_UNKNOWN:
                    self.begin_anew()
            raise SubscriptionEnded
        elif message["type"] == "complete":
            raise SubscriptionEnded

    @property
    @abstractmethod
    def message_count(self) -> int:
        """Number of values received so far."""

    @abstractmethod
    def make_request(self) -> dict[str, Any]:
        """Return the payload of `subscribe`."""

    @abstractmethod
    def on_value(self, value: Any) -> None: ...

    def on_connected(self) -> None:  # noqa: B027 - not every watcher needs it
        """Called for each connection."""

    def begin_anew(self) -> None:  # noqa: B027
        """Called when the server does not know the cursor."""


class EventWatcher(Watcher):
    """Follows a stream of events, and continues after the last cursor that it has received."""

    table: ClassVar[str]
    query: ClassVar[str]

    def __init__(self, rig: Rig, journal: Journal, rng: random.Random, token: str) -> None:
        super().__init__(rig, journal, rng, token)
        self._cursor: str | None = None
        self._count = 0
        self.begin_anew()

    @property
    def message_count(self) -> int:
        return self._count

    def begin_anew(self) -> None:
        self._cursor = None
        self.stream = StreamRecord(self.table)
        self.journal.streams.append(self.stream)

    def make_request(self) -> dict[str, Any]:
        return {"query": self.query, "variables": {"after": self._cursor}}

    def on_value(self, value: Any) -> None:
        self._count += 1
        self._cursor = value["cursor"]
        match decode_cursor(value["cursor"]):
            case [int(position), *_]:
                self.stream.events.append(ReceivedEvent(position, self.read_content(value)))
            case _:
                raise AssertionError(f"{value['cursor']} is no cursor of an event")

    @staticmethod
    @abstractmethod
    def read_content(value: Any) -> tuple[Any, ...]:
        """Return what the event says, as `auditor.CONTENT_SQL` reads it from its row."""

    def is_at(self, newest_positions: dict[str, int]) -> bool:
        """Return whether the newest event has arrived."""
        return bool(self.stream.events) and self.stream.events[-1].position >= newest_positions[self.table]


class ActivityWatcher(EventWatcher):
    table = "activity"
    query = "subscription($after: String) { activities(after: $after) { id cursor kind } }"

    @staticmethod
    def read_content(value: Any) -> tuple[Any, ...]:
        type_and_id = decode_global_id(value["id"])
        return (type_and_id[1] if type_and_id else None, value["kind"])


class WinWatcher(EventWatcher):
    table = "bell"
    query = "subscription($after: ID) { dealWon(after: $after) { cursor title revoked } }"

    @staticmethod
    def read_content(value: Any) -> tuple[Any, ...]:
        return (value["title"], value["revoked"])


class StateWatcher(Watcher):
    """Follows states by key, and ignores one with a lower version as docs/api.md says."""

    def __init__(
        self,
        rig: Rig,
        journal: Journal,
        rng: random.Random,
        token: str,
        *,
        query: str,
        read_state: Callable[[Any], tuple[str, int, Any]],
    ) -> None:
        """Follow `query`.

        read_state  returns key, version and the rest of a state
        """
        super().__init__(rig, journal, rng, token)
        self.states: dict[str, Any] = {}
        self._versions: dict[str, int] = {}
        self._versions_of_connection: dict[str, int] = {}
        self._query, self._read_state = query, read_state
        self._count = 0

    @property
    def message_count(self) -> int:
        return self._count

    def make_request(self) -> dict[str, Any]:
        return {"query": self._query}

    def on_connected(self) -> None:
        self._versions_of_connection = {}

    def on_value(self, value: Any) -> None:
        self._count += 1
        key, version, state = self._read_state(value)
        if version < self._versions_of_connection.get(key, 0):
            self.journal.regressions += 1
        self._versions_of_connection[key] = version
        if version >= self._versions.get(key, 0):
            self._versions[key], self.states[key] = version, state


def _message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})
