"""GraphQL types and queries of imports: their previews, progress and reports."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID

from domain.i18n.languages import translate
from graph.base.connections import paged_field
from graph.base.enums import ImportState
from graph.base.field_declarations import NOTHING, declare
from graph.base.lazy_types import EmployeeRef, ImportJobRef
from graph.base.row_types import Info, Node, employee_ref, row_type
from models.db.row_query import RowQuery
from models.imports import import_jobs as rows
from resolvers import import_jobs
from resolvers.request import import_files


@strawberry.type(description="A column of a file to import.")
class ImportPreviewColumn:
    name: str
    field: str | None = strawberry.field(description="The field that the map reads from it; null if nothing does.")
    samples: list[str] = strawberry.field(description="Its first cells, at most three that are not empty.")
    confidence: float | None = strawberry.field(
        description="How sure the field is, from 0 to 1, if the map was found for the files; null if it was given."
    )


@strawberry.type(description="A row that cannot be imported as it stands.")
class ImportProblem:
    line: int
    column: str = strawberry.field(description="Empty if it is the row as a whole.")

    @strawberry.field(metadata=declare(NOTHING))
    @staticmethod
    def reason(root: strawberry.Parent[import_files.ImportProblem], info: Info) -> str:
        return translate(root.reason, info.context.language)


@strawberry.type(description="The head of a file to import.")
class ImportPreviewFile:
    name: str
    kind: str = strawberry.field(description="The kind of its records, such as `deals`.")
    lines: int
    columns: list[ImportPreviewColumn] = strawberry.field(metadata=declare(length=20))
    missing_fields: list[str] = strawberry.field(
        description="Optional fields of which the file has none of the columns that the map names."
    )
    problems: list[ImportProblem] = strawberry.field(
        description="Of its first 100 rows, as far as they can be told without the company's data.",
        metadata=declare(length=10),
    )


@strawberry.type(description="What an import would read.")
class ImportPreview:
    files: list[ImportPreviewFile] = strawberry.field(metadata=declare(length=3))
    found_map: str | None = strawberry.field(
        description="The map as TOML, to be completed and sent as `mapText`, if it was found for the files."
    )

    @strawberry.field(description="The name of the map.")
    @staticmethod
    def map(root: strawberry.Parent[import_files.ImportPreview]) -> str:
        return root.map_name

    @strawberry.field(
        description="Files that the map does not cover, with the reason.", metadata=declare(NOTHING, length=5)
    )
    @staticmethod
    def ignored_files(root: strawberry.Parent[import_files.ImportPreview], info: Info) -> list[str]:
        return [translate(file, info.context.language) for file in root.ignored_files]

    @strawberry.field(
        description="What the found map leaves open, with the line that has to be filled in.",
        metadata=declare(NOTHING, length=5),
    )
    @staticmethod
    def questions(root: strawberry.Parent[import_files.ImportPreview], info: Info) -> list[str]:
        return [translate(question, info.context.language) for question in root.questions]


@strawberry.type(description="How many rows of a kind an import has read, and what has become of them.")
class ImportCounts:
    kind: str
    read: int
    new: int
    changed: int
    unchanged: int
    rejected: int


@strawberry.type(description="A cell of a rejected row.")
class ImportCell:
    column: str
    value: str


@row_type(rows.ImportRejection, description="A row that an import has rejected.")
class ImportRejection:
    line: int = strawberry.field(description="The line of the file on which it begins.")
    reason: str

    @strawberry.field
    @staticmethod
    def file(root: strawberry.Parent[rows.ImportRejection]) -> str:
        return root.file_name

    @strawberry.field(description="Empty if it is the row as a whole.")
    @staticmethod
    def column(root: strawberry.Parent[rows.ImportRejection]) -> str:
        return root.column_name

    @strawberry.field(metadata=declare(length=20))
    @staticmethod
    def cells(root: strawberry.Parent[rows.ImportRejection]) -> list[ImportCell]:
        return [ImportCell(column=column, value=value) for column, value in root.cells.items()]


@row_type(rows.ImportJob, description="An import in the background of the server, running or over, with its report.")
class ImportJob(Node):
    state: ImportState
    dry_run: bool = strawberry.field(description="Whether everything is read and checked, and nothing stored.")
    started_by: EmployeeRef | None = employee_ref("started_by_id")
    started_at: datetime
    finished_at: datetime | None
    cancel_requested: bool
    file_names: list[str]
    inbox_path: str | None = strawberry.field(description="Null for uploaded files.")
    map_text: str | None = strawberry.field(description="Null for a built-in map.")
    warnings: list[str] = strawberry.field(description="What was imported, but may not be meant so; at the end.")
    summary: str = strawberry.field(description="The report as a text, at the end.")
    error: str | None = strawberry.field(description="Why it has failed.")

    @strawberry.field(description="The name of the map.")
    @staticmethod
    def map(root: strawberry.Parent[rows.ImportJob]) -> str:
        return root.map_name

    @strawberry.field
    @staticmethod
    def rows_read(root: strawberry.Parent[rows.ImportJob]) -> int:
        return root.count("read")

    @strawberry.field(description="Rows that made a new record or changed one.")
    @staticmethod
    def rows_taken(root: strawberry.Parent[rows.ImportJob]) -> int:
        return root.count("new", "changed")

    @strawberry.field
    @staticmethod
    def rows_unchanged(root: strawberry.Parent[rows.ImportJob]) -> int:
        return root.count("unchanged")

    @strawberry.field
    @staticmethod
    def rows_rejected(root: strawberry.Parent[rows.ImportJob]) -> int:
        return root.count("rejected")

    @strawberry.field(description="From 0 to 1.")
    @staticmethod
    def share_done(root: strawberry.Parent[rows.ImportJob]) -> float:
        return root.share_done

    @strawberry.field(metadata=declare(length=3))
    @staticmethod
    def counts(root: strawberry.Parent[rows.ImportJob]) -> list[ImportCounts]:
        outcomes = ("read", "new", "changed", "unchanged", "rejected")
        return [
            ImportCounts(kind=kind, **{name: counts.get(name, 0) for name in outcomes})
            for kind, counts in root.counts.items()
        ]

    @paged_field(
        ImportRejection,
        "id",
        description="The rejected rows in their order, at most the first 10,000; kept for 90 days after the end.",
    )
    @staticmethod
    async def rejected_rows(root: strawberry.Parent[rows.ImportJob], info: Info) -> RowQuery[rows.ImportRejection]:
        return import_jobs.select_rejections(info.context, root)


@strawberry.type
class ImportQuery:
    @strawberry.field(description="An import, with its report; null if absent. For administrators.")
    async def import_run(self, info: Info, id: ID) -> ImportJobRef | None:
        return await import_jobs.find(info.context, id)

    @paged_field(ImportJob, "-id", description="All imports through the API, newest first. For administrators.")
    async def import_runs(self, info: Info) -> RowQuery[ImportJobRef]:
        return import_jobs.select_jobs(info.context)
