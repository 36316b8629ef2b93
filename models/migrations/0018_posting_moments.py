"""The moment that each posting counts for, and that of a lead's conversion; filled in for what is posted already.

A late posting counts from its recording, and so does work time, which is posted as it is worked. Any other counts from
the time of its record if that lies on the same day, else, as the record has been moved to another day since, from the
recording of what was first posted of the record for the day, so that a withdrawal counts from the same moment.

Servers of an older version leave both columns empty, which stands for the time of recording.
"""

from typing import Final

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_CONVERTED: Final = """
UPDATE lead SET converted_at = COALESCE((
    SELECT MAX(conversion.recorded_at) FROM score_entry conversion
    WHERE conversion.source_kind = 'Lead' AND conversion.source_id = lead.id AND conversion.metric = 'leads_converted'
        AND conversion.amount > 0 AND NOT conversion.late AND conversion.effective_on = lead.converted_on
        AND NOT EXISTS (
            SELECT 1 FROM score_entry creation WHERE creation.source_kind = 'Lead' AND creation.source_id = lead.id
                AND creation.metric = 'leads_created' AND creation.recorded_at = conversion.recorded_at
        )
), created_at) WHERE converted_on IS NOT NULL
"""  # a lead that was recorded as converted counts from its creation
_RECORDED: Final = "UPDATE score_entry SET effective_at = recorded_at WHERE late OR source_kind = 'WorkDay'"
_OF_RECORD: Final = """
UPDATE score_entry SET effective_at = (SELECT record.{time} FROM "{table}" record WHERE record.id = source_id)
WHERE effective_at IS NULL AND source_kind = '{kind}' AND {metrics}
    AND effective_on = (SELECT record.{day} FROM "{table}" record WHERE record.id = source_id)
"""
_FIRST_POSTED: Final = """
UPDATE score_entry SET effective_at = (
    SELECT MIN(other.recorded_at) FROM score_entry other
    WHERE other.source_kind = score_entry.source_kind AND other.source_id = score_entry.source_id
        AND other.metric = score_entry.metric AND other.effective_on = score_entry.effective_on AND NOT other.late
) WHERE effective_at IS NULL
"""
_RECORD_TIMES: Final = (
    ("Deal", "deal", "metric = 'deals_created'", "created_on", "created_at"),
    ("Deal", "deal", "metric <> 'deals_created'", "closed_on", "closed_at"),
    ("Lead", "lead", "metric = 'leads_created'", "created_on", "created_at"),
    ("Lead", "lead", "metric = 'leads_converted'", "converted_on", "converted_at"),
    ("Contact", "contact", "1 = 1", "created_on", "created_at"),
    ("Client", "client", "1 = 1", "created_on", "created_at"),
    ("Call", "call", "1 = 1", "made_on", "started_at"),
    ("Task", "task", "1 = 1", "completed_on", "completed_at"),
    ("Result", "result", "1 = 1", "achieved_on", "at"),
)


class Migration(migrations.Migration):
    dependencies = [("models", "0017_pro_rated_goals")]

    operations = [
        ops.AddField(model_name="Lead", name="converted_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="ScoreEntry", name="effective_at", field=fields.DatetimeField(null=True)),
        ops.RunSQL(_CONVERTED, ""),
        ops.RunSQL(_RECORDED, ""),
        *(
            ops.RunSQL(_OF_RECORD.format(kind=kind, table=table, metrics=metrics, day=day, time=time), "")
            for kind, table, metrics, day, time in _RECORD_TIMES
        ),
        ops.RunSQL(_FIRST_POSTED, ""),
    ]
