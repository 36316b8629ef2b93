"""Slices of goals: the targets of the months, and how they came about."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from domain.goals.slices import GoalShape


class Migration(migrations.Migration):
    dependencies = [("models", "0030_goal_tiers")]

    operations = [
        ops.AddField(model_name="Goal", name="slices", field=fields.JSONField(null=True)),
        ops.AddField(
            model_name="Goal",
            name="shape",
            field=fields.CharEnumField(enum_type=GoalShape, max_length=20, null=True),
        ),
    ]
