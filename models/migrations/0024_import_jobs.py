"""Imports in the background of a server, with their reports and rejected rows."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.imports.import_jobs import ImportState


def _foreign_key(model: str, name: str) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=f"{name}_id",
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0023_outbound_calls")]

    operations = [
        ops.CreateModel(
            name="ImportJob",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("started_by", _foreign_key("Employee", "started_by")),
                ("state", fields.CharEnumField(enum_type=ImportState, max_length=20, default=ImportState.RUNNING)),
                ("dry_run", fields.BooleanField(default=False)),
                ("file_names", fields.JSONField(default=list)),
                ("inbox_path", fields.CharField(null=True, max_length=1000)),
                ("map_name", fields.CharField(max_length=200)),
                ("map_text", fields.TextField(null=True, unique=False)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("cancel_requested", fields.BooleanField(default=False)),
                ("lines_done", fields.BigIntField(default=0)),
                ("lines_total", fields.BigIntField(default=0)),
                ("counts", fields.JSONField(default=dict)),
                ("warnings", fields.JSONField(default=list)),
                ("summary", fields.TextField(default="", unique=False)),
                ("error", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "import_job",
                "app": "models",
                "indexes": [Index(fields=["state"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ImportRejection",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("job", _foreign_key("ImportJob", "job")),
                ("file_name", fields.CharField(max_length=400)),
                ("line", fields.IntField()),
                ("column_name", fields.CharField(max_length=400)),
                ("reason", fields.TextField(unique=False)),
                ("cells", fields.JSONField(default=dict)),
            ],
            options={
                "table": "import_rejection",
                "app": "models",
                "indexes": [Index(fields=["job_id", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
