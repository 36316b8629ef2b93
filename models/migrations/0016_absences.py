"""Absences of employees, the day of joining, and whether employees set their own absences."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.organization.absences import AbsenceKind


def _employee_key(name: str, **options: Any) -> Any:
    return fields.ForeignKeyField(
        "models.Employee",
        source_field=f"{name}_id",
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.RESTRICT,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0015_calendar")]

    operations = [
        ops.CreateModel(
            name="Absence",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("external_id", fields.CharField(null=True, unique=True, max_length=400)),
                ("employee", _employee_key("employee")),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("kind", fields.CharEnumField(enum_type=AbsenceKind, max_length=20)),
                ("created_by", _employee_key("created_by", null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "absence",
                "app": "models",
                "indexes": [Index(fields=["employee_id", "first_day"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Employee", name="joined_on", field=fields.DateField(null=True)),
        ops.AddField(
            model_name="Company",
            name="employees_set_absences",
            field=fields.BooleanField(default=False, db_default=False),
        ),
    ]
