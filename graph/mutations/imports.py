"""Mutations of imports."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.input_mapping import to_input
from graph.base.lazy_types import ImportJobRef, ImportPreviewRef
from graph.base.mutations import mutation, payload, run_in_unit_of_work, session_mutation
from graph.base.row_types import Info
from resolvers import import_jobs
from resolvers.request.import_files import ImportSource, UploadedFile

_SOURCE = """Either `files`, uploaded in a multipart request, or `inboxPath`, a file or folder in the server's inbox
directory (`SCORELINE_IMPORT_INBOX`); and `map`, the name of a built-in map, or `mapText`, a map as TOML, or neither: then
a map is found from the columns."""


@strawberry.input(description=_SOURCE)
class PreviewImportInput:
    files: list[UploadedFile] | None = UNSET
    inbox_path: str | None = UNSET
    map: str | None = UNSET
    map_text: str | None = UNSET


@strawberry.input(
    description=f"{_SOURCE} Without a map, only a built-in one that fits is used. With `dryRun`, everything is read and checked, and nothing stored."
)
class RunImportInput:
    files: list[UploadedFile] | None = UNSET
    inbox_path: str | None = UNSET
    map: str | None = UNSET
    map_text: str | None = UNSET
    dry_run: bool = False
    idempotency_key: str | None = UNSET


@payload("What the import would read.")
class PreviewImportPayload:
    preview: ImportPreviewRef | None


@payload("The import.")
class ImportPayload:
    import_run: ImportJobRef | None


@strawberry.type
class ImportMutation:
    @session_mutation(
        """Show how a map reads files, without importing them: the columns, what the map takes from each, and problems
of the first rows. For administrators."""
    )
    async def preview_import(self, info: Info, input: PreviewImportInput) -> PreviewImportPayload:
        return PreviewImportPayload(preview=await import_jobs.preview(info.context, to_input(ImportSource, input)))

    @session_mutation(
        """Start an import in the background of the server; `importProgress` shows how far it is. It goes on after the
request. CONFLICT while another import runs. For administrators."""
    )
    async def run_import(self, info: Info, input: RunImportInput) -> ImportPayload:
        context, source = info.context, to_input(ImportSource, input)
        files = await import_jobs.check(context, source)  # reads the files, before the lock of the ledger is taken

        async def start() -> ImportPayload:
            return ImportPayload(import_run=await import_jobs.start(context, source, files))

        return await run_in_unit_of_work(info, ImportPayload, {"input": input}, start)

    @mutation(
        """Stop a running import after its current batch; what was imported stays, and starting it again completes it.
Without effect on an import that is over. For administrators."""
    )
    async def cancel_import(self, info: Info, id: ID) -> ImportPayload:
        return ImportPayload(import_run=await import_jobs.cancel(info.context, id))
