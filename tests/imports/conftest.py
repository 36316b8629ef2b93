from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.imports.import_company import Office, opened


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened("sqlite://:memory:", tmp_path) as office:
        yield office
