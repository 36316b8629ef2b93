"""A runner of imports that reads an inbox with one file, and runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from imports import inbox
from imports.import_preview import open_map
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource

_INBOX: Final = Path(__file__).parent / "inbox"


class StubImportRunner:
    async def check(self, source: ImportSource) -> ImportableFiles:
        path = inbox.locate(_INBOX, source.inbox_path or "")
        return ImportableFiles([path.name], open_map(source.map, source.map_text).name)

    async def preview(self, source: ImportSource, zone: str) -> ImportPreview:
        return ImportPreview((await self.check(source)).map_name, [])

    def start(self, job_id: int, source: ImportSource, language: str) -> None: ...
