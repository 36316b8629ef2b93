"""The pipeline as it was at the start of each of the last days, to tell what has moved a forecast since."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0032_refunds")]

    operations = [
        ops.CreateModel(
            name="PipelineSnapshot",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("day", fields.DateField(unique=True)),
                ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("deals", fields.TextField(unique=False)),
                ("bookings", fields.TextField(unique=False)),
                ("forecasts", fields.TextField(unique=False)),
            ],
            options={"table": "pipeline_snapshot", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
