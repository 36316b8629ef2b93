"""Writers: clients that repeat each write with its idempotency key until it is acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Final

from faults.journal import Journal, WriteKind, WriteRecord
from faults.rig import Rig, ServerUnderTest

PATIENCE_SECONDS: Final = 60.0  # how long a writer repeats one write
_MUTATIONS: Final = {
    WriteKind.WIN: ("recordDeal", "RecordDealInput", "deal"),
    WriteKind.LEAD: ("recordLead", "RecordLeadInput", "lead"),
    WriteKind.REOPENING: ("reopenDeal", "ReopenDealInput", "deal"),
}  # name, type of its input, name of the record in its payload
_MAX_BACKOFF_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = (0.02, 0.2)  # between two writes


class LoadWriter:
    """Writes one thing after the other, each time to any server, until it is stopped.

    impatience_seconds  close the connection at a random moment within this time without waiting for the answer, in
                        half of the attempts; 0: never
    takes_back          whether some wins are reopened later
    servers             to which it writes; empty: all of the rig
    """

    def __init__(
        self, name: str, rig: Rig, journal: Journal, rng: random.Random, servers: Sequence[ServerUnderTest] = ()
    ) -> None:
        self.impatience_seconds, self.takes_back, self.servers = 0.0, True, servers
        self._name, self._rig, self._journal, self._rng = name, rig, journal, rng
        self._count = 0
        self._open_wins: list[WriteRecord] = []
        self._stopping = False

    async def run(self) -> None:
        while not self._stopping:
            await self._write_once()
            await asyncio.sleep(self._rng.uniform(*_PAUSE_SECONDS))

    def stop(self) -> None:
        """End after the current write."""
        self._stopping = True

    async def _write_once(self) -> None:
        """Record a win or a lead, or take a win back; repeat until it is acknowledged."""
        choice = self._rng.random()
        if choice < 0.15 and self._open_wins and self.takes_back:
            win = self._open_wins.pop(self._rng.randrange(len(self._open_wins)))
            write = WriteRecord(WriteKind.REOPENING, win.marker)
            input: dict[str, Any] = {"id": next(iter(win.record_ids)), "idempotencyKey": f"{win.marker} reopened"}
        else:
            write, input = self._make_record(WriteKind.LEAD if choice > 0.85 else WriteKind.WIN)
        self._journal.writes.append(write)
        await self._repeat_until_acknowledged(write, input)
        if write.kind is WriteKind.WIN and write.acknowledged_at is not None:
            self._open_wins.append(write)

    def _make_record(self, kind: WriteKind) -> tuple[WriteRecord, dict[str, Any]]:
        self._count += 1
        marker = f"{self._name}-{self._count}"
        input: dict[str, Any] = {
            "title": marker,
            "idempotencyKey": marker,
            "owner": self._rng.choice(self._rig.seller_ids),
        }
        if kind is WriteKind.WIN:
            input |= {"status": "WON", "amount": {"amount": str(self._rng.randint(1, 900))}}
        return WriteRecord(kind, marker), input

    async def _repeat_until_acknowledged(self, write: WriteRecord, input: dict[str, Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        backoff_seconds = 0.05
        while time.monotonic() < deadline:
            write.sent_at = time.monotonic()
            if await self._attempt(self._rng.choice(self.servers or self._rig.servers), write, input):
                write.acknowledged_at = time.monotonic()
                return
            await asyncio.sleep(self._rng.uniform(0, backoff_seconds))  # full jitter
            backoff_seconds = min(2 * backoff_seconds, _MAX_BACKOFF_SECONDS)

    async def _attempt(self, server: ServerUnderTest, write: WriteRecord, input: dict[str, Any]) -> bool:
        """Send the write once and return whether it was acknowledged."""
        mutation, input_type, record_name = _MUTATIONS[write.kind]
        document = f"""mutation($input: {input_type}!) {{
          {mutation}(input: $input) {{ {record_name} {{ id }} userErrors {{ path code message }} }} }}"""
        request = server.client.execute(self._journal, self._rig.admin_token, document, {"input": input})
        if self.impatience_seconds and self._rng.random() < 0.5:
            try:
                async with asyncio.timeout(self._rng.uniform(0, self.impatience_seconds)):
                    data = await request
            except TimeoutError:
                return False
        else:
            data = await request
        if data is None:
            return False
        (payload,) = data.values()
        for error in payload["userErrors"]:
            self._journal.note_code(f"user error {error['code']}", error["message"])
        record = payload[record_name]
        if payload["userErrors"] or record is None:
            return False
        write.record_ids.add(record["id"])
        return True
