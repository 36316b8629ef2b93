from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_forecasts")]

    operations = [
        ops.AddField(
            model_name="Company", name="reference_position", field=fields.BigIntField(source_field="moved", null=True)
        )
    ]
