"""What people expect of a period, and the forecast categories of stages and deals."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from domain.forecasting.categories import ForecastCategory
from models.forecasting.forecast_calls import CallKind
from models.organization.scopes import OwnerKind


class Migration(migrations.Migration):
    dependencies = [("models", "0033_pipeline_snapshots")]

    operations = [
        ops.CreateModel(
            name="ForecastCall",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharEnumField(enum_type=CallKind, max_length=20)),
                ("owner_kind", fields.CharEnumField(enum_type=OwnerKind, max_length=20)),
                ("owner_id", fields.IntField()),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("basis", fields.CharField(max_length=20)),
                ("amount", fields.BigIntField(null=True)),
                ("note", fields.TextField(null=True, unique=False)),
                ("machine_expected", fields.BigIntField(null=True)),
                ("author_id", fields.IntField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "forecast_call",
                "app": "models",
                "indexes": [
                    Index(fields=["first_day", "last_day", "basis"]),
                    Index(fields=["owner_kind", "owner_id", "last_day"]),
                ],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        *(
            ops.AddField(
                model_name=model,
                name="forecast_category",
                field=fields.CharEnumField(null=True, enum_type=ForecastCategory, max_length=20),
            )
            for model in ("Stage", "Deal")
        ),
    ]
