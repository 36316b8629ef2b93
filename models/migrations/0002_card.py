"""Stage history by days, who lost a deal, and time at work; filled in for what is recorded already."""

from datetime import timedelta

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from domain.primitives.calendar import Calendar, Weekday
from models.db import connection


async def _date_visits(_apps: object, _editor: object) -> None:
    """Give every entry into a stage its day of the company's calendar."""
    companies = await connection.fetch_rows("SELECT time_zone FROM company")
    [span] = await connection.fetch_rows("SELECT MIN(entered_at) AS first, MAX(entered_at) AS last FROM stage_visit")
    if not companies or span["first"] is None:
        return
    calendar = Calendar(companies[0]["time_zone"], Weekday.MONDAY, frozenset(Weekday), None)
    day, last = (calendar.day_of(connection.to_datetime(span[end])) for end in ("first", "last"))
    while day <= last:
        await connection.execute(
            "UPDATE stage_visit SET entered_on = ? WHERE entered_at >= ? AND entered_at < ?",
            [day, calendar.start_of(day), calendar.start_of(day + timedelta(days=1))],
        )
        day += timedelta(days=1)


_LOSERS = """
UPDATE deal SET lost_by = owner_id, lost_team = COALESCE(
    (SELECT team_id FROM membership WHERE employee_id = owner_id AND since <= closed_at ORDER BY since DESC, id DESC LIMIT 1),
    (SELECT team_id FROM membership WHERE employee_id = owner_id ORDER BY since, id LIMIT 1),
    0
) WHERE status = 'LOST'
"""


class Migration(migrations.Migration):
    dependencies = [("models", "0001_first")]

    operations = [
        ops.AddField(model_name="Deal", name="lost_by", field=fields.IntField(null=True)),
        ops.AddField(model_name="Deal", name="lost_team", field=fields.IntField(null=True)),
        ops.RunSQL(_LOSERS, ""),
        ops.AddIndex(model_name="Deal", index=Index(fields=["closed_on"])),
        ops.RunSQL(
            "CREATE INDEX deal_closed_by ON deal ((COALESCE(won_by, lost_by)), closed_on)", "DROP INDEX deal_closed_by"
        ),
        ops.AddField(model_name="StageEntry", name="entered_on", field=fields.DateField(null=True)),
        ops.RunPython(_date_visits),
        ops.AddIndex(model_name="StageEntry", index=Index(fields=["stage_id", "entered_on"])),
        ops.CreateModel(
            name="WorkDay",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "employee",
                    fields.ForeignKeyField(
                        "models.Employee",
                        source_field="employee_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("team_id", fields.IntField(default=0)),
                ("day", fields.DateField()),
                ("first_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("worked", fields.BigIntField(default=0)),
                ("counted", fields.IntField(default=0)),
                ("counted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "work_day",
                "app": "models",
                "unique_together": (("employee", "day"),),
                "indexes": [Index(fields=["last_seen_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
    ]
