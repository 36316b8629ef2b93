"""Plans of targets that were applied, with what was there before."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from domain.primitives.periods import PeriodKind
from models.organization.scopes import OwnerKind


def _foreign_key(model: str, name: str, **options: Any) -> Any:
    return fields.ForeignKeyField(
        f"models.{model}",
        source_field=f"{name}_id",
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.RESTRICT,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0025_initial_amounts")]

    operations = [
        ops.CreateModel(
            name="GoalPlan",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("owner_kind", fields.CharEnumField(enum_type=OwnerKind, max_length=20)),
                ("owner_id", fields.IntField()),
                ("kind", fields.CharEnumField(enum_type=PeriodKind, max_length=20)),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("metrics", fields.JSONField(default=list)),
                ("goal_count", fields.IntField(default=0)),
                ("applied_by", _foreign_key("Employee", "applied_by", null=True)),
                ("applied_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("undone_by", _foreign_key("Employee", "undone_by", null=True)),
                ("undone_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "plan", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PlanRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("plan", _foreign_key("GoalPlan", "plan")),
                ("goal_id", fields.IntField()),
                ("owner_kind", fields.CharEnumField(enum_type=OwnerKind, max_length=20)),
                ("owner_id", fields.IntField()),
                ("metric", fields.CharField(max_length=40)),
                ("name", fields.CharField(max_length=800)),
                ("target", fields.BigIntField()),
                ("is_new", fields.BooleanField(default=False)),
                ("is_reached", fields.BooleanField(default=False)),
                ("target_before", fields.BigIntField(null=True)),
                ("full_target_before", fields.BigIntField(null=True)),
            ],
            options={
                "table": "plan_row",
                "app": "models",
                "unique_together": (("plan_id", "goal_id"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
