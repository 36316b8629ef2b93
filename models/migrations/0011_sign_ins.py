"""Known networks, unlocks, one-time links and their mails; refresh tokens can issue the same successor again."""

from typing import Any

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from domain.auth.password_links import LinkPurpose


def _employee_key() -> Any:
    return fields.ForeignKeyField(
        "models.Employee",
        source_field="employee_id",
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migrations.Migration):
    dependencies = [("models", "0010_recorded_since")]

    operations = [
        ops.CreateModel(
            name="KnownNetwork",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("employee", _employee_key()),
                ("network", fields.CharField(max_length=100)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "known_network",
                "app": "models",
                "unique_together": (("employee_id", "network"),),
                "indexes": [Index(fields=["seen_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PasswordLink",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("employee", _employee_key()),
                ("purpose", fields.CharEnumField(enum_type=LinkPurpose, max_length=20)),
                ("digest", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "password_link",
                "app": "models",
                "indexes": [Index(fields=["employee_id"]), Index(fields=["expires_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PasswordMail",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("email", fields.CharField(max_length=254)),
                ("purpose", fields.CharEnumField(enum_type=LinkPurpose, max_length=20)),
                ("language", fields.CharField(max_length=8)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField(default=0)),
            ],
            options={
                "table": "password_mail",
                "app": "models",
                "indexes": [Index(fields=["due_at"])],
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SignInUnlock",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("employee_id", fields.IntField(unique=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "sign_in_unlock", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.AddField(
            model_name="RefreshToken", name="successor_salt", field=fields.CharField(null=True, max_length=64)
        ),
        ops.AddField(model_name="RefreshToken", name="used_from", field=fields.CharField(null=True, max_length=100)),
        ops.AddField(model_name="Session", name="active_token_id", field=fields.IntField(null=True)),
    ]
