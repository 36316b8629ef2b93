"""Reasons of changes of targets, and whether the company asks for them. Existing companies do not: their clients send none."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0028_undo")]

    operations = [
        ops.AddField(model_name="GoalChange", name="reason", field=fields.CharField(null=True, max_length=800)),
        ops.AddField(model_name="GoalPlan", name="reason", field=fields.CharField(null=True, max_length=800)),
        ops.AddField(
            model_name="Company",
            name="requires_target_reason",
            field=fields.BooleanField(default=False, db_default=False),
        ),
    ]
