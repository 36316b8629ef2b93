"""Thresholds and stretches of goals, and what plans do with them.

What a plan announces of its new goals has room for the tiers, so it replaces the flag that the target is reached, which
was only read while a plan was applied.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0029_target_reasons")]

    operations = [
        *(
            ops.AddField(model_name=model, name=name, field=fields.BigIntField(null=True))
            for model, names in (
                ("Goal", ("threshold", "stretch", "tiers_target")),
                ("PlanRow", ("threshold", "stretch", "threshold_before", "stretch_before")),
            )
            for name in names
        ),
        ops.RemoveField(model_name="PlanRow", name="is_reached"),
        ops.AddField(model_name="PlanRow", name="announced", field=fields.JSONField(null=True)),
    ]
