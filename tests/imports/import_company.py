"""A company to import files into; runs the importer directly instead of by the command."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imports import map_file
from imports.files.source_discovery import find_sources
from imports.importer import Importer, ImportResult
from imports.rejected_rows import RejectedRows
from models.crm.deals import Deal
from models.db import connection
from models.db.connection import fetch_rows
from models.organization import people
from models.organization.people import Employee
from resolvers.organization import company
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.services import NullNotifier, Services
from resolvers.request.viewer import Viewer
from server.context_factory import ContextFactory, build_state
from tests import empty_database
from tests.database_snapshot import Snapshot, connect_restored, take_snapshot
from tests.world import UnlimitedRateLimiter

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
TABLES = ("deal", "client", "contact", "lead", "call", "task", "employee", "team", "membership", "product", "stage",
          "stage_visit", "activity", "bell", "score_entry", "daily_total", "team_total")  # fmt: skip

_snapshots: dict[tuple[bool, str, str], Snapshot] = {}  # by what the company depends on; created once per process


@dataclass
class ImportTestCompany:
    directory: Path

    async def create_context(self) -> RequestContext:
        services = Services("s" * 32, UnlimitedRateLimiter(), NullNotifier(), build_state)
        context = ContextFactory(services, lambda: NOW).create_context(ClientInfo(None, "en", "test", "test"))
        admin = await Employee.get(email="admin@example.com")
        context.current_viewer = Viewer.for_employee(
            admin, await people.load_team_tree(), 0, NOW, has_direct_reports=False
        )
        return context

    def write_files(self, files: Mapping[str, str | bytes]) -> Path:
        source = self.directory / "export"
        source.mkdir(exist_ok=True)
        for name, content in files.items():
            (source / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return source

    async def import_files(
        self, map_name: str, files: Mapping[str, str | bytes], progress: Callable[[int], None] = lambda _: None
    ) -> ImportResult:
        """Import the files by a built-in map's name or the text of a map; rejected rows are in `rejects`."""
        return await self.import_source(map_name, self.write_files(files), progress)

    async def import_source(
        self, map_name: str, source: Path, progress: Callable[[int], None] = lambda _: None
    ) -> ImportResult:
        """Import a file or folder."""
        import_map = (
            map_file.load_map(map_name)
            if map_name in map_file.built_in_maps()
            else map_file.parse_map(map_name, "test")
        )
        sources = find_sources(source, import_map)
        rejects_path = self.directory / "rejects.csv"
        with RejectedRows(rejects_path, [file.path for file in sources.files]) as rejects:
            result = await Importer(await self.create_context(), import_map, rejects, progress).run(sources.files)
        result.passed_over = [part.message for part in sources.passed_over]
        return result

    @property
    def rejects(self) -> list[tuple[str, str, str]]:
        """The lines, columns and reasons of the rejected rows."""
        return [(row["line"], row["column"], row["reason"]) for row in self.read_rejects()]

    def read_rejects(self, name: str = "rejects.csv") -> list[dict[str, str]]:
        """Return the rows of a file of rejected rows by column; of two columns of one name, the import's own."""
        path = self.directory / name
        if not path.exists():
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = file.read(5)[4]  # behind “file”
            file.seek(0)
            header, *rows = csv.reader(file, delimiter=separator)
        return [dict(reversed([*zip(header, row, strict=False)])) for row in rows]

    async def read_deals(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return the deals with this prefix of the external id, by the rest of it."""
        deals = Deal.filter(external_id__startswith=prefix).select_related("owner", "client", "stage").order_by("id")
        return {
            str(deal.external_id).removeprefix(prefix): {
                "title": deal.title,
                "owner": deal.owner.name,
                "client": deal.client and deal.client.name,
                "stage": deal.stage.name,
                "status": deal.status.value,
                "money": (deal.amount, deal.currency),
                "created": deal.created_at.isoformat(),
                "closed": deal.closed_at and deal.closed_at.isoformat(),
                "expected": deal.expected_close_on and deal.expected_close_on.isoformat(),
                "reason": deal.lost_reason,
                "product": deal.product,
            }
            for deal in await deals
        }

    async def read_all_rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of all tables that an import may write."""
        return {table: await fetch_rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}


@asynccontextmanager
async def open_company(
    url: str, directory: Path, currency: str = "EUR", zone: str = "UTC"
) -> AsyncIterator[ImportTestCompany]:
    key = connection.is_sqlite(url), currency, zone
    snapshot = _snapshots.get(key)
    async with connect_restored(url, snapshot) if snapshot else connection.connect(url):
        if not snapshot:
            await empty_database.create_tables()
            await company.set_up(
                name="Acme", currency=currency, zone=zone, country=None, admin="Ada Admin", email="admin@example.com",
                password="correct horse", now=NOW,
            )  # fmt: skip
            _snapshots[key] = await take_snapshot()
        yield ImportTestCompany(directory)
