"""`calls_outbound` becomes a built-in metric: a metric of the company with that key gets another key."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_TABLES = ("result", "goal", "score_entry", "daily_total", "team_total")


class Migration(migrations.Migration):
    dependencies = [("models", "0022_alert_occurrences")]

    operations = [
        *(
            ops.RunSQL(
                f"UPDATE {table} SET metric = 'calls_outbound_own' WHERE metric = 'calls_outbound'"  # noqa: S608
                " AND EXISTS (SELECT 1 FROM company_metric WHERE key = 'calls_outbound')",
                "SELECT 1",
            )
            for table in _TABLES
        ),
        ops.RunSQL("UPDATE company_metric SET key = 'calls_outbound_own' WHERE key = 'calls_outbound'", "SELECT 1"),
    ]
