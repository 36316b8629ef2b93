"""The full target of pro-rated goals."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0016_absences")]

    operations = [ops.AddField(model_name="Goal", name="full_target", field=fields.BigIntField(null=True))]
