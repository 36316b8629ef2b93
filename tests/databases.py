"""Marks of tests that run on both databases by default, though their fixtures use `usual_database_url`."""

from __future__ import annotations

from typing import Final

import pytest

# for a test whose statements no other test sends to PostgreSQL by default, or that is about locks and transactions
on_both_databases: Final = pytest.mark.parametrize("usual_database_url", ["sqlite", "postgres"], indirect=True)
