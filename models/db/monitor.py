"""Watches whether PostgreSQL answers, so that requests are refused at once while it is frozen or unreachable.

Without it each request would wait for its own deadline, and fill the pool with connections that never answer.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NoReturn

from models.db import connection
from models.db.deadline import DeadlineExceeded, with_deadline
from models.db.postgres_backend import PostgresClient
from models.db.write_queue import SERVER_LIMITS

INTERVAL_SECONDS: Final = 0.5  # between two probes
ANSWER_SECONDS: Final = 0.75  # within which a probe is answered
MAX_LAG_SECONDS: Final = 0.25  # a probe that ended later was not answered because this process was busy or paused
MAX_FAILURES: Final = 2  # in a row, after which the database counts as away
# The probe also ends the sessions of other servers that have been frozen in the middle of a statement: those wait for a
# client inside a transaction, perhaps with the lock of the ledger, and do not count as idle.
_PROBE_SQL: Final = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = '{connection.APPLICATION_NAME}' AND datname = current_database() AND usename = current_user
    AND state = 'active' AND wait_event = 'ClientRead'
    AND state_change < now() - make_interval(secs => {SERVER_LIMITS.idle_in_transaction})
"""  # noqa: S608 - constants

log = logging.getLogger(__name__)


class DatabaseMonitor:
    """Probes PostgreSQL over a connection of its own, which no request can occupy, and tells the client the outcome."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self) -> NoReturn:
        """Probe until cancelled; SQLite, which is no server, always counts as answering. Call it within `connect`."""
        if connection.is_sqlite(self._url):
            await asyncio.Event().wait()
        availability = connection.current_client().availability
        probe_client, failures = self._create_probe_client(), 0
        try:
            while True:
                is_answered = await self._probe(probe_client)
                failures = 0 if is_answered else failures + 1
                if is_answered and not availability.is_answering:
                    log.info("The database answers again.")
                    availability.set_answering()
                elif failures == MAX_FAILURES:
                    log.warning("The database does not answer: requests are refused until it does.")
                    availability.set_away()
                if is_answered or failures >= MAX_FAILURES:
                    await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            availability.set_answering()
            await probe_client.close()

    def _create_probe_client(self) -> PostgresClient:
        config = connection.tortoise_config(self._url, pool_size=1)
        return PostgresClient(**config["connections"]["postgres"]["credentials"], connection_name="probe")

    async def _probe(self, client: PostgresClient) -> bool:
        """Return whether the database answers; also True if this process was too busy to tell."""
        loop = asyncio.get_running_loop()
        latest_end = loop.time() + ANSWER_SECONDS + MAX_LAG_SECONDS
        try:
            _, ended_sessions = await with_deadline(ANSWER_SECONDS, client.execute_query(_PROBE_SQL))
        except DeadlineExceeded:
            return loop.time() > latest_end
        except Exception as error:  # noqa: BLE001 - whatever the reason is, there was no answer
            log.debug("A probe of the database failed (%r).", error)
            await asyncio.sleep(INTERVAL_SECONDS)  # it failed at once: the database may just be restarting
            return False
        if ended_sessions:
            log.warning("%d sessions of a server that does not go on were ended.", len(ended_sessions))
        return True
