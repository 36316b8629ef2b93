"""The rows of all kinds of CRM records: inserts, and updates of the columns that changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tortoise.models import Model

from models.crm.calls import Call
from models.crm.clients import Client, Contact
from models.crm.custom_metrics import Result
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task
from models.db import connection

OwnedRecord = Deal | Lead | Client | Contact  # counts for its owner when it is created
CrmRecord = OwnedRecord | Call | Task | Result


def list_columns(model: type[Model]) -> Sequence[str]:
    return tuple(model._meta.fields_db_projection)


async def insert_records(rows: Sequence[CrmRecord]) -> None:
    """Insert new rows of one kind, and set their ids."""
    if len(rows) == 1:
        await connection.save_new_row(rows[0])
    elif rows:
        model = type(rows[0])
        # bulk_create returns no ids, but activities and postings need them: a range of ids is reserved first.
        for row, row_id in zip(rows, await connection.reserve_ids(model, len(rows)), strict=True):
            row.id, row._custom_generated_pk = row_id, True
        await model.bulk_create(rows, batch_size=200)  # type: ignore[arg-type]
        for row in rows:
            row._saved_in_db = True


async def update_record(row: CrmRecord, columns: Collection[str]) -> None:
    await row.save(update_fields=list(columns))
