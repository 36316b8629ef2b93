"""Refunds of won deals, and on the deal how much was given back."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from domain.ledger.record_facts import SaleKind


class Migration(migrations.Migration):
    dependencies = [("models", "0031_goal_slices")]

    operations = [
        ops.CreateModel(
            name="Refund",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("external_id", fields.CharField(null=True, unique=True, max_length=400)),
                (
                    "deal",
                    fields.ForeignKeyField(
                        "models.Deal",
                        source_field="deal_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount", fields.BigIntField()),
                ("currency", fields.CharField(max_length=3)),
                ("reason", fields.TextField(null=True, unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("deleted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("refunded_on", fields.DateField()),
                ("value", fields.BigIntField()),
                ("profit", fields.BigIntField(null=True)),
                ("sale_kind", fields.CharEnumField(null=True, enum_type=SaleKind, max_length=20)),
                ("credit_by", fields.IntField()),
                ("credit_team", fields.IntField(default=0)),
            ],
            options={
                "table": "refund",
                "app": "models",
                "indexes": [Index(fields=["deal_id"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Deal", name="refunded", field=fields.BigIntField(null=True)),
    ]
