from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0007_shared_places")]

    operations = [
        ops.AddField(model_name="InactivityTimer", name="look_at", field=fields.BigIntField(default=0, db_default=0)),
        ops.RunSQL("CREATE INDEX silence_look ON silence (look_at) WHERE kind = 'Employee'", "DROP INDEX silence_look"),
    ]
