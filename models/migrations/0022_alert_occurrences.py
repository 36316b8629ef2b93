"""What identifies the occurrence of an alert; the assigner as a recipient; rules about stages and untouched leads.

The rule about overdue assignments also alerts the assigner from now on, unless its recipients were changed.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TO_ASSIGNER = (
    "UPDATE alert_rule SET to_assigner = TRUE"
    " WHERE kind = 'ASSIGNMENT_OVERDUE' AND CAST(recipients AS TEXT) = '[\"MANAGER\"]'"
)
_TOUCHED = (
    "UPDATE lead SET touched_at = (SELECT MIN(at) FROM activity WHERE subject_kind = 'Lead'"
    " AND subject_id = lead.id AND activity.kind IN ('LEAD_CONVERTED', 'LEAD_REJECTED'))"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0020_dated_organization")]

    operations = [
        ops.AddField(
            model_name="AlertRule", name="to_assigner", field=fields.BooleanField(default=False, db_default=False)
        ),
        ops.AddField(model_name="AlertRule", name="hours", field=fields.IntField(null=True)),
        ops.AddField(model_name="AlertRule", name="stage_id", field=fields.IntField(null=True)),
        ops.AddField(model_name="RaisedAlert", name="occurrence", field=fields.CharField(null=True, max_length=40)),
        ops.AddField(
            model_name="Lead",
            name="touched_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(_TO_ASSIGNER, "SELECT 1"),
        ops.RunSQL(_TOUCHED, "SELECT 1"),
    ]
