"""Working hours, region of public holidays, the company's own days, and the calendar settings that held earlier."""

from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.organization.company import CompanyDayKind


def _setting_columns() -> list[tuple[str, Any]]:
    return [
        ("holiday_region", fields.CharField(null=True, max_length=20)),
        ("workday_start", fields.SmallIntField(default=540, db_default=540)),
        ("workday_end", fields.SmallIntField(default=1080, db_default=1080)),
    ]


class Migration(migrations.Migration):
    dependencies = [("models", "0013_epoch")]

    operations = [
        *(ops.AddField(model_name="Company", name=name, field=field) for name, field in _setting_columns()),
        ops.CreateModel(
            name="CompanyDay",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("day", fields.DateField(unique=True)),
                ("kind", fields.CharEnumField(enum_type=CompanyDayKind, max_length=20)),
                ("name", fields.CharField(max_length=800)),
            ],
            options={"table": "company_day", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EarlierCalendar",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("until", fields.DateField(unique=True)),
                ("time_zone", fields.CharField(max_length=64)),
                ("week_start", fields.SmallIntField(default=0)),
                ("working_days", fields.JSONField(default=[0, 1, 2, 3, 4])),
                ("holiday_country", fields.CharField(null=True, max_length=2)),
                *_setting_columns(),
            ],
            options={"table": "earlier_calendar", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
