"""The totals of a team hold what was credited to all teams below it, too: filled in anew by the tree as it stands."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_EMPTY = "DELETE FROM team_total"
_FILL = """
INSERT INTO team_total (metric, team_id, day, amount)
WITH RECURSIVE credited AS (
    SELECT metric, team_id, day, SUM(amount) AS amount FROM daily_total GROUP BY metric, team_id, day
), above(below, id) AS (
    SELECT team_id, team_id FROM credited UNION SELECT team_id, -1 FROM credited
    UNION SELECT below, (SELECT parent_id FROM team WHERE team.id = above.id) FROM above WHERE id > 0
)
SELECT metric, above.id, day, SUM(amount) FROM credited JOIN above ON above.below = credited.team_id AND above.id IS NOT NULL
GROUP BY metric, above.id, day
"""  # -1 is the company
_AS_IT_WAS = """
INSERT INTO team_total (metric, team_id, day, amount)
SELECT metric, team_id, day, SUM(amount) FROM daily_total GROUP BY metric, team_id, day
UNION ALL SELECT metric, -1, day, SUM(amount) FROM daily_total GROUP BY metric, day
"""


class Migration(migrations.Migration):
    dependencies = [("models", "0008_silences")]

    operations = [ops.RunSQL(_EMPTY, _AS_IT_WAS), ops.RunSQL(_FILL, _EMPTY)]  # backwards from the last
