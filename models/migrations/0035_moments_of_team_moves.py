"""When on its day a team moved, for leaderboards as of an instant before that."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0034_forecast_calls")]

    operations = [
        ops.AddField(
            model_name="EarlierParent",
            name="moved_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
