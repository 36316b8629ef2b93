"""The connection to PostgreSQL is encrypted as its environment variables say, without a fallback."""

from __future__ import annotations

import pytest

from models.db import connection
from models.db.errors import DatabaseUnavailable


async def test_connection_without_tls_is_refused_when_the_environment_demands_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")  # the server of the tests has no certificate

    with pytest.raises(DatabaseUnavailable):
        async with connection.connect(postgres_url):
            await connection.fetch_rows("SELECT 1", [])

    monkeypatch.setenv("PGSSLMODE", "prefer")
    async with connection.connect(postgres_url):
        assert len(await connection.fetch_rows("SELECT 1", [])) == 1
