"""Merged clients, contacts and leads say into which, and have keys by which duplicates are found."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from domain.primitives.duplicate_keys import name_key, phone_key
from models.db import bulk_statements, connection

_NAME_COLUMNS = {"client": "name", "contact": "name", "lead": "contact_name"}
_ROWS_PER_STATEMENT = 1000


async def _fill_keys(_apps: object, _editor: object) -> None:
    """Set the keys of all records, a thousand at a time."""
    for table, name_column in _NAME_COLUMNS.items():
        selected = f"SELECT id, phone, {name_column} AS name FROM {table} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        last_id = 0
        while rows := await connection.fetch_rows(selected, [last_id, _ROWS_PER_STATEMENT]):
            last_id = rows[-1]["id"]
            await bulk_statements.execute_with_typed_rows(
                f"UPDATE {table} SET phone_key = source.column2, name_key = source.column3"  # noqa: S608
                f" FROM (VALUES {{rows}}) AS source WHERE {table}.id = source.column1",
                [(row["id"], phone_key(row["phone"]), name_key(row["name"])) for row in rows],
                ("INTEGER", "VARCHAR", "VARCHAR"),
            )


class Migration(migrations.Migration):
    dependencies = [("models", "0026_plans")]

    operations = [
        *(
            ops.AddField(model_name=model, name=name, field=field)
            for model in ("Client", "Contact", "Lead")
            for name, field in (
                ("merged_into_id", fields.IntField(null=True)),
                ("phone_key", fields.CharField(null=True, max_length=10)),
                ("name_key", fields.CharField(null=True, max_length=400)),
            )
        ),
        ops.RunPython(_fill_keys),
    ]
