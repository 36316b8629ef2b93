"""Which history of the database clients have seen: the token of the epoch, which changes after a restore."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0011_sign_ins")]

    operations = [
        ops.CreateModel(
            name="Epoch",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("token", fields.CharField(max_length=16)),
                ("fingerprint", fields.CharField(default="", max_length=100)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "epoch", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
