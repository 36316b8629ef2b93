"""The totals of teams and the company, filled in from those of their employees."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_FILL = """
INSERT INTO team_total (metric, team_id, day, amount)
SELECT metric, team_id, day, SUM(amount) FROM daily_total GROUP BY metric, team_id, day
UNION ALL SELECT metric, -1, day, SUM(amount) FROM daily_total GROUP BY metric, day
"""  # -1 is the company


class Migration(migrations.Migration):
    dependencies = [("models", "0005_office")]

    operations = [
        ops.CreateModel(
            name="TeamTotal",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("metric", fields.CharField(max_length=40)),
                ("team_id", fields.IntField()),
                ("day", fields.DateField()),
                ("amount", fields.BigIntField()),
            ],
            options={
                "table": "team_total",
                "app": "models",
                "unique_together": (("metric", "team_id", "day"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.RunSQL(_FILL, ""),
    ]
