from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.organization.scopes import OwnerKind


class Migration(migrations.Migration):
    dependencies = [("models", "0003_alerts")]

    operations = [
        ops.CreateModel(
            name="ForecastSnapshot",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("day", fields.DateField()),
                ("owner_kind", fields.CharEnumField(enum_type=OwnerKind, max_length=20)),
                ("owner_id", fields.IntField()),
                ("first_day", fields.DateField()),
                ("last_day", fields.DateField()),
                ("basis", fields.CharField(max_length=20)),
                ("booked", fields.BigIntField()),
                ("expected", fields.BigIntField()),
                ("low", fields.BigIntField()),
                ("median", fields.BigIntField()),
                ("high", fields.BigIntField()),
                ("confidence", fields.CharField(max_length=20)),
                ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "forecast_snapshot",
                "app": "models",
                "indexes": [Index(fields=["owner_kind", "owner_id", "first_day", "last_day"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX forecast_snapshot_once ON forecast_snapshot"
            " (day, owner_kind, owner_id, first_day, last_day, basis)",
            "DROP INDEX forecast_snapshot_once",
        ),
    ]
