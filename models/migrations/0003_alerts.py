from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from domain.alerts.rules import AlertKind
from models.organization.scopes import OwnerKind


class Migration(migrations.Migration):
    dependencies = [("models", "0002_card")]

    operations = [
        ops.CreateModel(
            name="AlertRule",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharEnumField(enum_type=AlertKind, max_length=20)),
                ("enabled", fields.BooleanField(default=True)),
                ("scope_kind", fields.CharEnumField(default=OwnerKind.COMPANY, enum_type=OwnerKind, max_length=20)),
                ("scope_id", fields.IntField(default=0)),
                ("min_amount", fields.BigIntField(null=True)),
                ("days", fields.IntField(null=True)),
                ("percent", fields.FloatField(null=True)),
                ("recipients", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("channels", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("cool_down_hours", fields.IntField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("deleted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "alert_rule", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Delivery",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("key", fields.CharField(unique=True, max_length=36)),
                ("channel", fields.CharField(max_length=100)),
                (
                    "recipient",
                    fields.ForeignKeyField(
                        "models.Employee",
                        source_field="recipient_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("alerts", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField(default=0)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("dead_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "delivery",
                "app": "models",
                "indexes": [Index(fields=["due_at"]), Index(fields=["recipient_id", "channel", "due_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Lease",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("holder", fields.CharField(default="", max_length=40)),
                ("beat", fields.BigIntField(default=0)),
            ],
            options={"table": "lease", "app": "models", "pk_attr": "name"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RaisedAlert",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "rule",
                    fields.ForeignKeyField(
                        "models.AlertRule",
                        source_field="rule_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharEnumField(enum_type=AlertKind, max_length=20)),
                ("subject_kind", fields.CharField(max_length=20)),
                ("subject_id", fields.IntField()),
                (
                    "employee",
                    fields.ForeignKeyField(
                        "models.Employee",
                        source_field="employee_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("raised_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("resolved_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("notified", fields.BooleanField(source_field="told", default=True)),
                ("data", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "raised_alert",
                "app": "models",
                "indexes": [Index(fields=["subject_kind", "subject_id", "rule_id", "id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Alert",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "raised",
                    fields.ForeignKeyField(
                        "models.RaisedAlert",
                        source_field="raised_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "recipient",
                    fields.ForeignKeyField(
                        "models.Employee",
                        source_field="recipient_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("read_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "alert",
                "app": "models",
                "unique_together": (("raised_id", "recipient_id"),),
                "indexes": [Index(fields=["recipient_id", "id"]), Index(fields=["recipient_id", "read_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="InactivityTimer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=10)),
                ("subject_id", fields.IntField()),
                ("since", fields.BigIntField()),
                ("imported_until", fields.BigIntField(source_field="known", default=0)),
            ],
            options={
                "table": "silence",
                "app": "models",
                "unique_together": (("kind", "subject_id"),),
                "indexes": [Index(fields=["kind", "since"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Goal",
            name="renewed_until",
            field=fields.DateField(null=True),
        ),
        ops.AddField(
            model_name="Task",
            name="overdue_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddIndex(model_name="Activity", index=Index(fields=["at", "id"])),
        ops.RunSQL(
            "CREATE UNIQUE INDEX raised_alert_standing ON raised_alert (rule_id, subject_kind, subject_id)"
            " WHERE resolved_at IS NULL",
            "DROP INDEX raised_alert_standing",
        ),
        ops.RunSQL(
            "CREATE INDEX task_awaited ON task (due_at)"
            " WHERE completed_at IS NULL AND deleted_at IS NULL AND overdue_at IS NULL",
            "DROP INDEX task_awaited",
        ),
    ]
