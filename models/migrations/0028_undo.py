"""What taking back a change of a deal needs, and which activities were taken back."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.crm.activities import ActivityKind


class Migration(migrations.Migration):
    dependencies = [("models", "0027_merges")]

    operations = [
        ops.CreateModel(
            name="UndoRecord",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("deal_id", fields.IntField()),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("before", fields.JSONField(default=dict)),
            ],
            options={
                "table": "undo_record",
                "app": "models",
                "indexes": [Index(fields=["deal_id", "recorded_at"]), Index(fields=["recorded_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="UndoneActivity",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("activity_id", fields.BigIntField(unique=True)),
                ("kind", fields.CharEnumField(enum_type=ActivityKind, max_length=30)),
                ("employee_id", fields.IntField(null=True)),
                ("team_id", fields.IntField(null=True)),
                ("subject_kind", fields.CharField(max_length=20)),
                ("subject_id", fields.IntField()),
                ("undone_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("undone_by_id", fields.IntField(null=True)),
                ("alerts", fields.JSONField(default=list)),
            ],
            options={
                "table": "undone_activity",
                "app": "models",
                "indexes": [Index(fields=["undone_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
