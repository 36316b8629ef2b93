"""What was recorded since some moment of certain days is found without a look at what was recorded of all others."""

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0009_teams_below")]

    operations = [
        ops.AddIndex("ScoreEntry", Index(fields=["metric", "recorded_at", "effective_on"])),
        ops.RemoveIndex("ScoreEntry", fields=["metric", "recorded_at"]),
    ]
