"""Deals have the amount that they were created with, as far as an import knows it."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0024_import_jobs")]

    operations = [
        ops.AddField(model_name="Deal", name="initial_amount", field=fields.BigIntField(null=True)),
        ops.AddField(model_name="Deal", name="initial_currency", field=fields.CharField(null=True, max_length=3)),
    ]
